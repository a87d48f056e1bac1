"""Where a value stands in a JSON or YAML text. Pure; run only when an error or a report asks.

The parsers that decide what a document *says* are elsewhere; this one only finds places, and
words what a strict reader refuses: duplicate keys, NaN, trailing text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Generator
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import NamedTuple, TypeAlias

_KEYS = "keys stand in double quotes, and no comma follows the last one"
_VALUES = "a metrics file is JSON or YAML, by its name; text stands in double quotes"
_SPACES = (" ", "\t", "\n", "\r")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"true|false|null")
_NOT_A_NUMBER = re.compile(r"-?(?:NaN|Infinity|inf|nan)\b")


_Places: TypeAlias = Generator[tuple[str, int], None, int]
"""Yields (pointer, offset) pairs; returns the offset behind the value."""


class Flaw(NamedTuple):
    """Why a strict reader refuses a text, and where.

    Attributes:
        offset: Characters from the start of the text.
        pointer: RFC 6901 pointer of the value, as far as it was understood.
        reason: One clause.
        hint: What to do about it.
    """

    offset: int
    pointer: str
    reason: str
    hint: str = ""


class _Refused(Exception):  # noqa: N818  (carries a flaw out of the recursion, no further)
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.reason)
        self.flaw = flaw


def escape(key: str) -> str:
    """Return ``key`` as one token of a JSON pointer. RFC 6901 section 3."""
    return key.replace("~", "~0").replace("/", "~1")


class Lines:
    """Where the lines of ``text`` start: found once, for any number of places in it."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(newline.end() for newline in re.finditer("\n", text))]

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of ``offset``, both counted from 1, in characters."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of one ``offset``; of several, ask one :class:`Lines`."""
    return Lines(text).place(offset)


def json_places(text: str, *, max_depth: int = 32) -> tuple[dict[str, int], Flaw | None]:
    """Return the offset of every value by its pointer, and the first flaw if there is one.

    Keys have a place of their own, at their pointer followed by ``#``.
    """
    places: dict[str, int] = {}
    try:
        for pointer, offset in _values(text, max_depth):
            places[pointer] = offset
    except _Refused as refused:
        return places, refused.flaw
    return places, None


def _values(text: str, max_depth: int) -> Generator[tuple[str, int], None, None]:
    end = yield from _value(text, _skip(text, 0), "", max_depth)
    if (rest := _skip(text, end)) != len(text):
        raise _Refused(Flaw(rest, "", "text after the end of the document"))


def _value(text: str, at: int, pointer: str, depth: int) -> _Places:
    yield pointer, at
    opening = text[at : at + 1]
    if opening in ("{", "["):
        if depth == 0:
            raise _Refused(Flaw(at, pointer, "nested too deeply", "at most 32 levels are read"))
        members = _members if opening == "{" else _items
        return (yield from members(text, at + 1, pointer, depth - 1))
    if opening == '"':
        return _string(text, at, pointer)[1]
    for pattern in (_NUMBER, _WORD):
        if (match := pattern.match(text, at)) and not text[match.end() : match.end() + 1].isalnum():
            return match.end()
    raise _Refused(_not_a_value(text, at, pointer))


def _members(text: str, at: int, pointer: str, depth: int) -> _Places:
    seen: set[str] = set()
    at = _skip(text, at)
    if text[at : at + 1] == "}":
        return at + 1
    while True:
        if text[at : at + 1] != '"':
            raise _Refused(Flaw(at, pointer, "a key in double quotes is expected here", _KEYS))
        key, end = _string(text, at, pointer)
        inner = f"{pointer}/{escape(key)}"
        if key in seen:
            raise _Refused(
                Flaw(at, inner, f"key {key!r} is given twice", "keep one of the two values")
            )
        seen.add(key)
        yield f"{inner}#", at
        colon = _skip(text, end)
        if text[colon : colon + 1] != ":":
            raise _Refused(Flaw(colon, inner, "':' is expected here"))
        at = _skip(text, (yield from _value(text, _skip(text, colon + 1), inner, depth)))
        if text[at : at + 1] == "}":
            return at + 1
        at = _comma(text, at, pointer, "}")


def _items(text: str, at: int, pointer: str, depth: int) -> _Places:
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        return at + 1
    index = 0
    while True:
        at = _skip(text, (yield from _value(text, at, f"{pointer}/{index}", depth)))
        if text[at : at + 1] == "]":
            return at + 1
        at = _comma(text, at, pointer, "]")
        index += 1


def _comma(text: str, at: int, pointer: str, closing: str) -> int:
    if text[at : at + 1] != ",":
        raise _Refused(Flaw(at, pointer, f"',' or '{closing}' is expected here"))
    return _skip(text, at + 1)


def _string(text: str, at: int, pointer: str) -> tuple[str, int]:
    try:
        string, end = scanstring(text, at + 1, True)
    except JSONDecodeError as error:
        raise _Refused(Flaw(error.pos, pointer, error.msg.lower())) from None
    if any("\ud800" <= character <= "\udfff" for character in string):
        raise _Refused(Flaw(at, pointer, "half of a surrogate pair is not a character"))
    return string, end


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _SPACES:
        at += 1
    return at


def _not_a_value(text: str, at: int, pointer: str) -> Flaw:
    if at == len(text):
        return Flaw(at, pointer, "the document ends here, before it is complete")
    if match := _NOT_A_NUMBER.match(text, at):
        return Flaw(
            at,
            pointer,
            f"{match.group()} is not a number that can be compared",
            'leave the metric out, or give it a status: {"value": null, "status": "undefined"}',
        )
    if text[at] in "-+.0123456789":
        return Flaw(at, pointer, "not a number as JSON writes it")
    return Flaw(at, pointer, f"no JSON value can start with {text[at]!r}", _VALUES)
