"""A ledger's rows, read from SQLite."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

from engine.errors import LedgerBusyError, LedgerError, VerificationError
from engine.ledger.entries import Blob
from engine.ledger.sqlite.layout import LAYOUT, ODD_TABLES, require_layout
from engine.ledger.sqlite.schema import SUBJECT_TIERS
from engine.ledger.store import (
    MAX_ATTACHMENTS,
    DecisionRow,
    EntryRow,
    LastDecisionQuery,
    node_position,
)
from engine.proof.merkle import GENESIS_CHAIN
from engine.system.after_fork import free_in_child
from engine.system.reading import read_again

_VERIFY = "find out what is left of it: engine ledger verify"
_WORDS = {
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "make room; what was not recorded can be asked again",
    ),
    sqlite3.SQLITE_READONLY: ("it cannot be written", "a writer needs the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "check the path and its permissions"),
    sqlite3.SQLITE_IOERR: ("the disk failed", "look at the system's log before going on"),
}


_NOT_GENUINE = {
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", f"restore the newest copy, or {_VERIFY}"),
    sqlite3.SQLITE_INTERRUPT: ("a query did not end", f"restore the newest copy, or {_VERIFY}"),
    sqlite3.SQLITE_TOOBIG: ("a value is too long", f"restore the newest copy, or {_VERIFY}"),
    sqlite3.SQLITE_NOTADB: ("the file is not a database", "name the ledger's own file"),
}


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 when the error is not SQLite's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_momentary(error: Exception) -> bool:
    """Whether a read failed as a disk does that answers the next time, and nobody waited yet.

    A plain ``SQLITE_BUSY`` was waited for already; its other forms were not.
    """
    code = getattr(error, "sqlite_errorcode", 0)
    is_other_busy = code & 0xFF == sqlite3.SQLITE_BUSY and code != sqlite3.SQLITE_BUSY
    return code & 0xFF == sqlite3.SQLITE_IOERR or is_other_busy


def explained(error: sqlite3.Error, place: str, doing: str) -> LedgerError | VerificationError:
    """Return the error that explains SQLite's to a person."""
    primary = primary_code(error)
    if primary in _NOT_GENUINE:
        words, hint = _NOT_GENUINE[primary]
        detail = "" if str(error) in words else f" ({error})"
        return VerificationError(f"{place}: {doing}: {words}{detail}", hint)
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerBusyError(
            f"{place}: {doing}: another program holds the database itself ({error})",
            "close whatever else has the file open, such as a database browser",
        )
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return LedgerError(f"{place}: {doing}: the ledger is closed", "open it again")
    words, hint = _WORDS.get(primary, ("SQLite refused", _VERIFY))
    return LedgerError(f"{place}: {doing}: {words} ({error})", hint)


def subject_hash(subject_key: str, gate: str) -> int:
    """Return the 64-bit key under which decisions on a subject by a gate are found.

    Two pairs may share one; rows found by it are held against the pair itself.
    """
    digest = hashlib.sha256(f"{gate}\0{subject_key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


_STEPS_PER_TURN = 1_000_000
_MOST_TURNS = 200
"""After so many turns of so many steps of SQLite's machine a query is given up: some seconds."""
_AT_ONCE = 256
"""Most rows in one query, far below SQLite's limit on variables."""


def _newest(table: str) -> str:
    """The newest entry in a tier that fits a row of ``wanted``."""
    return (
        f"(SELECT s.leaf_index FROM {table} s "  # noqa: S608  names from below only
        "CROSS JOIN decision d ON d.leaf_index = s.leaf_index "
        "WHERE s.key = w.key AND s.leaf_index < w.stop "
        "AND d.subject_key = w.subject_key AND d.gate = w.gate "
        "ORDER BY s.leaf_index DESC LIMIT 1)"
    )


def _last_decisions(count: int) -> str:
    """The query for ``count`` rows of key, subject, gate and stop; answers in their order."""
    values = ", ".join(f"({place}, ?, ?, ?, ?)" for place in range(count))
    tiers = ", ".join(map(_newest, SUBJECT_TIERS))
    return (
        f"WITH wanted(place, key, subject_key, gate, stop) AS (VALUES {values}), "  # noqa: S608
        "placed AS MATERIALIZED "
        f"(SELECT w.place AS place, coalesce({tiers}) AS leaf_index FROM wanted w) "
        "SELECT d.attempt, d.decision_id FROM placed p "
        "LEFT JOIN decision d ON d.leaf_index = p.leaf_index ORDER BY p.place"
    )


class SqliteReader:
    """Implements :class:`engine.ledger.store.Reader` on one connection.

    A query ends after some hundred million steps: every one of ours is done long before, and what
    is read may be a view that somebody made so that it never ends.

    Args:
        connection: Used by one thread at a time.
        place: Name of the file, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, place: str) -> None:
        self._connection = connection
        self._place = place
        self._using = free_in_child(threading.Lock())
        self._process = os.getpid()
        self._tables: set[str] = set()
        self._turns = 0
        connection.set_progress_handler(self._is_endless, _STEPS_PER_TURN)

    def _is_endless(self) -> bool:
        self._turns += 1
        return self._turns > _MOST_TURNS

    def _all(self, query: str, *values: int | str) -> list[Any]:
        if self._process != os.getpid():  # SQLite's connections are not carried across a fork
            raise LedgerError(
                f"{self._place}: was opened before this process was forked",
                "open it here: a new Gate, Budget or CircuitBreaker in each process",
            )

        def rows() -> list[Any]:
            self._turns = 0
            return self._connection.execute(query, values).fetchall()

        try:
            with self._using:
                # What SQLite rolled back with the error would be read as it was before.
                before = self._connection.in_transaction
                return read_again(
                    rows,
                    lambda error: is_momentary(error) and self._connection.in_transaction == before,
                )
        except sqlite3.Error as error:
            raise explained(error, self._place, "reading") from error

    def _value(self, query: str, *values: int | str) -> Any | None:
        """The first row's first column; None where there is no row."""
        rows = self._all(query, *values)
        return rows[0][0] if rows else None

    def require_layout(self) -> None:
        """Require that tables, indexes and triggers are those that the engine makes."""
        require_layout(self._all(LAYOUT), self._place)
        if self._value("SELECT count(*) FROM ledger") != 1:
            raise VerificationError(f"{self._place}: has not one id", _VERIFY)

    def require_tables(self) -> None:
        """Require that tables are what is read: what a view shows, its maker decides each time."""
        name = self._value(ODD_TABLES)
        if name is not None:
            raise VerificationError(
                f"{self._place}: {name} is no table of the engine's",
                "somebody changed how the file works: restore the newest good copy",
            )

    def layout_version(self) -> int:
        """Return a number that changes whenever a table or trigger does."""
        return int(self._value("PRAGMA schema_version") or 0)

    def ledger_id(self) -> str:
        """Return the id that the store was created with."""
        ledger_id = self._value("SELECT id FROM ledger WHERE one = 1")
        if ledger_id is None:
            raise LedgerError(f"{self._place}: has no id", _VERIFY)
        return str(ledger_id)

    def tip(self) -> tuple[int, bytes]:
        """Return the number of entries and the chain hash after the last of them."""
        rows = self._all("SELECT leaf_index, chain FROM entry ORDER BY leaf_index DESC LIMIT 1")
        return (rows[0][0] + 1, rows[0][1]) if rows else (0, GENESIS_CHAIN)

    def entries(self, start: int, stop: int) -> list[EntryRow]:
        """Return the entries from ``start`` up to, not including, ``stop``, in order."""
        rows = self._all(
            "SELECT leaf_index, leaf, chain, body FROM entry "
            "WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index",
            start,
            stop,
        )
        return list(map(EntryRow._make, rows))

    def chain(self, index: int) -> bytes | None:
        """Return the chain hash after entry ``index``; None when it is not there."""
        return self._value("SELECT chain FROM entry WHERE leaf_index = ?", index)

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return the leaf hashes of the entries from ``start`` up to ``stop``, in order."""
        rows = self._all(
            "SELECT leaf FROM entry WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index",
            start,
            stop,
        )
        return [row[0] for row in rows]

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree."""
        if level == 0:
            digest = self._value("SELECT leaf FROM entry WHERE leaf_index = ?", index)
        else:
            position = node_position(level, index)
            digest = self._value("SELECT hash FROM node WHERE position = ?", position)
        if digest is None:
            raise LedgerError(f"{self._place}: tree node {level}/{index} is missing", _VERIFY)
        return bytes(digest)

    def node_set(self, nodes: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Return the hashes of complete subtrees by ``(level, index)``."""
        leaves = {index: (0, index) for level, index in nodes if level == 0}
        above = {node_position(*node): node for node in nodes if node[0]}
        found: dict[tuple[int, int], bytes] = {}
        for columns, table, key, places in (
            ("leaf_index, leaf", "entry", "leaf_index", leaves),
            ("position, hash", "node", "position", above),
        ):
            if places:
                marks = ", ".join("?" * len(places))
                query = f"SELECT {columns} FROM {table} WHERE {key} IN ({marks})"  # noqa: S608
                found.update((places[at], digest) for at, digest in self._all(query, *places))
        for level, index in nodes:
            if (level, index) not in found:
                raise LedgerError(f"{self._place}: tree node {level}/{index} is missing", _VERIFY)
        return found

    def nodes(self, start: int, stop: int) -> list[bytes]:
        """Return the node hashes at positions from ``start`` up to ``stop``, in order."""
        rows = self._all(
            "SELECT hash FROM node WHERE position >= ? AND position < ? ORDER BY position",
            start,
            stop,
        )
        return [row[0] for row in rows]

    def index_of(self, decision_id: str) -> int | None:
        """Return the index of the decision with exactly this id."""
        return self._value("SELECT leaf_index FROM decision WHERE decision_id = ?", decision_id)

    def indexes_of(self, decision_ids: Sequence[str]) -> dict[str, int]:
        """Return the indexes of those decisions that there are."""
        found: dict[str, int] = {}
        for at in range(0, len(decision_ids), _AT_ONCE):
            chunk = decision_ids[at : at + _AT_ONCE]
            marks = ", ".join("?" * len(chunk))
            query = f"SELECT decision_id, leaf_index FROM decision WHERE decision_id IN ({marks})"  # noqa: S608
            found.update(self._all(query, *chunk))
        return found

    def events_of(self, kind: str, keys: Sequence[str]) -> dict[str, int]:
        """Return the indexes of those events of a kind that there are, by their keys."""
        found: dict[str, int] = {}
        for at in range(0, len(keys) if self._has("event") else 0, _AT_ONCE):
            chunk = keys[at : at + _AT_ONCE]
            marks = ", ".join("?" * len(chunk))
            query = f"SELECT key, leaf_index FROM event WHERE kind = ? AND key IN ({marks})"  # noqa: S608
            found.update(self._all(query, kind, *chunk))
        return found

    def event_counts(self) -> tuple[int, int] | None:
        """Return how many names of events there are, and how many there should be."""
        if not self._has("event"):
            return None
        entries = "SELECT ifnull(max(leaf_index), -1) + 1 FROM entry"
        decisions = "SELECT count(*) FROM decision"
        query = f"SELECT (SELECT count(*) FROM event), ({entries}) - ({decisions})"  # noqa: S608
        found, expected = self._all(query)[0]
        return found, expected

    def ids_from(self, text: str, most: int) -> list[tuple[str, int]]:
        """Return the first ``(id, index)`` that sort at or after ``text``."""
        return self._all(
            "SELECT decision_id, leaf_index FROM decision WHERE decision_id >= ? "
            "ORDER BY decision_id LIMIT ?",
            text,
            most,
        )

    def ids_before(self, text: str, most: int) -> list[tuple[str, int]]:
        """Return the last ``(id, index)`` that sort before ``text``, nearest first."""
        return self._all(
            "SELECT decision_id, leaf_index FROM decision WHERE decision_id < ? "
            "ORDER BY decision_id DESC LIMIT ?",
            text,
            most,
        )

    def decisions(self, start: int, stop: int) -> list[DecisionRow]:
        """Return the index rows of the entries from ``start`` up to ``stop``."""
        rows = self._all(
            "SELECT leaf_index, decision_id, subject_key, gate, attempt FROM decision "
            "WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index",
            start,
            stop,
        )
        return list(map(DecisionRow._make, rows))

    def last_decisions(self, queries: Sequence[LastDecisionQuery]) -> list[tuple[int, str] | None]:
        """Return ``(attempt, decision id)`` of the last one on each subject by a gate."""
        answers: list[tuple[int, str] | None] = []
        for at in range(0, len(queries), _AT_ONCE):
            chunk = queries[at : at + _AT_ONCE]
            values: list[int | str] = []
            for subject_key, gate, stop in chunk:
                values += (subject_hash(subject_key, gate), subject_key, gate, stop)
            rows = self._all(_last_decisions(len(chunk)), *values)
            answers += [row if row[0] is not None else None for row in rows]
        return answers

    def attempts(self) -> tuple[int, int]:
        """Return how many rows find decisions by their subject, and how many should."""
        tiers = " + ".join(f"(SELECT count(*) FROM {tier})" for tier in SUBJECT_TIERS)  # noqa: S608
        counted = "SELECT count(*) FROM decision WHERE subject_key IS NOT NULL AND gate IS NOT NULL"
        found, expected = self._all(f"SELECT {tiers}, ({counted})")[0]
        return found, expected

    def checkpoints(self, after: int, most: int) -> list[tuple[int, str]]:
        """Return the first ``(size, note)`` with a size greater than ``after``."""
        return self._all(
            "SELECT size, note FROM checkpoint WHERE size > ? ORDER BY size LIMIT ?", after, most
        )

    def last_checkpoint(self) -> tuple[int, str] | None:
        """Return the newest ``(size, note)``."""
        rows = self._all("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return rows[0] if rows else None

    def has_shared_blob(self, kind: str, digest: str) -> bool:
        """Return whether a shared document is there, without reading it."""
        query = "SELECT 1 FROM shared_blob WHERE kind = ? AND digest = ?"
        return bool(self._value(query, kind, digest))

    def shared_blob(self, kind: str, digest: str) -> bytes | None:
        """Return a shared document."""
        query = "SELECT body FROM shared_blob WHERE kind = ? AND digest = ?"
        return self._value(query, kind, digest)

    def shared_keys(self) -> list[tuple[str, str]]:
        """Return kind and digest of every shared document."""
        return self._all("SELECT kind, digest FROM shared_blob")

    def attachments(self, index: int) -> list[Blob]:
        """Return the documents of one entry, each with its digest."""
        return self.documents(index, index + 1).get(index, [])

    def documents(self, start: int, stop: int) -> dict[int, list[Blob]]:
        """Return the documents of the entries from ``start`` up to ``stop``, by index."""
        rows: Sequence[tuple[int, str, bytes, str]] = self._all(
            "SELECT place, kind, body, digest FROM attachment WHERE place >= ? AND place < ? "
            "ORDER BY place",
            start * MAX_ATTACHMENTS,
            stop * MAX_ATTACHMENTS,
        )
        found: dict[int, list[Blob]] = {}
        for place, kind, body, digest in rows:
            found.setdefault(place // MAX_ATTACHMENTS, []).append(Blob(kind, body, digest))
        return found

    def has_documents(self, start: int) -> bool:
        """Return whether documents are kept of entries from ``start`` on."""
        query = "SELECT 1 FROM attachment WHERE place >= ? OR place < 0 LIMIT 1"
        return bool(self._value(query, start * MAX_ATTACHMENTS))

    def get(self, kind: str, key: str) -> bytes | None:
        """Return a document of the state; None if there is none."""
        rows = self._state("SELECT body FROM state WHERE kind = ? AND key = ?", kind, key)
        return rows[0][0] if rows else None

    def scan(self, kind: str, start: str, stop: str, most: int) -> list[tuple[str, bytes]]:
        """Return the first ``(key, document)`` of the state with ``start <= key < stop``."""
        return self._state(
            "SELECT key, body FROM state WHERE kind = ? AND key >= ? AND key < ? "
            "ORDER BY key LIMIT ?",
            kind,
            start,
            stop,
            most,
        )

    def _state(self, query: str, *values: int | str) -> list[Any]:
        """Rows of the state; none where the ledger has never kept any."""
        return self._all(query, *values) if self._has("state") else []

    def _has(self, table: str) -> bool:
        """Whether a table is there that not every ledger has; one that is there stays."""
        if table not in self._tables:
            exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
            if self._value(exists, table) is None:
                return False
            self._tables.add(table)
        return True
