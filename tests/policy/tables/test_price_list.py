from __future__ import annotations

import json

import pytest

from engine.errors import ConfigError
from engine.model import Json
from engine.policy.tables import data
from tests.policy.tables.test_data import CHECKS
from tests.policy.toys import toy

ROW = 'prices:\n  - {provider: acme, model: large, from: "2026-01-31", input: "2.5", output: 10}\n'


def resolved(text: str) -> Json:
    return json.loads(data.resolve(toy({"prices/data.yaml": text}), CHECKS))["prices"]


def test_prices_are_micro_dollars_per_million_tokens() -> None:
    assert resolved(ROW) == {
        "prices": [
            {
                "provider": "acme",
                "model": "large",
                "from": "2026-01-31",
                "input_usd_micros": 2_500_000,
                "output_usd_micros": 10_000_000,
                "cached_input_usd_micros": 2_500_000,
                "cache_write_usd_micros": 2_500_000,
            }
        ]
    }


def test_rows_are_in_order_whatever_order_they_were_written_in() -> None:
    older = ROW.splitlines()[1].replace("2026-01-31", "2025-01-31")

    assert [row["from"] for row in resolved(f"{ROW}{older}\n")["prices"]] == [
        "2025-01-31",
        "2026-01-31",
    ]


@pytest.mark.parametrize("text", ["{}", "prices: []"])
def test_a_list_may_be_empty(text: str) -> None:
    assert resolved(text) == {"prices": []}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("input:", "imput:", "key 'imput' is not known here.*did you mean 'input'"),
        ("prices:", "price:", "key 'price' is not known here.*did you mean 'prices'"),
        (", output: 10", "", "key 'output' is missing"),
        ('"2026-01-31"', "20260131", "a text is expected"),
        ('"2026-01-31"', '"2026-02-30"', "no day of any calendar"),
        ('"2.5"', '"2,5"', "not an amount of US dollars.*per million tokens"),
        ('"2.5"', "-2", "not an amount of US dollars"),
        ('"2.5"', "0.0000025", "not an amount|more than 6 decimals"),
        ('"2.5"', '"0.0000025"', "more than 6 decimals"),
        ('"2.5"', "true", "a text is expected"),
        ('"2.5"', "", "nothing where a text is expected"),
        ("model: large", "model: ''", "a text is expected"),
        ("model: large", "model: la rge", "a text is expected"),
        ("output: 10", "output: 10, until: x", "key 'until' is not known here"),
    ],
)
def test_a_row_that_is_wrong_is_named_by_its_place(old: str, new: str, words: str) -> None:
    assert old in ROW
    with pytest.raises(ConfigError, match=f"(?s){words}") as caught:
        resolved(ROW.replace(old, new))
    assert caught.value.message.startswith("prices/data.yaml:")


def test_two_prices_of_one_model_from_one_day_are_an_error() -> None:
    again = ROW.splitlines()[1].replace("2.5", "3")
    with pytest.raises(ConfigError, match="acme/large has a price from 2026-01-31 already"):
        resolved(f"{ROW}{again}\n")
