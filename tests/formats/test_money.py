from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formats.money import MOST_MICROS, ceil_micros, dollars, micros

amounts = st.integers(0, MOST_MICROS)


@given(amounts)
def test_money_survives_being_written(amount: int) -> None:
    assert micros(dollars(amount)) == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", 0), ("1", 1_000_000), ("1.25", 1_250_000), ("0.000001", 1), ("2.5000000", 2_500_000)],
)
def test_dollars_are_read_exactly(text: str, amount: int) -> None:
    assert micros(text) == amount


@pytest.mark.parametrize(
    "text",
    ["", ".5", "5.", "-1", "+1", "1e3", "1_000", "1,5", "nan", " 1", "1\n", "٣", "0.0000001"],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        micros(text)


def test_an_amount_that_nobody_means_is_refused() -> None:
    assert micros("1000000000") == MOST_MICROS
    with pytest.raises(ValueError, match="more than"):
        micros("1000000000.000001")
    with pytest.raises(ValueError, match="not an amount"):
        micros("9" * 5000)


@given(st.decimals(0, 10**9, allow_nan=False, allow_infinity=False))
def test_a_cost_is_rounded_up_and_by_less_than_a_micro_dollar(usd: Decimal) -> None:
    over = ceil_micros(usd) - usd * 1_000_000

    assert 0 <= over < 1


@pytest.mark.parametrize("usd", ["-0.1", "NaN", "Infinity"])
def test_a_cost_that_is_none_is_refused(usd: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        ceil_micros(Decimal(usd))


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00"), (1, "0.000001"), (-1, "-0.000001"), (12_500_000, "12.50"), (-(10**7), "-10.00")],
)
def test_dollars_are_shown_with_two_decimals_or_more(amount: int, text: str) -> None:
    assert dollars(amount) == text
