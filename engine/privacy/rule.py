"""What a rule is: a pattern, what must hold of its match, and where to look for it.

All rules work on bytes, so that no encoding can hide a line from them. A rule looks at no more
than :data:`BEFORE` bytes before the place that its trigger names and :data:`AFTER` behind it; a
scan may therefore cut its input anywhere and finds the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from engine.model import Json

BEFORE = 512
"""Bytes before a trigger that a rule may look at."""
AFTER = 24 * 1024
"""Bytes from a trigger on that a rule may look at; longer than any private key in use."""

FIRST = "2026-11-20"
"""Date of the rows that the table began with."""
SECOND = "2026-12-01"
"""Date of the rows that came with it next."""

_ESCAPE = rb"(?<=\\[nrt])|(?<=\\u00[2-7][0-9a-fA-F])|(?<=%[2-7][0-9a-fA-F])"
START = rb"(?:(?<![0-9A-Za-z])|" + _ESCAPE + rb")"
"""Where a value may begin: not inside a word; the letters and digits of an escape are none."""
AFTER_ESCAPE = re.compile(rb"(?:" + _ESCAPE + rb")")

Kind = Literal["personal", "secret"]
Match = re.Match[bytes]

_DIGITS = bytes(0x30 if chr(code).isdigit() and code < 128 else code for code in range(256))
FOLD = _DIGITS.translate(bytes.maketrans(bytes(range(65, 91)), bytes(range(97, 123))))
"""Table for ``bytes.translate``: every digit to 0, every ASCII letter to lower case."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: a family of personal data or secrets, or one way that it is written.

    A pattern's group ``value`` is what must not be there; without that group, all of it is.

    Attributes:
        name: The family, as reports call it.
        kind: Whether it is personal data or a secret.
        pattern: Matched at the trigger, less ``back``.
        holds: Whether the match really is one: checksum, range, what stands around it.
        canonical: The value in the one form that all its spellings share; its digest is of this.
        literals: Triggers: each is searched for in the folded text (:data:`FOLD`).
        words: Triggers that say what follows, such as key names; also in the folded text.
        regex: Trigger in the text as it is.
        back: Bytes from where the pattern begins to its trigger, or a function that finds
            where it begins.
        source: Who says that it looks so.
        since: Date of the table that had the row first.
        checksum: What is computed over the value; empty where nothing is.
        context: What must stand around the value; empty where the value says itself what it is.
        on_request: Whether it is looked for only where somebody asks for the family.
    """

    name: str
    kind: Kind
    pattern: re.Pattern[bytes]
    holds: Callable[[Match], bool] = field(default=lambda _match: True)
    canonical: Callable[[bytes], bytes] = field(default=bytes)
    literals: tuple[bytes, ...] = ()
    words: tuple[bytes, ...] = ()
    regex: re.Pattern[bytes] | None = None
    back: int | Callable[[bytes, int], int] = 0
    source: str = ""
    since: str = FIRST
    checksum: str = ""
    context: str = ""
    on_request: bool = False

    def at(self, text: bytes, trigger: int) -> tuple[int, int] | None:
        """Return where the value stands whose trigger is at ``trigger``; None if it is none."""
        back = self.back
        start = trigger - back if isinstance(back, int) else back(text, trigger)
        if start < 0:
            return None
        match = self.pattern.match(text, start)
        if match is None or not self.holds(match):
            return None
        return match.span("value" if "value" in self.pattern.groupindex else 0)

    @property
    def encodings(self) -> tuple[str, ...]:
        """How the value and what stands around it may be written."""
        return ("plain", "JSON", "URL", *(("XML", "next line") if self.context == "label" else ()))

    def row(self) -> dict[str, Json]:
        """Return the row as the table shows it."""
        return {
            "family": self.name,
            "kind": self.kind,
            "pattern": self.pattern.pattern.decode("latin-1"),
            "checksum": self.checksum or None,
            "context": self.context or None,
            "encodings": list(self.encodings),
            "on_request": self.on_request,
            "since": self.since,
            "source": self.source,
        }


def value_of(match: Match) -> bytes:
    """Return what the rule is about: the group ``value``, or all of the match."""
    return match["value"] if "value" in match.re.groupindex else match[0]


def digits(value: bytes) -> bytes:
    """Return the ASCII digits of ``value``."""
    return value.translate(None, delete=_NOT_DIGITS)


def alphanumerics(value: bytes) -> bytes:
    """Return the ASCII letters, in upper case, and digits of ``value``."""
    return value.translate(None, delete=_NOT_ALPHANUMERIC).upper()


_NOT_DIGITS = bytes(code for code in range(256) if not 48 <= code <= 57)
_NOT_ALPHANUMERIC = bytes(code for code in range(256) if code > 127 or not chr(code).isalnum())
