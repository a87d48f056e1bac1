from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calls.budget import usage_forms
from engine.calls.budget.token_usage import TokenUsage
from engine.errors import UsageError

counts = st.integers(0, 10**9)


def test_openai_tells_cached_tokens_inside_the_prompt() -> None:
    told = {
        "prompt_tokens": 2006,
        "completion_tokens": 300,
        "total_tokens": 2306,
        "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 200},
    }

    usage = usage_forms.read(told)

    assert usage == TokenUsage(input_tokens=86, output_tokens=300, cached_tokens=1920)
    assert usage.tokens == 2306


def test_openais_second_form_does_too() -> None:
    told = {"input_tokens": 75, "input_tokens_details": {"cached_tokens": 25}, "output_tokens": 5}

    assert usage_forms.read(told) == TokenUsage(50, 5, 25)


def test_anthropic_tells_them_beside_it() -> None:
    told = {
        "input_tokens": 21,
        "cache_creation_input_tokens": 188086,
        "cache_read_input_tokens": 1000,
        "output_tokens": 393,
        "service_tier": "standard",
    }

    usage = usage_forms.read(told)

    assert usage == TokenUsage(21, 393, 1000, 188086)
    assert usage.tokens == 189_500


@given(counts, counts, counts)
def test_the_same_call_counts_the_same_in_either_form(fresh: int, cached: int, out: int) -> None:
    inside = {
        "prompt_tokens": fresh + cached,
        "completion_tokens": out,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    beside = {"input_tokens": fresh, "output_tokens": out, "cache_read_input_tokens": cached}

    assert usage_forms.read(inside) == usage_forms.read(beside) == TokenUsage(fresh, out, cached)


@given(st.tuples(counts, counts, counts, counts))
def test_a_usage_is_read_back_from_its_own_members(parts: tuple[int, ...]) -> None:
    names = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens")

    assert astuple(usage_forms.read(dict(zip(names, parts, strict=True))))[:4] == parts


@given(counts, counts, st.integers(0, 10**6))
def test_tokens_that_only_the_total_tells_count_as_output(up: int, out: int, more: int) -> None:
    told = {"prompt_tokens": up, "completion_tokens": out, "total_tokens": up + out + more}

    assert usage_forms.read(told) == TokenUsage(up, out + more)


def test_an_embedding_has_no_output_and_details_may_be_null() -> None:
    assert usage_forms.read({"prompt_tokens": 8, "total_tokens": 8}) == TokenUsage(8, 0)
    told = {"prompt_tokens": 8, "completion_tokens": 1, "prompt_tokens_details": None}
    assert usage_forms.read(told) == TokenUsage(8, 1)


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({}, "neither prompt_tokens nor input_tokens"),
        ({"imput_tokens": 5}, "did you mean 'input_tokens'"),
        ({"input_tokens": 5}, "output_tokens is missing"),
        ({"input_tokens": -5, "output_tokens": 0}, "input_tokens is -5"),
        ({"input_tokens": 5.0, "output_tokens": 0}, "input_tokens is 5.0"),
        ({"input_tokens": True, "output_tokens": 0}, "input_tokens is True"),
        ({"prompt_tokens": "5", "completion_tokens": 0}, "prompt_tokens is '5'"),
        ({"prompt_tokens": 5, "completion_tokens": 2**53}, "completion_tokens is"),
        ({"prompt_tokens": 5, "prompt_tokens_details": [1]}, "is no object"),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}}, "6 cached tokens"),
        ({"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 9}, "total_tokens is 9"),
    ],
)
def test_a_usage_that_does_not_add_up_is_refused(told: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        usage_forms.read(told)


def test_a_usage_cannot_be_made_of_what_is_no_count() -> None:
    with pytest.raises(UsageError, match="cached_tokens is -1"):
        TokenUsage(1, 1, -1)
