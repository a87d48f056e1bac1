"""The beginning of a file, as far as its kind can be recognised by it: never by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ijson

from engine.errors import DocumentError, Position
from engine.evidence.sources.xml_events import RefusedXmlError, parser_for
from engine.model import Json
from engine.system.reading import open_to_read

MAX_HEAD_BYTES = 1024 * 1024
"""Of a file that is looked at; what tells no kind in there is not recognised."""
_MAX_EVENTS = 50_000


@dataclass(frozen=True)
class XmlHead:
    """The first elements of an XML file.

    Attributes:
        root: Name of the first element.
        attributes: Its attributes.
        names: Every element's name that was seen.
    """

    root: str
    attributes: Mapping[str, str]
    names: frozenset[str]


@dataclass(frozen=True)
class JsonHead:
    """The first values of a JSON file.

    Attributes:
        is_list: Whether it is a list.
        members: Scalars of its object by key; containers are ``{}`` or ``[]``.
        inner: The same one level deeper, by key; of a list, its first member's, under ``""``.
    """

    is_list: bool
    members: Mapping[str, Json]
    inner: Mapping[str, Mapping[str, Json]]


@dataclass(frozen=True)
class Head:
    """The beginning of a file.

    Attributes:
        data: Its first bytes.
    """

    data: bytes

    @cached_property
    def text(self) -> str:
        """Its first bytes as text, as far as it is UTF-8; empty where it is none."""
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if error.start < len(self.data) - 4:
                return ""
            return self.data[: error.start].decode("utf-8-sig")

    @cached_property
    def xml(self) -> XmlHead | None:
        """Its first elements; None for what is no XML."""
        if not re.match(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*<", self.data):
            return None
        found: list[tuple[str, Mapping[str, str]]] = []
        names: set[str] = set()

        def start(name: str, attributes: Mapping[str, str]) -> None:
            found.append((name, attributes)) if not found else None
            names.add(name)

        parser = parser_for(start, lambda _: None)
        with suppress(Exception):  # what is cut off, or refused: its reader says so
            parser.Parse(self.data, False)
        return XmlHead(*found[0], frozenset(names)) if found else None

    @cached_property
    def json(self) -> JsonHead | None:
        """Its first values; None for what is no JSON object or list."""
        start = self.data.removeprefix(b"\xef\xbb\xbf")
        if start.lstrip()[:1] not in (b"{", b"["):
            return None
        return _json_head(start)


def _json_head(data: bytes) -> JsonHead | None:
    members: dict[str, Json] = {}
    inner: dict[str, dict[str, Json]] = {}
    is_list = data.lstrip()[:1] == b"["
    try:
        for seen, (prefix, event, value) in enumerate(ijson.parse(data)):
            if seen > _MAX_EVENTS:
                break
            _keep(prefix, event, value, is_list, members, inner)
    except (ijson.JSONError, ValueError):
        pass  # cut off at the head's end, or damaged: then its reader says so
    return JsonHead(is_list, members, inner) if members or inner or is_list else None


def _keep(
    prefix: str,
    event: str,
    value: Any,
    is_list: bool,
    members: dict[str, Json],
    inner: dict[str, dict[str, Json]],
) -> None:
    if event in ("map_key", "end_map", "end_array") or not prefix:
        return
    content: Json = {"start_map": {}, "start_array": []}.get(event, value)
    if is_list:
        top, _, rest = prefix.partition(".")
        if top == "item" and rest and "." not in rest:
            inner.setdefault("", {}).setdefault(rest, content)
        return
    top, _, rest = prefix.partition(".")
    if not rest:
        members.setdefault(top, content)
    elif rest.startswith("item."):
        rest = rest.removeprefix("item.")
        if "." not in rest:
            inner.setdefault(top, {}).setdefault(rest, content)
    elif "." not in rest:
        inner.setdefault(top, {}).setdefault(rest, content)


def read_head(file: Path, name: str) -> Head:
    """Return the beginning of ``file``.

    Raises:
        DocumentError: It cannot be read, is no file, or is empty.
    """
    try:
        with open_to_read(file) as opened:
            data = opened.read(MAX_HEAD_BYTES)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DocumentError(Position(name), reason, "name a file that can be read") from None
    if not data:
        raise DocumentError(
            Position(name), "is empty: no tool wrote it to its end", "run that tool again"
        )
    return Head(data)


__all__ = ["Head", "JsonHead", "RefusedXmlError", "XmlHead", "read_head"]
