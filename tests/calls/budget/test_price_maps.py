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
        ({"litellm_provider": "acme", "output_cost_per_image": 0.06}, "it also costs output_cost"),
        (entry(input_cost_per_image=0.01), "it also costs input_cost_per_image"),
        (entry(input_cost_per_request=0.01), "it also costs input_cost_per_request"),
        (entry(input_cost_per_second=0.01), "it also costs input_cost_per_second"),
        (entry(cost_per_moonbeam=0.01), "it also costs cost_per_moonbeam"),
        (entry(tiered_pricing=["x"]), "tiered_pricing has a tier that is none"),
        (entry(tiered_pricing=[{"input_cost_per_query": 1}]), "it also costs input_cost_per_query"),
        (entry(search_context_cost_per_query={}), "search_context_cost_per_query is no object"),
        (
            entry(search_context_cost_per_query={"low": -1}),
            "search_context_cost_per_query.low is -1",
        ),
        (
            entry(litellm_provider="perplexity", search_context_cost_per_query={"low": 0.005}),
            "it also costs search_context_cost_per_query, at every call",
        ),
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


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("input_cost_per_token_priority", "input"),
        ("input_cost_per_token_batches", "input"),
        ("input_cost_per_token_batch_requests", "input"),
        ("input_cost_per_token_flex", "input"),
        ("input_cost_per_token_above_272k_tokens_priority", "input"),
        ("output_cost_per_token_above_200k_tokens", "output"),
        ("cache_creation_input_token_cost_above_1hr_above_200k_tokens", "cache_write"),
        ("cache_read_input_token_cost_priority", "cached_input"),
        ("input_cost_per_token_cache_hit", "cached_input"),
        ("input_cost_per_audio_token_priority", "audio_input"),
        ("cache_creation_input_audio_token_cost", "audio_input"),
        ("cache_read_input_token_cost_per_audio_token", "audio_input"),
        ("output_cost_per_audio_token", "audio_output"),
        ("input_cost_per_image_token", "image_input"),
        ("output_cost_per_image_token_batches", "image_output"),
    ],
)
def test_every_tier_and_every_kind_of_token_counts(key: str, kind: str) -> None:
    (taken,) = take({"large": entry(**{key: 9e-05})}, DAY).rows

    assert getattr(taken, kind) == 90_000_000


def test_an_image_is_priced_where_the_map_counts_it_in_tokens() -> None:
    (blind,) = take({"large": entry()}, DAY).rows
    (seeing,) = take({"large": entry(supports_vision=True)}, DAY).rows

    assert (blind.image_input, seeing.image_input) == (None, 2_500_000)


def test_the_dearest_search_counts_per_thousand() -> None:
    sizes = {"search_context_size_low": 0.025, "search_context_size_high": 0.035}
    (taken,) = take({"large": entry(search_context_cost_per_query=sizes)}, DAY).rows

    assert taken.search == 35_000_000


def test_the_same_in_another_unit_is_no_second_price() -> None:
    more = {"input_dbu_cost_per_token": 3.5e-05, "output_dbu_cost_per_token": 1}

    assert take({"large": entry(**more)}, DAY).rows == (row(),)


def test_two_entries_of_one_model_are_one_row() -> None:
    dear = entry(input_cost_per_token=3e-06)
    taken = take({"acme/large": dear, "large": entry()}, DAY)

    assert taken.rows == (row("large", DAY, 3_000_000, 3_000_000, 3_000_000, 10_000_000),)
    assert taken.dearest == ("large",)
    assert take({"acme/large": dear, "large": dear}, DAY).dearest == ()


def test_only_what_was_asked_for_is_taken() -> None:
    prices = {"large-1": entry(), "small": entry(), "large-2": entry(litellm_provider="other")}

    names = [taken.model for taken in take(prices, DAY, providers=["acme"], models=["large*"]).rows]
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
    *[st.none() | amounts] * 5,
)


@given(st.lists(rows, max_size=8, unique_by=lambda made: made[:3]))
def test_what_is_written_is_read_back(given: list[PriceRow]) -> None:
    aliases = {row.provider: {f"{row.model}-latest": row.model} for row in given}
    text = written(sorted(given, key=lambda row: row[:3]), "A test.", aliases).decode()
    resolved = json.loads(data.resolve(toy({"prices/data.yaml": text}), CHECKS))

    assert rows_of(resolved["prices"]) == sorted(given, key=lambda row: row[:3])
    assert resolved["prices"].get("aliases", {}) == aliases
