"""The contest about conformance: a long ledger against the specs, by lookup and by TLC.

By lookup, and deriving what each entry says of itself, against one Ed25519 verification per entry.
By TLC, which judges every distinct step of all those entries, against the smallest complete run of
TLC, that of the very model that the steps are judged by; reading them is the first pair's business.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

from bench import ledger_fill
from bench.contests import Contender, Contest
from bench.errors import BenchError
from bench.ledger_plans import decided, initialised, require_bare
from bench.outcomes import Outcomes
from bench.scene import ENGINE, ROOT, Scene
from engine.specs.conform.by_tlc import Distinct
from engine.specs.conform.conformance import Conformance
from engine.specs.conform.conformance import conform as conform_all

ENTRIES = 100_000
LOOKUP, SIGNATURES = "engine conform", "bare loop: signatures"
JUDGED, SMALLEST = "TLC on every distinct step", "smallest run of TLC"
_LOOP = Path(__file__).with_name("ledger_loop.py")
_MODEL = """
import json, os, sys, tempfile
from pathlib import Path
from engine.specs.conform import by_tlc
from engine.specs.conform import projections
from engine.specs.conform import tlc
from engine.specs.conform.lookup import Step
from engine.specs import config, manifest

folder = Path(sys.argv[1])
(row,) = [row for row in manifest.read(folder) if row.graph == "ledger-line"]
tools, text = tlc.find(os.environ, folder), config.derived(folder, row)
"""
_SMALLEST = """
with tempfile.TemporaryDirectory() as scratch:
    model = Path(scratch) / "model.cfg"
    model.write_text(text)
    print(tlc.run(tools, folder, row.module, model).word)
"""
_JUDGE = """
distinct = by_tlc.Distinct()
for step in json.loads(Path(sys.argv[2]).read_text()):
    distinct.add(Step(*step))
model = by_tlc.Model(folder, row.module, text, projections.load("ledger").sets)
judged = by_tlc.judge(model, distinct, tools)
print("ok" if judged.rejected is None and judged.steps else judged)
"""


def pairs() -> tuple[tuple[str, str], ...]:
    """Return what is compared with what: ours, theirs."""
    return ((LOOKUP, SIGNATURES), (JUDGED, SMALLEST))


def repeated(scene: Scene, entries: int) -> Path:
    """Return a folder whose ledger decides on the same few subjects again and again."""
    folder = scene.home / f"repeated-{entries}"
    if not folder.exists():
        among = ledger_fill.templates(decided(scene))
        initialised(scene, folder)
        signer = ledger_fill.key_in(folder)
        with closing(ledger_fill.open_in(folder, signer=signer)) as ledger:
            for first in range(1, entries + 1, ledger_fill.BATCH):
                numbers = range(first, min(first + ledger_fill.BATCH, entries + 1))
                decisions = [(among[n % len(among)], n) for n in numbers]
                ledger.append([it.draft(n, signer, repeated=True) for it, n in decisions])
    return folder


def conform(scene: Scene, *, entries: int = ENTRIES) -> Contest:
    """Every step of ``entries`` decisions, by lookup and by TLC."""
    folder = repeated(scene, entries)
    jar = os.environ.get("ENGINE_TLC_JAR") or str(ROOT / ".tools" / "tlc.jar")
    environ = {**scene.environ, "PATH": os.environ["PATH"], "ENGINE_TLC_JAR": jar}
    read = partial(_require_conform, expected=entries + 1)
    bare = (sys.executable, _LOOP, "signatures", ".engine/ledger.db", ".engine/keys/engine.pub.pem")
    tla, steps = str(ROOT / "tla"), _steps(folder)
    judge = (sys.executable, "-c", _MODEL + _JUDGE, tla, str(steps))
    smallest = (sys.executable, "-c", _MODEL + _SMALLEST, tla)
    contenders = (
        Contender(LOOKUP, (str(ENGINE), "conform", "--format", "json"), environ, folder, read=read),
        Contender(
            SIGNATURES, bare, environ, folder, read=partial(require_bare, expected=entries + 1)
        ),
        Contender(JUDGED, judge, environ, folder, read=_require_ok),
        Contender(SMALLEST, smallest, environ, folder, read=_require_ok),
    )
    return Contest(f"{entries:,} entries against the specs", contenders, pairs())


def _steps(folder: Path) -> Path:
    """Write down the distinct steps of the ledger in ``folder``, in their order."""
    distinct = Distinct()
    conformance = Conformance(["ledger"], observer=lambda _name, step: distinct.add(step))
    with closing(ledger_fill.open_in(folder, signer=None)) as ledger:
        conform_all(ledger.signed_entries().read(), conformance)
    file = folder / "steps.json"
    file.write_text(json.dumps([list(step) for step in distinct.found.values()]))
    return file


def _require_conform(output: bytes, *, expected: int) -> Outcomes:
    """Demand that all entries were looked at, and conform."""
    report = json.loads(output)
    if report["entries"] != expected or not report["conforms"]:
        raise BenchError(f"engine conform: {output[:400]!r}, not {expected} entries that conform")
    return {}


def _require_ok(output: bytes) -> Outcomes:
    if output.split()[:1] != [b"ok"]:
        raise BenchError(f"TLC: {output[:200]!r}")
    return {}
