"""A remembered state is held against what is stored."""

from __future__ import annotations

import pytest

from engine.errors import LedgerBusyError, LedgerError, RollbackError
from engine.ledger.audit.history import chain_before, require_prefix
from engine.ledger.ledger import Ledger
from engine.proof.checkpoint import Checkpoint, parse
from engine.proof.merkle import EMPTY_ROOT, GENESIS_CHAIN
from tests.ledger.memory_store import MemoryReader, MemoryStore, begun
from tests.ledger.scribe import decision


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    ledger: Ledger = begun(store)
    for number in range(1, 8):
        ledger.append([decision(number)])
    return store


def remembered(store: MemoryStore, size: int) -> Checkpoint:
    return parse(dict(store.reader().checkpoints(0, 99))[size])[0]


def hold(reader: MemoryReader, checkpoint: Checkpoint) -> None:
    require_prefix(reader, reader.tip()[0], checkpoint, "somebody", "memory:")


def test_every_earlier_state_is_a_prefix(store: MemoryStore) -> None:
    for size in range(1, 9):
        hold(store.reader(), remembered(store, size))
    hold(store.reader(), Checkpoint("any", 0, EMPTY_ROOT, GENESIS_CHAIN))


@pytest.mark.parametrize("member", ["root", "chain"])
def test_another_history_is_none(store: MemoryStore, member: str) -> None:
    other = remembered(store, 5)._replace(**{member: b"x" * 32})  # type: ignore[arg-type]

    with pytest.raises(RollbackError, match="memory: has another history than somebody"):
        hold(store.reader(), other)


def test_a_shorter_ledger_went_backwards(store: MemoryStore) -> None:
    longer = remembered(store, 8)._replace(size=9)

    with pytest.raises(RollbackError, match="holds 8 entries, but somebody says 9"):
        hold(store.reader(), longer)


def test_a_tree_that_lacks_nodes_is_damaged_and_one_that_is_busy_is_not(
    store: MemoryStore,
) -> None:
    class Failing(MemoryReader):
        error: LedgerError

        def node(self, *_subtree: int) -> bytes:
            raise self.error

    reader = Failing("5e" * 16)
    reader.rows = store.reader().rows
    reader.error = LedgerError("tree node 2/0 is missing")
    with pytest.raises(RollbackError, match="is damaged: tree node 2/0 is missing"):
        hold(reader, remembered(store, 8))
    reader.error = LedgerBusyError("held")
    with pytest.raises(LedgerBusyError, match="held"):
        hold(reader, remembered(store, 8))


def test_the_hash_before_an_entry_is_that_after_the_one_before(store: MemoryStore) -> None:
    reader = store.reader()

    assert chain_before(reader, 0) == GENESIS_CHAIN
    assert chain_before(reader, 3) == reader.rows.entries[2].chain
    with pytest.raises(LedgerError, match="entry 8 is missing"):
        chain_before(reader, 9)
