"""What the clients of providers give as a usage, in their own classes: every member of each.

A client that gains a member shows here: what it says is read, costs nothing, or is named.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from engine.calls.budget import usage_forms
from engine.calls.budget.token_usage import TokenUsage
from engine.calls.budget.usage_forms import plain

pytestmark = pytest.mark.system


def openai_chat() -> object:
    types: Any = import_module("openai.types.completion_usage")

    return types.CompletionUsage(
        prompt_tokens=100,
        completion_tokens=50,
        total_tokens=150,
        prompt_tokens_details=types.PromptTokensDetails(audio_tokens=20, cached_tokens=30),
        completion_tokens_details=types.CompletionTokensDetails(
            audio_tokens=5, reasoning_tokens=10
        ),
    )


def openai_responses() -> object:
    types: Any = import_module("openai.types.responses.response_usage")

    return types.ResponseUsage.model_validate(
        {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 0},
            "output_tokens": 50,
            "output_tokens_details": {"reasoning_tokens": 30},
            "total_tokens": 150,
        }
    )


def openai_image() -> object:
    types: Any = import_module("openai.types.images_response")

    return types.Usage.model_validate(
        {
            "input_tokens": 100,
            "input_tokens_details": {"image_tokens": 60, "text_tokens": 40},
            "output_tokens": 50,
            "output_tokens_details": {"image_tokens": 50, "text_tokens": 0},
            "total_tokens": 150,
        }
    )


def anthropic_message() -> object:
    types: Any = import_module("anthropic.types")

    return types.Usage.model_validate(
        {
            "input_tokens": 10,
            "output_tokens": 20,
            "cache_creation": {"ephemeral_1h_input_tokens": 30, "ephemeral_5m_input_tokens": 0},
            "cache_creation_input_tokens": 30,
            "cache_read_input_tokens": 40,
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
            "service_tier": "standard",
        }
    )


def gemini() -> object:
    types: Any = import_module("google.genai.types")

    return types.GenerateContentResponseUsageMetadata.model_validate(
        {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 20,
            "candidatesTokenCount": 30,
            "thoughtsTokenCount": 10,
            "totalTokenCount": 140,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 70},
                {"modality": "AUDIO", "tokenCount": 30},
            ],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
            "trafficType": "ON_DEMAND",
        }
    )


def cohere_chat() -> object:
    types: Any = import_module("cohere.types")

    return types.Usage(
        billed_units=types.UsageBilledUnits(input_tokens=5, output_tokens=6),
        tokens=types.UsageTokens(input_tokens=71, output_tokens=6),
    )


def ollama_chat() -> object:
    types: Any = import_module("ollama")

    return types.ChatResponse.model_validate(
        {
            "model": "m",
            "message": {"role": "assistant", "content": "hi"},
            "done": True,
            "prompt_eval_count": 26,
            "eval_count": 9,
            "total_duration": 1,
        }
    )


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (openai_chat, TokenUsage(50, 45, 30, 0, 20, 5)),
        (openai_responses, TokenUsage(60, 50, 40)),
        (openai_image, TokenUsage(40, 0, image_input_tokens=60, image_output_tokens=50)),
        (anthropic_message, TokenUsage(10, 20, 40, 30, searches=2)),
        (gemini, TokenUsage(50, 40, 20, 0, 30)),
        (cohere_chat, TokenUsage(71, 6)),
        (ollama_chat, TokenUsage(26, 9)),
    ],
)
def test_what_a_client_gives_is_read_to_the_last_token(make: Any, expected: TokenUsage) -> None:
    """INV-BUDGET-17"""
    assert usage_forms.read(plain(make())) == expected


def test_bedrock_says_nothing_that_is_not_known() -> None:
    """INV-BUDGET-17: every member of the service's own model, each with a number."""
    session: Any = import_module("botocore.session")
    service = session.get_session().get_service_model("bedrock-runtime")
    shape: Any = service.shape_for("TokenUsage")
    told: dict[str, Any] = {
        name: 1 for name, member in shape.members.items() if member.type_name == "integer"
    }
    told["totalTokens"] = sum(told.values()) - 1
    if "cacheDetails" in shape.members:
        told["cacheDetails"] = [{"ttl": "5m", "inputTokens": 1}]
    usage = usage_forms.read(told)
    assert (usage.unknown, usage.tokens) == ((), told["totalTokens"])
