"""Opening the file of a SQLite ledger: what is in it, and how to read where nothing is written."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from engine.errors import LedgerBusyError, LedgerError, VerificationError
from engine.ledger.sqlite.address import files_at
from engine.ledger.sqlite.reader import SqliteReader, explained, primary_code
from engine.ledger.sqlite.schema import APPLICATION_ID, FORMAT

BUSY_TIMEOUT_MS = 3000
_COPY_ATTEMPTS = 5
_LONGEST_VALUE = 64 * 1024 * 1024
"""Bytes of a text or blob that SQLite makes or reads: a policy archive and an Input have 16 MiB."""
_NO_SHARED_MEMORY = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Return a connection that never copies the log into the database by itself.

    Args:
        path: The database file, absolute.
        mode: ``ro``, ``rw``, or ``rwc`` to make the file.

    Raises:
        LedgerError: It cannot be opened.
    """
    try:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    except sqlite3.Error as error:
        raise explained(error, str(path), "opening") from error
    return connection


def open_reader(path: Path, place: str) -> SqliteReader:
    """Return a reader with a connection of its own, for another process.

    Args:
        path: The database file.
        place: Name of the ledger's file, for messages: what is read may be a copy of it.

    Raises:
        VerificationError: What looks like a table computes what it shows.
    """
    return reader_of(connect(path, "ro"), place)


def reader_of(connection: sqlite3.Connection, place: str) -> SqliteReader:
    """Return a reader on a connection, if what it reads are tables.

    Raises:
        VerificationError: What looks like a table computes what it shows.
    """
    reader = SqliteReader(connection, place)
    reader.require_tables()
    return reader


def needs_copy(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether a file can only be read as a copy, being on a medium that is read-only.

    A reader of a log needs shared memory, which is a file that it must be able to make.
    """
    try:
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        if primary_code(error) in _NO_SHARED_MEMORY:
            return True
        raise explained(error, str(path), "opening") from error
    return False


def copy_ledger(path: Path, folder: Path) -> Path:
    """Copy a database and its log into ``folder``; return the copy of the database.

    Raises:
        LedgerBusyError: Somebody elsewhere writes to it faster than it can be copied.
        LedgerError: It cannot be read at all.
    """
    import shutil

    copy_of = files_at(folder / "ledger.db")
    copies = {path: copy_of.database, files_at(path).log: copy_of.log}
    try:
        for _ in range(_COPY_ATTEMPTS):
            before = [_state(source) for source in copies]
            for source, copy in copies.items():
                with suppress(FileNotFoundError):
                    shutil.copyfile(source, copy)
            if before == [_state(source) for source in copies]:
                return copies[path]
    except OSError as error:
        raise LedgerError(
            f"{path}: cannot be copied for reading: {error.strerror}",
            "a ledger on a read-only medium is read from a temporary copy",
        ) from error
    raise LedgerBusyError(
        f"{path}: changes too often to be copied for reading",
        "read it where its folder can be written, or ask its writer for an export",
    )


def _state(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_size, facts.st_mtime_ns


def holds_ledger(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether a ledger is in the database; False when nothing is in it yet.

    Raises:
        VerificationError: Something else is.
        LedgerError: It cannot be read.
    """
    try:
        connection.execute("BEGIN")  # one moment for all three: another process may be creating it
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise explained(error, str(path), "opening") from error
    if application == 0 and tables is None:
        return False  # its maker was stopped before the first commit
    if application != APPLICATION_ID or tables is None:
        raise VerificationError(
            f"{path}: a SQLite database, but not a ledger of this engine",
            "name the ledger's own file; nothing was changed",
        )
    if version != FORMAT:
        raise LedgerError(
            f"{path}: a ledger of format {version}; this engine reads format {FORMAT}",
            "use the engine version that wrote it, or a newer one",
        )
    return True
