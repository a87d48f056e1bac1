"""What models cost: dated prices from the policy's data, and what a usage comes to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.calls.budget.token_usage import SEARCH, USES, TokenUsage
from engine.model import Json

PER = 1_000_000
"""Prices are told per this many tokens, as providers do."""
SEARCHES = 1_000
"""A price of searches is told per this many."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's tokens cost, in micro-dollars per million tokens.

    Attributes:
        input: Of the prompt.
        output: Generated.
        cached_input: Of the prompt, read from the provider's cache.
        cache_write: Of the prompt, written to it; None is as ``input``.
        audio_input: Of the prompt, audio; None is no price, as below.
        audio_output: Generated audio.
        image_input: Of the prompt, images.
        image_output: Generated images.
        search: Of a search, in micro-dollars per thousand of them.
    """

    input: int
    output: int
    cached_input: int
    cache_write: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    search: int | None = None

    @property
    def dearest(self) -> int:
        """Of a million tokens of text, whatever kind they turn out to be."""
        return max(self.input, self.output, self.cached_input, self.cache_write or 0)

    def missing(self, uses: Iterable[str]) -> tuple[str, ...]:
        """Return those of ``uses`` that have no price, sorted."""
        return tuple(sorted(use for use in uses if getattr(self, use) is None))

    def cost(self, usage: TokenUsage) -> int:
        """Return what ``usage`` costs in micro-dollars, rounded up once, over all of it.

        What has no price is not in it; see :meth:`missing`.
        """
        write = self.input if self.cache_write is None else self.cache_write
        millionths = (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cached_tokens * self.cached_input
            + usage.cache_write_tokens * write
        )
        for use, amount in usage.uses.items():
            per_million = getattr(self, use) or 0
            millionths += amount * per_million * (PER // SEARCHES if use == SEARCH else 1)
        return -(-millionths // PER)


class PriceBook:
    """The prices of a policy, by provider, model and day.

    Args:
        data: ``data.prices`` of a policy bundle: rows in order of day, checked when the
            bundle was made.
    """

    def __init__(self, data: Mapping[str, Json]) -> None:
        self._rows: dict[tuple[str, str], list[tuple[str, Price]]] = {}
        self._aliases: Mapping[str, Mapping[str, str]] = data.get("aliases", {})
        for row in data.get("prices", ()):
            price = Price(
                input=row["input_usd_micros"],
                output=row["output_usd_micros"],
                cached_input=row["cached_input_usd_micros"],
                cache_write=row["cache_write_usd_micros"],
                **{use: row.get(f"{use}_usd_micros") for use in USES},
            )
            rows = self._rows.setdefault((row["provider"], row["model"]), [])
            rows.append((row["from"], price))

    def at(self, provider: str, model: str, day: str) -> Price | None:
        """Return the price on ``day`` (YYYY-MM-DD); None when it is not known, never a zero."""
        model = self._aliases.get(provider, {}).get(model, model)
        rows = self._rows.get((provider, model), [])
        place = bisect_right(rows, day, key=lambda row: row[0])
        return rows[place - 1][1] if place else None

    def models(self, provider: str) -> list[str]:
        """Return the models of ``provider`` that have a price on some day, sorted."""
        return sorted(model for of, model in self._rows if of == provider)

    def providers(self) -> list[str]:
        """Return the providers that have a priced model, sorted."""
        return sorted({provider for provider, _ in self._rows})
