"""Amounts of what a budget counts: requests, tokens, and money in micro-dollars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.model import Json

UNITS = ("requests", "tokens", "usd_micros")
MOST = 2**53 - 1
"""Largest amount of any unit; what JSON readers agree on."""


class Amount(NamedTuple):
    """How much of each unit; 0 or more."""

    requests: int
    tokens: int
    usd_micros: int

    def plus(self, other: Amount) -> Amount:
        """Return the sum."""
        return Amount(
            self.requests + other.requests,
            self.tokens + other.tokens,
            self.usd_micros + other.usd_micros,
        )

    def minus(self, other: Amount) -> Amount:
        """Return the difference."""
        return Amount(
            self.requests - other.requests,
            self.tokens - other.tokens,
            self.usd_micros - other.usd_micros,
        )

    @property
    def members(self) -> dict[str, Json]:
        """By unit, as records write it."""
        return self._asdict()


NOTHING = Amount(0, 0, 0)


class AmountLimits(NamedTuple):
    """How much of each unit a budget grants a day; None is a limit that was left out on purpose."""

    requests: int | None
    tokens: int | None
    usd_micros: int | None

    @property
    def members(self) -> dict[str, Json]:
        """By unit, as records write it; null is no limit."""
        return self._asdict()

    def stricter(self, other: AmountLimits) -> AmountLimits:
        """Return the smaller limit of each unit; none is greater than any."""
        pairs = zip(self, other, strict=True)
        return AmountLimits(
            *(min((limit for limit in pair if limit is not None), default=None) for pair in pairs)
        )


def amount_of(counts: Sequence[int]) -> Amount:
    """Return the amount whose counts are in the order of :data:`UNITS`."""
    return Amount(*counts)
