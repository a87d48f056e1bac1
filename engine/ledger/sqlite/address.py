"""Which files the URL of a SQLite ledger names. Nothing here loads SQLite, which takes time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from engine.errors import UsageError
from engine.formats.ledger_urls import sqlite_path
from engine.system.files import path_of, real_path


class SqliteFiles(NamedTuple):
    """The files of a SQLite ledger, by their real paths: one lock, however it is reached.

    Attributes:
        database: What is named.
        log: Committed pages that are not in the database yet.
        memory: What readers and writers share; made by SQLite.
        lock: Held by whoever writes; stays where a ledger once was.
    """

    database: Path
    log: Path
    memory: Path
    lock: Path


def files_at(path: Path) -> SqliteFiles:
    """Return the files of the SQLite ledger whose database is ``path``, there or not."""
    database = real_path(path)
    suffixes = ("-wal", "-shm", ".lock")
    return SqliteFiles(database, *(database.with_name(database.name + end) for end in suffixes))


def file_of(url: str) -> Path:
    """Return the file of the SQLite ledger at ``url``: a path, or ``sqlite:///PATH``.

    Raises:
        UsageError: It names none.
    """
    path = sqlite_path(url)
    if not path:
        raise UsageError(
            f"{url!r} does not name a file", "write sqlite:///FOLDER/ledger.db, or just the path"
        )
    return path_of(path, "ledger")
