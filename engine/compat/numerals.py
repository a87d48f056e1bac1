"""Numbers of schemas exactly as they are written, and texts of schemas that keep them so."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

from engine.model import Json


def exact(number: float | Decimal) -> Fraction:
    """Return the number as it was written."""
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def plainest(number: Fraction) -> Json:
    """Return the number as JSON has it: an ``int``, a ``float`` that is written so, or a Decimal.

    One that no decimal text writes, such as a third, is the nearest double.
    """
    if number.denominator == 1:
        return int(number)
    try:
        near = float(number)
    except OverflowError:
        return int(number)
    if exact(near) == number:
        return near
    rest, twos, fives = number.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    if rest != 1 or places > 1_000:
        return near
    digits = abs(number.numerator) * 10**places // number.denominator
    sign = 1 if number < 0 else 0
    return Decimal((sign, tuple(int(digit) for digit in str(digits)), -places))


def text_of(value: Json) -> str:
    """Return one text for one value, and another for another."""
    return json.dumps(value, sort_keys=True, default=lambda number: {"$decimal": str(number)})
