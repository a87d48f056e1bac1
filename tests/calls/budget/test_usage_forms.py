"""The forms in which providers say what a call used; what is not understood fails closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from engine.calls.budget import usage_forms
from engine.calls.budget.token_usage import TokenUsage
from engine.calls.budget.usage_forms import plain
from engine.errors import UsageError

GEMINI = {
    "promptTokenCount": 1_000,
    "cachedContentTokenCount": 200,
    "candidatesTokenCount": 50,
    "thoughtsTokenCount": 30,
    "toolUsePromptTokenCount": 20,
    "totalTokenCount": 1_100,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 600},
        {"modality": "AUDIO", "tokenCount": 100},
        {"modality": "IMAGE", "tokenCount": 200},
        {"modality": "VIDEO", "tokenCount": 100},
    ],
    "trafficType": "ON_DEMAND",
}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            {
                "prompt_tokens": 1_000,
                "completion_tokens": 300,
                "total_tokens": 1_300,
                "prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 400},
                "completion_tokens_details": {"audio_tokens": 200, "reasoning_tokens": 0},
            },
            TokenUsage(500, 100, 100, 0, 400, 200),
            id="openai, audio",
        ),
        pytest.param(
            {
                "total_tokens": 150,
                "input_tokens": 50,
                "output_tokens": 100,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
                "output_tokens_details": {"image_tokens": 100, "text_tokens": 0},
            },
            TokenUsage(10, 0, image_input_tokens=40, image_output_tokens=100),
            id="openai, images",
        ),
        pytest.param(
            {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
                "output_tokens": 45,
                "total_tokens": 59,
            },
            TokenUsage(0, 45, audio_input_tokens=14),
            id="openai, transcription",
        ),
        pytest.param(
            {"prompt_tokens": 9, "completion_tokens": 1, "reasoning_tokens": 5},
            TokenUsage(9, 6),
            id="reasoning beside the output",
        ),
        pytest.param(
            {
                "prompt_tokens": 20,
                "completion_tokens": 5,
                "prompt_cache_hit_tokens": 12,
                "prompt_cache_miss_tokens": 8,
            },
            TokenUsage(8, 5, 12),
            id="deepseek",
        ),
        pytest.param(
            {"prompt_tokens": 20, "completion_tokens": 5, "queue_time": 0.2, "total_time": 1.5},
            TokenUsage(20, 5),
            id="groq",
        ),
        pytest.param(
            {
                "input_tokens": 21,
                "cache_creation_input_tokens": 188,
                "cache_read_input_tokens": 1_000,
                "cache_creation": {"ephemeral_5m_input_tokens": 188},
                "output_tokens": 393,
                "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 1},
                "service_tier": "priority",
                "inference_geo": "global",
            },
            TokenUsage(21, 393, 1_000, 188, searches=3),
            id="anthropic",
        ),
        pytest.param(
            {
                "inputTokens": 10,
                "outputTokens": 5,
                "totalTokens": 36,
                "cacheReadInputTokens": 20,
                "cacheWriteInputTokens": 1,
                "cacheDetails": [{"inputTokens": 1, "ttl": "5m"}],
            },
            TokenUsage(10, 5, 20, 1),
            id="bedrock",
        ),
        pytest.param(
            GEMINI,
            TokenUsage(420, 80, 200, 0, 100, 0, 300),
            id="gemini",
        ),
        pytest.param(
            {
                "prompt_token_count": 8,
                "candidates_token_count": 2,
                "total_token_count": 15,
                "thoughts_token_count": None,
            },
            TokenUsage(8, 7),
            id="gemini, as its SDK writes it",
        ),
        pytest.param(
            {
                "billed_units": {"input_tokens": 5, "output_tokens": 7},
                "tokens": {"input_tokens": 71.0, "output_tokens": 6.0},
                "cached_tokens": 64,
            },
            TokenUsage(71, 7),
            id="cohere",
        ),
        pytest.param(
            {"billed_units": {"search_units": 2}}, TokenUsage(0, 0, searches=2), id="cohere, rerank"
        ),
        pytest.param(
            {
                "model": "llama3",
                "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": "hi"},
                "done": True,
                "total_duration": 1,
                "eval_duration": 1,
                "prompt_eval_count": 26,
                "eval_count": 298,
            },
            TokenUsage(26, 298),
            id="ollama",
        ),
        pytest.param({"eval_count": 3}, TokenUsage(0, 3), id="ollama, prompt from its cache"),
        pytest.param(
            {"input_tokens": 1, "output_tokens": 2, "audio_output_tokens": 3, "searches": 4},
            TokenUsage(1, 2, audio_output_tokens=3, searches=4),
            id="own",
        ),
    ],
)
def test_every_form_is_read_to_the_last_token(told: dict[str, Any], expected: TokenUsage) -> None:
    assert usage_forms.read(told) == expected


@pytest.mark.parametrize(
    ("told", "unknown"),
    [
        ({"prompt_tokens": 1, "moonbeams": 3}, ("moonbeams",)),
        ({"prompt_tokens": 1, "moonbeams": 0}, ()),
        ({"prompt_tokens": 1, "moonbeams": {"low": 0, "high": []}}, ()),
        ({"prompt_tokens": 1, "moonbeams": {"low": 0, "high": [{"n": 1}]}}, ("moonbeams",)),
        (
            {"prompt_tokens": 9, "prompt_tokens_details": {"video_tokens": 3}},
            ("prompt_tokens_details.video_tokens",),
        ),
        ({"input_tokens": 1, "output_tokens": 1, "inference_geo": "us"}, ("inference_geo",)),
        ({"input_tokens": 1, "output_tokens": 1, "speed": "fast"}, ("speed",)),
        ({"input_tokens": 1, "output_tokens": 1, "speed": "standard"}, ()),
        (
            {"input_tokens": 1, "output_tokens": 1, "server_tool_use": {"code_execution": 1}},
            ("server_tool_use.code_execution",),
        ),
        ({"prompt_tokens": 1, "search_context_size": "low"}, ("search_context_size",)),
        ({"inputTokens": 1, "outputTokens": 1, "serverToolUsage": {"n": 1}}, ("serverToolUsage",)),
        ({"billed_units": {"images": 2}}, ("billed_units.images",)),
        ({"promptTokenCount": 1, "seconds": 4}, ("seconds",)),
        ({"eval_count": 1, "images": 2}, ("images",)),
    ],
)
def test_a_member_that_says_something_unknown_is_named(
    told: dict[str, Any], unknown: tuple[str, ...]
) -> None:
    """INV-BUDGET-17"""
    assert usage_forms.read(told).unknown == unknown


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"type": "duration", "seconds": 4}, "neither prompt_tokens"),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"audio_tokens": 6}}, "of other kinds"),
        (
            {"prompt_tokens": 5, "completion_tokens": 1,
             "completion_tokens_details": {"audio_tokens": 2}},
            "2 tokens of other kinds of 1",
        ),
        ({"promptTokenCount": 5, "promptTokensDetails": {"a": 1}}, "is no list"),
        ({"promptTokenCount": 5, "promptTokensDetails": [3]}, "is no object"),
        ({"promptTokenCount": 5, "totalTokenCount": 4}, "total_tokens is 4"),
        ({"billed_units": 5}, "billed_units is no object"),
        ({"inputTokens": 5, "outputTokens": -1}, "outputTokens is -1"),
        ({"eval_count": "5"}, "eval_count is '5'"),
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_refused(told: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        usage_forms.read(told)


def test_cached_audio_counts_as_audio() -> None:
    """INV-BUDGET-17: of two kinds that a token is of, the dearer."""
    told = {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 6}}
    usage = usage_forms.read(told)
    assert usage == TokenUsage(0, 0, 4, audio_input_tokens=6)
    assert usage.tokens == 10


class Modality(Enum):
    AUDIO = "audio"


@dataclass
class Details:
    modality: Modality
    token_count: int


@dataclass
class Spent:
    prompt_token_count: int
    candidates_token_count: int = 0
    prompt_tokens_details: list[Details] = field(default_factory=list)


class Used(NamedTuple):
    inputTokens: int  # noqa: N815
    outputTokens: int  # noqa: N815


class Slotted:
    __slots__ = ("_hidden", "eval_count")

    def __init__(self) -> None:
        self.eval_count = 4
        self._hidden = 1


class Model:
    def model_dump(self) -> dict[str, int]:
        return {"prompt_tokens": 4, "completion_tokens": 2}


class Proto:
    """As Google's classes: ``to_dict`` is of the class and takes the message."""

    def __init__(self) -> None:
        self.prompt_token_count = 3

    @classmethod
    def to_dict(cls, message: object) -> dict[str, object]:
        raise AssertionError(message)


@pytest.mark.parametrize(
    ("spent", "expected"),
    [
        (Spent(9, 1, [Details(Modality.AUDIO, 4)]), TokenUsage(5, 1, audio_input_tokens=4)),
        (SimpleNamespace(input_tokens=1, output_tokens=2), TokenUsage(1, 2)),
        (Used(3, 4), TokenUsage(3, 4)),
        (Slotted(), TokenUsage(0, 4)),
        (Model(), TokenUsage(4, 2)),
        (Proto(), TokenUsage(3, 0)),
    ],
)
def test_objects_of_any_kind_are_read(spent: object, expected: TokenUsage) -> None:
    assert usage_forms.read(plain(spent)) == expected


def test_an_object_without_end_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["prompt_tokens_details"] = endless
    with pytest.raises(UsageError, match="nests deeper"):
        plain(endless)
