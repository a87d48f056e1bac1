"""JSON and YAML texts, read strictly: what two readers might understand differently is refused.

Refused are duplicate keys, NaN and infinities, numbers that a double cannot hold exactly,
half surrogate pairs, nesting over a limit, text after the end, and in YAML aliases, tags
and the types that JSON does not have (dates, octal numbers, yes and no).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from engine.formats.json_positions import Flaw, escape, json_places
from engine.formats.strict_json import (
    MAX_DEPTH,
    MAX_INTEGER,
    NotStrictError,
    has_half_pair,
    is_shallow,
    read_integer,
    read_real,
    strict_decoder,
)
from engine.model import Json

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 1024 * 1024
"""Largest document that is read when nobody says otherwise."""

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_YAML_NOT_A_NUMBER = re.compile(
    r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|-?(?:NaN|Infinity))\Z"
)
_YAML_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class UnreadableTextError(Exception):
    """A text that a strict reader refuses.

    Args:
        flaw: What and where. The offset counts characters of the decoded text.
        text: The decoded text; ``""`` when it was not text at all.
    """

    def __init__(self, flaw: Flaw, text: str) -> None:
        super().__init__(flaw.reason)
        self.flaw = flaw
        self.text = text


def decode(data: bytes) -> str:
    """Return ``data`` as text.

    Raises:
        UnreadableTextError: Empty, not UTF-8, or with a byte order mark.
    """
    if not data.strip():
        raise UnreadableTextError(Flaw(0, "", "the document is empty"), "")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableTextError(
            Flaw(0, "", "the document starts with a byte order mark", "save it as plain UTF-8"), ""
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        flaw = Flaw(0, "", f"byte {error.start} is not UTF-8 text", "is this the right file?")
        raise UnreadableTextError(flaw, "") from None


def read_json(data: bytes) -> Json:
    """Return the JSON value in ``data``; every number is exactly what its text says.

    A number that is whole comes back as ``int``, so that ``1.0`` and ``1`` are one value.

    Raises:
        UnreadableTextError: Refused; says where and why.

    Source: RFC 8259; RFC 7493 (I-JSON) for what is refused.
    """
    from engine.formats.quick_json import quick_json

    if (quick := quick_json(data)) is not None:
        return quick
    text = decode(data)
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError):
        value = None
    else:
        if is_shallow(value) and not has_half_pair(text, value):
            return value
    _places, flaw = json_places(text, max_depth=MAX_DEPTH)
    raise UnreadableTextError(flaw or _first_inexact(text), text)


MAX_DIGITS = 400
"""Digits of a number, and the largest exponent, where numbers are read exactly at any size."""


def read_exact_json(data: bytes) -> Json:
    """Return the JSON value in ``data`` as :func:`read_json`, with numbers of any size.

    For documents whose numbers are compared and never computed with, such as schemas. A whole
    number is an ``int``, another a ``float`` where that is written alike, else a ``Decimal``.

    Raises:
        UnreadableTextError: Refused; says where and why.
    """
    text = decode(data)
    try:
        value = _exact_decoder.decode(text)
    except (ValueError, RecursionError):
        value = None
    else:
        if is_shallow(value) and not has_half_pair(text, value):
            return value
    places, flaw = json_places(text, max_depth=MAX_DEPTH)
    for pointer, offset in {} if flaw else places.items():
        match = re.compile(r"-?[0-9][0-9.eE+-]*").match(text, offset)
        if match and not _is_sizable(match.group()):
            flaw = Flaw(offset, pointer, f"a number has more than {MAX_DIGITS} digits")
            break
    raise UnreadableTextError(flaw or Flaw(0, "", "the document could not be read"), text)


def _is_sizable(text: str) -> bool:
    exponent = re.split("[eE]", text)[1:]
    return len(text) <= MAX_DIGITS and all(
        len(part) <= 8 and abs(int(part)) <= MAX_DIGITS for part in exponent
    )


def _any_number(text: str) -> int | float | Decimal:
    if not _is_sizable(text):
        raise NotStrictError("too long")
    number = Decimal(text)
    if number == number.to_integral_value():
        return int(number)
    near = float(text)
    return near if Decimal(repr(near)) == number else number


def _exact(text: str) -> int | float:
    number = read_real(text)
    is_long = len(text) > 15 or "e" in text or "E" in text
    if is_long and Decimal(text) != Decimal(repr(number)):
        raise NotStrictError("inexact")
    if not number.is_integer():
        return number
    if abs(number) > MAX_INTEGER:  # its canonical form would be an integer that is refused
        raise NotStrictError("beyond 2^53")
    return int(number)


_decoder = strict_decoder(_exact)
_exact_decoder = strict_decoder(_any_number, _any_number)


def _first_inexact(text: str) -> Flaw:
    """The first number of ``text`` that the fast reader refused."""
    places, _flaw = json_places(text, max_depth=MAX_DEPTH)
    for pointer, offset in places.items():
        match = re.compile(r"-?[0-9][0-9.eE+-]*").match(text, offset)
        if match and (flaw := number_flaw(match.group(), offset, pointer)):
            return flaw
    return Flaw(0, "", "the document could not be read")


def number_flaw(text: str, offset: int, pointer: str) -> Flaw | None:
    """Why the number ``text`` is refused; None when it is read exactly."""
    try:
        if re.fullmatch(r"-?[0-9]+", text):
            read_integer(text)
        else:
            _exact(text)
    except ValueError:
        return Flaw(
            offset,
            pointer,
            f"number {text[:40]} is not read exactly by every program",
            "write it with at most 15 digits, or as a string",
        )
    return None


def read_yaml(data: bytes) -> tuple[Json, dict[str, int]]:
    """Return the one YAML document in ``data`` and the offset of every value by its pointer.

    Plain scalars are JSON's null, booleans and numbers as JSON writes them; anything else
    is a string.

    Raises:
        UnreadableTextError: Refused; says where and why.
    """
    import yaml

    text = decode(data)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _YamlBuilder(text)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        offset = mark.index if mark else 0
        hint = _yaml_hint(text, offset)
        raise UnreadableTextError(
            Flaw(offset, "", f"cannot be read as YAML: {error.problem}", hint), text
        ) from None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise UnreadableTextError(Flaw(0, "", f"cannot be read as YAML: {reason}"), text) from None
    return builder.value, builder.places


def _yaml_hint(text: str, offset: int) -> str:
    if text[offset : offset + 1] == "\t":
        return "YAML is indented with spaces, never with tabs"
    lines = text[:offset].splitlines()[-2:] + text[offset:].splitlines()[:1]
    for line in lines:
        if match := re.match(r"\s*([\w.]+):(?=[^\s:/])(\S+)$", line):
            return f"write a space behind the colon: `{match[1]}: {match[2]}`"
    return "indent the rows of one table alike; the line above may be the one that is wrong"


class _YamlBuilder:
    """Builds one JSON value out of YAML events; never recurses, so depth is only a number."""

    def __init__(self, text: str) -> None:
        self.value: Json = None
        self.places: dict[str, int] = {}
        self._text = text
        self._documents = 0
        self._open: list[tuple[str, dict[str, Json] | list[Json]]] = []
        self._key: list[str | None] = []

    def take(self, event: yaml.Event) -> None:
        import yaml

        at = event.start_mark.index if event.start_mark else 0
        match event:
            case yaml.AliasEvent():
                self._refuse(at, "YAML aliases are not read", "write the value out")
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._refuse(at, "a second YAML document starts here", "one file, one document")
            case yaml.ScalarEvent():
                self._no_anchor(event, at)
                self._scalar(event, at)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._no_anchor(event, at)
                self._start({} if isinstance(event, yaml.MappingStartEvent) else [], at)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()
                self._key.pop()

    def _no_anchor(self, event: Any, at: int) -> None:
        if event.anchor is not None:
            self._refuse(at, "YAML anchors are not read", "write the value out")
        if event.tag is not None:
            self._refuse(at, f"YAML tag {event.tag!r} is not read", "write plain JSON values")

    def _start(self, container: dict[str, Json] | list[Json], at: int) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._refuse(at, "nested too deeply", f"at most {MAX_DEPTH} levels are read")
        if self._awaits_key():
            self._refuse(at, "a key must be a string")
        pointer = self._put(container, at)
        self._open.append((pointer, container))
        self._key.append(None)

    def _scalar(self, event: yaml.ScalarEvent, at: int) -> None:
        if self._awaits_key():
            pointer, members = self._open[-1]
            inner = f"{pointer}/{escape(event.value)}"
            if event.value in members:
                self._refuse(at, f"key {event.value!r} is given twice", "keep one of the two")
            self.places[f"{inner}#"] = at
            self._key[-1] = event.value
            return
        plain = not event.style  # the C parser says "", the Python parser None
        self._put(self._plain(event.value, at) if plain else event.value, at)

    def _plain(self, text: str, at: int) -> Json:
        if text in _YAML_WORDS:
            return _YAML_WORDS[text]
        if _YAML_NOT_A_NUMBER.match(text):
            self._refuse(at, f"{text} is not a number that can be compared")
        if not _JSON_NUMBER.match(text):
            return text
        if flaw := number_flaw(text, at, self._pointer()):
            raise UnreadableTextError(flaw, self._text)
        return read_integer(text) if re.fullmatch(r"-?[0-9]+", text) else _exact(text)

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][1], dict) and self._key[-1] is None

    def _pointer(self) -> str:
        if not self._open:
            return ""
        pointer, container = self._open[-1]
        if isinstance(container, list):
            return f"{pointer}/{len(container)}"
        key = self._key[-1]
        return pointer if key is None else f"{pointer}/{escape(key)}"

    def _put(self, value: Json, at: int) -> str:
        pointer = self._pointer()
        self.places[pointer] = at
        if not self._open:
            self.value = value
            return pointer
        container = self._open[-1][1]
        if isinstance(container, list):
            container.append(value)
        else:
            container[self._key[-1] or ""] = value
            self._key[-1] = None
        return pointer

    def _refuse(self, at: int, reason: str, hint: str = "") -> NoReturn:
        raise UnreadableTextError(Flaw(at, self._pointer(), reason, hint), self._text)
