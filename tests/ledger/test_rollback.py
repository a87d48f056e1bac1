"""A ledger is held against the signed head that is kept beside the key."""

from __future__ import annotations

import json
import os
import stat
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import (
    LedgerError,
    RollbackError,
    VerificationError,
)
from engine.ledger import open_ledger
from engine.proof.checkpoint import parse
from tests.ledger.copies import copied, put_back, written
from tests.ledger.scribe import (
    KEY,
    decision,
    kept_head,
    open_at,
)


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
