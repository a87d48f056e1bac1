"""A ledger is held against the signed head that is kept beside the key."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import (
    LedgerError,
    RollbackError,
    VerificationError,
)
from engine.ledger import open_ledger
from engine.proof.checkpoint import Checkpoint, parse, sign
from engine.signers.ed25519 import Ed25519Signer
from tests.ledger.copies import copied, put_back, written
from tests.ledger.scribe import (
    KEY,
    decision,
    kept_head,
    key,
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


def lost(folder: Path) -> None:
    """A ledger of three entries whose file is gone."""
    written(folder)
    for file in folder.glob("ledger.db*"):
        file.unlink()


def test_a_new_key_in_a_lost_ledgers_place_is_refused_with_the_one_command_that_is_the_remedy(
    tmp_path: Path,
) -> None:
    lost(tmp_path)
    with pytest.raises(RollbackError, match=r"3 entries .* another key") as caught:
        open_at(tmp_path, signer=key("new"))
    command = caught.value.hint.splitlines()[-1]

    subprocess.run(["bash", "-ec", command], check=True)

    with closing(open_at(tmp_path, signer=key("new"))) as ledger:
        assert ledger.size() == 1


def test_a_new_key_in_a_lost_ledgers_place_begins_anew_where_somebody_agrees(
    tmp_path: Path,
) -> None:
    lost(tmp_path)
    (before,) = (tmp_path / "heads").glob("*.json")
    questions: list[str] = []

    def agrees(question: str) -> bool:
        questions.append(question)
        return True

    for _ in range(2):
        with closing(open_at(tmp_path, signer=key("new"), agrees=agrees)) as ledger:
            assert ledger.size() == 1
    assert len(questions) == 1
    assert str(before) in questions[0]
    assert before.with_name(f"{before.name}.aside").is_file()


def test_about_a_ledger_of_the_same_key_nobody_is_asked(tmp_path: Path) -> None:
    lost(tmp_path)
    for signer in (KEY, None):
        with pytest.raises(RollbackError, match="3 entries were signed"):
            open_at(tmp_path, signer=signer, agrees=pytest.fail)
    with pytest.raises(RollbackError, match="3 entries were signed"):
        open_at(tmp_path, signer=key("new"), create=False, agrees=pytest.fail)


def test_a_ledger_of_another_key_in_the_place_is_asked_about_once(tmp_path: Path) -> None:
    """It was begun where no door knew the heads of the one before it."""
    written(tmp_path)
    (tmp_path / "ledger.db").unlink()
    open_at(tmp_path, signer=key("new"), heads=tmp_path / "elsewhere").close()

    for signer in (KEY, key("third"), None):
        with pytest.raises(RollbackError, match="was signed for there"):
            open_at(tmp_path, signer=signer, agrees=pytest.fail)
    with pytest.raises(RollbackError, match="was signed for there with another key"):
        open_at(tmp_path, signer=key("new"))
    open_at(tmp_path, signer=key("new"), agrees=lambda _question: True).close()
    open_at(tmp_path, signer=key("new")).close()


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
    file.unlink()
    file.mkdir()  # a folder in its place may be a broken disk: it is no lie, and no fresh start
    with pytest.raises(LedgerError, match=r"heads/.*\.json: the ledger's head cannot be read"):
        open_at(tmp_path)


@pytest.mark.parametrize("size", [2, 3, 99])
@pytest.mark.parametrize("is_copied", [True, False])
def test_a_head_that_the_ledgers_key_did_not_sign_is_refused_by_name(
    tmp_path: Path, size: int, *, is_copied: bool
) -> None:
    """INV-LEDGER-3: of whatever size; put aside as its hint says, it blocks nothing."""
    ledger_id = written(tmp_path)
    file = tmp_path / "heads" / f"{ledger_id}.json"
    kept = json.loads(file.read_bytes())
    note = _signed_by(parse(kept["checkpoint"])[0]._replace(size=size), key("other"))
    if is_copied:  # the genuine signature, on a text that it is not of
        forged = parse(kept["checkpoint"])[0]._replace(size=size, chain=b"\0" * 32)
        text = _signed_by(forged, KEY).rpartition("\n\n")[0]
        note = f"{text}\n\n{kept['checkpoint'].rpartition(chr(10) * 2)[2]}"
    file.write_text(json.dumps({**kept, "checkpoint": note}))

    for signer in (KEY, None):
        with pytest.raises(RollbackError, match=r"heads/.*\.json: not signed with the key") as no:
            open_at(tmp_path, signer=signer)
        assert no.value.exit_code == 4
    subprocess.run(["/bin/sh", "-c", no.value.hint.splitlines()[-1]], check=True)
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(9)])
    assert parse(kept_head(tmp_path)["checkpoint"])[0].size == 4


def _signed_by(checkpoint: Checkpoint, signer: Ed25519Signer) -> str:
    return sign(checkpoint, signer.sign, signer.public_key)


def test_a_ledger_that_others_can_write_is_not_written(tmp_path: Path) -> None:
    """INV-DOOR-6."""
    written(tmp_path)
    (tmp_path / "ledger.db").chmod(0o646)
    with pytest.raises(LedgerError, match="others can write to the ledger") as refused:
        open_at(tmp_path)
    assert refused.value.exit_code == 2
    open_at(tmp_path, signer=None).close()


def test_a_folder_of_heads_that_others_can_write_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "heads").chmod(0o777)

    with pytest.raises(LedgerError, match="others can write to the folder of heads") as refused:
        open_at(tmp_path)
    assert refused.value.exit_code == 2
    with closing(open_at(tmp_path, signer=None)) as ledger:
        assert ledger.size() == 3
