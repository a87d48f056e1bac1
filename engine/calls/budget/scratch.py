"""State outside a ledger: what entries are added up into, on disk when it is much."""

from __future__ import annotations

import sqlite3


class Scratch:
    """Implements :class:`engine.ledger.State` in a temporary database of this process.

    SQLite keeps it in memory while it is small and in a nameless file when it is not, so that a
    ledger of any length can be added up.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(
            "CREATE TABLE state (kind TEXT, key TEXT, body BLOB, PRIMARY KEY (kind, key)) "
            "WITHOUT ROWID"
        )

    def get(self, kind: str, key: str) -> bytes | None:
        """Return a document; None if there is none."""
        row = self._database.execute(
            "SELECT body FROM state WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return None if row is None else row[0]

    def scan(self, kind: str, start: str, stop: str, most: int) -> list[tuple[str, bytes]]:
        """Return the first ``(key, document)`` with ``start <= key < stop``, in order of key."""
        return self._database.execute(
            "SELECT key, body FROM state WHERE kind = ? AND key >= ? AND key < ? "
            "ORDER BY key LIMIT ?",
            (kind, start, stop, most),
        ).fetchall()

    def put(self, kind: str, key: str, body: bytes | None) -> None:
        """Set a document; None removes it."""
        if body is None:
            self._database.execute("DELETE FROM state WHERE kind = ? AND key = ?", (kind, key))
        else:
            self._database.execute("REPLACE INTO state VALUES (?, ?, ?)", (kind, key, body))

    def close(self) -> None:
        """Forget everything."""
        self._database.close()
