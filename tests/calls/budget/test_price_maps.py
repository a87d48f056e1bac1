from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calls.budget.price_maps import PriceRow, merged, rows_of, take, written
from engine.policy.tables import data
from tests.policy.tables.test_data import CHECKS
from tests.policy.toys import toy

DAY = "2026-11-21"


def entry(**more: Any) -> dict[str, Any]:
    """A model as the map has it."""
    return {
        "litellm_provider": "acme",
        "mode": "chat",
        "max_tokens": 4096,
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        **more,
    }


def row(model: str = "large", day: str = DAY, *amounts: int) -> PriceRow:
    return PriceRow("acme", model, day, *(amounts or (2_500_000, 2_500_000, 2_500_000, 10_000_000)))


def test_a_model_that_is_paid_by_the_token_is_taken() -> None:
    cached = entry(cache_read_input_token_cost=1.25e-06, cache_creation_input_token_cost=3.125e-06)
    taken = take({"acme/large": cached, "small": entry()}, DAY)

    assert taken.rows == (
        row("large", DAY, 2_500_000, 1_250_000, 3_125_000, 10_000_000),
        row("small"),
    )
    assert (taken.left, taken.dearest, taken.free) == ((), (), ())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"litellm_provider": "acme", "output_cost_per_image": 0.06}, "no input_cost_per_token"),
        ({"litellm_provider": "acme", "input_cost_per_token": 1e-6}, "no output_cost_per_token"),
        (entry(output_cost_per_token=None), "no output_cost_per_token"),
        (entry(litellm_provider=None), "no litellm_provider"),
        (entry(litellm_provider="a/b"), "no litellm_provider"),
        (entry(input_cost_per_token=-1), "input_cost_per_token is -1, which is no price"),
        (entry(input_cost_per_token="1e-6"), 'input_cost_per_token is "1e-6", which is no price'),
        (entry(input_cost_per_token=True), "input_cost_per_token is true, which is no price"),
        (entry(output_cost_per_token=2_000), "output_cost_per_token is 2000, which nobody asks"),
        (entry(cache_read_input_token_cost=-1e-9), "cache_read_input_token_cost is -1e-09"),
    ],
)
def test_what_the_map_does_not_say_is_no_price_of_zero(said: dict[str, Any], reason: str) -> None:
    taken = take({"large": said}, DAY)

    assert taken.rows == ()
    ((model, why),) = taken.left
    assert model == "large"
    assert why.startswith(reason)


def test_free_is_believed_only_when_asked_to() -> None:
    prices = {"large": entry(input_cost_per_token=0, output_cost_per_token=0)}

    assert take(prices, DAY).rows == ()
    assert take(prices, DAY).free == ("large",)
    assert take(prices, DAY, free=True).rows == (row("large", DAY, 0, 0, 0, 0),)


def test_an_embedding_costs_nothing_for_what_it_does_not_put_out() -> None:
    prices = {"embed": entry(input_cost_per_token=1e-08, output_cost_per_token=0)}

    assert take(prices, DAY).rows == (row("embed", DAY, 10_000, 10_000, 10_000, 0),)


@pytest.mark.parametrize(
    ("more", "amounts"),
    [
        ({"input_cost_per_token_above_200k_tokens": 5e-06}, (5_000_000, 5_000_000, 5_000_000)),
        ({"output_cost_per_reasoning_token": 9e-05}, (2_500_000, 2_500_000, 2_500_000)),
        (
            {
                "cache_creation_input_token_cost": 3e-06,
                "cache_creation_input_token_cost_above_1hr": 6e-06,
            },
            (2_500_000, 2_500_000, 6_000_000),
        ),
        (
            {"tiered_pricing": [{"range": [0, 1], "input_cost_per_token": 7e-06}]},
            (7_000_000, 7_000_000, 7_000_000),
        ),
    ],
)
def test_of_several_prices_the_dearest_is_taken(
    more: dict[str, Any], amounts: tuple[int, int, int]
) -> None:
    taken = take({"large": entry(**more)}, DAY)

    assert taken.dearest == ("large",)
    output = 90_000_000 if "output_cost_per_reasoning_token" in more else 10_000_000
    assert taken.rows == (row("large", DAY, *amounts, output),)


def test_prices_of_other_services_do_not_count() -> None:
    more = {"input_cost_per_token_batches": 9, "input_cost_per_audio_token": 9}

    assert take({"large": entry(**more)}, DAY).rows == (row(),)


def test_two_entries_of_one_model_are_one_row() -> None:
    dear = entry(input_cost_per_token=3e-06)
    taken = take({"acme/large": dear, "large": entry()}, DAY)

    assert taken.rows == (row("large", DAY, 3_000_000, 3_000_000, 3_000_000, 10_000_000),)
    assert taken.dearest == ("large",)
    assert take({"acme/large": dear, "large": dear}, DAY).dearest == ()


def test_only_what_was_asked_for_is_taken() -> None:
    prices = {"large-1": entry(), "small": entry(), "large-2": entry(litellm_provider="other")}

    names = [one.model for one in take(prices, DAY, providers=["acme"], models=["large*"]).rows]
    assert names == ["large-1"]
    assert take({"sample_spec": entry(), "notes": "text"}, DAY).rows == ()


def test_a_new_day_is_added_only_where_the_price_changed() -> None:
    old = [row("a", "2026-01-01"), row("b", "2026-01-01"), row("gone", "2026-01-01")]
    dearer = row("b", DAY, 3, 3, 3, 3)

    assert merged(old, [row("a"), dearer]) == [old[0], old[1], dearer, old[2]]
    assert merged(merged(old, [row("a"), dearer]), [row("a"), row("b")]) == old
    later = row("a", "2027-01-01", 4, 4, 4, 4)
    assert merged([*old, later], [dearer]) == [old[0], later, old[1], dearer, old[2]]


amounts = st.integers(0, 10**12)
rows = st.builds(
    PriceRow,
    st.sampled_from(["acme", "b'c", 'd"e', "ümlaut"]),
    st.sampled_from(["large", "a/b:c", "1.5", "null", "x#y", "{z}"]),
    st.sampled_from(["2026-01-01", "2026-02-28"]),
    amounts,
    amounts,
    amounts,
    amounts,
)


@given(st.lists(rows, max_size=8, unique_by=lambda one: one[:3]))
def test_what_is_written_is_read_back(given: list[PriceRow]) -> None:
    text = written(sorted(given), "A test.").decode()
    resolved = json.loads(data.resolve(toy({"prices/data.yaml": text}), CHECKS))

    assert rows_of(resolved["prices"]) == sorted(given)
