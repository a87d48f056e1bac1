"""The tables of a ledger in SQLite, and the triggers that keep its past as it is.

The triggers turn a bug of ours into an error instead of a rewritten past. They do not stop
somebody who owns the file: signed checkpoints do.

Every table grows at its right edge, so that an append costs the same at any size. Only the
order of subjects is no order of time: new ones gather in a table of few pages, and go over into
a larger one, and from there into the whole index, many at once and in its order.
"""

from __future__ import annotations

from engine.ledger.natural_keys import ATTEMPT

APPLICATION_ID = 0x676F7665
"""``gove`` in the file's header: this is a ledger of this engine."""

FORMAT = 2
"""Version of the tables; the header's ``user_version``."""

PAGE_SIZE = 8192

SUBJECT_TIERS = ("subject_new", "subject_recent", "subject")
"""Tables that together find the last decision on a subject by a gate, the newest first."""

ENTRIES_PER_MERGE = (2_048, 65_536)
"""After how many entries a tier but the last goes over into the next; each divides the next.

At a million entries an append writes a kilobyte of index; in one table it would write a page.
"""

_TABLES = """
CREATE TABLE ledger (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL
) STRICT;

CREATE TABLE entry (                      -- hashes before the body: read without its pages
    leaf_index INTEGER PRIMARY KEY CHECK (leaf_index >= 0),
    leaf BLOB NOT NULL CHECK (length(leaf) = 32),
    chain BLOB NOT NULL CHECK (length(chain) = 32),
    body BLOB NOT NULL CHECK (length(body) BETWEEN 1 AND 65535)
) STRICT;

CREATE TABLE node (                       -- complete subtrees in the order of completion
    position INTEGER PRIMARY KEY CHECK (position >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY CHECK (size > 0),
    note TEXT NOT NULL
) STRICT;

CREATE TABLE decision (                   -- index over the entries, nothing of its own
    leaf_index INTEGER PRIMARY KEY,
    decision_id TEXT NOT NULL UNIQUE,
    subject_key TEXT,
    gate TEXT,
    attempt INTEGER NOT NULL CHECK (attempt > 0)
) STRICT;

CREATE TABLE subject (                    -- finds the last decision on a subject by a gate
    key INTEGER NOT NULL,
    leaf_index INTEGER NOT NULL,
    PRIMARY KEY (key, leaf_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE subject_recent (             -- the same, since the last multiple of 65,536 entries
    key INTEGER NOT NULL,
    leaf_index INTEGER NOT NULL,
    PRIMARY KEY (key, leaf_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE subject_new (                -- the same, since the last multiple of 2,048
    key INTEGER NOT NULL,
    leaf_index INTEGER NOT NULL,
    PRIMARY KEY (key, leaf_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE attachment (                 -- may be deleted: erasure
    place INTEGER PRIMARY KEY,            -- leaf_index * 16 + number
    kind TEXT NOT NULL,
    digest TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE shared_blob (
    kind TEXT NOT NULL,
    digest TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, digest)
) STRICT;
"""

STATE_TABLE = """
CREATE TABLE IF NOT EXISTS state (        -- what the entries add up to; they can be added up again
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID"""
"""Made with the first document that is put: a ledger that keeps no state has no such table."""

EVENT_TABLE = """
CREATE TABLE event (                      -- index over entries without a decision, by their names
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    leaf_index INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID"""
"""See :mod:`engine.ledger.sqlite.events`: whoever writes to a ledger without it makes it first."""

_NEXT = {"entry": "leaf_index", "node": "position"}
_RISING = {"checkpoint": "size", "decision": "leaf_index", "attachment": "place"}
_KEPT = ("ledger", "entry", "node", "checkpoint", "decision", "subject", "shared_blob")


def statements() -> list[str]:
    """Return the statements that make an empty ledger, to run in one transaction."""
    tables = [table for table in _TABLES.split(";\n") if table.strip()]
    return [
        *tables,
        *(_refuse_insert(table, f"IS NOT {_last(table, key)} + 1") for table, key in _NEXT.items()),
        *(_refuse_insert(table, f"<= {_last(table, key)}") for table, key in _RISING.items()),
        _trigger("one_id", "INSERT", "decision", "decision ids are unique", _SAME_ID),
        _trigger("one", "INSERT", "ledger", "a ledger has one id", _HAS_ID),
        "CREATE TRIGGER shared_blob_once BEFORE INSERT ON shared_blob "
        f"WHEN {_SAME_BLOB} BEGIN SELECT RAISE(IGNORE); END",
        *(_trigger("kept", "DELETE", table, "a ledger is append-only") for table in _KEPT),
        *(
            _trigger("fixed", "UPDATE", table, "a ledger is append-only")
            for table in (*_KEPT, "attachment")
        ),
        EVENT_TABLE,
        *event_triggers(),
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {FORMAT}",
    ]


def event_triggers() -> list[str]:
    """Return the statements that keep the index of events, and its names apart from decisions."""
    once = "what happened once is recorded once"
    return [
        _trigger("once", "INSERT", "event", once, f"{_SAME_EVENT} OR {_ANSWERED}"),
        _trigger("failed", "INSERT", "decision", "what failed has no answer", _FAILED),
        _trigger("kept", "DELETE", "event", "a ledger is append-only"),
        _trigger("fixed", "UPDATE", "event", "a ledger is append-only"),
    ]


_HAS_ID = "EXISTS (SELECT 1 FROM ledger)"
_SAME_BLOB = "EXISTS (SELECT 1 FROM shared_blob WHERE kind = NEW.kind AND digest = NEW.digest)"
_SAME_ID = "EXISTS (SELECT 1 FROM decision WHERE decision_id = NEW.decision_id)"
_SAME_EVENT = "EXISTS (SELECT 1 FROM event WHERE kind = NEW.kind AND key = NEW.key)"
_FAILED = f"EXISTS (SELECT 1 FROM event WHERE kind = '{ATTEMPT}' AND key = NEW.decision_id)"  # noqa: S608
_ANSWERED = (
    f"NEW.kind = '{ATTEMPT}' "  # noqa: S608  a name of ours
    "AND EXISTS (SELECT 1 FROM decision WHERE decision_id = NEW.key)"
)


def _last(table: str, key: str) -> str:
    return f"(SELECT ifnull(max({key}), -1) FROM {table})"  # noqa: S608  names from above only


def _refuse_insert(table: str, condition: str) -> str:
    """Refuse a row that is not after every other one, which REPLACE would need to be."""
    key = {**_NEXT, **_RISING}[table]
    return _trigger(
        "order", "INSERT", table, "rows are appended in order", f"NEW.{key} {condition}"
    )


def _trigger(name: str, event: str, table: str, reason: str, condition: str = "1") -> str:
    return (
        f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} WHEN {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{reason}'); END"
    )
