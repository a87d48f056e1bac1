"""Opening a ledger: found, made, or refused because it is not what its head says."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from engine.checkpoint import parse
from engine.errors import (
    KeyFileError,
    LedgerBusyError,
    LedgerError,
    RollbackError,
    UsageError,
    VerificationError,
)
from engine.ledger import STORES, open_ledger
from engine.ledger.locking import FileLock
from tests.ledger.scribe import (
    CREATED_AT,
    KEY,
    as_nobody,
    decision,
    decision_id,
    kept_head,
    key,
    open_at,
    predicate,
)


def written(folder: Path, entries: int = 3) -> str:
    """A closed ledger with so many entries; returns its id."""
    with closing(open_at(folder)) as ledger:
        for number in range(1, entries):
            ledger.append([decision(number)])
        return ledger.id


def copied(folder: Path) -> Path:
    """A copy of a folder's ledger, to be put back later."""
    copy = folder / "copy"
    copy.mkdir()
    for file in folder.glob("ledger.db*"):
        shutil.copy(file, copy)
    return copy


def put_back(copy: Path, folder: Path) -> None:
    for file in folder.glob("ledger.db*"):
        file.unlink()
    shutil.copytree(copy, folder, dirs_exist_ok=True)


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
    with pytest.raises(UsageError):
        open_ledger(url, signer=KEY, heads=None, create=True, created_at=CREATED_AT)
    assert sorted(STORES) == ["run", "sqlite"]


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


# -- the head beside the key ---------------------------------------------------------------


def test_the_head_is_kept_beside_the_key_and_says_where_the_ledger_is(tmp_path: Path) -> None:
    ledger_id = written(tmp_path)

    head = kept_head(tmp_path)
    checkpoint = parse(head["checkpoint"])[0]

    assert head.keys() == {"ledger", "checkpoint"}
    assert head["ledger"] == "../ledger.db"
    assert (checkpoint.size, checkpoint.origin) == (3, f"governance-engine/{ledger_id}")
    assert stat.S_IMODE((tmp_path / "heads").stat().st_mode) == 0o700
    assert (tmp_path / "heads" / f"{ledger_id}.json").exists()


def test_a_deleted_ledger_is_no_fresh_start(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "ledger.db").unlink()

    for signer in (KEY, None):
        with pytest.raises(RollbackError, match="is missing, and 3 entries were signed") as caught:
            open_at(tmp_path, signer=signer)
        assert "restore the newest copy" in caught.value.hint
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be one" * 99])
def test_a_ledger_replaced_by_something_else_is_no_fresh_start(
    tmp_path: Path, content: bytes
) -> None:
    written(tmp_path)
    (tmp_path / "ledger.db").write_bytes(content)

    with pytest.raises(RollbackError, match="3 entries were signed for it"):
        open_at(tmp_path)
    assert (tmp_path / "ledger.db").read_bytes() == content


def test_an_older_copy_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    copy = copied(tmp_path)
    written(tmp_path, entries=6)
    put_back(copy, tmp_path)

    for signer in (KEY, None):
        with pytest.raises(RollbackError, match=r"holds 3 entries, but its signed head .* says 6"):
            open_at(tmp_path, signer=signer)


def test_an_older_copy_that_was_written_to_since_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    copy = copied(tmp_path)
    written(tmp_path, entries=5)
    put_back(copy, tmp_path)
    with closing(open_at(tmp_path, heads=tmp_path / "elsewhere")) as forked:
        forked.append([decision(number) for number in range(20, 30)])

    with pytest.raises(RollbackError, match="has another history than its signed head"):
        open_at(tmp_path)


def test_another_ledger_in_the_same_place_is_refused(tmp_path: Path) -> None:
    first = written(tmp_path)
    (tmp_path / "ledger.db").unlink()
    with closing(open_at(tmp_path, heads=tmp_path / "elsewhere")) as other:
        second = other.id

    with pytest.raises(RollbackError, match=f"is ledger {second}, but {first} was signed for"):
        open_at(tmp_path)


def test_a_lost_log_is_noticed(tmp_path: Path) -> None:
    """The newest entries live in the -wal file until it is copied into the database."""
    written(tmp_path)
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(7)])
        copy = copied(tmp_path)
    (copy / "ledger.db-wal").unlink()
    put_back(copy, tmp_path)

    with pytest.raises(RollbackError, match=r"holds 3 entries, but its signed head .* says 4"):
        open_at(tmp_path)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_truncated_ledger_is_refused(tmp_path: Path, keep: float) -> None:
    written(tmp_path, entries=40)
    file = tmp_path / "ledger.db"
    os.truncate(file, int(file.stat().st_size * keep) // 4096 * 4096)

    with pytest.raises(VerificationError), closing(open_at(tmp_path)) as ledger:
        ledger.verify()


def test_a_moved_ledger_is_still_the_same(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "moved").mkdir()
    (tmp_path / "ledger.db").rename(tmp_path / "moved" / "ledger.db")

    url = str(tmp_path / "moved" / "ledger.db")
    with closing(open_ledger(url, signer=KEY, heads=tmp_path / "heads")) as ledger:
        ledger.append([decision(7)])
    assert kept_head(tmp_path)["ledger"] == "../moved/ledger.db"


def test_a_ledger_ahead_of_its_head_is_fine(tmp_path: Path) -> None:
    """Its writer was stopped after the commit and before the head was written."""
    written(tmp_path)
    saved = {file: file.read_bytes() for file in (tmp_path / "heads").glob("*.json")}
    written(tmp_path, entries=6)
    for file, data in saved.items():
        file.write_bytes(data)

    with closing(open_at(tmp_path)) as ledger:
        assert ledger.verify(public_keys=[KEY.public_key]).head
        ledger.append([decision(9)])
    assert parse(kept_head(tmp_path)["checkpoint"])[0].size == 7


def test_a_head_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    ledger_id = written(tmp_path)
    file = tmp_path / "heads" / f"{ledger_id}.json"
    good = json.loads(file.read_bytes())
    for bad in (
        b"",
        b"[]",
        b'{"ledger": 1, "checkpoint": "x"}',
        json.dumps({**good, "checkpoint": good["checkpoint"][:-9]}).encode(),
        json.dumps(
            {**good, "checkpoint": good["checkpoint"].replace(ledger_id, "0" * 32)}
        ).encode(),
        b" " * 300_000,
    ):
        file.write_bytes(bad)
        with pytest.raises(VerificationError, match=r"heads/.*\.json: "):
            open_at(tmp_path)


def test_a_folder_of_heads_that_others_can_write_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "heads").chmod(0o777)

    with pytest.raises(LedgerError, match="others can write to the folder of heads"):
        open_at(tmp_path)
    with closing(open_at(tmp_path, signer=None)) as ledger:
        assert ledger.size() == 3


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


def test_a_ledger_of_a_later_format_is_not_guessed_at(tmp_path: Path) -> None:
    written(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("PRAGMA user_version = 2")

    with pytest.raises(LedgerError, match="a ledger of format 2; this engine reads format 1"):
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
