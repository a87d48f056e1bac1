"""One byte string per JSON value: RFC 8785 (JCS), quickly.

The C encoder of ``json`` gives JCS bytes for nearly every document; the few that it does
not (numbers that ECMAScript writes otherwise, keys beyond the basic plane) are found by
what the bytes contain and go to the ``rfc8785`` package.
"""

from __future__ import annotations

import json
import re

from engine.model import Json

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode

_DIGITS_AS_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_BEYOND_BASIC_PLANE = re.compile(rb"[\xee-\xf4]")
_BEFORE_NUMBER = b":,["
_SUSPICIOUS = (b"0e-0", b"0e+0", b"0e0", b"0000000000000000")
"""An exponent; or 16 digits, which may pass 2^53. Other digits read as zeros."""


def _may_differ(text: bytes) -> bool:
    """Whether ``text`` holds anything that JCS might write otherwise; may be true in vain."""
    if b".0," in text or b".0}" in text or b".0]" in text or text.endswith(b".0"):
        return True
    zeros = text.translate(_DIGITS_AS_ZERO)
    if any(_in_number(zeros, part) for part in _SUSPICIOUS):
        return True
    return not text.isascii() and _BEYOND_BASIC_PLANE.search(text) is not None


def _in_number(zeros: bytes, part: bytes) -> bool:
    """Whether ``part`` is inside a number and not only inside a text, such as a digest."""
    at = zeros.find(part)
    while at >= 0:
        start = len(zeros[:at].rstrip(b"0.-"))
        if start == 0 or zeros[start - 1] in _BEFORE_NUMBER:
            return True
        at = zeros.find(part, at + len(part))
    return False


def encode(value: Json) -> bytes:
    """Return the JCS form of ``value``, UTF-8.

    Raises:
        ValueError: Not JSON: NaN, an infinity, a lone surrogate, bytes, or an integer of 2^53
            or more in magnitude.

    Source: RFC 8785.
    """
    try:
        text = _encode(value).encode()
    except TypeError as error:
        raise ValueError(str(error)) from error
    return _by_the_book(value) if _may_differ(text) else text


class PlainObject(dict[str, Json]):
    """An object of which its maker knows that every encoder writes it alike.

    Every number in it :func:`is_plain` and every key is ASCII. The knowledge stays with the value,
    because looking for other numbers and keys takes three times as long as encoding.
    """

    __slots__ = ()


def encode_read(value: Json) -> bytes:
    """Return :func:`encode` of a value that a strict reader gave, several times faster.

    Args:
        value: Whoever calls answers for there being no NaN and no infinity in it: they would
            become null. A :class:`PlainObject` is not searched for unusual numbers and keys.

    Raises:
        ValueError: A lone surrogate, or an integer of 2^53 or more in magnitude.
    """
    import orjson

    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if type(value) is PlainObject or not _may_differ(text):
        return text
    return _by_the_book(value)


def is_plain(value: Json) -> bool:
    """Whether ``value`` is no list or object, and no number that encoders write differently."""
    kind = type(value)
    if kind is float:
        return (1e-4 <= value < 1e15 or -1e15 < value <= -1e-4) and not value.is_integer()
    if kind is int:
        return -(2**53) < value < 2**53  # type: ignore[no-any-return]
    return kind is str or kind is bool or value is None


def _by_the_book(value: Json) -> bytes:
    import rfc8785

    return rfc8785.dumps(value)
