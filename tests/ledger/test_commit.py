"""What is signed when, and what a commit that fails leaves behind."""

from __future__ import annotations

import pytest

from engine.errors import CommitError, LedgerError, NotRecordedError
from engine.ledger import EntryDraft, LedgerPosition
from engine.ledger.ledger import Ledger
from engine.signers.ed25519 import Ed25519Signer
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import (
    KEY,
    decision,
    decision_id,
    key,
)


class WatchingSigner(Ed25519Signer):
    """Signs, and notes how much was committed whenever it signed a checkpoint."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(key("release")._private)
        self._store = store
        self.seen: list[tuple[int, int]] = []

    def sign(self, message: bytes) -> bytes:
        if message.startswith(b"governance-engine/"):
            size = int(message.split(b"\n")[1])
            self.seen.append((size, self._store.reader().tip()[0]))
        return super().sign(message)


def test_a_checkpoint_is_signed_only_over_what_is_committed() -> None:
    store = MemoryStore()
    signer = WatchingSigner(store)
    ledger = begun(store, signer)
    ledger.append([decision(1), decision(2)])
    store.fail_commit = "before"
    with pytest.raises(CommitError):
        ledger.append([decision(3)])

    assert signer.seen == [(1, 1), (3, 3)]


@pytest.mark.parametrize(("when", "size"), [("before", 2), ("after", 3)])
def test_after_a_failed_commit_nothing_more_is_appended(when: str, size: int) -> None:
    store = MemoryStore()
    ledger = begun(store)
    ledger.append([decision(1)])
    store.fail_commit = when

    with pytest.raises(CommitError, match="may or may not be recorded: the disk failed") as failed:
        ledger.append([decision(2)])
    assert failed.value.hint.endswith(f"engine ledger show {decision(2).decision_id}")
    store.fail_commit = ""
    with pytest.raises(LedgerError, match="takes no more entries from this process"):
        ledger.append([decision(3)])
    with pytest.raises(LedgerError, match="takes no more entries from this process"):
        ledger.transact(lambda _state: [decision(3)])

    assert store.reader().tip()[0] == size
    again = Ledger(store, ledger.id, KEY, None)
    (there,) = again.append([decision(2)])
    assert there.existing == (when == "after")
    assert again.verify(public_keys=[KEY.public_key]).uncovered == 0


def test_entries_whose_checkpoint_could_not_be_kept_are_covered_by_the_next_writer() -> None:
    store = MemoryStore()
    ledger = begun(store)
    store.fail_checkpoint = True

    with pytest.raises(CommitError, match="are recorded, but their checkpoint is not"):
        ledger.append([decision(1)])
    with pytest.raises(NotRecordedError, match="no checkpoint covers entry 1 yet"):
        ledger.appended(1)
    assert ledger.verify().uncovered == 1

    store.fail_checkpoint = False
    Ledger(store, ledger.id, KEY, None).catch_up()
    assert ledger.appended(1).size == 2
    assert ledger.verify(public_keys=[KEY.public_key]).uncovered == 0


def test_an_interrupt_in_a_build_records_nothing_and_the_ledger_goes_on() -> None:
    ledger = begun(MemoryStore())

    def interrupted(_place: LedgerPosition) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.append([decision(1), EntryDraft("x", None, None, interrupted)])

    assert ledger.size() == 1
    assert ledger.append([decision(2)])[0].index == 1


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_while_it_commits_stays_one_and_a_note_says_what_it_left(
    interrupt: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``except GovernanceError`` must not swallow Ctrl-C."""
    store = MemoryStore()
    ledger = begun(store)

    def interrupted() -> None:
        raise interrupt

    monkeypatch.setattr(store, "commit", interrupted)
    with pytest.raises(interrupt) as caught:
        ledger.append([decision(1)])
    assert "may or may not be recorded" in caught.value.__notes__[0]
    with pytest.raises(LedgerError, match="takes no more entries"):
        ledger.append([decision(2)])


def test_a_record_that_cannot_be_read_back_stops_the_whole_commit() -> None:
    """Its rows are in the transaction by then: to go on would record what was refused."""
    store = MemoryStore()
    ledger = begun(store)
    ledger.append([decision(1)])
    lost = store.reader().rows.decisions
    lost.append(lost[0]._replace(decision_id=decision_id(7), leaf_index=9))

    with pytest.raises(NotRecordedError, match="there is no entry 9"):
        ledger.append([decision(2), decision(7)])

    assert ledger.size() == 2
    assert ledger.append([decision(3)])[0].index == 2


def test_a_failed_commit_of_several_names_the_first_and_the_last() -> None:
    store = MemoryStore()
    ledger = begun(store)
    store.fail_commit = "before"

    with pytest.raises(CommitError) as failed:
        ledger.append([decision(number) for number in (1, 2, 3)])

    first, last = decision(1).decision_id, decision(3).decision_id
    assert failed.value.hint.split("\n") == [
        f"look it up before asking again: engine ledger show {first}",
        f"so with the 2 others, up to {last}",
    ]
