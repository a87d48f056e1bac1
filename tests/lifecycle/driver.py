"""A watched service in memory: a real controller, real policies, a clock that is turned by hand.

One tick is one minute. Run it by hand::

    world = World()                    # a ledger in memory, the shipped policies
    world.decide("good")               # a recorded PROMOTE of the watched subject
    world.promote()
    world.tick()
    world.measure("over")              # one cycle of the controller
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine.decision.attest import attest, last_words, newest
from engine.decision.judge import Judgement, judge, uuid7
from engine.decision.record import append
from engine.evidence.input import AttestationFacts, Question, assemble, wanted_attestations
from engine.evidence.metrics_file import expand
from engine.formats.times import write_time
from engine.ledger import EntryDraft, Ledger
from engine.ledger.entries import State
from engine.lifecycle.contract import CycleResult, Promotion, WatchedSubject
from engine.lifecycle.controller import KIND, Controller, key_of
from engine.lifecycle.machine import LifecycleState, encode, minute_of
from engine.model import Json, Subject
from engine.policy.bundle import PolicyBundle, shipped_bundle, shipped_schema
from engine.policy.evaluator import Evaluator
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.overlay import load_policies
from engine.proof.envelope import open_envelope
from engine.proof.statement import parse_statement
from engine.specs.conform.lookup import Step
from engine.specs.conform.projections import promotion
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import KEY
from tests.repository import ROOT
from tests.sessions import session_over

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DIGEST = hashlib.sha256(b"model.onnx").hexdigest()
OTHER = hashlib.sha256(b"other.onnx").hexdigest()
WATCHED = WatchedSubject("scoring-model", "2.4.1", DIGEST, "promotion", "default")
BUNDLE = shipped_bundle()
EXAMPLE = json.loads((ROOT / "examples" / "promote.json").read_text())["metrics"]
SOON_S = 1
LONG_S = 7_776_000

READINGS: Mapping[str, Mapping[str, Json]] = {
    "under": {"slo.dec_p95_ms": 512, "slo.burn_rate": 0.5, "slo.cdc_lag_p95_s": 30},
    "over": {"slo.dec_p95_ms": 801, "slo.burn_rate": 0.5, "slo.cdc_lag_p95_s": 30},
    "none": {},
}


@lru_cache(maxsize=8)
def evaluator_of(bundle: PolicyBundle) -> WasmEvaluator:
    """One instance of a policy for all tests of a process."""
    return WasmEvaluator(bundle, cache=None)


@lru_cache(maxsize=8)
def bundle_with(*changes: tuple[str, str]) -> PolicyBundle:
    """The shipped policies with some text of the default profile replaced."""
    path = Path("limits") / "default" / "data.yaml"
    text = (ROOT / "policies" / path).read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    with TemporaryDirectory() as folder:
        (Path(folder) / path).parent.mkdir(parents=True)
        (Path(folder) / path).write_text(text)
        bundle = load_policies(Path(folder), opa=None)
        bundle.data_bytes, bundle.archive()  # read it all while the folder is there
    return bundle


ATTESTED = (
    'ethics.attestation: {limit: true, severity: "off", reason: no attestor configured,',
    "ethics.attestation: {limit: true, severity: block,",
)
"""What makes the default profile ask for an attestation."""

SHORT = ("decision_ttl_s: 86400", f"decision_ttl_s: {SOON_S}")


def metrics(values: Mapping[str, Json], now: datetime, ago_s: int = 0) -> dict[str, Json]:
    """Metrics in long form, observed ``ago_s`` seconds before ``now``."""
    at = write_time(now - timedelta(seconds=ago_s))
    return {
        name: {"value": value, "status": "ok", "observed_at": at, "age_s": ago_s}
        for name, value in values.items()
    }


class World:
    """A controller and everything around it.

    Args:
        bundle: The policies.
        evaluator: Asks them; None is one instance shared by all tests.
        watched: What is watched.
    """

    def __init__(
        self,
        bundle: PolicyBundle = BUNDLE,
        evaluator: Evaluator | None = None,
        watched: WatchedSubject = WATCHED,
    ) -> None:
        self.bundle, self.watched = bundle, watched
        self.evaluator: Evaluator = evaluator or evaluator_of(bundle)
        self.store = MemoryStore()
        self.ledger: Ledger = begun(self.store)
        self.now = START
        self._number = 0
        self.restart()

    def restart(self) -> None:
        """Forget everything but the ledger, as a new process would."""
        self.ledger = Ledger(self.store, self.ledger.id, KEY, None)
        self.controller = Controller(
            session_over(self.ledger, self.bundle, self.evaluator, self._random)
        )

    def copy(self) -> World:
        """A world that goes on from here by itself."""
        other = copy(self)
        other.store = self.store.copy()
        other.restart()
        return other

    def _random(self, size: int) -> bytes:
        self._number += 1
        return hashlib.shake_256(b"%d" % self._number).digest(size)

    def tick(self, minutes: int = 1) -> None:
        """Let time pass."""
        self.now += timedelta(minutes=minutes)

    @property
    def ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    @property
    def life(self) -> LifecycleState:
        return self.controller.life(self.watched)

    def decide(self, kind: str, *, by: PolicyBundle | None = None, attest_s: int = LONG_S) -> str:
        """Record a decision of the watched gate: ``good``, ``blocked`` or about an ``other``.

        Args:
            kind: Which.
            by: Policies that decide; None is the world's own.
            attest_s: For how long the attestation that it rests on lasts, where one is asked for.
        """
        bundle = by or self.bundle
        digest = OTHER if kind == "other" else self.watched.sha256
        subject = Subject(self.watched.name, self.watched.version, digest)
        question = Question(self.watched.gate, self.watched.profile, "candidate", self.now)
        changes = {"data.schema_drift": 1} if kind == "blocked" else {}
        wants = wanted_attestations(question.gate, question.profile, bundle)
        attested = self.attest(subject, attest_s) if wants else []
        judgement = self.judgement(subject, question, changes, bundle, attested)
        self.record(judgement, bundle)
        return judgement.decision_id

    def record(self, judgement: Judgement, bundle: PolicyBundle | None = None) -> None:
        """Append a judgement."""
        append([judgement.record], self.ledger, KEY, bundle or self.bundle)

    def attest(
        self, subject: Subject, ttl_s: int = LONG_S, changes: Mapping[str, Json] | None = None
    ) -> list[AttestationFacts]:
        """Record an attestation of an artifact, as a decision takes it."""
        question = Question("ethics", self.watched.profile, "candidate", self.now)
        judgement = self.judgement(subject, question, changes or {}, self.bundle, [])
        attest(judgement, ttl_s, self.ledger, KEY, self.bundle)
        found = newest(self.ledger, "ethics", subject.sha256 or "")
        assert found is not None
        return last_words([found], KEY.public_key)

    def judgement(
        self,
        subject: Subject,
        question: Question,
        changes: Mapping[str, Json],
        bundle: PolicyBundle,
        attested: Sequence[AttestationFacts],
    ) -> Judgement:
        schema = shipped_schema("metrics.schema.json")
        document = {"observed_at": write_time(self.now), "metrics": {**EXAMPLE, **changes}}
        document["subject"] = {"name": subject.name, "digest": {"sha256": subject.sha256}}
        given = expand(document, bundle.catalogue(), question.now, schema)
        given_input = assemble("evidence", subject, given, question, bundle, attested)
        return judge(
            given_input,
            question,
            bundle,
            evaluator_of(bundle),
            decision_id=uuid7(self.ms, self._random),
            salt=self._random(32),
        )

    def lapse(self, minutes: int) -> None:
        """Have the attestation of what is in production expire, that long ago."""
        until, life = write_time(self.now - timedelta(minutes=minutes)), self.life
        lapsed = minute_of(self.now) - minutes
        self.put(replace(life, attested_until=until, lapsed=lapsed, lapse_paged=until))

    def put(self, life: LifecycleState) -> None:
        """Put the subject where ``life`` says."""

        def work(state: State) -> Sequence[EntryDraft]:
            state.put(KIND, key_of(self.watched), encode(life))
            return []

        self.ledger.transact(work)

    def promote(self) -> Promotion:
        return self.controller.promote(self.watched, self.now)

    def measure(self, reading: str) -> CycleResult:
        """One cycle of the controller: what ``reading`` names is measured."""
        given = metrics(READINGS[reading], self.now)
        return self.controller.step(self.watched, given, self.now, self.ms)

    def cycles(self, reading: str, times: int) -> list[CycleResult]:
        """That many minutes, each with one cycle."""
        found = []
        for _ in range(times):
            self.tick()
            found.append(self.measure(reading))
        return found

    def actions(self) -> list[str]:
        """What the ledger says was done, in order, by predicate type."""
        return [kind for kind, _ in self.events() if kind not in ("decision", "ledger-created")]

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Type and predicate of every entry."""
        statements = [
            parse_statement(open_envelope(entry).payload) for _, entry in self.ledger.entries()
        ]
        return [
            (statement["predicateType"].split(":")[2], statement["predicate"])
            for statement in statements
        ]


def serving(world: World | None = None) -> World:
    """A world whose subject was just promoted."""
    world = world or World()
    world.decide("good")
    assert world.promote().promoted
    return world


def projected(ledger: Ledger, start: int, projection: promotion.Projection) -> list[Step]:
    """What a ledger's entries from ``start`` on mean in the spec."""
    steps = []
    for index, entry in ledger.entries(start):
        for step in projection.steps(index, parse_statement(open_envelope(entry).payload)):
            assert isinstance(step, Step), step
            steps.append(step)
    return steps
