"""What the ledger's entries add up to: each budget entry, counted again from its own words.

Only what is signed is read, and an entry's own words are held against what they follow from
(:class:`engine.specs.conform.claims.Claims`). Nothing here asks how the tracker counts. An entry
that does not follow from those before it, or that grants more than its budget had left, is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from engine.calls.budget.lease import EXPIRED, OPEN, RELEASED, SETTLED, Lease
from engine.calls.budget.state import BudgetState
from engine.calls.budget.transitions import MOST_HELD_AGAIN
from engine.errors import VerificationError
from engine.ledger import Ledger, State
from engine.metrics.amounts import NOTHING, UNITS, Amount, AmountLimits
from engine.metrics.budget_book import Book, has_room
from engine.model import (
    BUDGET_EXPIRED_TYPE,
    BUDGET_RELEASED_TYPE,
    BUDGET_REOPENED_TYPE,
    BUDGET_SETTLED_TYPE,
    DECISION_TYPES,
    Json,
)
from engine.specs.conform.claims import Claims


class Entries:
    """Adds up the budget entries of a ledger, in order.

    Args:
        ledger: Whose.
        state: Empty; what they add up to is put there, as the tracker keeps it.
        public_keys: Raw keys that may have signed; without any it is the key in entry 0.
    """

    def __init__(self, ledger: Ledger, state: State, public_keys: Sequence[bytes] = ()) -> None:
        self.counted = 0
        self._claims, self._state = (
            Claims(ledger, public_keys, only_budgets=True),
            BudgetState(state),
        )

    @property
    def size(self) -> int:
        """How many entries of the ledger were read."""
        return self._claims.size

    def advance(self, stop: int) -> None:
        """Take in the entries up to, not including, ``stop``.

        Raises:
            VerificationError: One is not signed by a key of the ledger, says of itself what is
                not so, or does not follow from those before it; names it.
        """
        for index, statement in self._claims.read(stop):
            self._take(index, statement)
            if (found := self._claims.contradicted) is not None:
                _wrong(found.entry, f"says what does not follow ({found.promise}): {found.reason}")

    def matches(self, day: str, budget: str) -> list[dict[str, str]] | None:
        """Return for what requests a budget has counted on a day; None where nobody knows it."""
        return self._claims.matches(day, budget)

    def _take(self, index: int, statement: Mapping[str, Json]) -> None:
        predicate, kind = statement["predicate"], statement["predicateType"]
        try:
            if kind in DECISION_TYPES and "reservation" in predicate:
                self._reserved(index, predicate)
            elif kind == BUDGET_SETTLED_TYPE:
                self._settled(index, predicate)
            elif kind == BUDGET_RELEASED_TYPE:
                self._released(index, predicate)
            elif kind == BUDGET_EXPIRED_TYPE:
                self._take_back(index, predicate["leases"], predicate["at"])
            elif kind == BUDGET_REOPENED_TYPE:
                self._reopened(index, predicate)
            else:
                return
        except (LookupError, TypeError, ValueError) as error:
            _wrong(index, f"is not whole: {error!r}")
        self.counted += 1

    def _reserved(self, index: int, predicate: Mapping[str, Json]) -> None:
        reservation = predicate["reservation"]
        day = reservation["day"]
        if day < self._state.day():
            _wrong(index, f"counts against {day}, and {self._state.day()} had begun")
        self._state.put_day(day)
        self._take_back(index, reservation["expired"], predicate["decided_at"])
        charges = reservation["charges"]
        if bool(charges) != (predicate["verdict"] == "ALLOW"):
            _wrong(index, f"says {predicate['verdict']}, with {len(charges)} charges")
        for charge in charges:
            self._charge(index, charge, reservation)
        if charges:
            amount = _amount(charges[0])
            if any(_amount(charge) != amount for charge in charges):
                _wrong(index, "holds another amount in one budget than in another")
            names = tuple(charge["budget"] for charge in charges)
            lease = Lease(OPEN, day, reservation["expires_at"], names, amount, reservation["for"])
            if self._state.lease(predicate["decision_id"]) is not None:
                _wrong(index, f"grants lease {predicate['decision_id']} again")
            self._state.put_lease(predicate["decision_id"], lease)

    def _take_back(self, index: int, leases: Sequence[str], at: str) -> None:
        for lease_id in leases:
            lease = self._lease(index, lease_id)
            if lease.state != OPEN or lease.expires_at > at:
                _wrong(index, f"takes back lease {lease_id}, which is {lease.state} and not due")
            self._become(lease_id, lease, EXPIRED, reserved=Amount.minus)

    def _charge(
        self, index: int, charge: Mapping[str, Json], reservation: Mapping[str, Json]
    ) -> None:
        day, name, amount = reservation["day"], charge["budget"], _amount(charge)
        limits = AmountLimits(*(charge["limits"][unit] for unit in UNITS))
        book = self._state.book(day, name)
        if (name in reservation["opened"]) != (book is None):
            _wrong(index, f"opens budget {name!r} on {day} again, or did not open it")
        book = Book(limits) if book is None else book._replace(limits=limits)
        for unit, limit, used, more in zip(UNITS, limits, book.used, amount, strict=True):
            if limit is not None and used + more > limit:
                _wrong(index, f"grants {more} {unit} of {name!r}: {used} of {limit} are in use")
        self._state.put_book(day, name, book._replace(reserved=book.reserved.plus(amount)))

    def _settled(self, index: int, predicate: Mapping[str, Json]) -> None:
        lease_id, used, held = (
            predicate["lease"],
            _amount(predicate["used"]),
            _amount(predicate["held"]),
        )
        lease = self._lease(index, lease_id)
        if lease.state == SETTLED or held != lease.held or predicate["day"] != lease.day:
            _wrong(index, f"settles lease {lease_id}, which is {lease.state}, as if it were not")
        if tuple(share["budget"] for share in predicate["counted"]) != lease.budgets:
            _wrong(index, f"settles lease {lease_id} in other budgets than it was granted in")
        counted = []
        for share in predicate["counted"]:
            within, overrun = _amount(share["within"]), _amount(share["overrun"])
            if within.plus(overrun) != used or min(*within, *overrun) < 0:
                _wrong(index, f"counts lease {lease_id} in {share['budget']!r} as other than used")
            book = self._book(index, lease, share["budget"])
            if within != _most_within(book, held, used):
                _wrong(index, f"counts lease {lease_id} in {share['budget']!r} other than it fits")
            after = book._replace(
                within=book.within.plus(within),
                overrun=book.overrun.plus(overrun),
                reserved=book.reserved.minus(held),
            )
            self._state.put_book(lease.day, share["budget"], after)
            counted.append((within, overrun))
        after_lease = lease._replace(state=SETTLED, used=used, counted=tuple(counted))
        self._state.put_lease(lease_id, after_lease)

    def _released(self, index: int, predicate: Mapping[str, Json]) -> None:
        lease = self._lease(index, predicate["lease"])
        if lease.state != OPEN or any(
            _amount(charge) != lease.granted for charge in predicate["charges"]
        ):
            _wrong(index, f"releases lease {predicate['lease']}, which is {lease.state}")
        self._become(predicate["lease"], lease, RELEASED, reserved=Amount.minus)

    def _reopened(self, index: int, predicate: Mapping[str, Json]) -> None:
        left, newest = predicate["from"], self._state.day()
        if left != newest:
            _wrong(index, f"leaves {left}, and {newest or 'no day'} was the newest")
        day, now = predicate["day"], predicate["at"]
        self._state.put_day(day)
        if "held_again" not in predicate:  # written before leases held again
            return
        held: list[str] = []
        for lease_id, lease in self._state.leases():
            taken = lease.state == EXPIRED and lease.expires_at > now and lease.day <= day
            if not taken or len(held) == MOST_HELD_AGAIN:
                continue
            books = [self._book(index, lease, name) for name in lease.budgets]
            if all(has_room(book, lease.granted) for book in books):
                held.append(lease_id)
                self._become(lease_id, lease, OPEN, reserved=Amount.plus)
        if held != predicate["held_again"]:
            _wrong(index, f"lets other leases hold again than {held or 'none'}")

    def _become(
        self,
        lease_id: str,
        lease: Lease,
        state: str,
        *,
        reserved: Callable[[Amount, Amount], Amount],
    ) -> None:
        """Put a lease into ``state``; ``reserved`` adds its grant to its books or takes it away."""
        for name in lease.budgets:
            book = self._book(-1, lease, name)
            after = book._replace(reserved=reserved(book.reserved, lease.granted))
            self._state.put_book(lease.day, name, after)
        self._state.put_lease(lease_id, lease._replace(state=state))

    def _lease(self, index: int, lease_id: str) -> Lease:
        lease = self._state.lease(lease_id)
        if lease is None:
            _wrong(index, f"is about lease {lease_id}, which no entry before it grants")
        return lease

    def _book(self, index: int, lease: Lease, name: str) -> Book:
        book = self._state.book(lease.day, name)
        if book is None:
            _wrong(index, f"is about budget {name!r} on {lease.day}, which no entry opened")
        return book


def _most_within(book: Book, held: Amount, used: Amount) -> Amount:
    """What of ``used`` was granted, or has room beside everything else."""
    within = []
    for place, limit in enumerate(book.limits):
        others = book.within[place] + book.overrun[place] + book.reserved[place] - held[place]
        room = used[place] if limit is None else max(limit - others, held[place])
        within.append(min(used[place], room))
    return Amount(*within)


def _amount(members: Mapping[str, Json]) -> Amount:
    amount = Amount(*(members[unit] for unit in UNITS))
    if any(type(count) is not int for count in amount) or min(amount) < min(NOTHING):
        raise ValueError(f"{members} is no amount")
    return amount


def _wrong(index: int, what: str) -> NoReturn:
    raise VerificationError(
        f"entry {index} {what}", "see it: engine ledger show; who wrote it: engine ledger verify"
    )
