"""Budgets in a ledger: reserve, settle, release. Every call is one transaction and one entry.

State machine of a lease, whose id is the id of the decision that granted it::

    (none) --reserve--> open --settle--> settled        settled: final
                        open --release-> released --settle--> settled   (late: holds nothing)
                        open --expire--> expired  --settle--> settled   (late: holds nothing)

Books, one per budget and day (``engine.metrics.budget_book``), for each unit (requests, tokens,
micro-dollars), with ``used = within + overrun + reserved``:

- ``reserve(a)`` is granted only by OPA's ALLOW, which needs ``used + a <= limit`` in every budget
  that the request falls under; then ``reserved += a``. DENY changes no book.
- ``settle(u)`` of a lease that holds ``h`` (``a`` while it is open, else 0): ``reserved -= h``;
  ``w = min(u, max(h, limit - (used - h)))``; ``within += w``; ``overrun += u - w``.
- ``release`` and ``expire``: ``reserved -= a``.
- ``reopen``: where the newest day is in the future of the clock, because that was ahead and came
  back, the clock's own day counts again, and ``reserved += a`` for each lease that the clock ahead
  made expire, that still runs, and that fits: it is open again.

So ``within + reserved <= limit`` after every step (while the limit is not lowered), and whatever
is settled is counted. Leases expire inside the next ``reserve`` whose ``now`` is ``expires_at`` or
later, all of them, the oldest first: at most
:data:`~engine.calls.budget.transitions.MOST_EXPIRED` in the decision's own entry, the rest in
entries before it, in the same commit.

The day of a reservation is the calendar day of ``now``, never one before the newest that was seen
and not left by ``reopen``; the first decision of a day is its rollover. A lease ends in the day it
began in.

Refinement mapping to ``tla/Budget.tla``: ``day`` is the document ``budget/day``; ``within``,
``overrun``, ``reserved`` of a day are the members of the document ``budget/<day>/<budget>``;
``lease[l]`` is ``state`` of ``lease/<l>``, ``none`` where there is no document; a lease is due in
``lease-due`` exactly while it is open. Actions: ``transitions.roll_over``, ``expire``, ``grant``,
``settle``, ``release``, ``reopen`` with ``hold_again``. One call of :meth:`Tracker.reserve` is
``roll_over``, then ``expire`` of every lease that is due, then ``grant`` or a denial, in one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.calls.budget import transitions
from engine.calls.budget.lease import Lease
from engine.calls.budget.limits import Budgets
from engine.calls.budget.prices import PriceBook
from engine.calls.budget.question import GATE, STAGE
from engine.calls.budget.request import Request
from engine.calls.budget.reservation import Attempt, Reservation, terms_of
from engine.calls.budget.state import BudgetDocuments, BudgetState
from engine.calls.budget.usage import Usage
from engine.decision.judge import uuid7
from engine.decision.record import event
from engine.decision.session import Session
from engine.errors import PolicyError, UsageError
from engine.formats.canonical import PlainObject
from engine.formats.times import write_time
from engine.ledger import AppendedEntry, EntryDraft, Ledger, State
from engine.metrics.amounts import NOTHING, Amount
from engine.model import (
    BUDGET_RELEASED_TYPE,
    BUDGET_REOPENED_TYPE,
    BUDGET_SETTLED_TYPE,
    Json,
    Subject,
)
from engine.specs.conform.reached_days import ReachedDays

DEFAULT_TTL_S = 300
LONGEST_TTL_S = 7 * 86_400
MOST_REASON = 1024


@dataclass(frozen=True, slots=True)
class LeaseEnd:
    """How a lease ended.

    Attributes:
        lease: Its id.
        state: ``settled``, ``released``, or ``expired`` where a release came too late to
            give anything back.
        day: Day that it counts against.
        used: What was settled; None for a release.
        overrun: Of it, what no budget had left any more: the worst of its budgets.
        new: Whether this call ended it; False where it had ended like that before.
        index: Ledger index of the entry; None where nothing was recorded.
        overruns: Of each budget that was overrun, its id and by how much, sorted.
        unpriced: What was used that has no price, by name: it was settled as it was reserved,
            or for more.
    """

    lease: str
    state: str
    day: str
    used: Amount | None
    overrun: Amount
    new: bool
    index: int | None
    overruns: tuple[tuple[str, Amount], ...] = ()
    unpriced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reopening:
    """A day in the future of the clock was left.

    Attributes:
        left: That day.
        day: Day that counts again: the clock's.
        held_again: Ids of leases that the clock ahead took back, and that hold again.
        missed: How many others still run by the clock, and do not: they fit no more.
        index: Ledger index of the entry.
    """

    left: str
    day: str
    held_again: tuple[str, ...]
    missed: int
    index: int


class Tracker:
    """Reserves, settles and releases. Safe to use from several threads.

    Args:
        session: Asks gate ``spend``, inside the ledger's transactions, one at a time; everything
            is recorded, and all state is, in its ledger.
        budgets: The limits.
        zone: IANA name of the time zone whose calendar days count.
        profile: Table of limits of the gate.
    """

    def __init__(self, session: Session, *, budgets: Budgets, zone: str, profile: str) -> None:
        self._terms = terms_of(session, profile)
        self._session = session
        self._budgets, self._zone = budgets, zone

    @property
    def _ledger(self) -> Ledger:
        """Opened once there is something to record, so that it is not made after that."""
        return self._session.lasting_ledger

    @property
    def prices(self) -> PriceBook:
        """The prices of the policies."""
        return self._terms.prices

    def reserve(
        self, request: Request, now: datetime, milliseconds: int, *, ttl_s: int = DEFAULT_TTL_S
    ) -> Reservation:
        """Ask for a part of the budgets; the answer is recorded, whatever it is.

        Args:
            request: What for.
            now: The decision's instant, whole seconds, UTC.
            milliseconds: Unix time, for the lease's id.
            ttl_s: How long the lease holds.

        Raises:
            UsageError: A lease that long is not given.
            PolicyError: OPA could not decide; nothing is held, and nothing recorded but, where
                a request was, that it failed.
            LedgerError: Nothing is held and nothing recorded.
            CommitError: It may or may not be held; it expires by itself.
        """
        if type(ttl_s) is not int or not 1 <= ttl_s <= LONGEST_TTL_S:
            raise UsageError(f"a lease of {ttl_s} s", f"1 to {LONGEST_TTL_S} seconds")
        session = self._session
        question = session.question(GATE, self._terms.profile, STAGE, now=now)
        subject = Subject(f"{request.provider}/{request.model}")
        lease_id = uuid7(milliseconds, session.runtime.random)
        # The Input is only known inside the transaction: it is the books.
        to_request = session.to_request(subject, None, decision_id=lease_id)
        (requested,) = session.request([to_request], question)
        attempt = Attempt(
            terms=self._terms,
            request=request,
            requested=requested,
            question=question,
            zone=self._zone,
            expires_at=write_time(now + timedelta(seconds=ttl_s)),
            budgets=self._budgets,
        )
        try:
            *_, place = self._ledger.transact(attempt)
        except PolicyError as error:
            if requested.recorded:
                session.record_failure(error, [subject.name], question, error.add_note)
            raise
        return replace(attempt.outcome, index=place.index, checkpoint=place.checkpoint)

    def settle(self, lease_id: str, spent: Usage, now: datetime) -> LeaseEnd:
        """Record what a lease turned out to use, also past its expiry; the same again is no more.

        Args:
            lease_id: As :meth:`reserve` gave it.
            spent: What was used; what it leaves out counts as it was granted.
            now: Whole seconds, UTC.

        Raises:
            NotRecordedError: No such lease.
            UsageError: It is settled with other amounts.
            LedgerError, CommitError: As :meth:`reserve`.
        """
        done: list[tuple[Lease, bool]] = []

        def work(state: State) -> Sequence[EntryDraft]:
            budget_state = BudgetState(state)
            before = transitions.known(budget_state, lease_id)
            used, cost = spent.amount(before, self.prices)
            after, new = transitions.settle(budget_state, lease_id, used)
            done.append((after, new))
            if not new:
                return []
            members = {"held": before.held.members, "cost": cost, **_settled(after)}
            return [self._event(BUDGET_SETTLED_TYPE, lease_id, after, now, members)]

        ended = _ending(lease_id, self._ledger.transact(work), done)
        return replace(ended, unpriced=spent.unpriced(done[0][0], self.prices))

    def release(self, lease_id: str, now: datetime) -> LeaseEnd:
        """Give back what a lease holds, unspent; a lease that holds nothing any more stays so.

        Raises:
            NotRecordedError: No such lease.
            UsageError: It is settled.
            LedgerError, CommitError: As :meth:`reserve`.
        """
        done: list[tuple[Lease, bool]] = []

        def work(state: State) -> Sequence[EntryDraft]:
            after, new = transitions.release(BudgetState(state), lease_id)
            done.append((after, new))
            if not new:
                return []
            members = {
                "charges": [{"budget": name, **after.granted.members} for name in after.budgets]
            }
            return [self._event(BUDGET_RELEASED_TYPE, lease_id, after, now, members)]

        return _ending(lease_id, self._ledger.transact(work), done)

    def reopen(self, reason: str, now: datetime) -> Reopening:
        """Let the clock's own day count again, where the newest is in the future of the clock.

        Args:
            reason: Why, in one line, for whoever reads the ledger.
            now: Whole seconds, UTC.

        Raises:
            UsageError: The newest day is not in the future, the ledger was past the clock's own
                before it, or there is no reason.
            LedgerError, CommitError: As :meth:`reserve`; no day was left.
        """
        if not reason.strip() or len(reason) > MOST_REASON or not reason.isprintable():
            raise UsageError(
                "the reason is empty, longer than a line, or not printable",
                f"say in 1 to {MOST_REASON} characters why the clock was ahead",
            )
        reached = ReachedDays.of(self._ledger.signed_entries().read())
        done: list[Reopening] = []

        def work(state: State) -> Sequence[EntryDraft]:
            budget_state = BudgetState(state)
            day, zones = budget_state.clocks_day(now, self._zone)
            left = transitions.reopen(budget_state, day, zones)
            if why := reached.why_not(day, left, zones):
                raise UsageError(
                    f"{day} does not count again: {why}",
                    "only the day that the clock had come to before it was ahead does: set the "
                    "clock right, or wait until it is",
                )
            at = write_time(now)
            held, missed = transitions.hold_again(budget_state, day, at)
            done.append(Reopening(left, day, tuple(held), missed, -1))
            members = {"at": at, "day": day, "from": left, "zones": zones, "held_again": held}
            predicate = PlainObject({**members, "reason": reason})
            return [event(BUDGET_REOPENED_TYPE, day, predicate, self._session.signer)]

        (place,) = self._ledger.transact(work)
        return replace(done[0], index=place.index)

    def documents(self) -> BudgetDocuments:
        """Return what is committed, for reading."""
        return BudgetDocuments(self._ledger.state())

    def _event(
        self, kind: str, lease_id: str, lease: Lease, now: datetime, members: dict[str, Json]
    ) -> EntryDraft:
        name = f"{lease.about['provider']}/{lease.about['model']}"
        at = {"at": write_time(now), "lease": lease_id, "day": lease.day, "for": dict(lease.about)}
        return event(kind, name, PlainObject({**at, **members}), self._session.signer)


def _settled(lease: Lease) -> dict[str, Json]:
    """What a settlement adds up to, per budget."""
    used = lease.used or NOTHING
    counted = [
        {"budget": budget, "within": within.members, "overrun": overrun.members}
        for budget, (within, overrun) in zip(lease.budgets, lease.counted, strict=True)
    ]
    return {"used": used.members, "counted": counted}


def _ending(
    lease_id: str, places: Sequence[AppendedEntry], done: Sequence[tuple[Lease, bool]]
) -> LeaseEnd:
    lease, new = done[0]
    overruns = [overrun for _, overrun in lease.counted]
    return LeaseEnd(
        lease=lease_id,
        state=lease.state,
        day=lease.day,
        used=lease.used,
        overrun=Amount(*map(max, zip(*overruns, strict=True))) if overruns else NOTHING,
        new=new,
        index=places[0].index if places else None,
        overruns=tuple(
            (budget, overrun)
            for budget, overrun in zip(lease.budgets, overruns, strict=False)
            if any(overrun)
        ),
    )
