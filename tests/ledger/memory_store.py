"""A store in memory, with everything a store must do but durability.

It shows that the ledger's logic needs nothing of SQLite, and can fail at the one moment
that a real disk is hard to fail at: in the commit, before or after it has taken effect.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import fields
from pathlib import Path

from engine.errors import LedgerError
from engine.ledger.commit.created import created_entry
from engine.ledger.entries import Blob, EntryDraft
from engine.ledger.ledger import Ledger
from engine.ledger.store import DecisionRow, EntryRow, LastDecisionQuery, Rows, node_position
from engine.proof.merkle import GENESIS_CHAIN
from engine.signers.ed25519 import Ed25519Signer
from tests.ledger.scribe import CREATED_AT, KEY


class MemoryReader:
    """Implements :class:`engine.ledger.store.Reader` over :class:`Rows`."""

    def __init__(self, ledger_id: str) -> None:
        self._id = ledger_id
        self.rows = Rows()
        self.notes: dict[int, str] = {}

    def copy(self) -> MemoryReader:
        """The same rows, to which others may be added; a row itself never changes."""
        other = MemoryReader(self._id)
        for node in fields(self.rows):
            setattr(other.rows, node.name, copy(getattr(self.rows, node.name)))
        other.notes = dict(self.notes)
        return other

    def ledger_id(self) -> str:
        return self._id

    def tip(self) -> tuple[int, bytes]:
        entries = self.rows.entries
        return len(entries), entries[-1].chain if entries else GENESIS_CHAIN

    def entries(self, start: int, stop: int) -> list[EntryRow]:
        return self.rows.entries[start:stop]

    def chain(self, index: int) -> bytes | None:
        found = self.rows.entries[index : index + 1]
        return found[0].chain if found else None

    def node(self, level: int, index: int) -> bytes:
        if level == 0:
            return self.rows.entries[index].leaf
        return dict(self.rows.nodes)[node_position(level, index)]

    def node_set(self, nodes: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        return {node: self.node(*node) for node in nodes}

    def nodes(self, start: int, stop: int) -> list[bytes]:
        return [digest for position, digest in self.rows.nodes if start <= position < stop]

    def index_of(self, decision_id: str) -> int | None:
        return dict(self._ids()).get(decision_id)

    def ids_from(self, text: str, most: int) -> list[tuple[str, int]]:
        return [pair for pair in self._ids() if pair[0] >= text][:most]

    def ids_before(self, text: str, most: int) -> list[tuple[str, int]]:
        return [pair for pair in reversed(self._ids()) if pair[0] < text][:most]

    def _ids(self) -> list[tuple[str, int]]:
        return sorted((row.decision_id, row.leaf_index) for row in self.rows.decisions)

    def decisions(self, start: int, stop: int) -> list[DecisionRow]:
        return [row for row in self.rows.decisions if start <= row.leaf_index < stop]

    def indexes_of(self, decision_ids: Sequence[str]) -> dict[str, int]:
        return {name: index for name, index in self._ids() if name in decision_ids}

    def events_of(self, kind: str, keys: Sequence[str]) -> dict[str, int]:
        events = self.rows.events
        return {row.key: row.leaf_index for row in events if row.kind == kind and row.key in keys}

    def event_counts(self) -> tuple[int, int]:
        return len(self.rows.events), len(self.rows.entries) - len(self.rows.decisions)

    def last_decisions(self, queries: Sequence[LastDecisionQuery]) -> list[tuple[int, str] | None]:
        answers = []
        for subject_key, gate, stop in queries:
            found = [
                (row.attempt, row.decision_id)
                for row in self.rows.decisions
                if (row.subject_key, row.gate) == (subject_key, gate) and row.leaf_index < stop
            ]
            answers.append(found[-1] if found else None)
        return answers

    def checkpoints(self, after: int, most: int) -> list[tuple[int, str]]:
        return sorted(pair for pair in self.notes.items() if pair[0] > after)[:most]

    def last_checkpoint(self) -> tuple[int, str] | None:
        return max(self.notes.items(), default=None)

    def has_shared_blob(self, kind: str, digest: str) -> bool:
        return (kind, digest) in self.rows.shared

    def shared_blob(self, kind: str, digest: str) -> bytes | None:
        return self.rows.shared.get((kind, digest))

    def require_layout(self) -> None:
        """There is nothing but rows."""

    def leaves(self, start: int, stop: int) -> list[bytes]:
        return [row.leaf for row in self.rows.entries[start:stop]]

    def attempts(self) -> tuple[int, int]:
        counted = sum(None not in (row.subject_key, row.gate) for row in self.rows.decisions)
        return counted, counted

    def shared_keys(self) -> list[tuple[str, str]]:
        return list(self.rows.shared)

    def documents(self, start: int, stop: int) -> dict[int, list[Blob]]:
        indexes = [index for index, _ in self.rows.attachments if start <= index < stop]
        return {index: self.attachments(index) for index in indexes}

    def has_documents(self, start: int) -> bool:
        return any(index >= start for index, _ in self.rows.attachments)

    def attachments(self, index: int) -> list[Blob]:
        documents = dict(self.rows.attachments).get(index, [])
        return [Blob(kind, body, digest) for kind, digest, body in documents]

    def get(self, kind: str, key: str) -> bytes | None:
        return self.rows.state.get((kind, key))

    def scan(self, kind: str, start: str, stop: str, most: int) -> list[tuple[str, bytes]]:
        return sorted(
            (key, body)
            for (of, key), body in self.rows.state.items()
            if of == kind and start <= key < stop and body is not None
        )[:most]


class MemoryStore:
    """Implements :class:`engine.ledger.store.Store`.

    Attributes:
        fail_commit: ``before`` or ``after`` the next commit takes effect; empty for never.
        fail_checkpoint: Whether the next checkpoint cannot be kept.
        commits: How many transactions took effect.
        tidied: How often housekeeping was asked for.
    """

    url = "memory:"

    def __init__(self) -> None:
        self._committed = MemoryReader("")
        self._pending: Rows | None = None
        self._lock = threading.Lock()
        self.fail_commit = ""
        self.fail_checkpoint = False
        self.commits = 0
        self.tidied = 0

    def copy(self) -> MemoryStore:
        """A store with the same rows, which goes its own way from here."""
        other = MemoryStore()
        other._committed = self._committed.copy()
        return other

    def put_back(self, other: MemoryStore) -> None:
        """Hold the rows of ``other`` from here on, as when a file is put in another's place."""
        self._committed = other._committed

    def address(self, base: Path) -> str:
        return f"{base.name}/memory"

    def files(self) -> tuple[Path, ...]:
        return ()

    def exists(self) -> bool:
        return self.connect()

    def require_creatable(self) -> None:
        """There is always room."""

    def connect(self) -> bool:
        return bool(self._committed.rows.entries)

    def reader(self) -> MemoryReader:
        return self._committed

    def reopener(self) -> None:
        return None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with self._lock:
            yield

    def create(self, ledger_id: str) -> None:
        self._committed = MemoryReader(ledger_id)
        self._pending = Rows()

    def begin(self) -> MemoryReader:
        self._pending = Rows()
        return self._committed.copy()

    def add(self, rows: Rows) -> None:
        self._pending = rows

    def commit(self) -> None:
        if self.fail_commit == "before":
            raise LedgerError("the disk failed")
        added, self._pending = self._pending or Rows(), None
        rows = self._committed.rows
        rows.entries += added.entries
        rows.nodes += added.nodes
        rows.decisions += added.decisions
        rows.events += added.events
        rows.attachments += added.attachments
        rows.shared.update(added.shared)
        rows.state.update(added.state)
        self.commits += 1
        if self.fail_commit == "after":
            raise LedgerError("the disk failed")

    def rollback(self) -> None:
        self._pending = None

    def keep_checkpoint(self, size: int, note: str) -> None:
        if self.fail_checkpoint:
            raise LedgerError("the disk is full")
        assert size not in self._committed.notes, "two checkpoints of one size"
        self._committed.notes[size] = note

    def tidy(self) -> None:
        self.tidied += 1

    def close(self) -> None:
        self._pending = None


def begun(store: MemoryStore, signer: Ed25519Signer = KEY, created_at: str = CREATED_AT) -> Ledger:
    """A ledger over a store in memory, with entry 0 in it."""
    ledger_id = "5e" * 16
    store.create(ledger_id)
    ledger = Ledger(store, ledger_id, signer, None)
    entry = created_entry(ledger_id, created_at, signer)
    ledger.create(EntryDraft(None, None, None, lambda _place: entry))
    return ledger
