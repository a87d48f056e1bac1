"""Whether a ledger's file has the tables, indexes and triggers that the engine makes, and no other.

Somebody who owns the file can put a view in a table's place, or a trigger beside ours that rewrites
what we insert. Whoever writes looks first, and so does whoever verifies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from engine.errors import VerificationError
from engine.ledger.sqlite.schema import EVENT_TABLE, STATE_TABLE, event_triggers, statements

LAYOUT = "SELECT type, name, sql FROM sqlite_schema"
"""The query for :func:`require_layout`."""

ODD_TABLES = (
    "SELECT name FROM sqlite_schema WHERE type = 'view' OR (type = 'table' AND rootpage = 0)"
)
"""Names of what is read like a table, and computes instead."""

_HINT = "somebody changed how the file works: restore the newest good copy"
_CREATED = re.compile(r"\s*CREATE (TABLE|TRIGGER)(?: IF NOT EXISTS)? (\w+)")
_FREE = re.compile(r"--[^\n]*|\s+")
_AUTOMATIC = {("index", "sqlite_autoindex_decision_1"), ("index", "sqlite_autoindex_shared_blob_1")}
_STATE = ("table", "state")
_EVENT = ("table", "event")


def require_layout(rows: Iterable[tuple[str, str, str | None]], place: str) -> None:
    """Require that ``rows``, the answer to :data:`LAYOUT`, is what the engine makes.

    Raises:
        VerificationError: Something is missing, changed or added; names it.
    """
    found = {(kind, name): _plain(text) for kind, name, text in rows}
    expected = _expected(events=_EVENT in found)
    if missing := (expected.keys() - {_STATE}) - found.keys():
        raise VerificationError(f"{place}: {' '.join(min(missing))} is missing", _HINT)
    for key in sorted(found):
        if key not in expected:
            raise VerificationError(f"{place}: {' '.join(key)} is not the engine's", _HINT)
        if found[key] != expected[key]:
            raise VerificationError(f"{place}: {' '.join(key)} was changed", _HINT)


@lru_cache(maxsize=2)
def _expected(*, events: bool) -> dict[tuple[str, str], str]:
    """What there is, with and without the index of events."""
    made = (*statements(), STATE_TABLE)
    without = () if events else (EVENT_TABLE, *event_triggers())
    return dict.fromkeys(_AUTOMATIC, "") | _of(text for text in made if text not in without)


def _of(texts: Iterable[str]) -> dict[tuple[str, str], str]:
    """What statements make, by type and name."""
    made = ((match, text) for text in texts if (match := _CREATED.match(text)))
    return {(match[1].lower(), match[2]): _plain(text) for match, text in made}


def _plain(text: str | None) -> str:
    """A definition without comments and white space, which do nothing."""
    return _FREE.sub("", text or "").replace("IFNOTEXISTS", "").rstrip(";")
