"""Rows are worked out before anything is written, and a failure leaves none of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.errors import LedgerError
from engine.ledger import Blob, EntryDraft, LedgerPosition, SharedBlob
from engine.ledger.commit.batch import Batch, Edge
from engine.proof.merkle import GENESIS_CHAIN, chain_hash, leaf_hash
from tests.ledger.memory_store import MemoryReader

ID = "5e" * 16


def draft(name: str | None, body: bytes = b"entry", *blobs: Blob | SharedBlob) -> EntryDraft:
    return EntryDraft(name, "a", "promotion", lambda _place: body, blobs)


@pytest.fixture
def batch() -> Batch:
    return Batch(MemoryReader(ID), Edge(), ID)


def test_an_entry_knows_the_hash_before_it(batch: Batch) -> None:
    batch.add([draft("1", b"one"), draft("2", b"two")])

    (first, before), (second, between) = batch.entry(0), batch.entry(1)
    assert before == GENESIS_CHAIN
    assert between == first.chain == chain_hash(GENESIS_CHAIN, leaf_hash(b"one"))
    assert second.chain == chain_hash(between, leaf_hash(b"two"))
    assert 1 in batch
    assert batch.edge.size == 2


def test_the_edge_that_was_given_stays_as_it_was() -> None:
    edge = Edge()
    Batch(MemoryReader(ID), edge, ID).add([draft("1")])

    assert (edge.size, edge.chain) == (0, GENESIS_CHAIN)


def test_a_later_batch_begins_where_the_edge_ends(batch: Batch) -> None:
    batch.add([draft("1"), draft("2")])
    after = Batch(MemoryReader(ID), batch.edge, ID)
    after.add([draft("3")])

    row, before = after.entry(2)
    assert (row.leaf_index, before) == (2, batch.edge.chain)
    assert 1 not in after


def _fails(_place: LedgerPosition) -> bytes:
    raise ValueError("no verdict")


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (lambda: EntryDraft("x", None, None, _fails), ValueError),
        (lambda: draft("x", b""), LedgerError),
        (lambda: draft("x", b"." * 65_536), LedgerError),
        (lambda: draft("x", b"entry", Blob("input", b"{}", "00" * 32)), LedgerError),
        (lambda: draft("x", b"entry", *[Blob("input", b"{}")] * 17), LedgerError),
    ],
)
def test_drafts_are_added_all_or_none(
    batch: Batch, bad: Callable[[], EntryDraft], error: type[Exception]
) -> None:
    batch.add([draft("1", b"entry", Blob("policy", b"p", "aa" * 32))])
    with pytest.raises(error):
        batch.add([draft("2"), draft("3", b"entry", Blob("policy", b"q", "bb" * 32)), bad()])

    assert batch.edge.size == len(batch.rows.entries) == len(batch.rows.decisions) == 1
    assert batch.rows.shared == {("policy", "aa" * 32): b"p"}
    assert batch.add([draft("2")]) == [(1, False)]
    assert batch.rows.decisions[-1].attempt == 2


def test_a_shared_document_is_written_once(batch: Batch) -> None:
    policy = Blob("policy", b"bundle")
    batch.add([draft("1", b"entry", policy), draft("2", b"entry", policy)])
    stored = Batch(MemoryReader(ID), Edge(), ID, set(batch.rows.shared))
    stored.add([draft("1", b"entry", policy)])

    assert list(batch.rows.shared.values()) == [b"bundle"]
    assert stored.rows.shared == {}


def test_a_decision_without_subject_or_gate_counts_for_nobody(batch: Batch) -> None:
    seen: list[LedgerPosition] = []

    def build(place: LedgerPosition) -> bytes:
        seen.append(place)
        return b"entry"

    for subject, gate in (("a", None), (None, "promotion"), (None, None), ("a", "promotion")):
        batch.add([EntryDraft(str(len(seen)), subject, gate, build)])

    assert seen == [LedgerPosition(ID, 1, None)] * 4


def test_a_shared_document_is_read_only_where_it_is_missing(batch: Batch) -> None:
    reads: list[str] = []

    def policy(digest: str) -> SharedBlob:
        def read() -> bytes:
            reads.append(digest)
            return digest.encode()

        return SharedBlob("policy", digest, read)

    there = MemoryReader(ID)
    there.rows.shared["policy", "aa"] = b"aa"
    batch = Batch(there, Edge(), ID, {("policy", "bb")})
    batch.add([draft("1", b"entry", policy("aa"), policy("bb"), policy("cc"))])
    batch.add([draft("2", b"entry", policy("cc")), draft("3", b"entry", policy("dd"))])
    batch.add([draft("4", b"entry", policy("dd")), draft("5", b"entry", policy("aa"))])

    assert reads == ["cc", "dd"]
    assert batch.rows.shared == {("policy", "cc"): b"cc", ("policy", "dd"): b"dd"}
    assert batch.rows.attachments == []


def test_a_shared_document_that_cannot_be_read_stops_its_drafts_only(batch: Batch) -> None:
    def lost() -> bytes:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        batch.add([draft("1"), draft("2", b"entry", SharedBlob("policy", "aa", lost))])
    batch.add([draft("2", b"entry", SharedBlob("policy", "aa", lambda: b"aa"))])

    assert [row.decision_id for row in batch.rows.decisions] == ["2"]
    assert batch.rows.shared == {("policy", "aa"): b"aa"}
