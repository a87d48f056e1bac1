"""Reading a document quickly, where that cannot differ from reading it strictly.

``orjson`` reads differently from the strict readers in a few things: of a duplicate key it keeps
the last, it takes integers up to 2^64 and any depth, and of a number it gives the nearest double.
So its answer counts only for a text that shows to hold none of these.
"""

from __future__ import annotations

import re
from functools import lru_cache

from orjson import OPT_STRICT_INTEGER, dumps, loads

from engine.formats.strict_json import MAX_DEPTH
from engine.model import Json

_NEITHER_QUOTES_NOR_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))


_ENDED_BY_COMMA = bytes.maketrans(b" \t\r\n}]", b",,,,,,")
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789.E", b"0000000000e")
_WHOLE_FRACTION = re.compile(rb"\.0*,")
_EXPONENT = re.compile(rb"0e[-+]?0+,")
_MANY_DIGITS = b"0" * 15 + b","


def quick_signed_json(data: bytes) -> Json | None:
    """Return what ``signed_json.read_json`` would return for ``data``; None says nothing.

    It counts for a text that would be written again byte for byte, with integers beyond 2^53
    refused, and whose brackets alone show that it is less deep than the strict reader's limit.
    """
    try:
        value = loads(data)
        is_strict = dumps(value, None, OPT_STRICT_INTEGER) == data and _is_shallow(data)
    except (ValueError, TypeError):  # what is wrong is for the strict reader to say
        return None
    return value if is_strict else None


def quick_json(data: bytes) -> Json | None:
    """Return what ``json_text.read_json`` would return for ``data``; None says nothing.

    It counts for an object, spaced as one likes, whose numbers are all short. Without a backslash
    every string is written again as it stands, so a member that was dropped is a colon that is
    missing.
    """
    if b"\\" in data or _has_unusual_number(data):
        return None
    try:
        value = loads(data)
    except ValueError:
        return None
    is_strict = type(value) is dict and _is_shallow(data)
    return value if is_strict and dumps(value).count(b":") == data.count(b":") else None


def _has_unusual_number(data: bytes) -> bool:
    """Return whether a number in an object has many digits or an exponent, is whole with a
    fraction, or is -0; may be true of a string in vain."""
    text = data.translate(_ENDED_BY_COMMA)
    if b"-0," in text or _WHOLE_FRACTION.search(text):
        return True
    zeros = text.translate(_DIGITS_AS_ZERO)
    return _MANY_DIGITS in zeros or _EXPONENT.search(zeros) is not None


def _is_shallow(data: bytes) -> bool:
    r"""Whether JSON text certainly nests at most 32 levels.

    Without a backslash a quote begins a string or ends it, in turn. Pairs of neighbours are taken
    away from the left: the quote in front of the first bracket that is in a string stays then,
    because an even number is before it. So where none stays, all brackets are the structure's.
    """
    if b"\\" in data:
        return False
    return _nests_little(data.translate(None, _NEITHER_QUOTES_NOR_BRACKETS))


@lru_cache(maxsize=64)
def _nests_little(left: bytes) -> bool:
    """The same of quotes and brackets alone; most entries of a ledger have the same ones."""
    left = left.replace(b'""', b"")
    if b'"' in left:
        return False
    for _ in range(MAX_DEPTH):
        if not left:
            return True
        left = left.replace(b"{}", b"").replace(b"[]", b"")
    return not left
