"""The number of frames in SQLite's log, against what SQLite itself says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.ledger.sqlite.wal import live_frames


@pytest.mark.parametrize("page_size", [512, 4096, 8192])
def test_it_is_what_sqlite_says_before_and_after_the_log_starts_anew(
    tmp_path: Path, page_size: int
) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE t (body BLOB)")
        generations = set()
        for length, rows in ((5000, 9), (10, 1), (50_000, 3), (1, 2), (9000, 30)):
            for _ in range(rows):
                connection.execute("INSERT INTO t VALUES (randomblob(?))", (length,))
            salts, frames = live_frames(tmp_path / "a.db-wal", page_size)
            _, counted, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            assert frames == counted == copied > 0
            generations.add(salts)

    assert len(generations) == 5


def test_there_are_none_where_there_is_no_log(tmp_path: Path) -> None:
    assert live_frames(tmp_path / "missing-wal", 8192) == (b"", 0)
    (tmp_path / "empty-wal").touch()
    assert live_frames(tmp_path / "empty-wal", 8192) == (b"", 0)
