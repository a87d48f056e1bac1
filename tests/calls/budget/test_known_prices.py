"""The price map that others keep: no model is priced under what its own rows say. INV-BUDGET-17.

The prices are read here a second time, by the words of the map's own calculator: of each kind of
token the base price, or the one of a tier that a call may be of.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.calls.budget.price_maps import Import, PriceRow, take
from engine.calls.budget.prices import PriceBook
from engine.calls.budget.token_usage import TokenUsage
from engine.model import Json
from tests.repository import DATA, ROOT

DAY = "2026-12-01"
SAMPLE = DATA / "price-map.json"
WORDS = {
    "input_tokens": ("input_cost_per_token",),
    "output_tokens": ("output_cost_per_token", "output_cost_per_reasoning_token"),
    "cached_tokens": ("cache_read_input_token_cost", "input_cost_per_token_cache_hit"),
    "cache_write_tokens": ("cache_creation_input_token_cost",),
    "audio_input_tokens": (
        "input_cost_per_audio_token",
        "cache_creation_input_audio_token_cost",
        "cache_read_input_audio_token_cost",
        "cache_read_input_token_cost_per_audio_token",
    ),
    "audio_output_tokens": ("output_cost_per_audio_token",),
    "image_input_tokens": ("input_cost_per_image_token", "cache_read_input_image_token_cost"),
    "image_output_tokens": ("output_cost_per_image_token",),
}
TIERS = ("", "above_128k_tokens", "above_200k_tokens", "above_256k_tokens", "above_272k_tokens")
SERVICES = ("", "priority", "flex", "batches", "batch_requests", "above_1hr")


def prices_of(entry: Json, name: str) -> Iterator[Decimal]:
    """Every price of a kind of token that a call may be charged, in US dollars."""
    parts = [entry, *(entry.get("tiered_pricing") or [])]
    for word in WORDS[name]:
        for tier in TIERS:
            for service in SERVICES:
                for key in {"_".join(filter(None, (word, *order)))
                            for order in ((tier, service), (service, tier))}:  # fmt: skip
                    for part in parts:
                        if part.get(key) is not None:
                            yield Decimal(repr(part[key]))


def fallen_short(model: str, entry: Json, row: PriceRow) -> str:
    """Where a call comes out cheaper than some price that the map has for it; empty where not."""
    price: dict[str, Json] = {"from": DAY, "provider": row.provider, "model": row.model}
    amounts = zip(PriceRow._fields[3:], row.amounts, strict=True)
    price |= {f"{kind}_usd_micros": amount for kind, amount in amounts if amount is not None}
    book = PriceBook({"prices": [price]}).at(row.provider, row.model, DAY)
    assert book is not None
    chance = random.Random(model)  # noqa: S311
    for name in WORDS:
        count = chance.randrange(1, 1_000) * 10**6
        usage = replace(TokenUsage(0, 0), **{name: count})  # type: ignore[arg-type]
        if book.missing(usage.uses):
            continue  # then it is settled as it was reserved
        known = list(prices_of(entry, name))
        base = list(prices_of(entry, "input_tokens" if "output" not in name else "output_tokens"))
        for dollars in known or base:
            if Decimal(book.cost(usage)) < count * dollars * 10**6:
                return f"{name}: {book.cost(usage)} for {count} at {dollars}"
    for size, dollars in (entry.get("search_context_cost_per_query") or {}).items():
        usage = TokenUsage(0, 0, searches=7_000)
        if Decimal(book.cost(usage)) < 7_000 * Decimal(repr(dollars)) * 10**6:
            return f"search {size}"
    return ""


def model_key(prices: dict[str, Json], row: PriceRow) -> list[str]:
    """The entries of the map that a row was made of."""
    return [key for key in (row.model, f"{row.provider}/{row.model}") if key in prices and
            prices[key].get("litellm_provider") == row.provider]  # fmt: skip


def understated(prices: dict[str, Json], taken: Import) -> list[str]:
    """The models that are priced under a row of their own, and those of which nothing is said."""
    wrong = []
    named = {key for key, _ in taken.left} | set(taken.free)
    for row in taken.rows:
        keys = model_key(prices, row)
        named.update(keys)
        wrong += [f"{key}: {why}" for key in keys if (why := fallen_short(key, prices[key], row))]
    silent = [
        key
        for key, entry in prices.items()
        if key != "sample_spec" and isinstance(entry, dict) and key not in named
    ]
    return wrong + [f"{key}: nothing is said of it" for key in silent]


def modes(prices: dict[str, Json], taken: Import) -> dict[str, tuple[int, int, int, str]]:
    """By mode: entries taken, free, left out, and the reason that most were."""
    left = dict(taken.left)
    found: dict[str, Counter[str]] = {}
    reasons: dict[str, Counter[str]] = {}
    for key, entry in prices.items():
        if key == "sample_spec" or not isinstance(entry, dict):
            continue
        mode = entry.get("mode") or "none"
        what = "left" if key in left else "free" if key in taken.free else "taken"
        found.setdefault(mode, Counter())[what] += 1
        if key in left:
            reasons.setdefault(mode, Counter())[left[key]] += 1
    return {
        mode: (
            counts["taken"],
            counts["free"],
            counts["left"],
            reasons[mode].most_common(1)[0][0] if mode in reasons else "",
        )
        for mode, counts in sorted(found.items())
    }


def test_no_model_of_the_sample_is_priced_under_its_own_rows() -> None:
    """INV-BUDGET-17"""
    prices = json.loads(SAMPLE.read_bytes())
    taken = take(prices, DAY)
    assert understated(prices, taken) == []
    assert len(taken.rows) > 100
    assert len(taken.left) > 100


def test_the_second_reading_notices_a_price_that_falls_short() -> None:
    prices = json.loads(SAMPLE.read_bytes())
    taken = take(prices, DAY)
    for kind in PriceRow._fields[3:]:
        rows = []
        for row in taken.rows:
            members = row._asdict()
            if members[kind]:
                rows.append(PriceRow(**{**members, kind: members[kind] - 1}))
        low = Import(tuple(rows), taken.left, taken.dearest, taken.free)
        wrong = [text for text in understated(prices, low) if "nothing is said" not in text]
        assert wrong, kind


@pytest.mark.soak
def test_no_model_of_the_whole_map_is_priced_under_its_own_rows() -> None:
    """INV-BUDGET-17: and the page's table of modes is what the import does."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "fetch_price_map.py"], capture_output=True, check=True
    )
    prices: dict[str, Any] = json.loads(Path(done.stdout.decode().strip()).read_bytes())
    taken = take(prices, DAY)
    assert understated(prices, taken) == []
    assert len(taken.rows) > 1_500
    table = re.findall(
        r"^\| `(\w+)` \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| (.*?) \|$",
        (ROOT / "docs" / "spending.md").read_text(),
        re.MULTILINE,
    )
    shown = {
        mode: (*(int(count.replace(",", "")) for count in counts), reason.replace("`", ""))
        for mode, *counts, reason in table
    }
    real = {mode: row for mode, row in modes(prices, taken).items() if " " not in mode}
    assert shown == real
