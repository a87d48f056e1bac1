"""The tables refuse to rewrite the past, whatever connection asks them to."""

# ruff: noqa: S608  the tables and rows are those named below
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.ledger import Blob
from tests.ledger.scribe import decision, open_at

HASH = "zeroblob(32)"


@pytest.fixture
def connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A plain connection to a ledger of five entries, with SQLite's defaults."""
    monkeypatch.setattr("engine.ledger.sqlite.store.ENTRIES_PER_MERGE", (2, 4))
    with closing(open_at(tmp_path)) as ledger:
        blobs = (Blob("input", b"{}"), Blob("policy", b"bundle", "ab" * 32))
        ledger.append([decision(number, blobs=blobs) for number in range(1, 5)])
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as opened:
        opened.execute("INSERT INTO event VALUES ('attempt', 'failed', 4)")
        yield opened


TABLES = {
    "ledger": "id",
    "entry": "body",
    "node": "hash",
    "checkpoint": "note",
    "decision": "attempt",
    "event": "leaf_index",
    "subject": "leaf_index",
    "shared_blob": "body",
    "attachment": "body",
}


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_changed(connection: sqlite3.Connection, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(f"UPDATE {table} SET {TABLES[table]} = {TABLES[table]}")


@pytest.mark.parametrize("table", sorted(set(TABLES) - {"attachment"}))
def test_no_row_is_deleted(connection: sqlite3.Connection, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(f"DELETE FROM {table}")


def test_a_document_of_one_entry_can_be_erased(connection: sqlite3.Connection) -> None:
    assert connection.execute("DELETE FROM attachment WHERE place = 16").rowcount == 1


@pytest.mark.parametrize(
    "row",
    [
        f"entry VALUES (2, {HASH}, {HASH}, x'00')",
        f"entry VALUES (6, {HASH}, {HASH}, x'00')",
        f"entry VALUES (-1, {HASH}, {HASH}, x'00')",
        f"node VALUES (1, {HASH})",
        f"node VALUES (7, {HASH})",
        "checkpoint VALUES (5, 'note')",
        "checkpoint VALUES (3, 'note')",
        "decision VALUES (4, 'other', NULL, NULL, 1)",
        "decision VALUES (2, 'other', NULL, NULL, 1)",
        "decision SELECT 5, decision_id, NULL, NULL, 1 FROM decision WHERE leaf_index = 2",
        "event SELECT kind, key, 1 FROM event",
        "event SELECT 'attempt', decision_id, 5 FROM decision WHERE leaf_index = 2",
        "decision VALUES (5, 'failed', NULL, NULL, 1)",
        "attachment VALUES (16, 'input', '', x'00')",
        "ledger VALUES (1, 'other')",
        "ledger VALUES (2, 'other')",
        f"shared_blob VALUES ('policy', '{'ab' * 32}', x'00')",
        f"entry VALUES (5, x'00', {HASH}, x'00')",
        f"entry VALUES (5, {HASH}, x'00', x'00')",
        f"entry VALUES (5, {HASH}, {HASH}, x'')",
        f"entry VALUES (5, {HASH}, {HASH}, zeroblob(65536))",
        f"entry VALUES (5, {HASH}, {HASH}, 'text')",
    ],
)
@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"])
def test_no_row_is_replaced_or_put_out_of_order(
    connection: sqlite3.Connection, verb: str, row: str
) -> None:
    table = row.split(maxsplit=1)[0]
    before = connection.execute(f"SELECT * FROM {table}").fetchall()

    try:
        connection.execute(f"{verb} INTO {row}")
    except sqlite3.IntegrityError:
        pass
    else:
        assert verb == "INSERT OR IGNORE" or table == "shared_blob"

    assert connection.execute(f"SELECT * FROM {table}").fetchall() == before


def test_the_next_row_is_taken(connection: sqlite3.Connection) -> None:
    connection.execute(f"INSERT INTO entry VALUES (5, {HASH}, {HASH}, x'00')")
    connection.execute(f"INSERT INTO node VALUES (3, {HASH})")
    connection.execute("INSERT INTO checkpoint VALUES (6, 'note')")
