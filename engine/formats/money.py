"""Money as whole micro-dollars: exact in, exact out, and rounded only upwards.

One micro-dollar is a millionth of a US dollar. A float never holds money here.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Context, Decimal

MICROS = 1_000_000
MOST_MICROS = 10**15
"""A thousand million dollars: what anybody might mean, and safe in every JSON reader."""

_AMOUNT = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_EXACT = Context(prec=60, rounding=ROUND_CEILING)


def micros(text: str) -> int:
    """Return the micro-dollars of a decimal amount of US dollars, such as ``1.25``.

    Raises:
        ValueError: Not digits with at most one point, more than 6 decimals that say
            something, or more than a thousand million dollars.
    """
    if not _AMOUNT.fullmatch(text) or len(text) > 40:
        raise ValueError(f"{text[:40]!r} is not an amount of US dollars such as 1.25")
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    if len(decimals) > 6:
        raise ValueError(f"{text} has more than 6 decimals; the smallest unit is 0.000001")
    amount = int(whole + decimals.ljust(6, "0"))
    if amount > MOST_MICROS:
        raise ValueError(f"{text} is more than {dollars(MOST_MICROS)} US dollars")
    return amount


def ceil_micros(usd: Decimal) -> int:
    """Return ``usd`` US dollars in micro-dollars, rounded up: a cost is never understated.

    Raises:
        ValueError: Negative, or not a finite number.
    """
    if not usd.is_finite() or usd < 0:
        raise ValueError(f"{usd} is not an amount of US dollars")
    return int((usd.scaleb(6, _EXACT)).to_integral_value(ROUND_CEILING))


def dollars(amount: int) -> str:
    """Return micro-dollars as US dollars: ``1.25``, ``-0.000001``; at least two decimals."""
    whole, rest = divmod(abs(amount), MICROS)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount < 0 else ''}{whole}.{decimals}"
