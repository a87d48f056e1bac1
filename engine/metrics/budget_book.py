"""One budget on one day: what was granted, what came of it, and what fits. Pure.

``used = within + overrun + reserved``. Reservations are granted only while ``used`` plus what is
requested stays at or below the limit, so ``within + reserved <= limit`` holds after every step
(INV-BUDGET-3). What callers report beyond their reservation counts as ``within`` while it fits,
and else as ``overrun``: money that is gone without a grant, which blocks what comes after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.metrics.amounts import NOTHING, Amount, AmountLimits, amount_of
from engine.model import Json

DAILY = "daily"
"""Id of the budget that the settings say; it is for every request."""

RATIO_STEP = 0.0001
"""Smaller shares count as this one: nobody sets a limit there, and they cost a slower encoder."""


class Book(NamedTuple):
    """The account of one budget on one day.

    Attributes:
        limits: Limits of the day, as the newest grant knew them.
        within: Settled within what was granted or what there still was.
        overrun: Settled beyond both.
        reserved: Held by leases that are open.
    """

    limits: AmountLimits
    within: Amount = NOTHING
    overrun: Amount = NOTHING
    reserved: Amount = NOTHING

    @property
    def used(self) -> Amount:
        """Everything that is not left."""
        return self.within.plus(self.overrun).plus(self.reserved)

    def encode(self) -> bytes:
        """Return canonical JSON: each unit's counts in the order of ``UNITS``."""
        limits = ",".join("null" if limit is None else str(limit) for limit in self.limits)
        return (
            f'{{"limits":[{limits}],"overrun":[{_listed(self.overrun)}],'
            f'"reserved":[{_listed(self.reserved)}],"within":[{_listed(self.within)}]}}'
        ).encode()


def _listed(amount: Amount) -> str:
    return f"{amount.requests},{amount.tokens},{amount.usd_micros}"


def decode(body: bytes) -> Book:
    """Return the book that :meth:`Book.encode` wrote."""
    import orjson

    members = orjson.loads(body)
    return Book(
        AmountLimits(*members["limits"]),
        amount_of(members["within"]),
        amount_of(members["overrun"]),
        amount_of(members["reserved"]),
    )


Match = Mapping[str, str]
"""``provider``, ``model``, ``team``, ``tag``: what a request has to be to count; all of them."""


def covers(match: Match, about: Mapping[str, Json]) -> bool:
    """Whether a budget that is for ``match`` counts a request.

    Args:
        match: Of the budget; empty is every request.
        about: Whose request it is, as records write it.
    """
    return all(
        value in about.get("tags", ()) if key == "tag" else about.get(key) == value
        for key, value in match.items()
    )


def share(used: int, limit: int | None) -> int | float:
    """Return the share of ``limit`` in use; a budget of 0 is used up, no limit never is."""
    if limit is None or (used == 0 and limit > 0):
        return 0
    if limit in (used, 0):
        return 1
    ratio = used / limit
    return int(ratio) if ratio.is_integer() else max(ratio, RATIO_STEP)


def fits(used: int, amount: int, limit: int | None) -> bool:
    """Whether ``amount`` fits into what ``limit`` has left."""
    return limit is None or used + amount <= limit


def has_room(book: Book, amount: Amount) -> bool:
    """Whether ``amount`` fits into what ``book`` has left, in every unit."""
    return all(map(fits, book.used, amount, book.limits))


def reserve(book: Book, limits: AmountLimits, amount: Amount) -> Book:
    """Return ``book`` with ``amount`` held, under the limits of now; :func:`fits` came before."""
    return book._replace(limits=limits, reserved=book.reserved.plus(amount))


def give_back(book: Book, held: Amount) -> Book:
    """Return ``book`` without what a lease held: it was released, or it expired."""
    return book._replace(reserved=book.reserved.minus(held))


class SettledBook(NamedTuple):
    """A settlement in one budget: the book after it, and how the amount was counted."""

    book: Book
    within: Amount
    overrun: Amount


def settle(book: Book, held: Amount, used: Amount) -> SettledBook:
    """Return what becomes of ``book`` when a lease that holds ``held`` turns out as ``used``.

    Args:
        book: The budget on the lease's day.
        held: What the lease still holds; nothing once it has expired or was released.
        used: What was spent, whatever that is: it is never refused and never lost.
    """
    free = book.used.minus(held)
    within = Amount(
        *(
            amount if limit is None else min(amount, max(own, limit - others))
            for amount, limit, own, others in zip(used, book.limits, held, free, strict=True)
        )
    )
    overrun = used.minus(within)
    after = book._replace(
        within=book.within.plus(within),
        overrun=book.overrun.plus(overrun),
        reserved=book.reserved.minus(held),
    )
    return SettledBook(after, within, overrun)
