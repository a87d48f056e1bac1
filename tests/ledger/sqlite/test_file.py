"""What is in a file, and a copy of it for where nothing can be written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LedgerBusyError, LedgerError, VerificationError
from engine.ledger.sqlite.file import connect, copy_ledger, holds_ledger, needs_copy
from engine.ledger.sqlite.schema import APPLICATION_ID
from tests.ledger.scribe import decision, open_at


def test_a_ledger_is_told_from_nothing_and_from_something_else(tmp_path: Path) -> None:
    ours, empty, other = (tmp_path / name for name in ("ledger.db", "empty.db", "other.db"))
    open_at(tmp_path).close()
    empty.touch()
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE entry (body BLOB)")

    for path, there in ((ours, True), (empty, False)):
        with closing(connect(path, "ro")) as connection:
            assert not needs_copy(connection, path)
            assert holds_ledger(connection, path) == there
    refused = pytest.raises(VerificationError, match="not a ledger of this engine")
    with closing(connect(other, "ro")) as connection, refused:
        holds_ledger(connection, other)


def test_a_missing_file_is_not_made_by_looking(tmp_path: Path) -> None:
    for mode in ("ro", "rw"):
        with pytest.raises(LedgerError, match="it cannot be opened"):
            connect(tmp_path / "missing.db", mode)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_has_what_is_only_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(1)])
        copy = copy_ledger(tmp_path / "ledger.db", tmp_path / "copy")

    with closing(connect(copy, "ro")) as connection:
        assert connection.execute("SELECT count(*) FROM entry").fetchone() == (2,)


def test_a_file_that_changes_while_it_is_copied_is_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    open_at(tmp_path).close()
    (tmp_path / "copy").mkdir()
    copies = 0

    def written_to_meanwhile(times: int) -> None:
        def copyfile(source: Path, target: Path) -> None:
            nonlocal copies
            target.write_bytes(source.read_bytes())
            if source == path:
                copies += 1
                if copies <= times:
                    os.utime(source, ns=(copies, copies))

        monkeypatch.setattr("shutil.copyfile", copyfile)

    written_to_meanwhile(times=2)
    copy_ledger(path, tmp_path / "copy")
    assert copies == 3
    written_to_meanwhile(times=99)
    with pytest.raises(LedgerBusyError, match="changes too often to be copied"):
        copy_ledger(path, tmp_path / "copy")


class Overtaken(sqlite3.Connection):
    """A connection while whose first question is answered, another process creates the ledger."""

    creator: Callable[[], object] | None = None

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Ask; then let the other one be quicker than the next question."""
        cursor = super().execute(sql, parameters)
        if "application_id" in sql and self.creator is not None:
            create, self.creator = self.creator, None
            create()
        return cursor


def test_a_ledger_that_is_just_being_created_is_not_taken_for_something_else(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.db"
    with closing(connect(path, "rwc")) as other:
        other.execute("PRAGMA journal_mode = WAL")

        def create() -> None:
            for statement in ("BEGIN", f"PRAGMA application_id = {APPLICATION_ID}"):
                other.execute(statement)
            other.execute("CREATE TABLE entry (leaf_index INTEGER)")
            other.execute("COMMIT")

        overtaken = sqlite3.connect(path, factory=Overtaken, isolation_level=None)
        with closing(overtaken):
            overtaken.creator = create
            assert not holds_ledger(overtaken, path)
            assert overtaken.creator is None
