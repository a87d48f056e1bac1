"""The SQLite store: its log stays short, its file stays the same, its errors are words."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine import exit_codes
from engine.errors import LedgerError, RollbackError
from engine.ledger.sqlite.schema import SUBJECT_TIERS
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.store import DecisionRow, EntryRow, Rows
from engine.system.locking import FileLock
from tests.ledger.scribe import KEY, decision, open_at, predicate

MEBIBYTE = 1 << 20


def test_the_log_is_copied_into_the_database_before_it_grows_long(tmp_path: Path) -> None:
    log = tmp_path / "ledger.db-wal"
    with closing(open_at(tmp_path)) as ledger:
        longest = 0
        for batch in range(40):
            drafts = [decision(batch * 16 + n, padding=40_000) for n in range(1, 17)]
            ledger.append(drafts)
            longest = max(longest, log.stat().st_size)
        assert (tmp_path / "ledger.db").stat().st_size > 20 * MEBIBYTE
        assert 8 * MEBIBYTE < longest < 12 * MEBIBYTE
        assert ledger.verify(public_keys=[KEY.public_key]).size == 641
    assert not log.exists(), "the last to close leaves one file"


def test_a_reader_that_stays_does_not_stop_writers_or_closing(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(1)])
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            (before,) = reader.execute("SELECT count(*) FROM entry").fetchone()
            for batch in range(20):
                drafts = [decision(batch * 16 + n, padding=40_000) for n in range(2, 17)]
                ledger.append(drafts)
            ledger.close()
            assert reader.execute("SELECT count(*) FROM entry").fetchone() == (before,)
    with closing(open_at(tmp_path)) as ledger:
        assert ledger.verify().size == 302


@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_was_moved_or_replaced_is_not_written_to(tmp_path: Path, gone: bool) -> None:
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(1)])
        moved = (tmp_path / "ledger.db").rename(tmp_path / "moved.db")
        if not gone:
            shutil.copy(moved, tmp_path / "ledger.db")
        with pytest.raises(RollbackError, match="was moved or replaced while it was open"):
            ledger.append([decision(2)])
        moved.rename(tmp_path / "ledger.db")
        assert ledger.append([decision(2)])[0].index == 2


def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = open_at(tmp_path)
    ledger.close()
    ledger.close()

    for use in (ledger.size, ledger.last_checkpoint, lambda: ledger.append([decision(1)])):
        with pytest.raises(LedgerError, match=r"is closed|not open for writing"):
            use()


def test_two_objects_on_one_file_exclude_each_other(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as first, closing(open_at(tmp_path)) as second:
        for number in range(1, 41):
            (first if number % 2 else second).append([decision(number)])
    with closing(open_at(tmp_path)) as ledger:
        assert ledger.verify(signatures=True, public_keys=[KEY.public_key]).size == 41


def test_names_of_one_file_share_one_lock(tmp_path: Path) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    with closing(open_at(folder)):
        pass
    link = tmp_path / "link"
    link.symlink_to(folder)
    with closing(open_at(link, heads=folder / "heads")) as ledger:
        ledger.append([decision(1)])

    assert {file.name for file in folder.iterdir()} == {"heads", "ledger.db", "ledger.db.lock"}


def test_the_settings_that_durability_rests_on(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)):
        pass
    store = SqliteStore(tmp_path / "ledger.db", url="", writable=True, lock_timeout_s=0)
    assert store.connect()
    writer = store._writer()
    pragmas = {
        name: writer.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "wal_autocheckpoint", "busy_timeout")
    }
    store.close()

    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "wal_autocheckpoint": 0,
        "busy_timeout": 3000,
    }


def test_subjects_whose_short_hashes_meet_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("reader", "store"):
        monkeypatch.setattr(f"engine.ledger.sqlite.{module}.subject_hash", lambda *_: 7)
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(1, "a"), decision(2, "b")])
        ledger.append([decision(3, "a"), decision(4, "b"), decision(5, "a", "spend")])
        ledger.verify(signatures=True, public_keys=[KEY.public_key])
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        attempts = connection.execute("SELECT attempt FROM decision").fetchall()

    assert attempts == [(1,), (1,), (2,), (2,), (1,)]


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_attempts_are_counted_on_while_subjects_go_over_into_the_large_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("engine.ledger.sqlite.store.ENTRIES_PER_MERGE", (4, 8))
    with closing(open_at(tmp_path)) as ledger:
        drafts = [decision(number, "abc"[number % 3]) for number in range(1, 31)]
        for at in range(0, 30, batch):
            ledger.append(drafts[at : at + batch])
        ledger.verify(signatures=True, public_keys=[KEY.public_key])
        attempts = [predicate(entry)["attempt"] for _, entry in ledger.entries(1)]
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {tier}").fetchone()[0]  # noqa: S608
            for tier in SUBJECT_TIERS
        ]

    assert attempts == [1 + number // 3 for number in range(30)]
    assert sum(counts) == 30
    assert counts[2] >= 20
    assert counts[0] < 20


def test_a_transaction_that_breaks_the_order_adds_nothing(tmp_path: Path) -> None:
    """Should the ledger's own arithmetic ever be wrong, the tables refuse it."""
    with closing(open_at(tmp_path)) as ledger:
        size = ledger.size()
        store = SqliteStore(tmp_path / "ledger.db", url="", writable=True, lock_timeout_s=0)
        assert store.connect()
        with store.exclusive():
            store.begin()
            gap = EntryRow(size + 1, bytes(32), bytes(32), b"entry")
            with pytest.raises(LedgerError, match="rows are appended in order"):
                store.add(Rows(entries=[gap], decisions=[DecisionRow(9, "x", None, None, 1)]))
            store.rollback()
        store.close()
        assert ledger.size() == size


def test_closing_copies_no_log_while_another_process_holds_the_lock(tmp_path: Path) -> None:
    """SQLite can lose committed rows when one connection writes while another copies the log."""
    log = tmp_path / "ledger.db-wal"
    with closing(open_at(tmp_path)):
        ledger = open_at(tmp_path, lock_timeout_s=0)
        ledger.append([decision(1)])
        before = log.stat().st_size
        with FileLock(tmp_path / "ledger.db.lock", 0).hold():
            ledger.close()
            assert log.stat().st_size == before > 0


def test_a_folder_that_vanishes_under_an_open_ledger_stops_the_append_and_not_the_close(
    tmp_path: Path,
) -> None:
    (folder := tmp_path / "ledger").mkdir()
    ledger = open_at(folder)
    ledger.append([decision(1)])
    store = ledger._store
    assert isinstance(store, SqliteStore)
    writer, moved = store._writer(), folder.rename(tmp_path / "moved")
    with pytest.raises(LedgerError, match="lock file cannot be opened: No such file") as caught:
        ledger.append([decision(2)])
    assert caught.value.exit_code == exit_codes.UNDECIDED
    ledger.close()
    assert store._resources.writer is None
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        writer.execute("SELECT 1")
    moved.rename(folder)
    with closing(open_at(folder)) as again:
        assert again.verify().size == 2
