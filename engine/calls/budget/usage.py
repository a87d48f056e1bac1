"""What a lease turned out to use, as callers tell it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.calls.budget.lease import Lease
from engine.calls.budget.prices import PriceBook
from engine.calls.budget.request import count
from engine.calls.budget.token_usage import TokenUsage
from engine.formats.money import MOST_MICROS
from engine.metrics.amounts import Amount

TOLD, PRICED, AS_GRANTED = "told", "priced", "as granted"
"""Where the cost of a settlement comes from."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used. What is left out counts as it was granted: never as nothing.

    Attributes:
        usd_micros: Money; None takes the price of the usage on the lease's day, if there is one.
        usage: Tokens by kind.
        tokens: All tokens, for callers who know no more; None takes those of ``usage``.
        requests: Calls.
    """

    usd_micros: int | None = None
    usage: TokenUsage | None = None
    tokens: int | None = None
    requests: int | None = None

    def __post_init__(self) -> None:
        if self.usd_micros is not None:
            count("usd_micros", self.usd_micros, most=MOST_MICROS)
        for what in ("tokens", "requests"):
            if getattr(self, what) is not None:
                count(what, getattr(self, what))

    def unpriced(self, lease: Lease, prices: PriceBook) -> tuple[str, ...]:
        """Return what was used, or may have been, that no price is known for, sorted.

        Members of the provider's object that nobody here understands are among it; nothing where
        the caller says what it cost.
        """
        if self.usd_micros is not None or self.usage is None:
            return ()
        about = lease.about
        price = prices.at(about["provider"], about["model"], lease.day)
        missing = ("tokens",) if price is None else price.missing(self.usage.uses)
        return tuple(sorted({*missing, *self.usage.unknown}))

    def amount(self, lease: Lease, prices: PriceBook) -> tuple[Amount, str]:
        """Return what ``lease`` used in each unit, and where its cost comes from.

        Where something of it has no price, that is what was granted, or more: INV-BUDGET-17.
        """
        tokens = self.tokens
        if tokens is None:
            tokens = lease.granted.tokens if self.usage is None else self.usage.tokens
        requests = lease.granted.requests if self.requests is None else self.requests
        usd, cost = self._usd_micros(lease, prices)
        return Amount(requests, tokens, usd), cost

    def _usd_micros(self, lease: Lease, prices: PriceBook) -> tuple[int, str]:
        if self.usd_micros is not None:
            return self.usd_micros, TOLD
        if self.usage is not None:
            about = lease.about
            price = prices.at(about["provider"], about["model"], lease.day)
            if price is not None:
                cost = min(price.cost(self.usage), MOST_MICROS)
                granted = lease.granted.usd_micros
                if not self.unpriced(lease, prices) or cost > granted:
                    return cost, PRICED
        return lease.granted.usd_micros, AS_GRANTED
