"""Heads: replaced whole, found by ledger and by place, in a folder of the key's owner."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.errors import LedgerError, VerificationError
from engine.ledger.commit import signed_heads
from engine.ledger.commit.signed_heads import Head, Heads
from engine.proof.checkpoint import Checkpoint, origin_of, sign
from engine.system.reading import read_whole
from tests.ledger.scribe import KEY, as_nobody

ONE, OTHER = "0e" * 16, "1f" * 16


def keep(heads: Heads, ledger_id: str, size: int, address: str = "../ledger.db") -> Head:
    checkpoint = Checkpoint(origin_of(ledger_id), size, b"r" * 32, b"c" * 32)
    note = sign(checkpoint, KEY.sign, KEY.public_key)
    return heads.keep(ledger_id, address, note, checkpoint)


@pytest.fixture
def heads(tmp_path: Path) -> Heads:
    heads = Heads(tmp_path / "key" / "heads")
    heads.require_writable()
    return heads


def test_where_nothing_was_kept_there_is_no_head(tmp_path: Path) -> None:
    for nowhere in (tmp_path / "missing", Path(os.devnull, "heads")):  # HOME=/dev/null
        heads = Heads(nowhere)

        assert heads.of(ONE) is None
        assert heads.claiming("../ledger.db") == []


def test_a_head_is_read_as_it_was_kept(heads: Heads) -> None:
    first = keep(heads, ONE, 3)
    other = keep(heads, OTHER, 9, "../other.db")

    assert heads.of(ONE) == first
    assert heads.of(OTHER) == other
    assert heads.claiming("../ledger.db") == [first]
    assert heads.claiming("../third.db") == []


def test_the_next_head_takes_the_place_of_the_last(heads: Heads) -> None:
    keep(heads, ONE, 3)
    last = keep(heads, ONE, 4)

    assert heads.of(ONE) == last
    assert [file.name for file in heads.folder.glob("*.json")] == [f"{ONE}.json"]


def test_a_draft_that_was_left_by_a_kill_is_no_head(heads: Heads) -> None:
    draft = heads.folder / f".{ONE}.json.new"
    draft.write_bytes(b"half a head" * 99)

    assert heads.of(ONE) is None
    assert heads.claiming("../ledger.db") == []
    last = keep(heads, ONE, 4)
    assert heads.of(ONE) == last
    assert not draft.exists()


def test_a_link_in_the_drafts_place_is_not_followed(heads: Heads, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (heads.folder / f".{ONE}.json.new").symlink_to(target)

    with pytest.raises(OSError, match="symbolic link"):
        keep(heads, ONE, 4)
    assert not target.exists()


def test_the_folder_is_its_owners_alone(heads: Heads) -> None:
    assert stat.S_IMODE(heads.folder.stat().st_mode) == 0o700
    keep(heads, ONE, 3)
    assert stat.S_IMODE((heads.folder / f"{ONE}.json").stat().st_mode) == 0o600


def test_a_head_under_another_ledgers_name_is_refused(heads: Heads) -> None:
    head = keep(heads, ONE, 3)
    head.file.rename(heads.folder / f"{OTHER}.json")

    with pytest.raises(VerificationError, match=f"holds the head of governance-engine/{ONE}"):
        heads.of(OTHER)


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read from now on."""
    names: list[str] = []

    def counted(path: Path, most: int) -> bytes:
        names.append(path.name)
        return read_whole(path, most)

    monkeypatch.setattr(signed_heads, "read_whole", counted)
    return names


def test_what_is_read_does_not_grow_with_the_ledgers_of_other_places(
    heads: Heads, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = keep(heads, ONE, 3)
    for number in range(40):
        keep(heads, f"{number:032x}", 9, f"../other-{number}.db")

    names = reads(monkeypatch)
    assert heads.claiming("../ledger.db") == [first]
    assert heads.claiming("../ledger.db", but=ONE) == []
    assert names == [f"{ONE}.json"]


def test_a_damaged_head_blocks_the_place_of_its_own_ledger_and_no_other(heads: Heads) -> None:
    first = keep(heads, ONE, 3)
    keep(heads, OTHER, 9, "../other.db").file.write_bytes(b"half a head")

    assert heads.claiming("../ledger.db") == [first]
    with pytest.raises(VerificationError, match="not the head of a ledger"):
        heads.claiming("../other.db")


def test_a_head_that_was_kept_before_its_name_said_where_is_found_all_the_same(
    heads: Heads,
) -> None:
    """Of such a head that is damaged nobody knows where its ledger was: it blocks none."""
    first = keep(heads, ONE, 3)
    keep(heads, OTHER, 9, "../other.db").file.write_bytes(b"half a head")
    for mark in heads.folder.glob("*.at"):
        mark.unlink()

    assert heads.claiming("../ledger.db") == [first]
    assert heads.claiming("../other.db") == []
    with pytest.raises(VerificationError, match="not the head of a ledger"):
        heads.of(OTHER)


def test_a_ledger_that_moved_is_claimed_where_it_is_now(heads: Heads) -> None:
    keep(heads, ONE, 3)
    moved = keep(heads, ONE, 4, "../moved.db")

    assert heads.claiming("../ledger.db") == []
    assert heads.claiming("../moved.db") == [moved]


def test_a_folder_that_cannot_be_written_is_noticed_before_anything_is_recorded() -> None:
    with as_nobody() as folder:
        heads = Heads(folder / "heads")
        heads.require_writable()
        keep(heads, ONE, 3)
        heads.folder.chmod(0o500)
        with pytest.raises(LedgerError, match="the folder of heads cannot be written"):
            heads.require_writable()
        assert heads.of(ONE) is not None
        heads.folder.chmod(0)
        for read in (lambda: heads.of(ONE), lambda: heads.claiming("../ledger.db")):
            with pytest.raises(LedgerError, match="cannot be read: Permission denied"):
                read()
