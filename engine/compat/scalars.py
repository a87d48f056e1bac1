"""Numbers and texts: whether what one side leaves is within the other's bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from engine.compat.automaton import found_text
from engine.compat.doubt import Doubt
from engine.compat.flat import greatest, numbers, patterns_of, smallest
from engine.compat.instances import is_instance
from engine.compat.numerals import exact, plainest
from engine.compat.outcome import HOLDS, ContainmentResult, broken, open_question
from engine.compat.sample import LONGEST, NOTHING, samples
from engine.compat.schemas import Node
from engine.model import Json


def witness(flat: Sequence[Node], other: Node, *candidates: Json, atom: str | None = None) -> Json:
    """Return an instance that ``flat`` allows and ``other`` does not; NOTHING if none is found."""
    try:
        known = [value for value in candidates if value is not NOTHING]
        for value in [*known, *samples(flat, atom)]:
            if all(is_instance(node, value) for node in flat) and not is_instance(other, value):
                return value
    except Doubt:
        pass
    return NOTHING


def check_number(flat: Sequence[Node], other: Node, atom: str) -> ContainmentResult:
    """Bounds and steps of ``other`` against those of ``flat``, for one kind of number."""
    outcome = HOLDS
    for keyword in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        outcome += _bound(flat, other, atom, keyword)
    if other.has("multipleOf") and not _steps_fit(flat, exact(other.get("multipleOf")), atom):
        step = exact(other.get("multipleOf"))
        tried = [plainest(own * factor) for own in numbers(flat, "multipleOf") for factor in (1, 3)]
        shown = witness(flat, other, *tried, plainest(step / 2), plainest(step + 1), atom=atom)
        reason = f"a multiple of {other.get('multipleOf')} is required"
        outcome += broken(other, "multipleOf", reason, shown, sure=shown is not NOTHING)
    return outcome


def _steps_fit(flat: Sequence[Node], step: Fraction, atom: str) -> bool:
    own = [*numbers(flat, "multipleOf"), *([Fraction(1)] if atom == "integer" else [])]
    return any(number % step == 0 for number in own)


def _bound(flat: Sequence[Node], other: Node, atom: str, keyword: str) -> ContainmentResult:
    """One bound; an upper one is a lower one of the numbers with the other sign."""
    if not other.has(keyword):
        return HOLDS
    sign = 1 if keyword.endswith("inimum") else -1
    limit = sign * exact(other.get(keyword))
    is_open = keyword.startswith("exclusive")
    low, low_is_open = _low(flat, atom, sign)
    if low is not None and (low > limit or (low == limit and (low_is_open or not is_open))):
        return HOLDS
    start = low if low is not None else limit - 1
    tried = [start, start + Fraction(1, 1000), (start + limit) / 2, limit, limit - 1]
    shown = witness(flat, other, *(plainest(sign * number) for number in tried), atom=atom)
    reason = f"{keyword} is {other.get(keyword)}"
    return broken(other, keyword, reason, shown, sure=not numbers(flat, "multipleOf"))


def _low(flat: Sequence[Node], atom: str, sign: int) -> tuple[Fraction | None, bool]:
    """The strictest lower bound, and whether it is itself left out."""
    closed = "minimum" if sign > 0 else "maximum"
    opened = "exclusiveMinimum" if sign > 0 else "exclusiveMaximum"
    ends = [(sign * number, False) for number in numbers(flat, closed)]
    ends += [(sign * number, True) for number in numbers(flat, opened)]
    if not ends:
        return None, False
    low, is_open = max(ends)
    if atom == "integer":
        whole = math.floor(low) + 1 if is_open else math.ceil(low)
        return Fraction(whole), False
    return low, is_open


def check_text(flat: Sequence[Node], other: Node) -> ContainmentResult:
    """Lengths and pattern of ``other`` against those of ``flat``."""
    patterns = patterns_of(flat)
    keywords = ("minLength", "maxLength")
    outcome = HOLDS
    if not patterns:
        outcome += check_size(flat, other, keywords, lambda size: "a" * size)
    for keyword in ("pattern", *(keywords if patterns else ())):
        if other.has(keyword) and not (keyword == "pattern" and other.get(keyword) in patterns):
            outcome += _language(flat, other, keyword, patterns)
    return outcome


def _language(
    flat: Sequence[Node], other: Node, keyword: str, patterns: Sequence[str]
) -> ContainmentResult:
    """Whether some text that the patterns and lengths of ``flat`` leave breaks ``keyword``."""
    value = other.get(keyword)
    least, most = greatest(flat, "minLength"), smallest(flat, "maxLength")
    if keyword == "minLength":
        most = int(value) - 1 if most is None else min(most, int(value) - 1)
        reason = f"at least {value} required"
    elif keyword == "maxLength":
        least = max(least, int(value) + 1)
        reason = f"at most {value} allowed"
    else:
        reason = f"{value!r} must match"
    if most is not None and most < least:
        return HOLDS
    forbidden = [value] if keyword == "pattern" else []
    try:
        text = found_text(patterns, forbidden, least, most, other.schemas.work)
    except Doubt as doubt:
        shown = witness(flat, other, atom="string")
        if shown is NOTHING:
            return open_question(other, keyword, doubt.reason)
        return broken(other, keyword, reason, shown, sure=False)
    if text is None:
        return HOLDS
    return broken(other, keyword, reason, witness(flat, other, text, atom="string"), sure=False)


def check_size(
    flat: Sequence[Node],
    other: Node,
    keywords: tuple[str, str],
    of_size: Callable[[int], Json],
    *,
    least: int = 0,
    most: int | None = None,
) -> ContainmentResult:
    """A lower and an upper bound on a size; ``least`` and ``most`` follow from other keywords."""
    low, high = keywords
    outcome = HOLDS
    atom = {"minLength": "string", "minItems": "array", "minProperties": "object"}[low]
    own_least = greatest(flat, low, least)
    own_most = min(
        [bound for bound in (smallest(flat, high), most) if bound is not None], default=None
    )
    if other.has(low) and own_least < other.get(low):
        shown = witness(
            flat, other, of_size(own_least) if own_least <= LONGEST else NOTHING, atom=atom
        )
        outcome += broken(other, low, f"at least {other.get(low)} required", shown)
    if other.has(high) and (own_most is None or own_most > other.get(high)):
        size = int(other.get(high)) + 1
        shown = witness(flat, other, of_size(size) if size <= 1_000 else NOTHING, atom=atom)
        outcome += broken(other, high, f"at most {other.get(high)} allowed", shown)
    return outcome
