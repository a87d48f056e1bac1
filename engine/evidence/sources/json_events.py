"""JSON in pieces: values at the places that a reader names, and nothing else kept.

A file of any size is read with the memory of its largest named value. Keys that repeat, NaN, a
second document and bytes that are no UTF-8 are errors with their place, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from io import BufferedReader
from pathlib import Path
from typing import Any

import ijson

from engine.errors import DocumentError, Position
from engine.formats.json_positions import escape
from engine.model import Json
from engine.system.reading import open_to_read

MAX_DEPTH = 100
MAX_EVENTS = 2_000_000
"""Of one value that is kept."""
ANY = "*"
"""In a place: each member of a list or an object."""
OPENED = object()
"""Yielded, before its members, for a list or an object all of whose members are named."""

Place = tuple[str | int, ...]
_CLOSING = {"end_map", "end_array"}


class _RefusedJsonError(Exception):
    """What is wrong at the place that is being read."""


def read_values(
    file: Path, name: str, places: Sequence[tuple[str, ...]]
) -> Iterator[tuple[int, Place, Json]]:
    """Yield the values of ``file`` at the places ``places``, in the order of the file.

    Args:
        file: Where.
        name: What it is called in messages.
        places: Places by key, :data:`ANY` for all members; none below another.

    Yields:
        Which of ``places``, the place itself, and the value; :data:`OPENED` where a list or an
        object begins all of whose members are named. Numbers with a fraction are
        ``Decimal``.

    Raises:
        DocumentError: Not JSON, not UTF-8, cut off, two documents, a key twice, too deep, or a
            value that is too large; says where.
    """
    path: list[str | int] = []
    try:
        with open_to_read(file) as opened:
            yield from _values(_events(opened), path, places)
    except _RefusedJsonError as refused:
        raise _unreadable(name, path, str(refused)) from None
    except (ijson.JSONError, ValueError, RecursionError) as error:
        raise _unreadable(name, path, _worded(error)) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DocumentError(Position(name), reason, "name a file that can be read") from None


def _events(opened: BufferedReader) -> Iterator[tuple[str, Any]]:
    start = opened.peek(4)[:4]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start:
        raise _RefusedJsonError("is not UTF-8")
    if start.startswith(b"\xef\xbb\xbf"):
        opened.read(3)
    if start.lstrip()[:1] == b"<":
        raise _RefusedJsonError("is no JSON, but a page of HTML or XML")
    return ijson.basic_parse(opened, buf_size=256 * 1024)  # type: ignore[no-any-return]


def _worded(error: Exception) -> str:
    first = str(error).strip().split("\n")[0].rstrip(".")
    return f"is no whole JSON: {first or type(error).__name__}"[:200]


def _unreadable(name: str, path: list[str | int], reason: str) -> DocumentError:
    pointer = "".join(f"/{escape(str(key))}" for key in path)
    hint = "was it cut off, or is it an error page? run the tool that wrote it again"
    return DocumentError(Position(name, pointer=pointer), reason, hint)


def _values(
    events: Iterator[tuple[str, Any]], path: list[str | int], places: Sequence[tuple[str, ...]]
) -> Iterator[tuple[int, Place, Json]]:
    keys: list[set[str] | None] = []  # of the open objects; None is a list
    live: list[list[int]] = [list(range(len(places)))]  # which of places may lie below
    for event, value in events:
        if event == "map_key":
            seen = keys[-1]
            if value in seen:  # type: ignore[operator]
                path[-1] = value
                raise _RefusedJsonError("a key stands there twice")
            seen.add(value)  # type: ignore[union-attr]
            path[-1] = value
            continue
        if event in _CLOSING:
            keys.pop()
            live.pop()
            path.pop()
            continue
        if keys and keys[-1] is None:
            path[-1] += 1  # type: ignore[operator]
        below = _below(live[-1], path, places) if path else live[-1]
        hit = next((which for which in below if len(places[which]) == len(path)), None)
        if hit is not None:
            yield hit, tuple(path), _built(event, value, events)
        elif event in ("start_map", "start_array"):
            if len(path) >= MAX_DEPTH:
                raise _RefusedJsonError(f"nested more than {MAX_DEPTH} deep")
            if below:
                for which in below:
                    if places[which][len(path) :] == (ANY,):
                        yield which, tuple(path), OPENED
                keys.append(set() if event == "start_map" else None)
                live.append(below)
                path.append("" if event == "start_map" else -1)
            else:
                _skip(events)


def _below(
    live: Sequence[int], path: Sequence[str | int], places: Sequence[tuple[str, ...]]
) -> list[int]:
    at = len(path) - 1
    return [
        which for which in live if len(places[which]) > at and places[which][at] in (ANY, path[at])
    ]


def _skip(events: Iterator[tuple[str, Any]]) -> None:
    """Read what is open to its end, and look at its keys."""
    keys: list[set[str]] = [set()]
    for event, value in events:
        if event == "map_key":
            if value in keys[-1]:
                raise _RefusedJsonError(f"below it the key {value!r} stands twice")
            keys[-1].add(value)
        elif event in ("start_map", "start_array"):
            keys.append(set())
            if len(keys) > MAX_DEPTH:
                raise _RefusedJsonError(f"nested more than {MAX_DEPTH} deep")
        elif event in _CLOSING:
            keys.pop()
            if not keys:
                return


def _built(  # noqa: PLR0912  (one loop, for speed)
    event: str, value: Any, events: Iterator[tuple[str, Any]]
) -> Json:
    """The whole of the value that begins with ``event``."""
    if event not in ("start_map", "start_array"):
        return value
    top: Json = {} if event == "start_map" else []
    open_values: list[Json] = [top]
    current = top
    is_map = event == "start_map"
    key = ""
    room = MAX_EVENTS
    for kind, found in events:
        if kind == "map_key":
            if found in current:
                raise _RefusedJsonError(f"below it the key {found!r} stands twice")
            key = found
            continue
        room -= 1
        if kind in _CLOSING:
            open_values.pop()
            if not open_values:
                return top
            current = open_values[-1]
            is_map = isinstance(current, dict)
            continue
        if kind == "start_map":
            inner: Json = {}
        elif kind == "start_array":
            inner = []
        else:
            inner = found
        if is_map:
            current[key] = inner
        else:
            current.append(inner)
        if kind in ("start_map", "start_array"):
            open_values.append(inner)
            current = inner
            is_map = kind == "start_map"
            if len(open_values) > MAX_DEPTH:
                raise _RefusedJsonError(f"nested more than {MAX_DEPTH} deep")
        if room < 0:
            raise _RefusedJsonError(f"more than {MAX_EVENTS:,} values in one place")
    raise _RefusedJsonError("is cut off")


def number(value: Json) -> float | None:
    """Return a number of a report as a float; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value)
