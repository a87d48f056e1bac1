"""What a ledger's entries say was spent: a fold over entries, which trusts no state.

Read from decisions of gate ``spend`` (member ``reservation``), ``budget-settled:v1`` and
``budget-released:v1``, ``budget-expired:v1``; other entries say nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.errors import VerificationError
from engine.formats.calendar import following
from engine.model import (
    BUDGET_EXPIRED_TYPE,
    BUDGET_RELEASED_TYPE,
    BUDGET_REOPENED_TYPE,
    BUDGET_SETTLED_TYPE,
    DECISION_TYPES,
    Json,
)


class LeasePurpose(NamedTuple):
    """What a lease was for."""

    provider: str
    model: str
    team: str
    tags: tuple[str, ...]
    budgets: tuple[str, ...]


class LeaseSettlement(NamedTuple):
    """One lease that was settled.

    Attributes:
        at: When, RFC 3339.
        day: Day that it counts against.
        lease: Its id.
        about: What for.
        requests: Calls.
        tokens: Of all kinds.
        usd_micros: Money.
        overrun_usd_micros: Of it, what the worst of its budgets had not left any more.
    """

    at: str
    day: str
    lease: str
    about: LeasePurpose
    requests: int
    tokens: int
    usd_micros: int
    overrun_usd_micros: int


class OpenLease(NamedTuple):
    """A lease that was granted and not settled since."""

    day: str
    about: LeasePurpose
    usd_micros: int
    expired: bool


@dataclass
class Spending:
    """What the entries add up to.

    Attributes:
        settled: In the order of the ledger.
        held: Leases that were neither settled nor released, by id.
        denied: Requests that were not granted, ``(day, what for)``.
        limits: US micro-dollars that a budget grants on a day, as the last grant knew it; None
            is no limit.
    """

    settled: list[LeaseSettlement] = field(default_factory=list)
    held: dict[str, OpenLease] = field(default_factory=dict)
    denied: list[tuple[str, LeasePurpose]] = field(default_factory=list)
    limits: dict[tuple[str, str], int | None] = field(default_factory=dict)

    def only(self, accepts: Callable[[LeasePurpose], bool]) -> Spending:
        """Return the part of it whose purpose ``accepts`` returns true for."""
        return Spending(
            [lease for lease in self.settled if accepts(lease.about)],
            {name: lease for name, lease in self.held.items() if accepts(lease.about)},
            [(day, about) for day, about in self.denied if accepts(about)],
            self.limits,
        )

    def budgets(self) -> list[str]:
        """Return the ids of the budgets that anything was granted from, sorted."""
        return sorted({budget for budget, _ in self.limits})


def fold(statements: Iterable[tuple[int, Mapping[str, Json]]]) -> Spending:
    """Return what the statements of a ledger's entries add up to.

    Args:
        statements: ``(index, in-toto statement)`` of all entries, in order.

    Raises:
        VerificationError: An entry has not the members of its type; names it.
    """
    found = Spending()
    for index, statement in statements:
        read = _READ.get(statement["predicateType"])
        if read is None:
            continue
        try:
            read(found, statement["predicate"])
        except (KeyError, TypeError, AttributeError) as error:
            raise VerificationError(
                f"entry {index}: not what {statement['predicateType']} says: {error!r}",
                "engine ledger verify; engine budget verify",
            ) from None
    return found


def _decided(found: Spending, predicate: Mapping[str, Json]) -> None:
    reservation = predicate.get("reservation")
    if reservation is None:
        return
    _take_back(found, reservation["expired"])
    charges = reservation["charges"]
    about = _about(reservation["for"], charges)
    day = reservation["day"]
    if not charges:
        found.denied.append((day, about))
        return
    for charge in charges:
        found.limits[charge["budget"], day] = charge["limits"]["usd_micros"]
    held = max(charge["usd_micros"] for charge in charges)
    found.held[predicate["decision_id"]] = OpenLease(day, about, held, expired=False)


def _expired(found: Spending, predicate: Mapping[str, Json]) -> None:
    _take_back(found, predicate["leases"])


def _take_back(found: Spending, leases: Iterable[str]) -> None:
    for lease in leases:
        if lease in found.held:
            found.held[lease] = found.held[lease]._replace(expired=True)


def _settled(found: Spending, predicate: Mapping[str, Json]) -> None:
    found.held.pop(predicate["lease"], None)
    used, counted = predicate["used"], predicate["counted"]
    found.settled.append(
        LeaseSettlement(
            at=predicate["at"],
            day=predicate["day"],
            lease=predicate["lease"],
            about=_about(predicate["for"], counted),
            requests=used["requests"],
            tokens=used["tokens"],
            usd_micros=used["usd_micros"],
            overrun_usd_micros=max(
                (share["overrun"]["usd_micros"] for share in counted), default=0
            ),
        )
    )


def _released(found: Spending, predicate: Mapping[str, Json]) -> None:
    found.held.pop(predicate["lease"], None)


def _reopened(found: Spending, predicate: Mapping[str, Json]) -> None:
    for lease in predicate.get("held_again", ()):
        found.held[lease] = found.held[lease]._replace(expired=False)


def _about(purpose: Mapping[str, Json], budgets: Iterable[Mapping[str, Json]]) -> LeasePurpose:
    return LeasePurpose(
        purpose["provider"],
        purpose["model"],
        purpose.get("team", ""),
        tuple(purpose.get("tags", ())),
        tuple(charge["budget"] for charge in budgets),
    )


_READ: Mapping[str, Callable[[Spending, Mapping[str, Json]], None]] = {
    **dict.fromkeys(DECISION_TYPES, _decided),
    BUDGET_SETTLED_TYPE: _settled,
    BUDGET_RELEASED_TYPE: _released,
    BUDGET_EXPIRED_TYPE: _expired,
    BUDGET_REOPENED_TYPE: _reopened,
}


class Day(NamedTuple):
    """One day's spending; money in micro-dollars.

    Attributes:
        day: YYYY-MM-DD.
        requests: Calls that were settled.
        tokens: Of all kinds.
        usd_micros: Settled.
        overrun_usd_micros: Of it, beyond what the budgets had left.
        held_usd_micros: Granted, and neither settled nor released nor expired.
        denied: Requests that were not granted.
        limit_usd_micros: Of the budget that was asked for; None where there is none.
    """

    day: str
    requests: int = 0
    tokens: int = 0
    usd_micros: int = 0
    overrun_usd_micros: int = 0
    held_usd_micros: int = 0
    denied: int = 0
    limit_usd_micros: int | None = None


def by_day(found: Spending, first: str, last: str, budget: str | None) -> list[Day]:
    """Return the days from ``first`` to ``last``, those on which nothing was spent too.

    Args:
        found: What was spent.
        first: YYYY-MM-DD.
        last: YYYY-MM-DD.
        budget: Whose limit is told; None tells none. A day without a grant has the limit of
            the day before it.
    """
    days: dict[str, Day] = {}
    day = first
    while day <= last:
        days[day] = Day(day)
        day = following(day)
    for settlement in found.settled:
        if there := days.get(settlement.day):
            days[settlement.day] = there._replace(
                requests=there.requests + settlement.requests,
                tokens=there.tokens + settlement.tokens,
                usd_micros=there.usd_micros + settlement.usd_micros,
                overrun_usd_micros=there.overrun_usd_micros + settlement.overrun_usd_micros,
            )
    for held in found.held.values():
        if (there := days.get(held.day)) and not held.expired:
            more = there.held_usd_micros + held.usd_micros
            days[held.day] = there._replace(held_usd_micros=more)
    for day, _ in found.denied:
        if there := days.get(day):
            days[day] = there._replace(denied=there.denied + 1)
    return _limited(list(days.values()), found, budget)


def _limited(days: list[Day], found: Spending, budget: str | None) -> list[Day]:
    if budget is None:
        return days
    limit: int | None = None
    limited = []
    for day in days:
        limit = found.limits.get((budget, day.day), limit)
        limited.append(day._replace(limit_usd_micros=limit))
    return limited
