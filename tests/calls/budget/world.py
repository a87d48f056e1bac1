"""A world that a spec of budgets speaks of, with the real tracker in it.

``tla/Budget.tla`` has a clock of ticks, two requests, and a budget of 20 micro-dollars a day.
Here a tick is twelve hours and a lease is given for a day; what a request is answered, and what
becomes of it, is the tracker's. ``view`` is the refinement mapping: the variables of the spec as
the tracker's documents say them. The clock is the world's, and so is what nobody keeps: how often
an answer told of the soft limit, and how often a settlement was recorded.

    world = World(model, [tracker(ledger)])
    world.do(Move("reserve", "l1", 19))
    world.do(Move("tick"))
    world.do(Move("settle", "l1", 20))
    world.view()
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from engine.calls.budget.limits import Budgets
from engine.calls.budget.request import Request
from engine.calls.budget.reservation import Reservation
from engine.calls.budget.tracker import LeaseEnd, Tracker
from engine.calls.budget.usage import Usage
from engine.errors import UsageError
from engine.formats.times import write_time
from engine.ledger import AppendedEntry, EntryDraft, Ledger, State
from engine.model import Json
from engine.policy.bundle import PolicyBundle, shipped_bundle, shipped_folder
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.laying import merged, with_data
from engine.policy.sources import Source
from tests.sessions import session_over

BUDGET = "all"
HARD = 20
DAY_TICKS, TTL = 2, 2
TICK = timedelta(hours=12)
TTL_S = int(TICK.total_seconds()) * TTL
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
PROFILE = """
extends: default
description: What the tests of the budgets decide by.
soft_routes: [batch]
declared_cost: allow
checks: {}
"""


@cache
def policies() -> PolicyBundle:
    """The shipped policies, and a profile that lets callers say costs and one route be soft."""
    name = "limits/bounded/data.yaml"
    profile = Source(str(shipped_folder("policies") / name), PROFILE.encode())
    return with_data(shipped_bundle(), merged(shipped_bundle(), {name: profile}))


@cache
def opa() -> WasmEvaluator:
    """One evaluator for all worlds: it keeps nothing between two questions."""
    return WasmEvaluator(policies(), cache=None, time_limit_s=5.0, memory_limit_bytes=1 << 26)


def tracker(
    ledger: Ledger,
    budgets: Sequence[Json] = (),
    *,
    zone: str = "UTC",
    random: Callable[[int], bytes] | None = None,
) -> Tracker:
    """A tracker of ``budgets``, or of one budget of 20 micro-dollars a day for everything."""
    rows = budgets or [{"id": BUDGET, "match": {}, "limits": limits(HARD)}]
    return Tracker(
        session_over(ledger, policies(), opa(), random or _numbered),
        budgets=Budgets(rows),
        zone=zone,
        profile="bounded",
    )


_NUMBERS = itertools.count(1)
"""Instead of random bytes: no two leases have one id, also not in two copies of a world."""


def _numbered(size: int) -> bytes:
    return next(_NUMBERS).to_bytes(size, "big")


def limits(usd_micros: int | None) -> dict[str, int | None]:
    """Limits of money alone, as policy data has them."""
    return {"requests": None, "tokens": None, "usd_micros": usd_micros}


class Books:
    """As much of a ledger as a tracker needs: the state is kept, the entries are not.

    What it lacks to a ledger is bytes and time: a step of the tracker takes as long here as the
    tracker's own work, so that thousands can be tried, and a world can be put back.
    """

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], bytes] = {}

    def require_own_process(self) -> None:
        """Nothing forks here."""

    def get(self, kind: str, key: str) -> bytes | None:
        return self.documents.get((kind, key))

    def scan(self, kind: str, start: str, stop: str, most: int) -> list[tuple[str, bytes]]:
        found = sorted(
            (key, body)
            for (of, key), body in self.documents.items()
            if of == kind and start <= key < stop
        )
        return found[:most]

    def put(self, kind: str, key: str, body: bytes | None) -> None:
        if body is None:
            self.documents.pop((kind, key), None)
        else:
            self.documents[kind, key] = body

    def state(self) -> Books:
        return self

    def signed_entries(self) -> Books:
        """None: what was signed is not kept."""
        return self

    def read(self) -> Iterator[tuple[int, Json]]:
        return iter(())

    def transact(self, work: Callable[[State], Sequence[EntryDraft]]) -> list[AppendedEntry]:
        before = dict(self.documents)
        try:
            drafts = work(self)
        except Exception:
            self.documents = before
            raise
        return [AppendedEntry(1, b"", bytes(32), bytes(32), "", 2) for _ in drafts]


@dataclass(frozen=True)
class ModelOf:
    """The constants of a model, as its row of ``tla/manifest.toml`` sets them.

    Attributes:
        leases: Requests by name, with the route that each is on.
        asks: Amounts asked for.
        usages: Amounts reported.
        last_ask: Leases are given until this tick.
        end: The last tick.
        backs: How often the clock is set back.
    """

    leases: Mapping[str, str | None]
    asks: tuple[int, ...]
    usages: tuple[int, ...]
    last_ask: int
    end: int
    backs: int

    @property
    def days(self) -> int:
        """How many days the model's clock shows."""
        return self.end // DAY_TICKS + 1


class Move(NamedTuple):
    """What to try: ``reserve``, ``settle``, ``release``, ``reopen``, ``tick`` or ``set back``."""

    what: str
    name: str = ""
    amount: int = 0


@dataclass
class Given:
    """What the world knows of a lease, besides what the tracker keeps."""

    id: str
    soft: bool
    at: int
    settles: int = 0


@dataclass
class World:
    """The real tracker and a clock.

    Attributes:
        model: The constants.
        trackers: One per simulated process, all on one ledger; each step is another's.
        clock: Ticks that it shows.
        backs: How often it was set back.
        given: The leases, by the spec's name.
        age: Ticks since a lease was given, as the clock shows them.
    """

    model: ModelOf
    trackers: Sequence[Tracker]
    clock: int = 0
    backs: int = 0
    steps: int = 0
    given: dict[str, Given] = field(default_factory=dict)
    age: dict[str, int] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """What the clock shows."""
        return BEGIN + self.clock * TICK

    def process(self) -> Tracker:
        """The process whose turn it is."""
        self.steps += 1
        return self.trackers[self.steps % len(self.trackers)]

    def reserve(self, name: str, amount: int) -> Reservation:
        """Ask for ``amount``; a lease that is given goes by ``name``."""
        request = Request("any", "model", usd_micros=amount, route=self.model.leases[name])
        milliseconds = int(self.now.timestamp() * 1000)
        answer = self.process().reserve(request, self.now, milliseconds, ttl_s=TTL_S)
        if answer.allowed:
            soft = answer.reason == "SOFT_LIMIT_EXCEEDED"
            self.given[name] = Given(answer.lease, soft, self.clock)
            self.age[name] = 0
        return answer

    def settle(self, name: str, amount: int) -> LeaseEnd:
        """Report what a lease was used for."""
        given = self.given[name]
        ending = self.process().settle(given.id, Usage(usd_micros=amount), self.now)
        given.settles += ending.new
        return ending

    def release(self, name: str) -> LeaseEnd:
        """Give a lease back."""
        return self.process().release(self.given[name].id, self.now)

    def tick(self) -> None:
        """Twelve hours pass."""
        self.clock += 1
        self.age = {
            name: min(age + 1, TTL + 1) if self._runs(name) else 0 for name, age in self.age.items()
        }

    def set_back(self) -> None:
        """The clock goes back by twelve hours."""
        self.clock -= 1
        self.backs += 1
        self.age = {name: age - 1 if self._runs(name) else 0 for name, age in self.age.items()}

    def _runs(self, name: str) -> bool:
        """Whether its time counts: it is held, or would be but for a clock that was ahead."""
        found = self.trackers[0].documents().lease(self.given[name].id)
        return found is not None and found.state in ("open", "expired")

    def moves(self) -> Iterator[Move]:
        """Yield everything that somebody may try next."""
        for name in self.model.leases:
            for amount in self.model.asks:
                if amount > HARD or (name not in self.given and self.clock <= self.model.last_ask):
                    yield Move("reserve", name, amount)
        for name in self.given:
            for amount in self.model.usages:
                yield Move("settle", name, amount)
            yield Move("release", name)
        if self.clock < self.model.end:
            yield Move("tick")
        if self.backs < self.model.backs and self.clock > 0:
            yield Move("set back")
        if self.model.backs:
            yield Move("reopen")

    def do(self, move: Move) -> str | None:
        """Try it; the spec's name of what was done, None if nothing was."""
        if move.what == "reserve":
            return "Reserve" if self.reserve(move.name, move.amount).allowed else "Refuse"
        if move.what == "tick":
            self.tick()
            return "Tick"
        if move.what == "set back":
            self.set_back()
            return "SetBack"
        try:
            return self._end_or_reopen(move)
        except UsageError:
            return None

    def _end_or_reopen(self, move: Move) -> str | None:
        if move.what == "reopen":
            self.process().reopen("the clock was ahead", self.now)
            return "Reopen"
        if move.what == "settle":
            return "Settle" if self.settle(move.name, move.amount).new else None
        return "Release" if self.release(move.name).new else None

    def view(self) -> Json:
        """The variables of the spec. The refinement mapping.

        A lease that is past its time is due in the tracker's index, and none other is.
        """
        documents = self.trackers[0].documents()
        due = set(documents.due(write_time(self.now), 9))
        books = [documents.book(_day(number), BUDGET) for number in range(self.model.days)]
        leases, ages = {}, {}
        for name in self.model.leases:
            leases[name], held = self._lease(name)
            ages[name] = self.age[name] if name in self.given and self._runs(name) else 0
            if name in self.given:
                assert (self.given[name].id in due) == (held and ages[name] >= TTL)
        newest = documents.day()
        return {
            "clock": self.clock,
            "backs": self.backs,
            "day": (datetime.fromisoformat(newest) - _EPOCH).days + 1 if newest else 0,
            "opened": [int(book is not None) for book in books],
            "within": [book.within.usd_micros if book else 0 for book in books],
            "overrun": [book.overrun.usd_micros if book else 0 for book in books],
            "reserved": [book.reserved.usd_micros if book else 0 for book in books],
            "lease": leases,
            "age": ages,
            "asked": False,
            "untold": 0,
        }

    def _lease(self, name: str) -> tuple[Json, bool]:
        given = self.given.get(name)
        if given is None:
            free = {"phase": "free", "day": 0, "amount": 0, "taken": 0, "spent": 0}
            return {**free, "soft": False, "settles": 0}, False
        found = self.trackers[0].documents().lease(given.id)
        if found is None:
            return {"phase": "forgotten"}, False
        number = (datetime.fromisoformat(found.day) - _EPOCH).days + 1
        said = {
            "phase": "held" if found.state == "open" else found.state,
            "day": number,
            "amount": found.held.usd_micros,
            "taken": found.granted.usd_micros if found.state == "expired" else 0,
            "spent": found.used.usd_micros if found.used else 0,
            "soft": given.soft,
            "settles": given.settles,
        }
        return said, found.state == "open"

    def kept(self) -> Kept:
        """This moment, to come back to."""
        return Kept(self.clock, self.backs, deepcopy(self.given), dict(self.age))

    def back(self, kept: Kept) -> None:
        """Come back to a moment, but for what the ledger keeps."""
        self.clock, self.backs = kept.clock, kept.backs
        self.given, self.age = deepcopy(kept.given), dict(kept.age)


class Kept(NamedTuple):
    """What a world knows besides its ledger."""

    clock: int
    backs: int
    given: dict[str, Given]
    age: dict[str, int]


_EPOCH = BEGIN.replace(tzinfo=None)


def _day(number: int) -> str:
    return (BEGIN + timedelta(days=number)).date().isoformat()
