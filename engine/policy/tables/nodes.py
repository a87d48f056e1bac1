"""A value of a policy data file together with the place it was written at.

Every demand that is not met is a :class:`~engine.errors.ConfigError` with file, line and
column, so that validating code reads as a list of demands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engine.errors import ConfigError, Position, suggest
from engine.formats.json_positions import escape, line_and_column
from engine.formats.json_text import UnreadableTextError, decode, read_yaml
from engine.formats.printable import is_seen_in_lines
from engine.model import Json, is_number
from engine.system.key_material import line_of_private_key


class RowError(ConfigError):
    """A value of a policy data file is wrong.

    Args:
        position: Where it stands.
        reason: What is wrong, as one clause.
        hint: What to do.
    """

    advice = "write it as the shipped row is written: `engine policy show` prints each"

    def __init__(self, position: Position, reason: str, hint: str = "") -> None:
        super().__init__(f"{position}: {reason}", hint)
        self.position = position
        self.reason = reason


class PlacedFile(Protocol):
    """What a node was written in: its name in errors, and where each pointer stands."""

    @property
    def shown(self) -> str:
        """Name of the file in errors."""

    def position(self, pointer: str, *, key: bool) -> Position:
        """Return where the value at ``pointer`` stands, or its key."""

    def has(self, pointer: str) -> bool:
        """Return whether a value is written there at ``pointer``."""


@dataclass(frozen=True, slots=True)
class _File:
    shown: str
    content: bytes = field(repr=False)
    places: Mapping[str, int] = field(repr=False)

    def has(self, pointer: str) -> bool:
        return pointer in self.places

    def position(self, pointer: str, *, key: bool) -> Position:
        offset = self.places.get(pointer, 0)
        if key:
            offset = self.places.get(f"{pointer}#", offset)
        line, column = line_and_column(decode(self.content), offset)
        return Position(self.shown, line, column, pointer)


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a file.

    Attributes:
        value: What is written there.
        pointer: RFC 6901 JSON pointer to it.
        file: Where; shared by all nodes of one file.
    """

    value: Json
    pointer: str
    file: PlacedFile

    def wrong(self, reason: str, hint: str = "", *, key: bool = False) -> RowError:
        """Return the error that says ``reason`` about this value, or about its key."""
        return RowError(self.file.position(self.pointer, key=key), reason, hint)

    def members(self) -> dict[str, Node]:
        """Return the members of an object."""
        if not isinstance(self.value, dict):
            hint = "write a row by its name for each item, such as `name: {…}`"
            raise self._unlike(
                "an object is expected here", hint if isinstance(self.value, list) else ""
            )
        return {
            key: Node(value, f"{self.pointer}/{escape(key)}", self.file)
            for key, value in self.value.items()
        }

    def keys(self, known: Collection[str], required: Collection[str] = ()) -> dict[str, Node]:
        """Return the members of an object that has ``required`` keys and only ``known`` ones."""
        members = self.members()
        for key, member in members.items():
            if key not in known:
                hint = suggest(key, known) or f"known: {', '.join(known)}"
                raise member.wrong(f"key {key!r} is not known here", hint, key=True)
        for key in required:
            if key not in members:
                raise self.wrong(f"key {key!r} is missing", f"add a line `{key}: …`")
        return members

    def items(self) -> list[Node]:
        """Return the items of a list."""
        if not isinstance(self.value, list):
            raise self._unlike("a list is expected here")
        return [
            Node(item, f"{self.pointer}/{index}", self.file)
            for index, item in enumerate(self.value)
        ]

    def text(self, pattern: str = r"(?s).*\S.*", example: str = "") -> str:
        """Return a string that ``pattern`` matches as a whole; not blank if none is given.

        All of it is seen: what nobody can read is no reason and no name.
        """
        if not isinstance(self.value, str) or not re.fullmatch(pattern, self.value):
            is_quoted = isinstance(self.value, str | list | dict)
            hint = example if is_quoted else "; ".join(filter(None, (example, _IN_QUOTES)))
            raise self._unlike(f"{self._shown()} where a text is expected", hint)
        if not is_seen_in_lines(self.value):
            raise self.wrong(f"{self.value[:60]!a} has a character that is not seen", "take it out")
        return self.value

    def one_of(self, known: Collection[str]) -> str:
        """Return a string of ``known``."""
        if not isinstance(self.value, str) or self.value not in known:
            hint = suggest(self.value, known) if isinstance(self.value, str) else ""
            raise self._unlike(f"{self._shown()} is none of {', '.join(known)}", hint)
        return self.value

    def integer(self, least: int) -> int:
        """Return a whole number, ``least`` or more."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < least:
            raise self._unlike(f"{self._shown()} where a whole number from {least} is expected")
        return self.value

    def number(self) -> int | float:
        """Return a number."""
        if not is_number(self.value):
            raise self._unlike(
                f"{self._shown()} where a number is expected", "write it as JSON does: 0.5, -1, 1e3"
            )
        number: int | float = self.value
        return number

    def boolean(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self._unlike(f"{self._shown()} where true or false is expected")
        return self.value

    def _unlike(self, reason: str, hint: str = "") -> RowError:
        """The error about a value of another type; ``null`` is one that may be meant otherwise."""
        return self.wrong(reason, _OF_NULL if self.value is None else hint)

    def _shown(self) -> str:
        if self.value is None or isinstance(self.value, bool):
            return str(self.value).replace("None", "nothing").lower()
        shown = repr(self.value)
        return shown if len(shown) <= 60 else shown[:57] + "..."


_IN_QUOTES = "write it in quotes, all of it: without them YAML reads 2.10 as the number 2.1"

_OF_NULL = "`null` takes away a row or a member that a shipped table has; else leave it out"


def read(shown: str, content: bytes) -> Node:
    """Return the one document of a ``data.yaml``.

    Args:
        shown: The file's name in errors.
        content: Its bytes.

    Raises:
        ConfigError: Not YAML, or YAML that two readers might understand differently:
            duplicate keys, anchors, aliases, tags, inexact numbers. Or a private key is in it.
    """
    if line := line_of_private_key(content.decode(errors="replace")):
        raise ConfigError(
            f"{shown}:{line}: holds a private key", "policies are shown and recorded: take it out"
        )
    try:
        value, places = read_yaml(content)
    except UnreadableTextError as refused:
        flaw = refused.flaw
        line, column = line_and_column(refused.text, flaw.offset) if refused.text else (0, 0)
        position = Position(shown, line, column, flaw.pointer)
        raise ConfigError(f"{position}: {flaw.reason}", flaw.hint) from None
    return Node(value, "", _File(shown, content, places))
