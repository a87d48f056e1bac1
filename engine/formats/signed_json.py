"""Signed documents as bytes: JSON, base64 and hex, each read in one form only.

What a verifier reads comes from strangers. Every function here gives a value or a
:class:`~engine.errors.VerificationError`, never another exception, and never guesses.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Collection
from functools import cache, partial
from typing import NoReturn

from engine.errors import VerificationError
from engine.formats.strict_json import (
    MAX_DEPTH,
    has_half_pair,
    is_shallow,
    read_real,
    strict_decoder,
)
from engine.model import Json

MAX_ITEMS = 1 << 21
"""Commas, brackets and braces in one document: bounds the memory that parsing takes."""

DAMAGED = "the file was changed or damaged: ask for a fresh export"
"""What to do where a file that somebody handed over cannot be read."""
_UUID7 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)
_LONG = 1024
"""Characters of base64 from which on loading a faster reader is worth it."""
_LOWER_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


def refuse(reason: str, hint: str = DAMAGED) -> NoReturn:
    """Raise the one error of the verifier."""
    raise VerificationError(reason, hint)


_decoder = strict_decoder(read_real)


def read_json(data: bytes, what: str, *, max_bytes: int) -> Json:
    """Return the JSON value in ``data``.

    Args:
        data: UTF-8 text without a byte order mark.
        what: Name of the document for the message, such as ``the envelope``.
        max_bytes: Longest text that is read.

    Raises:
        VerificationError: Too long, not JSON, a key twice, NaN or an infinity, an integer
            beyond 2^53, half a surrogate pair, text after the end, nested over 32 levels.

    Source: RFC 8259; RFC 7493 (I-JSON) for what is refused.
    """
    if len(data) > max_bytes:
        refuse(f"{what} has {len(data):,} bytes; at most {max_bytes:,} are read")
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_ITEMS:
        refuse(f"{what} has more than {MAX_ITEMS:,} items")
    try:
        text = data.decode()
        value = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        refuse(f"{what} is not strict JSON: {_cause(error)}")
    if not is_shallow(value):
        refuse(f"{what} nests deeper than {MAX_DEPTH} levels")
    if has_half_pair(text, value):
        refuse(f"{what} is not strict JSON: it is not UTF-8 text")
    return value


def _cause(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"it nests deeper than {MAX_DEPTH} levels"
    if isinstance(error, UnicodeError):
        return "it is not UTF-8 text"
    return str(error)


def read_base64(text: Json, what: str) -> bytes:
    """Return the bytes that ``text`` encodes in the only way they can be encoded.

    Raises:
        VerificationError: Not a string, another alphabet, wrong or missing padding,
            white space, or bits after the end that are not zero.

    Source: RFC 4648 section 4; section 3.5 for canonical encoding.
    """
    if not isinstance(text, str):
        refuse(f"{what} is not a string")
    if not text.isascii():
        refuse(f"{what} is not base64")
    return read_base64_ascii(text.encode("ascii"), what)


def read_base64_ascii(text: bytes, what: str) -> bytes:
    """Return the bytes that ``text`` encodes in the only way they can be encoded.

    Raises:
        VerificationError: As :func:`read_base64`.
    """
    try:
        data = (_strict if len(text) < _LONG else _reader_of_long_texts())(text)
    except ValueError:
        refuse(f"{what} is not base64")
    # in strict mode only bits after the end can differ, and those are in the last three bytes
    last = len(data) - ((len(data) - 1) % 3 + 1) if data else 0
    if binascii.b2a_base64(data[last:], newline=False) != text[-4:] or len(text) % 4:
        refuse(f"{what} is not canonical base64")
    return data


def _strict(text: bytes) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


@cache
def _reader_of_long_texts() -> Callable[[bytes], bytes]:
    """``pybase64``'s, thirty times faster; loading it takes 2 ms, and a verifier may go without."""
    try:
        from pybase64 import b64decode
    except ImportError:
        return _strict
    return partial(b64decode, validate=True)


def write_base64(data: bytes) -> str:
    """Return ``data`` in base64, RFC 4648 section 4, without line breaks."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def read_hex(text: Json, what: str, size: int = 32) -> bytes:
    """Return the ``size`` bytes that ``text`` writes as lowercase hex digits.

    Raises:
        VerificationError: Not a string, another length, or another character.
    """
    if not isinstance(text, str) or len(text) != 2 * size or not _LOWER_HEX.fullmatch(text):
        refuse(f"{what} is not {2 * size} lowercase hex digits")
    return bytes.fromhex(text)


def read_object(
    value: Json, what: str, required: Collection[str], optional: Collection[str] = ()
) -> dict[str, Json]:
    """Return ``value`` if it is an object with the required members and no unknown one.

    Raises:
        VerificationError: Not an object, a member is missing, or one is not known.
    """
    members = read_members(value, what)
    for key in required:
        if key not in members:
            refuse(f"{what} lacks {key!r}")
    for key in members:
        if key not in required and key not in optional:
            refuse(f"{what} has the unknown member {key!r}")
    return members


def read_members(value: Json, what: str) -> dict[str, Json]:
    """Return ``value`` if it is an object, whatever its members are.

    Raises:
        VerificationError: It is not.
    """
    if not isinstance(value, dict):
        refuse(f"{what} is not an object")
    return value


def read_text(value: Json, what: str) -> str:
    """Return ``value`` if it is a string that is not empty.

    Raises:
        VerificationError: It is not.
    """
    if not isinstance(value, str) or not value:
        refuse(f"{what} is not a text")
    return value


def read_uuid7(value: Json, what: str) -> str:
    """Return ``value`` if it is a UUIDv7 in its one spelling: lower case, with four hyphens.

    Raises:
        VerificationError: It is not.

    Source: RFC 9562 sections 4 and 5.7.
    """
    if not isinstance(value, str) or not _UUID7.fullmatch(value):
        refuse(f"{what} is not a UUIDv7 in lower case")
    return value


def read_string(value: Json, what: str) -> str:
    """Return ``value`` if it is a string, an empty one too.

    Raises:
        VerificationError: It is not.
    """
    if not isinstance(value, str):
        refuse(f"{what} is not a string")
    return value


def read_integer(value: Json, what: str, minimum: int = 0) -> int:
    """Return ``value`` if it is an integer of at least ``minimum``; a boolean is none.

    Raises:
        VerificationError: It is not.
    """
    if type(value) is not int or value < minimum:
        refuse(f"{what} is not an integer of at least {minimum}")
    return value


def read_list(value: Json, what: str) -> list[Json]:
    """Return ``value`` if it is an array.

    Raises:
        VerificationError: It is not.
    """
    if not isinstance(value, list):
        refuse(f"{what} is not an array")
    return value
