"""Instants: RFC 3339 text in, whole seconds and RFC 3339 text out. Reads no clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def is_time(text: str) -> bool:
    """Whether ``text`` is written as RFC 3339 asks; the date may still not exist."""
    return _RFC3339.fullmatch(text) is not None


@lru_cache(maxsize=64)
def parse_time(text: str) -> datetime:
    """Return the instant that ``text`` names, to the microsecond.

    Raises:
        ValueError: Not RFC 3339 with a time zone, or no such date.

    Source: RFC 3339 section 5.6, with capital T and Z.
    """
    if not is_time(text):
        raise ValueError(f"{text!r} is not an RFC 3339 time such as 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}; {advice_on(text)}") from None


def advice_on(text: str) -> str:
    """Return what to write in place of ``text``, which has the form of a time and is none."""
    if text[17:19] == "60":
        return "write a leap second as the second before it, which ends with :59"
    return "such as 2026-01-31T12:00:00Z"


def age_s(now: datetime, then: datetime) -> int:
    """Return whole seconds from ``then`` to ``now``, rounded down; negative in the future."""
    difference = now - then
    return difference.days * 86_400 + difference.seconds


@lru_cache(maxsize=64)
def write_time(instant: datetime) -> str:
    """Return ``instant`` as RFC 3339 in UTC, whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_SPAN = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_SPAN_S = 400 * 86_400


def read_span(text: str) -> int:
    """Return the seconds of a length of time such as ``90s``, ``15m``, ``12h`` or ``7d``.

    Raises:
        ValueError: Not written so, or longer than 400 days.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a duration such as 90s, 15m, 12h or 7d")
    if (seconds := int(found[1]) * _SECONDS[found[2]]) > LONGEST_SPAN_S:
        raise ValueError(f"{text!r} is longer than 400d")
    return seconds


def write_span(seconds: int) -> str:
    """Return a length of time in its two largest units, rounded down, such as ``2 d 3 h``."""
    parts: list[str] = []
    left = abs(seconds)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)
