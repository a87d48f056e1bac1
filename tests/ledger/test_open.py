"""Opening a ledger: found, made, or refused in words."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import (
    KeyFileError,
    LedgerBusyError,
    LedgerError,
    UsageError,
    VerificationError,
)
from engine.ledger import STORES, open_ledger
from engine.ledger.sqlite.schema import FORMAT
from engine.system.locking import FileLock
from tests.ledger.copies import copied, put_back, written
from tests.ledger.scribe import (
    CREATED_AT,
    KEY,
    as_nobody,
    decision,
    decision_id,
    key,
    open_at,
    predicate,
)


def test_a_ledger_is_made_once_and_opened_after(tmp_path: Path) -> None:
    ledger_id = written(tmp_path)

    with closing(open_at(tmp_path)) as ledger:
        assert (ledger.id, ledger.size()) == (ledger_id, 3)
        (there,) = ledger.append([decision(9)])
        assert predicate(there.entry)["attempt"] == 3


def test_the_id_is_drawn_from_the_given_source(tmp_path: Path) -> None:
    with closing(open_at(tmp_path, random=lambda count: b"\xa7" * count)) as ledger:
        assert ledger.id == "a7" * 16


@pytest.mark.parametrize("form", ["{}", "sqlite:{}", "sqlite:///{}"])
def test_a_path_may_be_written_as_a_url(tmp_path: Path, form: str) -> None:
    written(tmp_path)

    url = form.format(tmp_path / "ledger.db")
    with closing(open_ledger(url, signer=None, heads=None)) as ledger:
        assert (ledger.url, ledger.size()) == (url, 3)


def test_a_relative_url_is_taken_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    monkeypatch.chdir(tmp_path)

    for url in ("ledger.db", "sqlite:ledger.db", "sqlite:///ledger.db"):
        with closing(open_ledger(url, signer=None, heads=None)) as ledger:
            assert ledger.size() == 3


def test_a_name_with_odd_characters_is_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "50% off? #1"
    folder.mkdir()
    written(folder)

    with closing(open_at(folder, signer=None)) as ledger:
        assert ledger.size() == 3
    assert {file.name[:9] for file in folder.iterdir()} == {"heads", "ledger.db"}
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    "url", ["postgresql://host/db", "http://host/", "run:here", "sqlite://", "sqlite:"]
)
def test_an_unknown_place_is_refused_with_the_known_ones(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_ledger(url, signer=KEY, heads=None, create=True, created_at=CREATED_AT)
    if url.partition(":")[0] not in STORES:
        assert all(f"{known}:" in refused.value.hint for known in STORES)


def test_a_missing_ledger_is_only_made_when_asked_for(tmp_path: Path) -> None:
    for options in ({"create": False}, {"signer": None, "create": True}):
        with pytest.raises(UsageError, match="there is no ledger at"):
            open_at(tmp_path, **options)
    with pytest.raises(UsageError, match="when it was created"):
        open_at(tmp_path, created_at="")

    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_no_ledger_yet(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()

    with pytest.raises(UsageError, match="there is no ledger at"):
        open_at(tmp_path, create=False)
    assert len(written(tmp_path)) == 32


def test_a_ledger_whose_creation_was_cut_short_is_made_again(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")

    assert len(written(tmp_path)) == 32


def test_another_key_than_the_ledgers_does_not_write(tmp_path: Path) -> None:
    written(tmp_path)

    with pytest.raises(KeyFileError, match=f"begun with key {KEY.key_id}"):
        open_at(tmp_path, signer=key("other"))


# -- other things in its place -------------------------------------------------------------


def test_a_folder_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()

    with pytest.raises(LedgerError, match="a folder, not a ledger"):
        open_at(tmp_path)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    content = b"text, more than a page of it\n" * 999
    (tmp_path / "ledger.db").write_bytes(content)

    with pytest.raises(LedgerError, match="the file is not a database"):
        open_at(tmp_path)
    assert (tmp_path / "ledger.db").read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE entry (leaf_index INTEGER)")
        connection.commit()
    before = file.read_bytes()

    with pytest.raises(LedgerError, match="not a ledger of this engine"):
        open_at(tmp_path)
    assert file.read_bytes() == before


@pytest.mark.parametrize("other", [FORMAT - 1, FORMAT + 1])
def test_a_ledger_of_another_format_is_not_guessed_at(tmp_path: Path, other: int) -> None:
    written(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute(f"PRAGMA user_version = {other}")

    with pytest.raises(
        LedgerError, match=f"a ledger of format {other}; this engine reads format {FORMAT}"
    ):
        open_at(tmp_path)


def test_a_ledger_that_goes_by_a_false_id_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("DROP TRIGGER ledger_fixed")
        connection.execute("UPDATE ledger SET id = ?", ("0" * 32,))
        connection.commit()

    with pytest.raises(VerificationError, match=r"calls itself 0{32}, but entry 0 created"):
        open_at(tmp_path, heads=None)


# -- permissions and locks -----------------------------------------------------------------


def test_in_a_folder_that_is_read_only_a_ledger_is_read_and_not_written() -> None:
    with as_nobody() as folder:
        with closing(open_at(folder)) as ledger:
            ledger.append([decision(1)])
            ledger.append([decision(2)])
            copy = copied(folder)  # with a log that is not yet in the database
        put_back(copy, folder)
        for file in folder.glob("ledger.db-shm"):
            file.unlink()
        folder.chmod(0o500)

        with pytest.raises(LedgerError, match="cannot be written by this user"):
            open_at(folder)
        before = sorted(file.name for file in folder.iterdir())
        with closing(open_at(folder, signer=None)) as ledger:
            assert ledger.size() == 3
            assert ledger.verify(signatures=True, public_keys=[KEY.public_key]).head
        assert sorted(file.name for file in folder.iterdir()) == before


def test_a_ledger_is_not_made_where_nothing_can_be_written() -> None:
    with as_nobody() as folder:
        folder.chmod(0o500)
        with pytest.raises(LedgerError, match="cannot be made: Permission denied"):
            open_at(folder)
        with pytest.raises(LedgerError, match="lock file cannot be opened: Permission denied"):
            open_at(folder, heads=None)


def test_a_ledger_that_may_not_be_read_is_not_missing() -> None:
    with as_nobody() as folder:
        written(folder)
        (folder / "ledger.db").chmod(0)
        with pytest.raises(LedgerError):
            open_at(folder)
        with pytest.raises(LedgerError):
            open_at(folder, signer=None)


def test_a_lock_that_another_holds_is_waited_for_and_named(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as ledger:
        with (
            FileLock(tmp_path / "ledger.db.lock", 0).hold(),
            pytest.raises(LedgerBusyError, match=rf"process {os.getpid()} has held .* 0\.05 s"),
        ):
            ledger.append([decision(1)])
        assert ledger.size() == 1
        assert ledger.append([decision(1)])[0].index == 1


# -- a ledger of this run ------------------------------------------------------------------


def test_a_ledger_of_this_run_is_whole_and_gone_at_close(tmp_path: Path) -> None:
    ledger = open_ledger("run:", signer=KEY, heads=tmp_path / "heads", created_at=CREATED_AT)
    ledger.append([decision(1)])

    assert ledger.url == "run:"
    assert ledger.find(decision_id(1)) == 1
    assert ledger.verify(signatures=True, public_keys=[KEY.public_key]).size == 2
    (file,) = _files_of_run_ledgers()
    ledger.close()
    assert not file.exists()
    assert not (tmp_path / "heads").exists(), "a head would outlive the ledger"


def _files_of_run_ledgers() -> set[Path]:
    """The database that this process has open in a folder for ledgers of one run."""
    links = {path.resolve() for path in Path("/proc/self/fd").iterdir()}
    return {
        path
        for path in links
        if path.parent.name.startswith("engine-run-") and path.name == "ledger.db"
    }


def test_a_ledger_of_this_run_needs_a_key() -> None:
    with pytest.raises(UsageError, match="is a ledger of this run only"):
        open_ledger("run:", signer=None, heads=None, created_at=CREATED_AT)
