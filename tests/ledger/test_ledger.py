"""What a ledger promises, on a store in memory and on SQLite."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import LedgerError, NotRecordedError, RollbackError, VerificationError
from engine.ledger import AppendedEntry, Blob, EntryDraft, Ledger, LedgerPosition, State
from engine.ledger.commit.group import Unit
from engine.model import BUDGET_SETTLED_TYPE, DECISION_FAILED_TYPE, EFFECT_TYPE, Json
from engine.proof.checkpoint import parse, verify
from engine.proof.envelope import MAX_BYTES, seal
from engine.proof.merkle import chain_hash, leaf_hash, verify_consistency, verify_inclusion
from engine.proof.statement import statement
from tests.examples import examples
from tests.forking import forking
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import (
    KEY,
    decision,
    decision_id,
    event,
    open_at,
    predicate,
    subject_named,
)


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    opened = begun(MemoryStore()) if request.param == "memory" else open_at(tmp_path)
    yield opened
    opened.close()


def _proven(ledger: Ledger, there: AppendedEntry) -> None:
    """Assert everything that a proof of one entry rests on."""
    checkpoint = verify(there.checkpoint, [KEY.public_key])
    leaf = leaf_hash(there.entry)
    path = ledger.proof(there.index, checkpoint.size)
    verify_inclusion(leaf, there.index, checkpoint.size, path, checkpoint.root)
    assert there.size == checkpoint.size > there.index
    assert there.current_hash == chain_hash(there.previous_hash, leaf)
    assert ledger.root(checkpoint.size) == checkpoint.root
    if there.index == checkpoint.size - 1:
        assert there.current_hash == checkpoint.chain


def test_the_newest_on_a_subject_by_a_gate_is_found(ledger: Ledger) -> None:
    assert ledger.newest(subject_named("scoring-model"), "promotion") is None
    ledger.append([decision(1), decision(2, "other"), decision(3), decision(4, gate="ethics")])
    assert ledger.newest(subject_named("scoring-model"), "promotion") == 3
    assert ledger.newest(subject_named("scoring-model"), "ethics") == 4
    assert ledger.newest(subject_named("scoring-model"), "model") is None
    ledger.append([decision(5)])
    assert ledger.newest(subject_named("scoring-model"), "promotion") == 5


def test_what_is_appended_is_there_and_proven(ledger: Ledger) -> None:
    answers = ledger.append([decision(1), decision(2), event("opened")])

    assert [there.index for there in answers] == [1, 2, 3]
    assert ledger.size() == 4
    for there in answers:
        _proven(ledger, there)
        assert ledger.entry(there.index) == there.entry
        assert ledger.appended(there.index) == there
    assert ledger.find(decision_id(2)) == 2


def test_entry_0_is_proven_like_any_other(ledger: Ledger) -> None:
    ledger.append([decision(1)])

    _proven(ledger, ledger.appended(0))
    assert predicate(ledger.entry(0))["ledger_id"] == ledger.id


def test_an_entry_knows_the_last_decision_on_its_subject_by_its_gate(ledger: Ledger) -> None:
    ledger.append([decision(1, "a"), decision(2, "b"), decision(3, "a"), decision(4, "a", "spend")])
    ledger.append([event("between"), decision(5, "a"), decision(6, None), decision(7, None)])

    predicates = [predicate(entry) for _, entry in ledger.entries(1)]
    known = {p["decision_id"]: (p["attempt"], p["previous"]) for p in predicates if len(p) > 1}
    assert known == {
        decision_id(1): (1, None),
        decision_id(2): (1, None),
        decision_id(3): (2, decision_id(1)),
        decision_id(4): (1, None),
        decision_id(5): (3, decision_id(3)),
        decision_id(6): (1, None),
        decision_id(7): (1, None),
    }
    assert {p["ledger"]["id"] for p in predicates if "ledger" in p} == {ledger.id}


def test_a_decision_that_is_recorded_already_is_answered_with_its_record(ledger: Ledger) -> None:
    (first,) = ledger.append([decision(1)])

    def never(_place: LedgerPosition) -> bytes:
        raise AssertionError("built a second time")

    again, fresh, twin = ledger.append(
        [EntryDraft(decision_id(1), "other", "other", never), decision(2), decision(2)]
    )

    assert (again.index, again.entry, again.existing) == (first.index, first.entry, True)
    assert again.previous_hash == first.previous_hash
    assert (fresh.index, fresh.existing) == (2, False)
    assert (twin.index, twin.entry, twin.existing) == (2, fresh.entry, True)
    assert ledger.size() == 3
    _proven(ledger, again)


def test_asking_only_for_what_is_recorded_appends_nothing(ledger: Ledger) -> None:
    (first,) = ledger.append([decision(1)])

    (again,) = ledger.append([decision(1)])

    assert again.existing
    assert again.checkpoint == first.checkpoint
    assert ledger.size() == 2


def test_a_build_that_fails_leaves_nothing_of_its_call(ledger: Ledger) -> None:
    def broken(_place: LedgerPosition) -> bytes:
        raise ValueError("no verdict")

    with pytest.raises(ValueError, match="no verdict"):
        ledger.append([decision(1), EntryDraft("x", "a", "g", broken), decision(3)])

    assert ledger.size() == 1
    (there,) = ledger.append([decision(4)])
    assert predicate(there.entry)["attempt"] == 1, "a forgotten draft was counted"
    _proven(ledger, there)


def test_what_threads_append_at_once_stands_alone(ledger: Ledger) -> None:
    def broken(_place: LedgerPosition) -> bytes:
        raise ValueError("no verdict")

    def drafted(draft: EntryDraft, _state: State) -> list[EntryDraft]:
        return [draft]

    drafts = decision(1), EntryDraft("x", "scoring-model", "promotion", broken), decision(3)
    units = [Unit(partial(drafted, draft)) for draft in drafts]
    ledger._group._waiting = units[:-1]  # as when three threads wait for the same commit
    ledger._group.run(units[-1])

    with pytest.raises(ValueError, match="no verdict"):
        units[1].result()
    (first,), (third,) = units[0].result(), units[2].result()
    assert (first.index, third.index, ledger.size()) == (1, 2, 3)
    assert predicate(third.entry)["previous"] == decision_id(1)


def _stated(kind: str, **predicate: Json) -> EntryDraft:
    """A draft of an event of one of the engine's own types."""
    subject = {"name": "it", "digest": {"sha256": "00" * 32}}
    payload = statement([subject], kind, predicate)
    return EntryDraft(None, None, None, lambda _place: seal(payload, KEY.sign, KEY.key_id))


@pytest.mark.parametrize(
    ("drafts", "reason"),
    [
        ([_stated(DECISION_FAILED_TYPE, ledger={"id": "0" * 32})], "cannot be recorded in ledger"),
        ([_stated(DECISION_FAILED_TYPE, ledger=None)], "cannot be recorded in ledger"),
        ([EntryDraft(None, None, None, lambda _place: b"not json")], "the envelope is not strict"),
        ([event("a"), event("b"), event("a")], "to be entry 3 is entry 1 once more"),
        ([_stated(EFFECT_TYPE, effect="e", n=n) for n in (1, 2)], "entry 2 is entry 1 once more"),
        ([_stated(BUDGET_SETTLED_TYPE, lease="e", n=n) for n in (1, 2)], "entry 2 is entry 1 once"),
    ],
)
def test_an_event_of_another_ledger_or_one_twice_is_refused(
    ledger: Ledger, drafts: list[EntryDraft], reason: str
) -> None:
    """INV-LEDGER-6: nothing of it is recorded, and the ledger takes the next one."""
    with pytest.raises(VerificationError, match=reason):
        ledger.append(drafts)

    assert ledger.size() == 1
    assert ledger.append([decision(1)])[0].index == 1


@pytest.mark.parametrize("length", [0, MAX_BYTES + 1])
def test_an_entry_that_is_empty_or_too_long_is_refused(ledger: Ledger, length: int) -> None:
    with pytest.raises(LedgerError, match=f"an entry has 1 to 65,535 bytes, not {length:,}"):
        ledger.append([EntryDraft("x", None, None, lambda _place: b"." * length)])

    assert ledger.size() == 1


def test_documents_lie_beside_their_entry(ledger: Ledger) -> None:
    policy = Blob("policy", b"bundle", "ab" * 32)
    ledger.append([decision(1, blobs=(Blob("input", b"{}"), Blob("salt", b"salt"), policy))])
    ledger.append([decision(2, blobs=(Blob("input", b"{}"), policy)), decision(3)])

    assert [(b.kind, b.body) for b in ledger.attachments(1)] == [
        ("input", b"{}"),
        ("salt", b"salt"),
    ]
    assert [(b.kind, b.body) for b in ledger.attachments(2)] == [("input", b"{}")]
    assert ledger.attachments(3) == ()
    assert ledger.blob("policy", "ab" * 32) == b"bundle"


def test_a_document_is_addressed_by_its_own_digest(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="is not what its digest says"):
        ledger.append([decision(1, blobs=(Blob("input", b"{}", "00" * 32),))])
    with pytest.raises(LedgerError, match="17 documents"):
        ledger.append([decision(1, blobs=(Blob("input", b"{}"),) * 17)])

    assert ledger.size() == 1


def test_what_is_not_there_is_said_not_to_be(ledger: Ledger) -> None:
    ledger.append([decision(1)])

    for ask in (
        lambda: ledger.entry(2),
        lambda: ledger.entry(-1),
        lambda: ledger.appended(2),
        lambda: ledger.attachments(2),
        lambda: ledger.checkpoint_covering(2),
        lambda: ledger.proof(2, 2),
        lambda: ledger.proof(0, 3),
        lambda: ledger.root(3),
        lambda: ledger.consistency(2, 1),
        lambda: ledger.consistency(1, 3),
        lambda: ledger.blob("policy", "ab" * 32),
    ):
        with pytest.raises(NotRecordedError):
            ask()


def test_entries_are_read_in_order_and_in_part(ledger: Ledger) -> None:
    ledger.append([event(f"event {number}") for number in range(300)])

    assert [index for index, _ in ledger.entries()] == list(range(301))
    assert [index for index, _ in ledger.entries(127, 130)] == [127, 128, 129]
    assert list(ledger.entries(301)) == []
    assert [predicate(entry)["text"] for _, entry in ledger.entries(300, 999)] == ["event 299"]


def test_every_checkpoint_is_consistent_with_every_later_one(ledger: Ledger) -> None:
    sizes = [1, *(there.size for n in range(1, 20) for there in ledger.append([decision(n)]))]

    for old, new in itertools.combinations(sizes, 2):
        path = ledger.consistency(old, new)
        verify_consistency(old, new, ledger.root(old), ledger.root(new), path)


def test_leaves_are_the_hashes_of_the_entries(ledger: Ledger) -> None:
    ledger.append([decision(number) for number in range(1, 140)])
    hashes = [leaf_hash(body) for _, body in ledger.entries()]

    assert ledger.leaves(0, 140) == hashes
    assert ledger.leaves(3, 137) == hashes[3:137]
    assert ledger.leaves(5, 5) == []
    with pytest.raises(NotRecordedError):
        ledger.leaves(0, 141)


def test_the_smallest_checkpoint_that_covers_an_entry_is_given(ledger: Ledger) -> None:
    ledger.append([decision(1), decision(2)])
    ledger.append([decision(3)])

    covering = [parse(ledger.checkpoint_covering(index))[0].size for index in range(4)]

    assert covering == [1, 3, 3, 4]
    assert parse(ledger.last_checkpoint())[0].size == 4


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), max_size=5), max_size=12
    )
)
def test_any_history_verifies(batches: list[list[tuple[int, str]]]) -> None:
    """INV-LEDGER-4: whatever was appended in whatever batches, all that is stored follows."""
    ledger = begun(MemoryStore())
    expected: dict[str, list[str]] = {}
    for batch in batches:
        ledger.append([decision(number, subject) for number, subject in batch])
        for number, subject in batch:
            if all(decision_id(number) not in ids for ids in expected.values()):
                expected.setdefault(subject, []).append(decision_id(number))

    report = ledger.verify(signatures=True, public_keys=[KEY.public_key])

    assert report.size == report.signatures == ledger.size()
    assert report.decisions == report.size - 1 == sum(map(len, expected.values()))
    for ids in expected.values():
        predicates = [predicate(ledger.entry(ledger.find(p))) for p in ids]
        assert [p["attempt"] for p in predicates] == list(range(1, len(ids) + 1))
        assert [p["previous"] for p in predicates] == [None, *ids[:-1]]


def test_two_writers_of_one_store_take_in_each_others_entries(tmp_path: Path) -> None:
    first, second = open_at(tmp_path), open_at(tmp_path)
    for number in range(1, 9, 2):
        first.append([decision(number)])
        second.append([decision(number + 1)])

    predicates = [predicate(entry) for _, entry in first.entries(1)]
    assert [p["attempt"] for p in predicates] == list(range(1, 9))
    assert first.verify(signatures=True, public_keys=[KEY.public_key]).checkpoints == 9
    first.close()
    second.close()


def test_threads_append_at_once_and_each_gets_its_own_answer(tmp_path: Path) -> None:
    ledger = open_at(tmp_path)
    answers: dict[int, int] = {}

    def work(worker: int) -> None:
        for number in range(worker * 25, worker * 25 + 25):
            (there,) = ledger.append([decision(number + 1)])
            assert predicate(there.entry)["decision_id"] == decision_id(number + 1)
            answers[number + 1] = there.index

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers.values()) == list(range(1, 201))
    assert all(ledger.find(decision_id(number)) == index for number, index in answers.items())
    ledger.verify(signatures=True, public_keys=[KEY.public_key])
    ledger.close()


@forking
def test_a_forked_child_does_not_write(tmp_path: Path) -> None:
    ledger = open_at(tmp_path)
    child = os.fork()
    if child == 0:
        try:
            ledger.append([decision(1)])
        except LedgerError as error:
            os._exit(0 if "before this process was forked" in error.message else 1)
        os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ledger.append([decision(2)])[0].index == 1
    ledger.close()


def test_without_a_key_a_ledger_is_only_read(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as written:
        written.append([decision(1)])
    reader = open_at(tmp_path, signer=None)

    with pytest.raises(LedgerError, match="opened without a key"):
        reader.append([decision(2)])
    assert reader.size() == 2
    reader.close()


def test_another_history_of_the_same_size_is_not_continued() -> None:
    """Its size alone says nothing: two roots for one size would be signed."""
    store = MemoryStore()
    ledger = begun(store)
    other = store.copy()
    ledger.append([decision(1)])
    Ledger(other, ledger.id, KEY, None).append([decision(2)])
    store.put_back(other)

    with pytest.raises(RollbackError, match="another history than what this process has read"):
        ledger.append([decision(3)])
