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
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any

from engine.decide import judge, uuid7
from engine.envelope import open_envelope
from engine.evidence import Question, assemble
from engine.ledger.merkle_ledger import MerkleLedger
from engine.lifecycle.contract import Cycle, Promotion, Watched
from engine.lifecycle.controller import Controller
from engine.lifecycle.machine import Life
from engine.model import Json, Subject
from engine.policy import Evaluator
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.policy.wasm import WasmEvaluator
from engine.recording import append
from engine.statement import parse_statement
from engine.times import write_time
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import KEY

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DIGEST = hashlib.sha256(b"model.onnx").hexdigest()
OTHER = hashlib.sha256(b"other.onnx").hexdigest()
WATCHED = Watched("scoring-model", "2.4.1", DIGEST, "security", "default")
BUNDLE = shipped_bundle()

READINGS: Mapping[str, Mapping[str, Json]] = {
    "under": {"slo.dec_p95_ms": 512, "slo.burn_rate": 0.5, "slo.cdc_lag_p95_s": 30},
    "over": {"slo.dec_p95_ms": 801, "slo.burn_rate": 0.5, "slo.cdc_lag_p95_s": 30},
    "none": {},
}


@lru_cache(maxsize=1)
def shipped_evaluator() -> WasmEvaluator:
    """One instance of the shipped policy for all tests of a process."""
    return WasmEvaluator(BUNDLE, cache=None)


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
        watched: Watched = WATCHED,
    ) -> None:
        self.bundle, self.watched = bundle, watched
        self.evaluator: Evaluator = evaluator or shipped_evaluator()
        self.store = MemoryStore()
        self.ledger: MerkleLedger = begun(self.store)
        self.now = START
        self._numbers = count(1)
        self.restart()

    def restart(self) -> None:
        """Forget everything but the ledger, as a new process would."""
        self.ledger = MerkleLedger(self.store, self.ledger.id, KEY, None)
        self.controller = Controller(
            self.ledger, KEY, self.bundle, self.evaluator, random=self._random
        )

    def _random(self, size: int) -> bytes:
        return hashlib.shake_256(b"%d" % next(self._numbers)).digest(size)

    def tick(self, minutes: int = 1) -> None:
        """Let time pass."""
        self.now += timedelta(minutes=minutes)

    @property
    def ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    @property
    def life(self) -> Life:
        return self.controller.life(self.watched)

    def decide(self, kind: str, ago: timedelta = timedelta(0)) -> str:
        """Record a decision of the watched gate: ``good``, ``blocked`` or about ``other``."""
        watched, gate = self.watched, self.watched.gate
        digest = OTHER if kind == "other" else watched.sha256
        found = {"security.critical_findings": 1 if kind == "blocked" else 0}
        question = Question(gate, watched.profile, "candidate", self.now - ago)
        subject = Subject(watched.name, watched.version, digest)
        asked = assemble("evidence", subject, metrics(found, question.now), question, self.bundle)
        judgement = judge(
            asked,
            question,
            self.bundle,
            self.evaluator,
            decision_id=uuid7(self.ms, self._random),
            salt=self._random(32),
        )
        append([judgement.record], self.ledger, KEY, self.bundle)
        return judgement.decision_id

    def promote(self) -> Promotion:
        return self.controller.promote(self.watched, self.now)

    def measure(self, reading: str) -> Cycle:
        """One cycle of the controller: what ``reading`` names is measured."""
        given = metrics(READINGS[reading], self.now)
        return self.controller.step(self.watched, given, self.now, self.ms)

    def cycles(self, reading: str, times: int) -> list[Cycle]:
        """That many minutes, each with one cycle."""
        found = []
        for _ in range(times):
            self.tick()
            found.append(self.measure(reading))
        return found

    def actions(self) -> list[str]:
        """What the ledger says was done, in order, by predicate type."""
        return [kind for kind, _ in self.said() if kind not in ("decision", "ledger-created")]

    def said(self) -> list[tuple[str, dict[str, Any]]]:
        """Type and predicate of every entry."""
        statements = [
            parse_statement(open_envelope(entry).payload) for _, entry in self.ledger.entries()
        ]
        return [(each["predicateType"].split(":")[2], each["predicate"]) for each in statements]


def serving(world: World | None = None) -> World:
    """A world whose subject was just promoted."""
    world = world or World()
    world.decide("good")
    assert world.promote().promoted
    return world
