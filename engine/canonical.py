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


def _may_differ(text: bytes) -> bool:
    """Whether ``text`` holds anything that JCS might write otherwise; may be true in vain."""
    if b".0," in text or b".0}" in text or b".0]" in text or text.endswith(b".0"):
        return True
    zeros = text.translate(_DIGITS_AS_ZERO)
    if any(_in_number(zeros, part) for part in (b"0e-0", b"0e+0", b"0000000000000000")):
        return True  # an exponent; or 16 digits, which may pass 2^53
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
    if not _may_differ(text):
        return text
    import rfc8785

    return rfc8785.dumps(value)
