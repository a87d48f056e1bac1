"""One budget's account: what fits, what is counted how, and that nothing is ever lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.metrics import budget_book as book
from engine.metrics.amounts import NOTHING, Amount, AmountLimits
from engine.metrics.budget_book import Book


def usd(amount: int) -> Amount:
    return Amount(0, 0, amount)


def account(limit: int | None, within: int = 0, overrun: int = 0, reserved: int = 0) -> Book:
    return Book(AmountLimits(None, None, limit), usd(within), usd(overrun), usd(reserved))


@pytest.mark.parametrize(
    ("used", "limit", "expected"),
    [
        (0, 100, 0),
        (95, 100, 0.95),
        (100, 100, 1),
        (150, 100, 1.5),
        (300, 100, 3),
        (0, 0, 1),
        (7, 0, 1),
        (1, 10**9, 0.0001),
        (10**15 - 1, 10**15, (10**15 - 1) / 10**15),
        (5, None, 0),
    ],
)
def test_the_share_in_use(used: int, limit: int | None, expected: float) -> None:
    """A budget of 0 is used up, whatever was spent; no limit never is."""
    assert book.share(used, limit) == expected
    assert type(book.share(used, limit)) is type(expected)


def test_what_fits_is_told_to_the_last_coin() -> None:
    """INV-BUDGET-3: also where a ratio of two doubles could not tell."""
    assert book.fits(2**53 - 2, 1, 2**53 - 1)
    assert not book.fits(2**53 - 2, 2, 2**53 - 1)
    assert not book.fits(0, 1, 0)
    assert book.fits(10**18, 10**18, None)


@pytest.mark.parametrize(
    ("before", "held", "used", "within", "overrun"),
    [
        (account(100, reserved=30), 30, 20, 20, 0),
        (account(100, reserved=30), 30, 30, 30, 0),
        (account(100, reserved=30), 30, 90, 90, 0),
        (account(100, reserved=30), 30, 101, 100, 1),
        (account(100, within=60, reserved=40), 30, 35, 30, 5),
        (account(100, within=60, reserved=35), 30, 36, 35, 1),
        (account(100, within=90, reserved=0), 0, 25, 10, 15),
        (account(100, within=90, overrun=20, reserved=10), 10, 12, 10, 2),
        (account(0), 0, 5, 0, 5),
        (account(None, reserved=30), 30, 10**15, 10**15, 0),
    ],
)
def test_a_settlement_counts_within_what_was_granted_or_is_left(
    before: Book, held: int, used: int, within: int, overrun: int
) -> None:
    """INV-BUDGET-8, INV-BUDGET-11: what does not fit is counted all the same."""
    settled = book.settle(before, usd(held), usd(used))

    assert (settled.within, settled.overrun) == (usd(within), usd(overrun))
    assert settled.book.used == before.used.minus(usd(held)).plus(usd(used))


def test_a_grant_sets_the_limits_that_settlements_are_counted_by() -> None:
    lowered = AmountLimits(None, None, 50)
    granted = book.reserve(account(100, within=10), lowered, usd(20))

    assert granted == account(50, within=10, reserved=20)


_AMOUNTS = st.integers(0, 12)
_STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "settle", "late", "return"]), _AMOUNTS, st.integers(0, 9))
)


@given(st.integers(0, 30), _STEPS)
def test_no_order_of_steps_takes_a_budget_past_its_limit(
    limit: int, steps: list[tuple[str, int, int]]
) -> None:
    """INV-BUDGET-3, INV-BUDGET-9: within + reserved <= limit, and every coin is somewhere."""
    there, held, spent = account(limit), list[int](), 0
    for action, amount, which in steps:
        own = held[which % len(held)] if held else None
        if action == "reserve" and book.fits(there.used.usd_micros, amount, limit):
            there = book.reserve(there, there.limits, usd(amount))
            held.append(amount)
        elif action == "late":
            there, spent = book.settle(there, NOTHING, usd(amount)).book, spent + amount
        elif own is not None and action in ("settle", "return"):
            held.remove(own)
            if action == "return":
                there = book.give_back(there, usd(own))
            else:
                there, spent = book.settle(there, usd(own), usd(amount)).book, spent + amount
        assert there.within.usd_micros + there.reserved.usd_micros <= limit
        assert there.reserved.usd_micros == sum(held)
        assert there.within.usd_micros + there.overrun.usd_micros == spent
        assert min(*there.within, *there.overrun, *there.reserved) >= 0


@given(st.tuples(*[st.integers(0, 2**53 - 1)] * 9), st.tuples(*[st.none() | st.integers(0, 9)] * 3))
def test_a_book_is_read_as_it_was_written(
    counts: tuple[int, ...], limits: tuple[int | None, ...]
) -> None:
    written = Book(AmountLimits(*limits), *(Amount(*counts[at : at + 3]) for at in (0, 3, 6)))
    assert book.decode(written.encode()) == written
