"""A ledger in one SQLite file, in WAL mode.

SQLite up to 3.51.2 can lose committed rows when one connection writes while another copies
the log into the database. So every write and every such checkpoint happens under one file
lock, SQLite's own checkpoints are off, and the last close is under the lock too.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from engine.errors import (
    ExposedLedgerError,
    GovernanceError,
    LedgerError,
    RollbackError,
    UsageError,
    VerificationError,
)
from engine.ledger.sqlite.address import SqliteFiles, files_at
from engine.ledger.sqlite.file import (
    BUSY_TIMEOUT_MS,
    connect,
    copy_ledger,
    holds_ledger,
    needs_copy,
    open_reader,
    reader_of,
)
from engine.ledger.sqlite.reader import SqliteReader, explained, subject_hash
from engine.ledger.sqlite.schema import (
    ENTRIES_PER_MERGE,
    PAGE_SIZE,
    STATE_TABLE,
    SUBJECT_TIERS,
    statements,
)
from engine.ledger.sqlite.wal import FRAMES_BEFORE_CHECKPOINT, live_frames
from engine.ledger.store import MAX_ATTACHMENTS, Rows
from engine.system.files import real_path, sync_folder
from engine.system.locking import FileLock
from engine.system.ownership import others_can_write
from engine.system.reading import require_regular

_CACHE_KIB = 16_384  # a whole batch, so that it is not written to the log twice


@dataclass(slots=True)
class _Resources:
    """What must be given back: connections, and folders of our own."""

    lock: FileLock
    process: int = field(default_factory=os.getpid)
    writer: sqlite3.Connection | None = None
    readers: list[sqlite3.Connection] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)


class SqliteStore:
    """Implements :class:`engine.ledger.store.Store`.

    Args:
        path: The database file.
        url: How its user calls it.
        writable: Whether it may be written.
        lock_timeout_s: How long to wait for other writers.
        remove: Folder to remove at close, for a ledger that lives as long as its process.
    """

    def __init__(
        self,
        path: Path,
        *,
        url: str,
        writable: bool,
        lock_timeout_s: float,
        remove: Path | None = None,
    ) -> None:
        self.url = url
        self._files = files_at(path)
        self._path = self._read_from = self._files.database
        self._log = self._files.log
        self._writable = writable
        self._lock = FileLock(self._files.lock, lock_timeout_s)
        self._resources = _Resources(self._lock)
        if remove is not None:
            self._resources.folders.append(remove)
        self._identity = (0, 0)
        self._layout = -1
        self._copied: tuple[bytes, int] = (b"", 0)
        self._page_size = PAGE_SIZE
        # also at the interpreter's exit, where SQLite would checkpoint without the lock
        self._finish = weakref.finalize(self, _close, self._resources)

    def address(self, base: Path) -> str:
        """Return the file's path relative to ``base``; a byte that is no UTF-8 is ``\\udcXX``."""
        path = os.path.relpath(self._path, real_path(base))
        return path.encode(errors="backslashreplace").decode()

    def files(self) -> SqliteFiles:
        """Return the database, its log and shared memory, and its lock."""
        return self._files

    def exists(self) -> bool:
        """Whether a ledger is there, or may be: then opening it says what is wrong.

        A file whose making was stopped before entry 0 is none, and is made anew.
        """
        try:
            if self._path.stat().st_size > PAGE_SIZE:
                return True
            connection = connect(self._path, "ro")
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, GovernanceError):
            return True
        try:
            return holds_ledger(connection, self._path)
        except GovernanceError:
            return True
        finally:
            connection.close()

    def require_creatable(self) -> None:
        """Refuse a file whose folder is not there."""
        if not (folder := self._path.parent).is_dir():
            raise UsageError(
                f"{self.url}: its folder does not exist", f"make it: mkdir -p {folder}"
            )

    def connect(self) -> bool:
        """Open it; False when no ledger is there yet.

        Raises:
            VerificationError: What is there is no ledger, or a damaged one.
            LedgerError: It cannot be opened.
        """
        if self._path.is_dir():
            raise VerificationError(f"{self._path}: a folder, not a ledger", "name the file in it")
        try:
            require_regular(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise VerificationError(f"{self._path}: {reason}", "name the ledger's file") from None
        if self._writable:
            self._require_access()
        connection = connect(self._path, "rw" if self._writable else "ro")
        try:
            if not self._writable and needs_copy(connection, self._path):
                connection.close()
                import tempfile

                self._resources.folders.append(folder := Path(tempfile.mkdtemp(prefix="engine-")))
                self._read_from = copy_ledger(self._path, folder)
                connection = connect(self._read_from, "ro")
            if not holds_ledger(connection, self._path):
                connection.close()
                return False
        except BaseException:
            connection.close()
            raise
        if self._writable:
            self._take(connection)
        else:
            self._resources.readers.append(connection)
        return True

    def reader(self) -> SqliteReader:
        """Return a view of what is committed; safe to use from several threads.

        Raises:
            VerificationError: What looks like a table computes what it shows.
        """
        if not self._resources.readers:
            self._resources.readers.append(connect(self._path, "ro"))
        return reader_of(self._resources.readers[0], str(self._path))

    def reopener(self) -> Callable[[], SqliteReader]:
        """Return what gives another process a reader of its own."""
        return partial(open_reader, self._read_from, str(self._path))

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep every other writer and checkpointer out, in this process and others."""
        return self._lock.hold()

    def create(self, ledger_id: str) -> None:
        """Make the tables and begin the transaction that will hold entry 0."""
        connection = connect(self._path, "rwc")
        try:
            connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
            self._take(connection)
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements():
                connection.execute(statement)
            connection.execute("INSERT INTO ledger VALUES (1, ?)", (ledger_id,))
            sync_folder(self._path.parent)
        except sqlite3.Error as error:
            raise explained(error, str(self._path), "creating") from error
        except OSError as error:
            raise LedgerError(
                f"{self._path}: creating: {(error.strerror or str(error)).lower()}",
                "nothing was recorded; look at the system's log before going on",
            ) from error

    def begin(self) -> SqliteReader:
        """Begin a transaction and return the view from inside it.

        Raises:
            RollbackError: The database is not the one that was opened any more.
            VerificationError: Its tables or triggers are not ours; nothing was changed.
        """
        if self._identity != _identity(self._path):
            raise RollbackError(
                f"{self._path}: was moved or replaced while it was open",
                "what is there now is not what this process has written to: put it back",
            )
        writer = self._writer()
        self._begin(writer)
        view = SqliteReader(writer, str(self._path))
        layout = view.layout_version()
        if layout != self._layout:  # another trigger would change what we write
            view.require_layout()
            if view.event_counts() is None:
                self._make_events(writer, view)
                layout = view.layout_version()
            self._layout = layout
        return view

    def _make_events(self, writer: sqlite3.Connection, view: SqliteReader) -> None:
        from engine.ledger.sqlite.events import make_events  # once in the life of an older ledger

        try:
            make_events(writer, view)
        except sqlite3.Error as error:
            raise explained(error, str(self._path), "making its index of events") from error

    def _begin(self, writer: sqlite3.Connection) -> None:
        """Wait for a stranger's transaction no longer than the wait for the lock has left."""
        left_ms = int(self._lock.left_s * 1000)
        if left_ms >= BUSY_TIMEOUT_MS:
            self._run("BEGIN IMMEDIATE", "waiting to write")
            return
        writer.execute(f"PRAGMA busy_timeout = {left_ms}")
        try:
            self._run("BEGIN IMMEDIATE", "waiting to write")
        finally:
            writer.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def add(self, rows: Rows) -> None:
        """Add rows to the transaction."""
        writer = self._writer()
        try:
            if rows.state:
                _put(writer, rows)
            if not rows.entries:
                return
            writer.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", rows.entries)
            writer.executemany("INSERT INTO node VALUES (?, ?)", rows.nodes)
            writer.executemany("INSERT INTO decision VALUES (?, ?, ?, ?, ?)", rows.decisions)
            writer.executemany("INSERT INTO event VALUES (?, ?, ?)", rows.events)
            writer.executemany("INSERT INTO subject_new VALUES (?, ?)", _subjects(rows))
            for (tier, larger), every in zip(
                pairwise(SUBJECT_TIERS), ENTRIES_PER_MERGE, strict=True
            ):
                if _is_due(rows, every):
                    writer.execute(f"INSERT INTO {larger} SELECT * FROM {tier} ORDER BY 1, 2")  # noqa: S608
                    writer.execute(f"DELETE FROM {tier}")  # noqa: S608
            writer.executemany("INSERT INTO attachment VALUES (?, ?, ?, ?)", _attachments(rows))
            writer.executemany(
                "INSERT INTO shared_blob VALUES (?, ?, ?)",  # a trigger passes over those there
                [(*key, body) for key, body in rows.shared.items()],
            )
        except sqlite3.Error as error:
            raise explained(error, str(self._path), "writing entries") from error

    def commit(self) -> None:
        """Make the transaction durable. Any error leaves open whether it is."""
        self._run("COMMIT", "committing")

    def rollback(self) -> None:
        """Forget the transaction, if there is one; never raises."""
        writer = self._resources.writer
        with suppress(sqlite3.Error):
            if writer is not None and writer.in_transaction:
                writer.execute("ROLLBACK")

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Store a signed note, durably, in a transaction of its own."""
        self._run("INSERT INTO checkpoint VALUES (?, ?)", "keeping a checkpoint", size, note)

    def tidy(self) -> None:
        """Copy the log into the database when it is long; never raises.

        A copy that fails changes nothing: the log keeps its frames for the next attempt.
        """
        with suppress(OSError, sqlite3.Error):
            if self._log.stat().st_size < FRAMES_BEFORE_CHECKPOINT * self._page_size:
                return
            salts, frames = live_frames(self._log, self._page_size)
            if salts != self._copied[0]:
                self._copied = (salts, 0)
            if frames - self._copied[1] >= FRAMES_BEFORE_CHECKPOINT:
                query = "PRAGMA wal_checkpoint(PASSIVE)"
                _, _, copied = self._writer().execute(query).fetchone()
                self._copied = (salts, copied)

    def close(self) -> None:
        """Close it; closing twice is closing once."""
        self._finish()

    def _take(self, connection: sqlite3.Connection) -> None:
        """Make ``connection`` the one that writes."""
        self._resources.writer = connection
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute("PRAGMA recursive_triggers = ON")
            (self._page_size,) = connection.execute("PRAGMA page_size").fetchone()
        except sqlite3.Error as error:
            raise explained(error, str(self._path), "opening") from error
        if mode != "wal":
            raise LedgerError(
                f"{self._path}: this file system cannot share memory between processes",
                "keep the ledger on a local disk",
            )
        self._identity = _identity(self._path)

    def _require_access(self) -> None:
        for needed in (self._path, self._path.parent):
            if not os.access(needed, os.W_OK, effective_ids=True):
                raise LedgerError(
                    f"{needed}: cannot be written by this user",
                    "recording needs write permission on the ledger and on its folder",
                )
        if others_can_write(self._path.stat()):
            raise ExposedLedgerError(
                f"{self._path}: others can write to the ledger",
                f"verify it, then: chmod go-w {self._path}",
            )

    def _writer(self) -> sqlite3.Connection:
        if self._resources.writer is None:
            raise LedgerError(f"{self._path}: not open for writing", "open it again")
        return self._resources.writer

    def _run(self, statement: str, doing: str, *values: int | str) -> None:
        try:
            self._writer().execute(statement, values)
        except sqlite3.Error as error:
            raise explained(error, str(self._path), doing) from error


def _put(writer: sqlite3.Connection, rows: Rows) -> None:
    writer.execute(STATE_TABLE)
    kept = [(*key, body) for key, body in rows.state.items() if body is not None]
    gone = [key for key, body in rows.state.items() if body is None]
    writer.executemany("DELETE FROM state WHERE kind = ? AND key = ?", gone)
    writer.executemany(
        "INSERT INTO state VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body", kept
    )


def _subjects(rows: Rows) -> list[tuple[int, int]]:
    return [
        (subject_hash(row.subject_key, row.gate), row.leaf_index)
        for row in rows.decisions
        if row.subject_key is not None and row.gate is not None
    ]


def _is_due(rows: Rows, every: int) -> bool:
    first, last = rows.entries[0].leaf_index, rows.entries[-1].leaf_index
    return first // every < (last + 1) // every


def _attachments(rows: Rows) -> Iterable[tuple[Any, ...]]:
    for index, documents in rows.attachments:
        for number, document in enumerate(documents):
            yield index * MAX_ATTACHMENTS + number, *document


def _identity(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return (0, 0)
    return facts.st_dev, facts.st_ino


def _close(resources: _Resources) -> None:
    """Give everything back. Of a forked child's copy of a store, nothing is touched."""
    if resources.process != os.getpid():
        return
    for reader in resources.readers:
        reader.close()
    if resources.writer is not None:
        try:
            with resources.lock.hold(wait=not resources.lock.gave_up):
                _close_writer(resources.writer)
        except LedgerError:
            pass
        finally:  # without the lock: its holder has the database open, so closing copies nothing
            _close_writer(resources.writer, copy=False)
    resources.writer = None
    resources.readers.clear()
    if resources.folders:
        import shutil
    for folder in resources.folders:
        shutil.rmtree(folder, ignore_errors=True)


def _close_writer(writer: sqlite3.Connection, *, copy: bool = True) -> None:
    with suppress(sqlite3.Error):
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        if copy:
            writer.execute("PRAGMA busy_timeout = 0")
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with suppress(sqlite3.Error):
        writer.close()
