"""A month in minutes: a service that breaks, metrics that fail, receivers that misbehave, a
watcher that is killed, and a clock that only this module turns.

Everything of the engine is real: the loop, the controller, OPA's policy, the outbox, a SQLite
ledger. Simulated are the clock, the service, the source of its metrics and the receiver of
effects, which are what ``SOURCES`` and ``EFFECTS`` are there for::

    world = World(tmp_path, seed=1)
    world.faulty(timedelta(days=2))
    world.run(timedelta(days=2))
    world.settle()

A crash is a :class:`Killed` raised at one of the places where a process can die; what is left is
the disk, and the next :class:`~engine.cli.watch.loop.Loop` starts from that.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from engine.cli.console.shell import Shell
from engine.cli.watch.conformance import Follower
from engine.cli.watch.loop import Loop, WatchSession
from engine.cli.watch.measurement import World as Sources
from engine.cli.watch.performer import Performer
from engine.cli.watch.plan import Plan, read_plan
from engine.cli.watch.reporter import Reporter
from engine.decision.judge import judge, uuid7
from engine.decision.record import append
from engine.effects import AttemptOutcome, AttemptStatus, HookContext, Order
from engine.errors import SourceError
from engine.evidence.input import Question, assemble
from engine.evidence.metrics_file import expand
from engine.evidence.sources import Evidence, SourceRequest
from engine.formats.times import write_time
from engine.ledger import AppendedEntry, EntryDraft, Ledger
from engine.lifecycle import Controller, Phase, outbox
from engine.model import Subject
from engine.policy.bundle import shipped_bundle, shipped_schema
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.settings.table import Table
from tests.ledger.scribe import KEY, open_at
from tests.sessions import session_over

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DIGEST = hashlib.sha256(b"model.onnx").hexdigest()
CONFIG = f"""\
[watch]
period = "60s"

[[subject]]
name = "scoring-model"
version = "2.4.1"
digest = {{sha256 = "{DIGEST}"}}
gate = "security"
promote = true
[[subject.source]]
kind = "simulated"

[[hook]]
on = ["promote", "page", "degrade", "rollback", "recover", "escalate"]
kind = "simulated"
"""


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Fault:
    """Something that is wrong from ``start`` until ``stop``.

    Attributes:
        kind: ``slow service``, ``stubborn service``, ``source down``, ``source nan``,
            ``source slow``, ``receiver down``, ``receiver slow``, ``answer lost``,
            ``delivered twice``.
    """

    kind: str
    start: datetime
    stop: datetime


@dataclass
class Service:
    """What is in production, as the receiver of effects has left it.

    Attributes:
        applied: Idempotency keys of what was done to it, with when it was done first.
        delivered: How often each key arrived.
    """

    applied: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    delivered: Counter[str] = field(default_factory=Counter)
    degraded: bool = False
    rolled_back: bool = False

    def apply(self, order: Order, now: datetime) -> None:
        """Do what is ordered, once per key."""
        self.delivered[order.idempotency_key] += 1
        if order.idempotency_key in self.applied:
            return
        self.applied[order.idempotency_key] = (order.action, now)
        if order.action == "degrade":
            self.degraded = True
        elif order.action == "rollback":
            self.rolled_back = True
        elif order.action == "recover":
            self.degraded = False
        elif order.action == "promote":
            self.rolled_back = self.degraded = False


class Clock(Shell):
    """A shell whose time is the world's."""

    world: World

    def now(self) -> datetime:
        return self.world.now.replace(microsecond=0)

    def milliseconds(self) -> int:
        return int(self.world.now.timestamp() * 1000)

    def elapsed_s(self) -> float:
        return (self.world.now - START).total_seconds()

    def random(self, size: int) -> bytes:
        return self.world.chance.randbytes(size)


class Watched:
    """The ledger, with what it acknowledged written down, and a death before or after a commit."""

    def __init__(self, ledger: Ledger, world: World) -> None:
        self._ledger = ledger
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def append(self, drafts: Sequence[EntryDraft]) -> list[AppendedEntry]:
        return self._noted(lambda: self._ledger.append(drafts))

    def transact(self, work: Any) -> list[AppendedEntry]:
        return self._noted(lambda: self._ledger.transact(work))

    def _noted(self, commit: Callable[[], list[AppendedEntry]]) -> list[AppendedEntry]:
        self._world.may_die("before a commit")
        appended = commit()
        for entry in appended:
            self._world.acknowledged[entry.index] = entry.entry
        if len(appended) > 1:
            self._world.busy.add(self._world.now)
        self._world.may_die("after a commit")
        return appended


_worlds: list[World] = []
_evaluators: list[WasmEvaluator] = []


def read(request: SourceRequest) -> Evidence:
    """What the simulated source says; see ``SOURCES``."""
    return _worlds[-1].measured(request)


class Receiver:
    """What takes the orders; see ``EFFECTS``."""

    def perform(self, order: Order) -> AttemptOutcome:
        return _worlds[-1].received(order)


def hook_of(_table: Table, _around: HookContext) -> Receiver:
    return Receiver()


class World:
    """Everything around one watcher.

    Args:
        folder: For the ledger.
        seed: Of all that happens by chance.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        _worlds.append(self)
        if not _evaluators:
            _evaluators.append(WasmEvaluator(shipped_bundle(), cache=None))
        self.folder = folder
        self.chance = random.Random(seed)  # noqa: S311  (no secret comes of it)
        self.now = START
        self.service = Service()
        self.faults: list[Fault] = []
        self.truth: dict[datetime, str] = {}
        self.busy: set[datetime] = set()
        self.acknowledged: dict[int, bytes] = {}
        self.deaths: Counter[str] = Counter()
        self.places: list[datetime] = []
        self.dead = False
        self.dies_at: int | None = None
        self.dies_often = 0.0
        self.follower = Follower()
        self.out, self.err = StringIO(), StringIO()
        self.bundle = shipped_bundle()
        self.plan: Plan = read_plan(
            "watch.toml", CONFIG.encode(), folder, {}, "promotion", "default"
        )
        self.watched = self.plan.subjects[0].watched
        self._asked_again_at = START

    # -- what happens to it -------------------------------------------------------------

    def faulty(self, length: timedelta, every: timedelta = 4 * MINUTE) -> None:
        """Plan faults: one about ``every`` so often, some at the same time."""
        at = START + 5 * MINUTE
        kinds = {
            "slow service": (1, 8), "long slow service": (12, 40), "stubborn service": (15, 60),
            "source down": (1, 7), "blackout": (11, 25), "source nan": (1, 5),
            "source slow": (1, 3), "receiver down": (1, 12), "receiver slow": (1, 6),
            "answer lost": (1, 6), "delivered twice": (1, 10),
        }  # fmt: skip
        rare = ("long slow service", "stubborn service", "blackout")
        names = [name for name in kinds for _ in range(1 if name in rare else 12)]
        while at < START + length:
            kind = self.chance.choice(names)
            lasts = self.chance.uniform(*kinds[kind]) * MINUTE
            self.faults.append(Fault(kind, at, at + lasts))
            at += self.chance.expovariate(1) * every

    def is_on(self, *kinds: str) -> bool:
        """Whether one of these faults is on now."""
        return any(
            fault.kind in kinds and fault.start <= self.now < fault.stop for fault in self._near()
        )

    def _near(self) -> list[Fault]:
        self.faults = [fault for fault in self.faults if fault.stop > self.now]
        return [fault for fault in self.faults if fault.start <= self.now]

    def may_die(self, place: str) -> None:
        """One of the places where a process can die; its other threads die with it."""
        if self.dead:
            raise Killed(place)
        self.places.append(self.now)
        chosen = len(self.places) == self.dies_at
        if chosen or (self.dies_often and self.chance.random() < self.dies_often):
            self.deaths[place] += 1
            self.dead = True
            raise Killed(place)

    # -- the source and the receiver ----------------------------------------------------

    def reading(self) -> str:
        """What a measurement says now: ``under``, ``over`` or ``none``."""
        if self.is_on("source down", "blackout", "source nan"):
            return "none"
        if self.is_on("stubborn service") and not self.service.rolled_back:
            return "over"
        if self.is_on("slow service", "long slow service"):
            mitigated = self.service.degraded or self.service.rolled_back
            return "under" if mitigated else "over"
        return "under"

    def measured(self, request: SourceRequest) -> Evidence:
        """Answer as the source would; the truth is written down by instant."""
        self.may_die("measuring")
        reading, down = self.reading(), self.is_on("source down", "blackout")
        self.truth[request.now] = reading
        if self.is_on("source slow"):
            self.now += timedelta(seconds=self.chance.randint(1, 9))
        if down:
            raise SourceError("the source is down")
        if reading == "none":
            nothing = {"value": None, "status": "undefined"}
            return Evidence({"slo.dec_p95_ms": dict(nothing), "slo.burn_rate": dict(nothing)})
        p95 = 1500 if reading == "over" else 400
        values = {"slo.dec_p95_ms": p95, "slo.burn_rate": 0.5, "slo.cdc_lag_p95_s": 30}
        return Evidence({name: {"value": value} for name, value in values.items()})

    def received(self, order: Order) -> AttemptOutcome:
        """Take an order as the receiver would."""
        self.may_die("before an effect")
        if self.is_on("receiver slow"):
            self.now += timedelta(seconds=self.chance.randint(1, 9))
        if self.is_on("receiver down"):
            return AttemptOutcome(AttemptStatus.FAILED, "connection refused")
        self.service.apply(order, self.now)
        if self.is_on("delivered twice"):
            self.service.apply(order, self.now)
        self.may_die("after an effect")
        if self.is_on("answer lost"):
            return AttemptOutcome(AttemptStatus.FAILED, "no whole answer within 10 s")
        return AttemptOutcome(AttemptStatus.DONE, "HTTP 200")

    # -- running ------------------------------------------------------------------------

    def run(self, length: timedelta) -> None:
        """Watch for ``length``; a watcher that dies is started again within 90 seconds."""
        stop = self.now + length
        while self.now < stop:
            try:
                with self._loop() as loop:
                    loop.run(self._wait, lambda: self.now >= stop)
            except Killed:
                self.dead = False
                self.now += timedelta(seconds=self.chance.randint(1, 90))

    def settle(self) -> None:
        """End all faults, and watch until nothing is pending."""
        self.faults, self.dies_often, self.dies_at = [], 0.0, None
        for _ in range(100):
            self.run(MINUTE)
            with self.ledger() as ledger:
                if not outbox.pending(ledger, self.now + timedelta(days=1)):
                    return
        raise AssertionError("effects are pending for ever")

    def _wait(self, seconds: float) -> None:
        self.may_die("waiting")
        self.now += timedelta(seconds=seconds)
        self._operator()

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, opened as another process would."""
        opened = open_at(self.folder)
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def _loop(self) -> Iterator[Loop]:
        shell = Clock({}, self.folder, BytesIO(), self.out, self.err)
        object.__setattr__(shell, "world", self)
        schema = shipped_schema("metrics.schema.json")
        loop = Loop(
            self.plan,
            Sources(self.folder, {}, self.bundle.catalogue(), schema),
            self._session,
            Performer(self.plan.hooks, shell.now, self.chance.random, at_once=1),
            self.follower,
            shell,
            Reporter(shell, as_json=True),
        )
        try:
            yield loop
        finally:
            with suppress(Killed):
                loop.close()

    @contextmanager
    def _session(self) -> Iterator[WatchSession]:
        with self.ledger() as opened:
            ledger: Any = Watched(opened, self)
            controller = Controller(
                session_over(ledger, self.bundle, _evaluators[0], self.chance.randbytes)
            )
            yield WatchSession(ledger, KEY, controller)

    def _operator(self) -> None:
        """Somebody decides anew once a release is a candidate again, some minutes later."""
        if self.now < self._asked_again_at:
            return
        self._asked_again_at = self.now + 10 * MINUTE
        with self.ledger() as ledger:
            controller = Controller(
                session_over(ledger, self.bundle, _evaluators[0], self.chance.randbytes)
            )
            if controller.phase(self.watched) is Phase.CANDIDATE:
                self._decide(ledger)

    def _decide(self, ledger: Ledger) -> None:
        now = self.now.replace(microsecond=0)
        question = Question(self.watched.gate, self.watched.profile, "candidate", now)
        document = {
            "subject": {"name": "scoring-model"},
            "observed_at": write_time(now),
            "metrics": {"security.critical_findings": 0},
        }
        catalogue, schema = self.bundle.catalogue(), shipped_schema("metrics.schema.json")
        subject = Subject(self.watched.name, self.watched.version, self.watched.sha256)
        evidence = assemble(
            "evidence", subject, expand(document, catalogue, now, schema), question, self.bundle
        )
        judgement = judge(
            evidence, question, self.bundle, _evaluators[0],
            decision_id=uuid7(int(self.now.timestamp() * 1000), self.chance.randbytes),
            salt=self.chance.randbytes(32),
        )  # fmt: skip
        for entry in append([judgement.record], ledger, KEY, self.bundle):
            self.acknowledged[entry.index] = entry.entry
