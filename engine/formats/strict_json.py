"""Strict JSON: the rules that evidence and signed documents are both read by.

Refused is what two readers might understand differently: duplicate keys, NaN and infinities,
integers beyond 2^53, half surrogate pairs, nesting over a limit. How a number with a fraction or
an exponent is read is for each reader to say: ``1.0`` is the integer 1 in evidence, where tools
write counts like that, and never an integer in a signed document, which has one form only.

Source: RFC 8259; RFC 7493 (I-JSON) for what is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import NoReturn

from engine.model import Json

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1

_CONTAINERS = frozenset((dict, list))
_INFINITIES = (float("inf"), float("-inf"))


class NotStrictError(ValueError):
    """JSON that two readers might understand differently."""


def strict_decoder(
    read_real: Callable[[str], int | float | Decimal],
    read_whole: Callable[[str], int | float | Decimal] | None = None,
) -> json.JSONDecoder:
    """Return a decoder that raises ValueError for all that is refused but depth and half pairs.

    Args:
        read_real: Reads a number with a fraction or an exponent: :func:`read_real` or another.
        read_whole: Reads one without; :func:`read_integer` where it is not given.
    """
    return json.JSONDecoder(
        object_pairs_hook=_pairs,
        parse_int=read_whole or read_integer,
        parse_float=read_real,
        parse_constant=_constant,
    )


def _pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrictError("an object has the same key twice")
    return members


def _constant(text: str) -> NoReturn:
    raise NotStrictError(f"{text} is not JSON")


def read_integer(text: str) -> int:
    """Return the integer that ``text`` writes.

    Raises:
        NotStrictError: Beyond 2^53.
    """
    if len(text) > 15 and (len(text) > 17 or abs(int(text)) > MAX_INTEGER):
        raise NotStrictError(f"integer {text[:24]} is beyond 2^53")
    return int(text)


def read_real(text: str) -> float:
    """Return the double that is nearest to what ``text`` writes.

    Raises:
        NotStrictError: There is none.
    """
    number = float(text)
    if number in _INFINITIES:
        raise NotStrictError(f"number {text[:24]} is beyond a double")
    return number


def is_shallow(value: Json) -> bool:
    """Return whether ``value``, as the decoder makes it, nests at most 32 levels."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [item for item in level if type(item) in _CONTAINERS]
        if not level:
            return True
        level = [
            inner for item in level for inner in (item.values() if type(item) is dict else item)
        ]
    return False


def has_half_pair(text: str, value: Json) -> bool:
    """Return whether a string in ``value``, which ``text`` writes, has half a surrogate pair."""
    if "\\ud" not in text and "\\uD" not in text:
        return False  # only an escape can write one: text that was decoded has none
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
