"""What a program hands to the library's doors: each argument is what its name promises.

Anything else is a :class:`~engine.errors.UsageError` that names the argument and what is expected;
no message shows a value, which may be a key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import UsageError
from engine.system.files import output_path, path_of
from engine.system.key_material import require_no_private_key

_T = TypeVar("_T")


def refused(name: str, value: object, expected: str) -> UsageError:
    """Return the error that says what argument ``name`` should have been."""
    return UsageError(f"{name} is of type {type(value).__name__}", f"{name}: give {expected}")


def instance(name: str, value: object, kind: type[_T], expected: str) -> _T:
    """Return ``value``, which is a ``kind``; a bool is no number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise refused(name, value, expected)
    return value


def text(name: str, value: object) -> str:
    """Return ``value``, a text that is not empty."""
    found = instance(name, value, str, "a text")
    if not found:
        raise UsageError(f"{name} is empty", f"{name}: give a name")
    require_no_private_key(name, found)
    return found


def path(name: str, value: object) -> Path:
    """Return ``value``, text or a path, as a path."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise refused(name, value, "a path, as text or pathlib.Path")
    return path_of(os.fspath(value), name)


def optional_path(name: str, value: object) -> Path | None:
    """Return ``value`` as a path; None stays None."""
    return None if value is None else path(name, value)


def optional_output(name: str, value: object) -> Path | None:
    """Return ``value`` as the path of what will be written; None stays None."""
    found = optional_path(name, value)
    if isinstance(value, str):
        output_path(value)
    return found


def content(name: str, value: object) -> bytes:
    """Return the bytes ``value``: what a file holds, and not its name."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise refused(name, value, "the bytes themselves: pathlib.Path(…).read_bytes()")
    return bytes(value)


def pem(name: str, value: object) -> bytes:
    """Return a key in PEM form, given as bytes or as text."""
    if isinstance(value, str) and "-----BEGIN " in value:
        return value.encode(errors="replace")
    found = content(name, value)
    if not found:
        raise UsageError(f"{name} is empty", f"{name}: give a PEM file's bytes")
    return found


def several(name: str, values: object, expected: str) -> list[Any]:
    """Return the members of ``values``, which is none of the things that are one value."""
    is_one = isinstance(values, str | bytes | bytearray | memoryview | Mapping)
    if is_one or not isinstance(values, Iterable):
        raise refused(name, values, f"a list of {expected}")
    return list(values)


def instant(name: str, value: object) -> datetime | None:
    """Return an instant in UTC; None stays None."""
    if value is None:
        return None
    given = instance(name, value, datetime, "a datetime with a time zone")
    if given.tzinfo is None:
        raise UsageError(f"{name} has no time zone", f"{name}: give it in UTC")
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{name} is no instant in UTC", f"{name}: a year from 1 to 9999") from None
