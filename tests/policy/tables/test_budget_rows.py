"""Budgets as the policies' source writes them."""

from __future__ import annotations

import json

import pytest

from engine.errors import ConfigError
from engine.model import Json
from engine.policy.tables import data
from tests.policy.tables.test_data import CHECKS
from tests.policy.toys import toy

ROW = (
    "budgets:\n  - {id: search, match: {team: search, tag: night}, "
    "usd: 12.5, tokens: none, requests: 20000}\n"
)


def resolved(text: str) -> Json:
    return json.loads(data.resolve(toy({"budgets/data.yaml": text}), CHECKS))["budgets"]


def test_every_unit_is_a_number_or_none_and_money_is_micro_dollars() -> None:
    assert resolved(ROW) == [
        {
            "id": "search",
            "match": {"team": "search", "tag": "night"},
            "limits": {"requests": 20000, "tokens": None, "usd_micros": 12_500_000},
        }
    ]


def test_there_may_be_no_budgets_at_all() -> None:
    """INV-BUDGET-4: then nothing has a limit, and the gate denies it."""
    assert resolved("budgets: []") == []
    assert json.loads(data.resolve(toy(), CHECKS))["budgets"] == []


def test_nothing_is_a_budget_and_it_may_be_for_everything() -> None:
    (row,) = resolved("budgets: [{id: all, match: {}, usd: 0, tokens: 0, requests: 0}]")
    assert row["match"] == {}
    assert row["limits"] == {"requests": 0, "tokens": 0, "usd_micros": 0}


def test_the_smallest_coin_is_kept_and_an_amount_may_be_text() -> None:
    assert resolved(ROW.replace("12.5", "0.000001"))[0]["limits"]["usd_micros"] == 1
    assert resolved(ROW.replace("12.5", '"7.10"'))[0]["limits"]["usd_micros"] == 7_100_000


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (", requests: 20000", "", "key 'requests' is missing"),
        ("tokens: none", "tokens: null", "a whole number, or `none`"),
        ("tokens: none", "tokens: 1.5", "a whole number, or `none`"),
        ("tokens: none", "tokens: -1", "whole number from 0"),
        ("tokens: none", "tokens: true", "whole number from 0"),
        ("tokens: none", "tokens: 9007199254740992", "9007199254740992"),
        ("usd: 12.5", "usd: -1", "not an amount of US dollars"),
        ("usd: 12.5", "usd: 0.0000001", "US dollars"),
        ("usd: 12.5", "usd: null", "a text is expected"),
        ("team:", "teem:", "did you mean 'team'"),
        ("team: search", "team: 7", "a text is expected"),
        ("id: search", "id: Search", "text is expected"),
        ("id: search", 'id: "a/b"', "text is expected"),
        ("budgets:", "budget:", "did you mean 'budgets'"),
    ],
)
def test_a_row_that_is_not_whole_is_refused(old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"(?s)budgets/data.yaml:\d.*{words}|{words}"):
        resolved(ROW.replace(old, new, 1))


def test_two_budgets_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        resolved(ROW + ROW.splitlines()[1] + "\n")
