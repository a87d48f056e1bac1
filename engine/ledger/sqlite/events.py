"""The index of events of a ledger that an older engine made: a table beside what is there.

Nothing that was there changes, so that a copy of it shows no more than the ledger itself. What the
table says follows from the entries, and ``ledger verify`` holds it against them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from engine.errors import VerificationError
from engine.ledger.natural_keys import event_name
from engine.ledger.sqlite.reader import SqliteReader
from engine.ledger.sqlite.schema import EVENT_TABLE, event_triggers
from engine.ledger.store import EventRow
from engine.proof.envelope import open_envelope
from engine.proof.statement import parse_statement

_CHUNK = 512


def make_events(writer: sqlite3.Connection, view: SqliteReader) -> None:
    """Make the table inside the transaction of ``writer``, and name the entries that are there.

    Raises:
        sqlite3.Error: It was not made.
        LedgerError: The entries cannot be read.
    """
    writer.execute(EVENT_TABLE)
    # an entry that was recorded twice keeps its first place: ledger verify names both
    writer.executemany("INSERT OR IGNORE INTO event VALUES (?, ?, ?)", _events(view))
    for trigger in event_triggers():
        writer.execute(trigger)


def _events(view: SqliteReader) -> Iterator[EventRow]:
    size, _ = view.tip()
    for at in range(0, size, _CHUNK):
        indexed = {row.leaf_index for row in view.decisions(at, at + _CHUNK)}
        for row in view.entries(at, at + _CHUNK):
            if row.leaf_index in indexed:
                continue
            try:
                stated = parse_statement(open_envelope(row.body).payload)
            except VerificationError:  # no entry of ours: whoever signs or verifies refuses it
                continue
            yield EventRow(*event_name(stated, row.leaf), row.leaf_index)
