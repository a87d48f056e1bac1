"""What a budget's state becomes: state in, state out, and what there is to record. No I/O.

Each function is one action of ``tla/Budget.tla``. It takes a
:class:`~engine.calls.budget.state.BudgetState` over any :class:`~engine.ledger.State`, so that a
test can drive it with a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from engine.calls.budget.lease import EXPIRED, OPEN, RELEASED, SETTLED, Lease
from engine.calls.budget.limits import BudgetRow, Budgets
from engine.calls.budget.request import Request
from engine.calls.budget.state import BudgetState
from engine.errors import NotRecordedError, UsageError, VerificationError
from engine.formats.calendar import day_of
from engine.metrics import budget_book as book
from engine.metrics.amounts import NOTHING, Amount, AmountLimits
from engine.metrics.budget_book import Book, Match
from engine.model import Json

MOST_EXPIRED = 128
"""Leases that one decision takes back at most, so that its entry stays small."""
MOST_AT_ONCE = 1000
"""Leases that an entry of its own takes back at most, where more than that are due."""
MOST_HELD_AGAIN = 1000
"""Leases that one reopening lets hold again at most, so that an entry has room for their ids."""


class Charge(NamedTuple):
    """A budget that a request counts against, as it stands before it.

    Attributes:
        budget: Its id.
        limits: What it grants on the day.
        book: Its book of the day; None before the first grant.
        match: What its row is for; None where none has this request any more, and the budget
            counts until the day is over.
    """

    budget: str
    limits: AmountLimits
    book: Book | None
    match: tuple[tuple[str, str], ...] | None = None

    @property
    def used(self) -> Amount:
        """What is in use of it."""
        return NOTHING if self.book is None else self.book.used


def roll_over(state: BudgetState, now: datetime, zone: str) -> str:
    """Return the day that counts: the one of ``zone``, never before the newest that was seen.

    A zone that has not counted on the newest day opens no later day than those that have: a
    setting that is changed gives nobody tomorrow's budget today (INV-BUDGET-16).

    The first decision of a day remembers it; there is nothing to reset, because the day is part
    of each book's key (INV-BUDGET-6). Whoever reads the books needs to know when the day is over:
    ``zone`` is remembered beside it (INV-DOOR-2).
    """
    newest, zones, own = state.day(), state.zones(), day_of(now, zone)
    known = zones if zones and zone not in zones else [zone]
    opened = min(own, max(day_of(now, counting) for counting in known))
    if opened > newest:
        newest, zones = opened, []
        state.put_day(newest)
    if zone not in zones and not newest < own:
        state.put_zones(sorted([*zones, zone]))
    return newest


def reopen(state: BudgetState, clocks_day: str, zones: Sequence[str]) -> str:
    """Leave a newest day that the clock has not come to for ``clocks_day``; return the day left.

    What is spent or reserved on either day stays so (INV-BUDGET-15); see :func:`hold_again`.

    Args:
        state: The books.
        clocks_day: Day that the clock shows, the furthest in any of ``zones``.
        zones: IANA names of the time zones that count, sorted.

    Raises:
        UsageError: The newest day is not in the future of the clock: it goes on by itself.
    """
    newest = state.day()
    if newest <= clocks_day:
        raise UsageError(
            f"the newest day is {newest or 'none yet'}, and the clock shows {clocks_day}: "
            "no day is in the future",
            "a budget that is used up is free again on the next day; its limits are the policies'",
        )
    state.put_day(clocks_day)
    state.put_zones(list(zones))
    return newest


def hold_again(state: BudgetState, day: str, now: str) -> tuple[list[str], int]:
    """Let leases hold again that a clock ahead took back, and that have not expired at ``now``.

    A lease of a day after ``day`` does not, nor one that no longer fits into each of its budgets:
    others may have reported meanwhile what was free (INV-BUDGET-3, INV-BUDGET-15).

    Args:
        state: The books.
        day: The day that counts again.
        now: RFC 3339, of the clock that came back.

    Returns:
        Ids of those that hold again, sorted, and how many stay taken back.
    """
    held: list[str] = []
    missed = 0
    for lease_id, lease in state.leases():
        if lease.state != EXPIRED or lease.expires_at <= now or lease.day > day:
            continue
        books = {name: _book(state, lease.day, name) for name in lease.budgets}
        if len(held) == MOST_HELD_AGAIN or not all(
            book.has_room(there, lease.granted) for there in books.values()
        ):
            missed += 1
            continue
        for name, there in books.items():
            state.put_book(lease.day, name, book.reserve(there, there.limits, lease.granted))
        state.put_lease(lease_id, lease._replace(state=OPEN))
        held.append(lease_id)
    return held, missed


def expire_before(state: BudgetState, now: str) -> Iterator[list[str]]:
    """Take back what :func:`expire` would leave: all but the newest leases that have expired.

    Yields:
        Ids of at most :data:`MOST_AT_ONCE`, the oldest first; at most :data:`MOST_EXPIRED` are
        still due at the end.
    """
    while len(state.due(now, MOST_EXPIRED + 1)) > MOST_EXPIRED:
        yield expire(state, now, MOST_AT_ONCE)


def expire(state: BudgetState, now: str, most: int = MOST_EXPIRED) -> list[str]:
    """Take back what leases hold that have expired at ``now`` (RFC 3339); return their ids."""
    due = state.due(now, most)
    for lease_id in due:
        _end(state, lease_id, known(state, lease_id), EXPIRED)
    return due


def charges(state: BudgetState, day: str, budgets: Budgets, request: Request) -> list[Charge]:
    """Return the budgets that ``request`` counts against as they stand on ``day``, sorted by id.

    A budget that leases of the day were held to goes on counting for what it counted for until
    the day is over, also where its row or setting is gone or is for less now (INV-BUDGET-14).
    None where no row has the request: what nobody limits now is not granted.
    """
    rows = budgets.of(request)
    books = {name: there for _, name, there in state.books(day, day)} if rows else {}
    found = {
        row.budget: Charge(
            row.budget, row.limits_beside(books.get(row.budget)), books.get(row.budget), row.match
        )
        for row in rows
    }
    matches = state.matches(day) if books else {}
    for name, there in books.items():
        row = budgets.named(name)
        if name in found or not _has_counted(name, matches.get(name), row, request):
            continue
        limits = there.limits if row is None else row.limits.stricter(there.limits)
        found[name] = Charge(name, limits, there)
    return [found[name] for name in sorted(found)]


def _has_counted(
    name: str, matches: Sequence[Match] | None, row: BudgetRow | None, request: Request
) -> bool:
    """Whether a budget of the day is for such a request; one of which nobody knows it is."""
    if name == book.DAILY:
        return True
    if matches is None:
        return row is None
    return any(book.covers(match, request.about) for match in matches)


def grant(
    state: BudgetState,
    lease_id: str,
    day: str,
    charged: Sequence[Charge],
    amount: Amount,
    *,
    expires_at: str,
    about: Mapping[str, Json],
) -> list[str]:
    """Hold ``amount`` in every budget of ``charged`` for a new lease.

    The policy has allowed it: it fits into each of them.

    Returns:
        Ids of the budgets whose day begins with this grant.
    """
    for budget, limits, before, match in charged:
        after = book.reserve(before or Book(limits), limits, amount)
        state.put_book(day, budget, after)
        if match is not None:
            state.put_match(day, budget, dict(match))
    names = tuple(charge.budget for charge in charged)
    state.put_lease(lease_id, Lease(OPEN, day, expires_at, names, amount, about))
    return [charge.budget for charge in charged if charge.book is None]


def settle(state: BudgetState, lease_id: str, used: Amount) -> tuple[Lease, bool]:
    """Count what a lease turned out to use, whether it is still open or not.

    Returns:
        The settled lease, and whether this call settled it: the same amounts again change
        nothing.

    Raises:
        NotRecordedError: No such lease.
        UsageError: It is settled with other amounts.
    """
    before = known(state, lease_id)
    if before.state == SETTLED:
        if before.used == used:
            return before, False
        raise UsageError(
            f"lease {lease_id} is settled already, with {_amounts_text(before.used)}",
            "a lease is settled once; what was spent besides needs a reservation of its own",
        )
    counted = []
    for budget in before.budgets:
        settled = book.settle(_book(state, before.day, budget), before.held, used)
        state.put_book(before.day, budget, settled.book)
        counted.append((settled.within, settled.overrun))
    after = before._replace(state=SETTLED, used=used, counted=tuple(counted))
    state.put_lease(lease_id, after)
    return after, True


def release(state: BudgetState, lease_id: str) -> tuple[Lease, bool]:
    """Give back what an open lease holds.

    Returns:
        The lease, and whether this call released it: one that was released or has expired holds
        nothing to give back.

    Raises:
        NotRecordedError: No such lease.
        UsageError: It is settled.
    """
    before = known(state, lease_id)
    if before.state == SETTLED:
        raise UsageError(
            f"lease {lease_id} is settled, with {_amounts_text(before.used)}",
            "what was spent stays spent",
        )
    if before.state != OPEN:
        return before, False
    return _end(state, lease_id, before, RELEASED), True


def _end(state: BudgetState, lease_id: str, before: Lease, end: str) -> Lease:
    """An open lease gives back what it holds."""
    for budget in before.budgets:
        there = _book(state, before.day, budget)
        state.put_book(before.day, budget, book.give_back(there, before.held))
    after = before._replace(state=end)
    state.put_lease(lease_id, after)
    return after


def known(state: BudgetState, lease_id: str) -> Lease:
    """Return a lease; NotRecordedError when there is none of that id."""
    found = state.lease(lease_id)
    if found is None:
        raise NotRecordedError(
            f"no lease {lease_id!r}", "`engine budget reserve` prints it; `engine budget status`"
        )
    return found


def _book(state: BudgetState, day: str, budget: str) -> Book:
    there = state.book(day, budget)
    if there is None:
        raise VerificationError(
            f"budget {budget!r} has no book for {day}, though a lease counts against it",
            "the ledger's state was changed: engine budget verify",
        )
    return there


def _amounts_text(used: Amount | None) -> str:
    from engine.formats.money import dollars

    if used is None:
        return "nothing"
    return f"{used.requests} requests, {used.tokens} tokens, {dollars(used.usd_micros)} USD"
