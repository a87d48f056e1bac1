from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from engine.calls.budget.prices import Price, PriceBook
from engine.calls.budget.token_usage import TokenUsage
from engine.policy.bundle import shipped_bundle
from engine.policy.tables import data
from tests.policy.tables.test_data import CHECKS
from tests.policy.toys import toy

ROWS = """\
prices:
  - {provider: acme, model: large, from: "2026-03-01", input: 2, output: "8"}
  - {provider: acme, model: large, from: "2026-01-01", input: "2.5",
     cached_input: "1.25", output: 10}
  - {provider: other, model: large, from: "2026-01-01", input: 0, output: 0}
"""
LARGE = Price(input=2_500_000, output=10_000_000, cached_input=1_250_000, cache_write=2_500_000)

counts = st.integers(0, 10**7)
usages = st.builds(TokenUsage, counts, counts, counts, counts)
amounts = st.integers(0, 10**8)
prices = st.builds(Price, amounts, amounts, amounts, st.none() | amounts)


def book(rows: str = ROWS) -> PriceBook:
    import json

    resolved = json.loads(data.resolve(toy({"prices/data.yaml": rows}), CHECKS))
    return PriceBook(resolved["prices"])


def test_a_price_holds_from_its_day_until_the_next() -> None:
    prices = book()

    assert prices.at("acme", "large", "2026-01-01") == LARGE
    assert prices.at("acme", "large", "2026-02-28") == LARGE
    assert prices.at("acme", "large", "2026-03-01") == Price(
        2_000_000, 8_000_000, 2_000_000, 2_000_000
    )
    assert prices.at("acme", "large", "2031-01-01") == prices.at("acme", "large", "2026-03-01")


def test_what_has_no_price_has_none() -> None:
    prices = book()

    assert prices.at("acme", "large", "2025-12-31") is None
    assert prices.at("acme", "Large", "2026-02-01") is None
    assert prices.at("nobody", "large", "2026-02-01") is None
    assert PriceBook(shipped_bundle().data["prices"]).providers() == []


def test_what_is_free_says_so() -> None:
    assert book().at("other", "large", "2026-02-01") == Price(0, 0, 0, 0)


def test_a_book_says_what_it_prices() -> None:
    assert book().providers() == ["acme", "other"]
    assert book().models("acme") == ["large"]


def test_a_cost_is_in_micro_dollars() -> None:
    usage = TokenUsage(input_tokens=1000, output_tokens=100, cached_tokens=2000)

    assert LARGE.cost(usage) == 2500 + 1000 + 2500


@given(prices, usages)
def test_a_cost_is_rounded_up_once(price: Price, usage: TokenUsage) -> None:
    write = price.input if price.cache_write is None else price.cache_write
    exact = Fraction(
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cached_tokens * price.cached_input
        + usage.cache_write_tokens * write,
        1_000_000,
    )

    assert 0 <= price.cost(usage) - exact < 1


@given(prices, usages, usages)
def test_two_calls_never_cost_less_than_both_together(
    price: Price, one: TokenUsage, two: TokenUsage
) -> None:
    both = TokenUsage(
        one.input_tokens + two.input_tokens,
        one.output_tokens + two.output_tokens,
        one.cached_tokens + two.cached_tokens,
        one.cache_write_tokens + two.cache_write_tokens,
    )

    assert 0 <= price.cost(one) + price.cost(two) - price.cost(both) <= 1


@given(st.integers(1, 10**9))
def test_the_smallest_use_of_what_has_a_price_is_not_free(amount: int) -> None:
    assert Price(amount, amount, amount).cost(TokenUsage(1, 0)) >= 1
