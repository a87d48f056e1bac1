"""State changes with entries: in one transaction, and only by it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CommitError, UsageError
from engine.ledger import EntryDraft, Ledger, State
from engine.ledger.commit.state import PendingState
from tests.examples import examples
from tests.ledger.memory_store import MemoryReader, MemoryStore, begun
from tests.ledger.scribe import decision, event, open_at


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    opened = begun(MemoryStore()) if request.param == "memory" else open_at(tmp_path)
    yield opened
    opened.close()


def _count(state: State) -> int:
    return int(state.get("count", "all") or b"0")


def _counted(state: State) -> Sequence[EntryDraft]:
    number = _count(state) + 1
    state.put("count", "all", b"%d" % number)
    return [event(f"event {number}")]


def test_entries_and_state_are_recorded_together(ledger: Ledger) -> None:
    assert ledger.state().get("count", "all") is None
    (first,) = ledger.transact(_counted)
    (second,) = ledger.transact(_counted)

    assert (first.index, second.index) == (1, 2)
    assert b"event 2" not in first.entry
    assert ledger.state().get("count", "all") == b"2"


def test_state_alone_changes_without_an_entry_or_a_checkpoint(ledger: Ledger) -> None:
    (there,) = ledger.append([decision(1)])

    def work(state: State) -> Sequence[EntryDraft]:
        state.put("breaker", "a", b"open")
        return []

    assert ledger.transact(work) == []
    assert ledger.state().get("breaker", "a") == b"open"
    assert ledger.last_checkpoint() == there.checkpoint
    ledger.transact(_counted)
    assert ledger.size() == 3


def test_what_raises_changes_nothing(ledger: Ledger) -> None:
    def work(state: State) -> Sequence[EntryDraft]:
        state.put("count", "all", b"77")
        raise UsageError("no")

    with pytest.raises(UsageError):
        ledger.transact(work)
    assert ledger.state().get("count", "all") is None

    def unbuildable(state: State) -> Sequence[EntryDraft]:
        state.put("count", "all", b"78")
        return [event("fine"), EntryDraft(None, None, None, lambda _place: b"")]

    with pytest.raises(Exception, match="1 to"):
        ledger.transact(unbuildable)
    assert ledger.state().get("count", "all") is None
    assert ledger.size() == 1


def test_a_removed_document_is_gone(ledger: Ledger) -> None:
    def put(body: bytes | None) -> None:
        def work(state: State) -> Sequence[EntryDraft]:
            state.put("lease", "x", body)
            return []

        ledger.transact(work)

    put(b"1")
    put(None)
    assert ledger.state().get("lease", "x") is None
    assert ledger.state().scan("lease", "", "~", 9) == []


def test_threads_that_share_a_commit_see_each_other(ledger: Ledger) -> None:
    threads = [threading.Thread(target=ledger.transact, args=(_counted,)) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ledger.state().get("count", "all") == b"24"
    assert ledger.size() == 25


def test_processes_see_each_other(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as first, closing(open_at(tmp_path)) as second:
        for _ in range(3):
            first.transact(_counted)
            second.transact(_counted)
        assert first.state().get("count", "all") == b"6"
    with closing(open_at(tmp_path, signer=None)) as reader:
        assert reader.state().get("count", "all") == b"6"


def test_a_ledger_that_keeps_no_state_says_so(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(1)])
    with closing(open_at(tmp_path, signer=None)) as reader:
        assert reader.state().get("count", "all") is None
        assert reader.state().scan("count", "", "~", 9) == []


@pytest.mark.parametrize(("when", "expected"), [("before", None), ("after", b"1")])
def test_a_failed_commit_leaves_both_or_neither(when: str, expected: bytes | None) -> None:
    store = MemoryStore()
    ledger = begun(store)
    store.fail_commit = when
    with pytest.raises(CommitError):
        ledger.transact(_counted)
    reader = store.reader()
    assert reader.get("count", "all") == expected
    assert len(reader.rows.entries) == (1 if expected is None else 2)


keys = st.sampled_from("abcdef")
documents = st.dictionaries(keys, st.sampled_from([b"1", b"2", None]))


@settings(max_examples=examples(100))
@given(documents, documents, documents, keys, keys, st.integers(0, 7))
def test_pending_state_reads_as_if_all_were_committed(
    committed: dict[str, bytes | None],
    before: dict[str, bytes | None],
    own: dict[str, bytes | None],
    start: str,
    stop: str,
    most: int,
) -> None:
    under = MemoryReader("")
    under.rows.state = {("k", key): body for key, body in committed.items()}
    pending = PendingState(under, {("k", key): body for key, body in before.items()})
    for key, body in own.items():
        pending.put("k", key, body)

    all_of_it = {**committed, **before, **own}
    assert {key: pending.get("k", key) for key in all_of_it} == all_of_it
    expected = [
        (key, body)
        for key, body in sorted(all_of_it.items())
        if body is not None and start <= key < stop
    ]
    assert pending.scan("k", start, stop, most) == expected[:most]
    assert pending.get("other", start) is None
