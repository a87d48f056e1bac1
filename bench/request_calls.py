"""What it costs that a decision is recorded as requested before its gate is asked.

The same metrics files are decided in one session, into one ledger, by a profile that asks for
requests and by one that differs in nothing else. A request is a second entry, commit and
checkpoint; times are per decision.
"""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import corpus, ledger_fill
from bench.contests import Result, row_of
from bench.errors import BenchError
from bench.process import Run
from engine.decision.policies_in_use import PoliciesInUse
from engine.decision.session import Session
from engine.evidence.documents import Document, parse
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.overlay import load_policies
from engine.signers.ed25519 import Ed25519Signer

DECISIONS = 100
REQUESTED, WITHOUT = "a requested decision", "a decision without the request"
PAIRS = ((REQUESTED, WITHOUT),)
_PROFILES = {REQUESTED: "requested", WITHOUT: "default"}
_LIMITS = """extends: default
description: The default, with requests.
record_requests: true
checks: {}
"""


def hold(home: Path, *, rounds: int, say: Callable[[str], None], count: int = DECISIONS) -> Result:
    """Measure both in turn, and return the ratio.

    Args:
        home: Where policies and ledger are made; removed again.
        rounds: How many count. One more comes first and warms up.
        say: Narrates.
        count: Decisions of each profile in a round.

    Raises:
        BenchError: A request or its answer is missing from the ledger.
    """
    (home / ".engine").mkdir(parents=True)
    (home / "policies" / "limits" / "requested").mkdir(parents=True)
    (home / "policies" / "limits" / "requested" / "data.yaml").write_text(_LIMITS)
    signer = Ed25519Signer(Ed25519PrivateKey.generate())
    runs: dict[str, list[Run]] = {REQUESTED: [], WITHOUT: []}
    try:
        bundle = load_policies(home / "policies", opa=None)
        evaluator = WasmEvaluator(bundle, cache=None)
        with (
            closing(evaluator),
            closing(ledger_fill.open_in(home, signer=signer)) as ledger,
        ):
            session = Session.over(PoliciesInUse(bundle), evaluator, ledger, signer)
            for number in range(rounds + 1):
                documents = _documents(count, corpus.SEED + number)
                for name in (REQUESTED, WITHOUT)[:: -1 if number % 2 else 1]:
                    run = _timed(session, _PROFILES[name], documents)
                    say(f"{name}, round {number}: {run.wall_s * 1e6:.0f} µs")
                    if number:
                        runs[name].append(run)
            report = ledger.verify()
            if (report.requests, report.unanswered) != (count * (rounds + 1), ()):
                raise BenchError(f"{report.requests} requests, {len(report.unanswered)} unanswered")
            if ledger.size() != 1 + 3 * count * (rounds + 1):
                raise BenchError("the ledger holds other than two decisions and one request each")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return Result("requests", tuple(row_of(runs, *pair) for pair in PAIRS), runs, {})


def _documents(count: int, seed: int) -> list[Document]:
    random = Random(seed)  # noqa: S311  evidence, no secret
    now = datetime.now(UTC).replace(microsecond=0)
    written = (json.dumps(corpus.metrics_file(random, now)).encode() for _ in range(count))
    return [parse(f"{number}.json", data) for number, data in enumerate(written)]


def _timed(session: Session, profile: str, documents: Sequence[Document]) -> Run:
    wall, cpu = time.perf_counter(), time.process_time()
    for document in documents:
        question = session.question("promotion", profile, "candidate")
        evidence = session.input_of([document], question, session.figures(question))
        session.append([session.judge(evidence, question).record], question, export_to=None)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Run(wall / len(documents), cpu / len(documents), peak, b"")
