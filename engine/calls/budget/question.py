"""A request and the books it counts against become what gate ``spend`` sees. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from engine.calls.budget.prices import Price
from engine.calls.budget.request import Request
from engine.calls.budget.token_usage import SEARCH
from engine.calls.budget.transitions import Charge
from engine.formats.money import MOST_MICROS, dollars
from engine.metrics.amounts import Amount, AmountLimits
from engine.metrics.budget_book import fits, share
from engine.model import Json

GATE = "spend"
STAGE = "production"

OK = "OK"
NO_LIMIT = "NO_LIMIT"
UNKNOWN_PRICE = "UNKNOWN_PRICE"
UNKNOWN_TOKENS = "UNKNOWN_TOKENS"
HARD = "HARD_LIMIT_EXCEEDED"
SOFT = "SOFT_LIMIT_EXCEEDED"
OTHER = "DENIED"
_RANKED = (NO_LIMIT, UNKNOWN_PRICE, UNKNOWN_TOKENS, HARD, SOFT)

_SHORT = ("requests", "tokens", "usd")
"""As the checks call the units, in the order of :data:`~engine.metrics.amounts.UNITS`."""


class RequestedAmount(NamedTuple):
    """What a request comes to.

    Attributes:
        requests: Calls.
        tokens: Most tokens; None if nobody said.
        usd_micros: What it costs at most; None if nobody knows, and then it is denied.
        priced: Whether the price book knows the model on that day.
        declared: Whether the cost is the caller's own word, which the profile takes.
    """

    requests: int
    tokens: int | None
    usd_micros: int | None
    priced: bool
    declared: bool

    @property
    def amount(self) -> Amount:
        """What is held once it is granted; tokens that nobody limits and nobody told are none."""
        return Amount(self.requests, self.tokens or 0, self.usd_micros or 0)

    @property
    def members(self) -> dict[str, Json]:
        """By unit, as records write it; null is not known."""
        return {"requests": self.requests, "tokens": self.tokens, "usd_micros": self.usd_micros}


def asked_for(request: Request, price: Price | None, *, declared_cost: bool) -> RequestedAmount:
    """Return what ``request`` comes to.

    The caller's own figure counts where there is one: with a price it is an estimate to be
    settled, without one it needs the profile's ``declared_cost``. Else all tokens cost what the
    dearest kind does. An unknown price is never 0 (INV-BUDGET-4), and a model has none for a
    request that will use what has none (INV-BUDGET-17).
    """
    usd: int | None = None
    if price is not None and price.missing(request.uses):
        price = None
    declared = price is None and request.usd_micros is not None and declared_cost
    if request.usd_micros is not None and (price is not None or declared):
        usd = request.usd_micros
    elif price is not None and request.tokens is not None and SEARCH not in request.uses:
        dearest = max(price.dearest, *(getattr(price, use) for use in request.uses), 0)
        usd = min(-(-request.tokens * dearest // 1_000_000), MOST_MICROS)
    return RequestedAmount(request.requests, request.tokens, usd, price is not None, declared)


def metrics_of(
    requested: RequestedAmount, charged: Sequence[Charge], now: str, *, soft_route: bool
) -> dict[str, Json]:
    """Return the metrics of gate ``spend`` in long form.

    What is not known is left out, so that its check is unknown: money without a price, and
    tokens that somebody limits and nobody told.

    Args:
        requested: What the request comes to.
        charged: The budgets that it counts against, as they stand.
        now: RFC 3339; when the books were read.
        soft_route: Whether the profile lets the request's route past soft limits.
    """

    observed = {"status": "ok", "observed_at": now, "age_s": 0}
    metrics: dict[str, Json] = {
        "spend.budgets": {"value": len(charged), **observed},
        "spend.priced": {"value": requested.priced, **observed},
        "spend.declared": {"value": requested.declared, **observed},
        "spend.soft_route": {"value": soft_route, **observed},
    }
    books = [(charge.budget, charge.limits, charge.used) for charge in charged]
    for place, unit in enumerate(_SHORT):
        accounts = [(name, limits[place], used[place]) for name, limits, used in books]
        ratio, fitting = _nearest(accounts), _fitting(requested[place], accounts)
        metrics[f"spend.{unit}_ratio"] = {**ratio, **observed}
        if fitting is not None and not (unit == "usd" and requested.usd_micros is None):
            metrics[f"spend.{unit}_fits"] = {**fitting, **observed}
    return metrics


_Account = tuple[str, int | None, int]
"""A budget's id, its limit and what is in use, of one unit."""


def _nearest(accounts: Sequence[_Account]) -> dict[str, Json]:
    """The greatest share in use, and whose it is."""
    worst: dict[str, Json] = {"value": 0}
    for name, limit, used in accounts:
        ratio = share(used, limit)
        if limit is not None and ("source" not in worst or ratio > worst["value"]):
            worst = {"value": ratio, "source": name}
    return worst


def _fitting(requested: int | None, accounts: Sequence[_Account]) -> dict[str, Json] | None:
    """Whether it fits everywhere, and where not; None where somebody limits what nobody told."""
    for name, limit, used in accounts:
        if limit is None:
            continue
        if requested is None:
            return None
        if not fits(used, requested, limit):
            return {"value": False, "source": name}
    return {"value": True}


def is_grantable(requested: RequestedAmount, charged: Sequence[Charge]) -> bool:
    """Whether the cost is known and all of it fits into some budget and into each.

    The policies say so too; a profile that lets more through is not followed (INV-BUDGET-3).
    """
    amounts = (requested.requests, requested.tokens, requested.usd_micros)
    return (
        bool(charged)
        and requested.usd_micros is not None
        and all(
            limit is None or (amount is not None and fits(used, amount, limit))
            for charge in charged
            for amount, used, limit in zip(amounts, charge.used, charge.limits, strict=True)
        )
    )


def word(checks: Sequence[Mapping[str, Json]], codes: Mapping[str, str | None]) -> str:
    """Return why, in one word: the gravest code of what stands against it, else ``OK``.

    A soft limit that was passed is told also where the profile lets the route past it.

    Args:
        checks: Of the decision.
        codes: What each check's METADATA calls its failure.
    """
    against = {
        _code(check, codes)
        for check in checks
        if check["severity"] == "block" and check["waived_by"] is None and _speaks(check, codes)
    }
    return next((code for code in _RANKED if code in against), OTHER if against else OK)


def _speaks(check: Mapping[str, Json], codes: Mapping[str, str | None]) -> bool:
    if check["status"] == "exempt":
        return codes.get(check["id"]) == SOFT and not check["observed"] < check["limit"]
    return bool(check["status"] != "pass")


def _code(check: Mapping[str, Json], codes: Mapping[str, str | None]) -> str:
    if check["id"] == "spend.tokens_fits" and check["status"] == "unknown":
        return UNKNOWN_TOKENS
    if check["id"] == "spend.usd_fits" and check["status"] == "unknown":
        return UNKNOWN_PRICE
    return codes.get(check["id"]) or OTHER


def ending_with(day: str, charged: Collection[Charge]) -> str:
    """Return which budgets count on ``day`` though no row or setting has the request any more.

    Empty where there is none. INV-BUDGET-14.
    """
    return "; ".join(
        f"budget {charge.budget!r} counts until {day} is over with its limit of that day "
        f"({limits_text(charge.limits)}), though no row or setting has it for this request any more"
        for charge in charged
        if charge.match is None
    )


def limits_text(limits: AmountLimits) -> str:
    """Return limits as a person reads them."""
    requests, tokens, micros = limits
    named = {
        "requests": requests,
        "tokens": tokens,
        "USD": None if micros is None else dollars(micros),
    }
    known = [f"{limit} {unit}" for unit, limit in named.items() if limit is not None]
    return ", ".join(known) or "none"


def remaining(charged: Collection[Charge], held: Amount) -> AmountLimits:
    """Return the least that is left in any budget once ``held`` is reserved; None is no limit."""
    left: list[int | None] = []
    for place in range(3):
        amounts = [
            max(0, limit - charge.used[place] - held[place])
            for charge in charged
            if (limit := charge.limits[place]) is not None
        ]
        left.append(min(amounts, default=None))
    return AmountLimits(*left)
