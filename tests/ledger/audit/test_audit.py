"""Verification of a whole ledger: nothing that was changed goes unnoticed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from engine.errors import RollbackError, VerificationError
from engine.ledger import Blob
from engine.ledger.audit.audit import audit
from engine.ledger.audit.report import LedgerReport
from engine.ledger.sqlite.file import connect
from engine.ledger.sqlite.reader import SqliteReader
from engine.ledger.store import EntryRow, node_position
from engine.proof.checkpoint import parse
from engine.proof.merkle import GENESIS_CHAIN, Frontier, chain_hash, leaf_hash
from tests.ledger.scribe import KEY, decision, event, key, open_at

OTHER = key("other")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of twelve entries and three checkpoints (1, 7, 12), with two subjects."""
    with closing(open_at(tmp_path)) as ledger:
        blobs = (Blob("input", b"{}"), Blob("salt", b"salt"))
        ledger.append([decision(number, "ab"[number % 2], blobs=blobs) for number in range(1, 7)])
        ledger.append([event("opened"), *(decision(number, "a") for number in range(7, 11))])
    return tmp_path


@contextmanager
def behind_its_back(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database in the hands of somebody who owns the file: no trigger stops or betrays them."""
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        query = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        triggers = connection.execute(query).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.create_function(
            "flip", 1, lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:]
        )
        yield connection
        for _, definition in triggers:
            connection.execute(definition)
        connection.commit()


def rewrite(folder: Path, index: int, body: bytes) -> None:
    """Replace an entry, and make every hash that is not signed fit the new history."""
    with behind_its_back(folder) as connection:
        connection.execute("UPDATE entry SET body = ? WHERE leaf_index = ?", (body, index))
        frontier, chain = Frontier(), GENESIS_CHAIN
        bodies = connection.execute("SELECT leaf_index, body FROM entry ORDER BY leaf_index")
        for number, entry in bodies.fetchall():
            leaf = leaf_hash(entry)
            chain = chain_hash(chain, leaf)
            connection.execute(
                "UPDATE entry SET leaf = ?, chain = ? WHERE leaf_index = ?", (leaf, chain, number)
            )
            for level, at, digest in frontier.append(leaf):
                position = node_position(level, at)
                connection.execute(
                    "UPDATE node SET hash = ? WHERE position = ?", (digest, position)
                )


def verified(
    folder: Path, *, signatures: bool = False, heads: bool = False, since: str | None = None
) -> LedgerReport:
    chosen = folder / "heads" if heads else None
    with closing(open_at(folder, signer=None, heads=chosen)) as ledger:
        return ledger.verify(since=since, signatures=signatures, public_keys=[KEY.public_key])


def test_a_whole_ledger_verifies(folder: Path) -> None:
    with closing(open_at(folder, signer=None)) as ledger:
        report = ledger.verify(signatures=True, public_keys=[OTHER.public_key, KEY.public_key])
        checkpoint = parse(ledger.last_checkpoint())[0]
        quick = ledger.verify(signatures=False)

    assert (report.size, report.since, report.decisions, report.checkpoints) == (12, 0, 10, 3)
    assert (report.signatures, report.uncovered, report.head) == (12, 0, True)
    assert (report.root, report.chain) == (checkpoint.root, checkpoint.chain)
    assert (quick.size, quick.signatures) == (12, 0)


@pytest.mark.parametrize("entries", [1, 126, 127, 128, 129, 255, 300])
def test_a_ledger_of_any_length_verifies(tmp_path: Path, entries: int) -> None:
    """Around the number of entries that are in memory at once."""
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(number) for number in range(1, entries)])
        report = ledger.verify(public_keys=[KEY.public_key])

    assert (report.size, report.decisions) == (entries, entries - 1)


def test_signatures_need_the_right_key(folder: Path) -> None:
    with closing(open_at(folder, signer=None)) as ledger:
        assert (report := ledger.verify()).signatures == report.size
        assert not report.keys_given
        with pytest.raises(VerificationError, match="none of the given keys signed"):
            ledger.verify(public_keys=[OTHER.public_key])


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE entry SET body = flip(body) WHERE leaf_index = 3", "entry 3: its bytes do not"),
        ("UPDATE entry SET leaf = flip(leaf) WHERE leaf_index = 3", "entry 3: its bytes do not"),
        ("UPDATE entry SET chain = flip(chain) WHERE leaf_index = 3", "entry 3: the hash chain"),
        ("UPDATE node SET hash = flip(hash) WHERE position = 2", "entry 3: a tree node above it"),
        ("DELETE FROM node WHERE position = 3", "entry 5: a tree node above it is wrong"),
        ("DELETE FROM entry WHERE leaf_index = 4", "entry 4 is missing"),
        ("INSERT INTO node VALUES (999, zeroblob(32))", "and the ledger holds 12"),
        ("INSERT INTO decision VALUES (12, 'x', NULL, NULL, 1)", "and the ledger holds 12"),
        ("INSERT INTO decision VALUES (7, 'x', NULL, NULL, 1)", "entry 7: its decision_id is None"),
        ("DELETE FROM decision WHERE leaf_index = 4", "entry 4: a decision that is"),
        ("UPDATE decision SET leaf_index = 7 WHERE leaf_index = 4", "entry 4: a decision that is"),
        ("UPDATE decision SET decision_id = 'x' WHERE leaf_index = 4", "entry 4: its decision_id"),
        ("UPDATE checkpoint SET note = '' WHERE size = 7", "checkpoint 7: the checkpoint is not a"),
        ("UPDATE checkpoint SET size = 6 WHERE size = 7", "checkpoint 6: entry 5 and those before"),
        ("UPDATE checkpoint SET size = 13 WHERE size = 12", "checkpoint says 13, and"),
    ],
)  # fmt: skip
def test_what_was_changed_is_named(folder: Path, statement: str, named: str) -> None:
    with behind_its_back(folder) as connection:
        assert connection.execute(statement).rowcount == 1

    with pytest.raises(VerificationError, match=named):
        verified(folder)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE decision SET gate = 'spend' WHERE leaf_index = 4", "entry 4: the index does"),
        ("UPDATE decision SET attempt = 9 WHERE leaf_index = 6", "entry 6: the index does not"),
        ("UPDATE decision SET subject_key = 'c' WHERE leaf_index = 4", "entry 4: the index does"),
        ("DELETE FROM subject_new WHERE leaf_index = 4", "entry 4: the index does not"),
    ],
)  # fmt: skip
def test_with_signatures_attempts_are_held_to_the_index_too(
    folder: Path, statement: str, named: str
) -> None:
    with behind_its_back(folder) as connection:
        assert connection.execute(statement).rowcount == 1

    with pytest.raises(VerificationError, match=named):
        verified(folder, signatures=True)


def test_entries_in_another_order_are_noticed(folder: Path) -> None:
    with behind_its_back(folder) as connection:
        for old, new in ((4, -1), (5, 4), (-1, 5)):
            moved = "UPDATE OR FAIL entry SET leaf_index = ? WHERE leaf_index = ?"
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute(moved, (new, old))

    with pytest.raises(VerificationError, match="entry 4: the hash chain breaks here"):
        verified(folder)


def test_a_changed_document_is_noticed_when_it_is_read(folder: Path) -> None:
    with behind_its_back(folder) as connection:
        connection.execute("UPDATE attachment SET body = x'00' WHERE place = 2 * 16")

    with closing(open_at(folder, signer=None)) as ledger:
        assert len(ledger.attachments(1)) == 2
        with pytest.raises(VerificationError, match="the input kept for entry 2 is not what"):
            ledger.attachments(2)


def test_an_erased_document_leaves_every_proof_as_it_was(folder: Path) -> None:
    """Erasure is the one deletion that the tables allow; no trigger is dropped for it."""
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        assert connection.execute("DELETE FROM attachment WHERE place / 16 = 2").rowcount == 2
        connection.commit()

    assert verified(folder, signatures=True, heads=True).size == 12
    with closing(open_at(folder, signer=None)) as ledger:
        assert ledger.attachments(2) == ()
        assert len(ledger.attachments(3)) == 2


# -- a history rewritten with all its hashes -------------------------------------------------


@pytest.fixture
def forged(folder: Path) -> Path:
    """Entry 3 replaced by one of another key, every unsigned hash made to fit."""
    fake = decision(3, "b", signer=OTHER)
    with closing(open_at(folder, signer=None)) as ledger:
        place = type("Place", (), {"ledger_id": ledger.id, "attempt": 2, "previous": None})
    rewrite(folder, 3, fake.build(place))  # type: ignore[arg-type]
    return folder


def test_it_does_not_fit_its_checkpoints(forged: Path) -> None:
    with pytest.raises(RollbackError, match="has another history than its last checkpoint"):
        verified(forged)


def test_it_does_not_fit_the_head_beside_the_key(forged: Path) -> None:
    with behind_its_back(forged) as connection:
        connection.execute("DELETE FROM checkpoint WHERE size > 1")

    with pytest.raises(RollbackError, match="has another history than its signed head"):
        verified(forged, heads=True)


def test_it_does_not_fit_a_checkpoint_that_somebody_kept(folder: Path) -> None:
    with closing(open_at(folder, signer=None)) as ledger:
        kept = ledger.checkpoint_covering(5)
    with behind_its_back(folder) as connection:
        connection.execute("DELETE FROM checkpoint WHERE size > 1")
        body = connection.execute("SELECT body FROM entry WHERE leaf_index = 4").fetchone()[0]
    rewrite(folder, 3, body)

    with pytest.raises(RollbackError, match="has another history than the checkpoint that was"):
        verified(folder, since=kept)


def test_its_entry_is_named_by_its_signature(forged: Path) -> None:
    with behind_its_back(forged) as connection:
        connection.execute("DELETE FROM checkpoint WHERE size > 1")

    with pytest.raises(VerificationError, match="entry 3: none of the given keys signed"):
        verified(forged, signatures=True)


# -- since a checkpoint ----------------------------------------------------------------------


def test_since_a_checkpoint_only_what_came_after_is_read(folder: Path) -> None:
    with closing(open_at(folder, signer=None)) as ledger:
        kept = ledger.checkpoint_covering(3)
        last = ledger.last_checkpoint()
    with behind_its_back(folder) as connection:
        connection.execute("UPDATE entry SET body = flip(body) WHERE leaf_index = 3")

    report = verified(folder, since=kept, signatures=True)
    assert (report.since, report.size, report.signatures, report.checkpoints) == (7, 12, 5, 2)
    assert verified(folder, since=last).decisions == 0
    with pytest.raises(VerificationError, match="entry 3"):
        verified(folder)


def test_a_checkpoint_of_a_longer_or_another_ledger_does_not_fit(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with closing(open_at(folder)) as ledger:
        copy = tmp_path_factory.mktemp("copy")
        for file in folder.glob("ledger.db*"):
            (copy / file.name).write_bytes(file.read_bytes())
        (longer,) = ledger.append([decision(90)])
    with closing(open_at(tmp_path_factory.mktemp("other"))) as ledger:
        (other,) = ledger.append([decision(1)])

    with pytest.raises(RollbackError, match="holds 12 entries, but the checkpoint that was kept"):
        verified(copy, since=longer.checkpoint)
    with pytest.raises(RollbackError, match=f"and this is governance-engine/{_id(folder)}"):
        verified(folder, since=other.checkpoint)
    with pytest.raises(VerificationError, match="a signature of the checkpoint is wrong"):
        verified(folder, since=longer.checkpoint.replace("\n13\n", "\n12\n"))


def _id(folder: Path) -> str:
    with closing(open_at(folder, signer=None)) as ledger:
        return ledger.id


def test_others_may_append_while_a_ledger_is_verified(folder: Path) -> None:
    class Overtaken(SqliteReader):
        """Reads a ledger that grows whenever its entries have been read."""

        def entries(self, start: int, stop: int) -> list[EntryRow]:
            rows = super().entries(start, stop)
            writer.append([decision(100 + number) for number in range(start, start + 9)])
            return rows

    with closing(open_at(folder)) as writer, closing(connect(folder / "ledger.db", "ro")) as file:
        report = audit(
            Overtaken(file, "ledger.db"),
            ledger_id=writer.id,
            url=writer.url,
            head=None,
            since=None,
            signatures=True,
            public_keys=[KEY.public_key],
        )
        assert report.size == report.signatures == 12 < writer.size()
