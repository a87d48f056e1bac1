"""What a row of a provider's token is made of."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.privacy.rule import FOLD, SECOND, START, Match, Rule, value_of

END = rb"(?![A-Za-z0-9])"
URL = rb"[A-Za-z0-9_-]"
HEX = rb"[0-9a-f]"
UUID = rb"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

_PLACEHOLDER = re.compile(
    rb"(?i)example|x{6}|placeholder|changeme|redacted|your[_-]|dummy|replace[_-]?(?:me|with)"
)


def is_varied(match: Match) -> bool:
    """Whether it is no placeholder, such as one letter repeated."""
    value = value_of(match)
    return len(set(value[-32:])) >= 7 and _PLACEHOLDER.search(value) is None


def is_mixed(match: Match) -> bool:
    """Whether capitals, small letters and digits are in it, as random text of that length has."""
    value = value_of(match)
    return is_varied(match) and all(
        re.search(kind, value) for kind in (rb"[A-Z]", rb"[a-z]", rb"[0-9]")
    )


def is_random(match: Match) -> bool:
    """Whether letters of both sizes are in it, and digits or more capitals than names have."""
    value = value_of(match)
    capitals = len(re.findall(rb"[A-Z]", value))
    small = len(re.findall(rb"[a-z]", value))
    return (
        is_varied(match)
        and capitals > 0
        and small > 0
        and (3 * capitals >= capitals + small or re.search(rb"[0-9]", value) is not None)
    )


def token(
    name: str,
    pattern: bytes,
    *literals: bytes,
    source: str,
    since: str = SECOND,
    holds: Callable[[Match], bool] = is_varied,
    back: int | Callable[[bytes, int], int] = 0,
    regex: bytes | None = None,
) -> Rule:
    """Return the row of a token that says itself whose it is.

    Args:
        name: The family.
        pattern: Of all of it.
        literals: What it begins with, in any case; with ``back``, what stands so far in it.
        source: Who says that it looks so.
        since: As in :class:`Rule`.
        holds: As in :class:`Rule`.
        back: As in :class:`Rule`.
        regex: As in :class:`Rule`, where no literal is rare enough.
    """
    return Rule(
        name,
        "secret",
        re.compile(START + rb"(?:" + pattern + rb")"),
        holds,
        literals=tuple(literal.translate(FOLD) for literal in literals),
        regex=re.compile(regex) if regex else None,
        back=back,
        source=source,
        since=since,
    )
