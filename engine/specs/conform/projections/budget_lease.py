"""Every request to spend, and the lease that it became, as ``tla/BudgetLease.tla`` has them.

One trace per request, whose name is the id of the decision. The lease's time is what the entry
that speaks of it next shows: an entry after ``expires_at`` makes it due before anything else.
A request that leaves a lease held whose time is over, though it swept fewer than it may, is a
step that the spec does not have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from heapq import heappop, heappush
from typing import NamedTuple

from engine.model import (
    BUDGET_EXPIRED_TYPE,
    BUDGET_RELEASED_TYPE,
    BUDGET_REOPENED_TYPE,
    BUDGET_SETTLED_TYPE,
    BUDGET_TYPES,
    DECISION_TYPES,
    Json,
    Verdict,
)
from engine.specs.conform.graph import State
from engine.specs.conform.lookup import Step

GRAPH = "budget-lease"
TYPES = frozenset({*DECISION_TYPES, *BUDGET_TYPES})

MOST_SWEPT = 128
"""Leases that one request sweeps at most: ``engine.calls.budget.transitions.MOST_EXPIRED``."""


class _Lease(NamedTuple):
    """What is known of a request: its state in the spec, and until when it holds."""

    phase: str = "new"
    due: bool = False
    expires_at: str = ""


_NEW = _Lease()


@cache
def _state(phase: str, due: bool) -> State:
    return {"phase": phase, "due": due, "counted": int(phase == "settled")}


class Projection:
    """See :mod:`engine.specs.conform.projections`."""

    def __init__(self) -> None:
        self._leases: dict[str, _Lease] = {}
        self._ends: list[tuple[str, str]] = []

    def steps(self, index: int, statement: Mapping[str, Json]) -> Iterator[Step]:
        """Return what entry ``index`` does to requests and leases."""
        kind, event = statement["predicateType"], statement["predicate"]
        if kind == BUDGET_SETTLED_TYPE:
            yield from self._ends_now(event["lease"], "Settle", "settled", event["at"], index)
        elif kind == BUDGET_RELEASED_TYPE:
            yield from self._ends_now(event["lease"], "Release", "released", event["at"], index)
        elif kind == BUDGET_EXPIRED_TYPE:
            for lease in event["leases"]:
                yield from self._ends_now(lease, "Sweep", "expired", event["at"], index)
        elif kind == BUDGET_REOPENED_TYPE:
            for lease in event.get("held_again", ()):
                yield from self._held_again(lease, event["at"], index)
        elif "reservation" in event:
            yield from self._requested(event, index)

    def _requested(self, predicate: Mapping[str, Json], index: int) -> Iterator[Step]:
        name, now = predicate["decision_id"], predicate["decided_at"]
        reservation, swept = predicate["reservation"], predicate["reservation"]["expired"]
        for lease in swept:
            yield from self._ends_now(lease, "Sweep", "expired", now, index)
        if len(swept) < MOST_SWEPT:
            yield from self._overlooked(now, index)
        if predicate["verdict"] != Verdict.ALLOW:
            yield self._becomes(name, "Deny", _Lease("denied"), index)
            yield self._becomes(name, "Forget", _NEW, index)
            return
        expires_at = reservation["expires_at"]
        yield self._becomes(name, "Give", _Lease("held", False, expires_at), index)
        heappush(self._ends, (expires_at, name))

    def _overlooked(self, now: str, index: int) -> Iterator[Step]:
        """Leases that are still held though their time is over."""
        while self._ends and self._ends[0][0] <= now:
            expires_at, name = heappop(self._ends)
            lease = self._leases.get(name, _NEW)
            if (lease.phase, lease.expires_at) == ("held", expires_at):
                yield from self._time(name, now, index)
                yield self._becomes(name, "Overlook", self._leases[name], index)

    def _ends_now(self, name: str, action: str, phase: str, now: str, index: int) -> Iterator[Step]:
        yield from self._time(name, now, index)
        lease = self._leases.get(name, _NEW)
        yield self._becomes(name, action, lease._replace(phase=phase), index)
        if phase == "settled":
            yield self._becomes(name, "Forget", _NEW, index)

    def _held_again(self, name: str, now: str, index: int) -> Iterator[Step]:
        """A lease that a clock ahead had swept, and that still runs by the one that came back."""
        lease = self._leases.get(name, _NEW)
        due = lease.expires_at <= now
        yield self._becomes(name, "HoldAgain", lease._replace(phase="held", due=due), index)
        heappush(self._ends, (lease.expires_at, name))

    def _time(self, name: str, now: str, index: int) -> Iterator[Step]:
        """Whether the time of a lease that is held is over, as ``now`` shows it."""
        lease = self._leases.get(name, _NEW)
        due = lease.expires_at <= now
        if lease.phase == "held" and lease.due != due:
            yield self._becomes(name, "Time", lease._replace(due=due), index)

    def _becomes(self, name: str, action: str, after: _Lease, index: int) -> Step:
        before = self._leases.get(name, _NEW)
        if after.phase == "new":
            self._leases.pop(name, None)
        else:
            self._leases[name] = after
        states = _state(before.phase, before.due), _state(after.phase, after.due)
        return Step(action, *states, index, f"{_WORDS[action]} {name}", name)


_WORDS = {
    "Give": "reserve: lease",
    "Deny": "reserve: denied",
    "Sweep": "reserve: swept lease",
    "Overlook": "reserve: did not sweep lease",
    "HoldAgain": "reopen: holds again, lease",
    "Settle": "settle lease",
    "Release": "release lease",
    "Time": "the time of lease",
    "Forget": "the end of",
}
"""What a person calls the steps."""
