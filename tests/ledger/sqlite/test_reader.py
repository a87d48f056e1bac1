"""Reading: short hashes of subjects, and SQLite's errors in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LedgerBusyError, LedgerError, VerificationError
from engine.ledger.sqlite.reader import SqliteReader, explained, subject_hash
from engine.ledger.store import LastDecisionQuery
from tests.ledger.scribe import decision, open_at


def test_a_subject_and_a_gate_are_not_one_text() -> None:
    assert subject_hash("a", "b") != subject_hash("b", "a")
    assert -(1 << 63) <= subject_hash("a", "b") < 1 << 63


@pytest.mark.parametrize("tiers", [(2, 4), (4, 64), (64, 128)])
def test_many_are_looked_up_as_one_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiers: tuple[int, int],
    reader_of: Callable[[Path], SqliteReader],
) -> None:
    """Whichever tier a subject is in, and where a query ends: more than are asked for at once."""
    monkeypatch.setattr("engine.ledger.sqlite.store.ENTRIES_PER_MERGE", tiers)
    monkeypatch.setattr("engine.ledger.sqlite.reader._AT_ONCE", 7)
    monkeypatch.setattr("engine.ledger.sqlite.reader.subject_hash", lambda *_: 7)
    monkeypatch.setattr("engine.ledger.sqlite.store.subject_hash", lambda *_: 7)
    with closing(open_at(tmp_path)) as ledger:
        for number in range(1, 30):
            ledger.append([decision(number, "abc"[number % 3], "gh"[number % 2])])
    reader = reader_of(tmp_path / "ledger.db")
    rows = reader.decisions(0, 99)
    queries = [
        LastDecisionQuery(subject, gate, stop)
        for subject in "abcd"
        for gate in "gh"
        for stop in range(0, 31)
    ]

    def expected(query: LastDecisionQuery) -> tuple[int, str] | None:
        fit = [
            (row.attempt, row.decision_id)
            for row in rows
            if row[2:4] == query[:2] and row.leaf_index < query.stop
        ]
        return fit[-1] if fit else None

    assert reader.last_decisions(queries) == [expected(query) for query in queries]
    assert reader.last_decisions([]) == []
    ids = [row.decision_id for row in rows]
    assert reader.indexes_of(["none", *ids, "nor this"]) == {
        row.decision_id: row.leaf_index for row in rows
    }


# -- SQLite's errors, made by SQLite ---------------------------------------------------------


def test_a_full_disk_is_called_one(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (body BLOB)")
        connection.execute("PRAGMA max_page_count = 3")
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute("INSERT INTO t VALUES (zeroblob(99999))")

    error = explained(caught.value, "a.db", "writing")
    assert type(error) is LedgerError
    assert "a.db: writing: the disk is full" in error.message


def test_a_database_that_another_program_holds_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE t (body BLOB)")
        holder.execute("BEGIN EXCLUSIVE")
        refused = pytest.raises(sqlite3.Error)
        with closing(sqlite3.connect(path, timeout=0)) as other, refused as caught:
            other.execute("SELECT * FROM t")

    assert isinstance(explained(caught.value, "a.db", "reading"), LedgerBusyError)


def test_a_damaged_page_is_not_genuine(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(number, padding=20_000) for number in range(1, 30)])
    path = tmp_path / "ledger.db"
    content = bytearray(path.read_bytes())
    for page in range(20, len(content) // 8192):
        content[page * 8192 : page * 8192 + 100] = b"\xff" * 100
    path.write_bytes(content)

    with pytest.raises(VerificationError), closing(open_at(tmp_path, signer=None)) as ledger:
        ledger.verify()


def test_what_sqlite_cannot_say_in_a_code_is_still_an_error_of_ours() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        reader = SqliteReader(connection, "memory")
        with pytest.raises(LedgerError, match="memory: reading: SQLite refused"):
            reader.tip()
    with pytest.raises(LedgerError, match="the ledger is closed"):
        reader.tip()


class FailingConnection(sqlite3.Connection):
    """A connection whose next queries fail."""

    codes: list[int]

    def execute(self, *query: Any) -> sqlite3.Cursor:
        if self.codes:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.codes.pop(0)
            raise error
        return super().execute(*query)


@pytest.mark.parametrize(
    ("codes", "is_read"),
    [
        ([sqlite3.SQLITE_IOERR], True),
        ([sqlite3.SQLITE_IOERR_READ], True),
        ([sqlite3.SQLITE_BUSY_RECOVERY], True),
        ([sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR], False),
        ([sqlite3.SQLITE_BUSY], False),  # SQLite waited already
        ([sqlite3.SQLITE_CORRUPT], False),
    ],
)
def test_a_disk_that_fails_once_is_asked_once_more(
    tmp_path: Path, codes: list[int], is_read: bool
) -> None:
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(1)])
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, factory=FailingConnection)) as connection:
        connection.codes = []
        reader = SqliteReader(connection, "a.db")
        connection.codes = codes
        if is_read:
            assert reader.tip()[0] == 2
        else:
            with pytest.raises((LedgerError, VerificationError), match=r"a\.db: reading"):
                reader.tip()
        assert connection.codes == []


def test_what_was_rolled_back_with_the_error_is_not_read_as_it_was_before(tmp_path: Path) -> None:
    class RolledBack(FailingConnection):
        def execute(self, *query: Any) -> sqlite3.Cursor:
            if self.codes:
                self.rollback()
            return super().execute(*query)

    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(1)])
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, factory=RolledBack, isolation_level=None)) as connection:
        connection.codes = []
        reader = SqliteReader(connection, "a.db")
        connection.execute("BEGIN")
        connection.codes = [sqlite3.SQLITE_IOERR]
        with pytest.raises(LedgerError, match="the disk failed"):
            reader.tip()
