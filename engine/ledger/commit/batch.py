"""Drafts become rows: attempts, chain and tree, worked out before anything is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from engine.errors import LedgerError, VerificationError
from engine.ledger.commit.state import PendingState
from engine.ledger.entries import SHARED_KINDS, EntryDraft, LedgerPosition, SharedBlob, State
from engine.ledger.natural_keys import ATTEMPT, event_name, require_own
from engine.ledger.store import (
    MAX_ATTACHMENTS,
    NEWEST,
    DecisionRow,
    EntryRow,
    EventRow,
    LastDecisionQuery,
    Reader,
    Rows,
    node_position,
)
from engine.proof.envelope import MAX_BYTES
from engine.proof.merkle import GENESIS_CHAIN, Frontier, chain_hash, leaf_hash

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(slots=True)
class Edge:
    """Where a ledger ends: all that the next entry's hashes depend on."""

    frontier: Frontier = field(default_factory=Frontier)
    chain: bytes = GENESIS_CHAIN

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.frontier.size

    def copy(self) -> Edge:
        """Return an independent copy."""
        return Edge(self.frontier.copy(), self.chain)


@dataclass(slots=True)
class _Index:
    """What earlier drafts of a transaction have added to the index."""

    ids: dict[str, int] = field(default_factory=dict)
    events: dict[tuple[str, str], int] = field(default_factory=dict)
    last: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)


class Batch:
    """The rows of one transaction, and the edge that the ledger has after it.

    Args:
        view: The ledger inside the transaction.
        edge: Its edge; copied.
        ledger_id: For the entries' :class:`LedgerPosition`.
        stored: ``(kind, digest)`` of shared blobs known to be there already.
    """

    def __init__(
        self,
        view: Reader,
        edge: Edge,
        ledger_id: str,
        stored: Collection[tuple[str, str]] = frozenset(),
    ) -> None:
        self.rows = Rows()
        self.edge = edge.copy()
        self._first, self._chain = edge.size, edge.chain
        self._view = view
        self._ledger_id = ledger_id
        self._stored = stored
        self._there: set[tuple[str, str]] = set()
        self._index = _Index()

    def add(self, drafts: Sequence[EntryDraft]) -> list[tuple[int, bool]]:
        """Build ``drafts`` and add their rows, all of them or none.

        Returns:
            ``(index, existing)`` per draft; see :class:`~engine.ledger.entries.AppendedEntry`.

        Raises:
            LedgerError: An entry or its blobs cannot be stored.
            VerificationError: An event is no statement of this ledger, or is there already; or what
                is to be answered failed, or the other way round.
            Exception: What a ``build`` raised.
        """
        places: list[tuple[int, bool]] = []
        entries: list[_Built] = []
        added, stored = _Index(), self._stored_of(drafts)
        for draft in drafts:
            index = _first(draft.decision_id, added.ids, self._index.ids, stored.ids)
            if index is not None:
                places.append((index, True))
                continue
            index = self.edge.size + len(entries)
            failure = ATTEMPT, draft.decision_id or ""
            failed = _first(failure, added.events, self._index.events, stored.events)
            if failed is not None:
                raise _one_outcome(index, failed, failure[1])
            last = _first(_attempt_key(draft), added.last, self._index.last, stored.last)
            attempt, previous = last or (0, None)
            place = LedgerPosition(self._ledger_id, attempt + 1, previous)
            built = _built(draft, place, self._read_missing(draft, entries))
            if draft.decision_id is None:
                built = built._replace(event=self._require_new(built, index, added))
            entries.append(built)
            places.append((index, False))
            if draft.decision_id is not None:
                added.ids[draft.decision_id] = index
                if (key := _attempt_key(draft)) is not None:
                    added.last[key] = (place.attempt, draft.decision_id)
        for entry in entries:  # nothing below can fail
            self._add_rows(entry)
        self._index.ids.update(added.ids)
        self._index.events.update(added.events)
        self._index.last.update(added.last)
        return places

    def work(self, work: Callable[[State], Sequence[EntryDraft]]) -> list[tuple[int, bool]]:
        """Let ``work`` read and put state, then :meth:`add` its drafts; all of it or nothing."""
        state = PendingState(self._view, self.rows.state)
        places = self.add(work(state))
        self.rows.state.update(state.changes)
        return places

    def entry(self, index: int) -> tuple[EntryRow, bytes]:
        """Return an entry of this batch, and the chain hash before it."""
        at = index - self._first
        return self.rows.entries[at], self.rows.entries[at - 1].chain if at else self._chain

    def __contains__(self, index: int) -> bool:
        return self._first <= index < self.edge.size

    def _require_new(self, built: _Built, index: int, added: _Index) -> tuple[str, str]:
        """Require that an event is of this ledger and not there already, and no answered failure.

        Returns:
            What it is known by.

        Raises:
            VerificationError: It is not.
        """
        stated = require_own(built.entry, self._ledger_id)
        kind, key = name = event_name(stated, leaf_hash(built.entry))
        there = {(kind, key): at for key, at in self._view.events_of(kind, [key]).items()}
        if (first := _first(name, added.events, self._index.events, there)) is not None:
            raise VerificationError(
                f"what is to be entry {index} is entry {first} once more",
                "nothing was recorded; what happened once is recorded once",
            )
        if kind == ATTEMPT:
            answers = self._view.indexes_of([key])
            if (answer := _first(key, added.ids, self._index.ids, answers)) is not None:
                raise _one_outcome(index, answer, key)
        added.events[name] = index
        return name

    def _stored_of(self, drafts: Sequence[EntryDraft]) -> _Index:
        """The index's rows for these drafts, in three queries for all of them."""
        ids = [draft.decision_id for draft in drafts if draft.decision_id is not None]
        keys = list({key for draft in drafts if (key := _attempt_key(draft)) is not None})
        if not (ids or keys):
            return _Index()
        found = self._view.last_decisions([LastDecisionQuery(*key, NEWEST) for key in keys])
        last = {key: row for key, row in zip(keys, found, strict=True) if row is not None}
        failed = self._view.events_of(ATTEMPT, ids)
        events = {(ATTEMPT, name): index for name, index in failed.items()}
        return _Index(self._view.indexes_of(ids), events, last)

    def _read_missing(
        self, draft: EntryDraft, built: Sequence[_Built]
    ) -> dict[tuple[str, str], bytes]:
        """Read those shared documents of a draft that neither the ledger nor this batch has."""
        missing: dict[tuple[str, str], bytes] = {}
        for blob in draft.blobs:
            if not isinstance(blob, SharedBlob):
                continue
            key = blob.kind, blob.digest
            if key in self._stored or key in self.rows.shared or key in self._there:
                continue
            if any(key in entry.shared for entry in built):
                continue
            if self._view.has_shared_blob(*key):
                self._there.add(key)
            else:
                missing[key] = blob.read()
        return missing

    def _add_rows(self, built: _Built) -> None:
        index, leaf = self.edge.size, leaf_hash(built.entry)
        chain = self.edge.chain = chain_hash(self.edge.chain, leaf)
        rows, draft = self.rows, built.draft
        rows.entries.append(EntryRow(index, leaf, chain, built.entry))
        for level, number, digest in self.edge.frontier.append(leaf):
            rows.nodes.append((node_position(level, number), digest))
        if draft.decision_id is not None:
            rows.decisions.append(
                DecisionRow(index, draft.decision_id, draft.subject_key, draft.gate, built.attempt)
            )
        if built.event is not None:
            rows.events.append(EventRow(*built.event, index))
        if built.own:
            rows.attachments.append((index, built.own))
        for key, body in built.shared.items():
            if key not in self._stored:
                rows.shared.setdefault(key, body)


def _one_outcome(index: int, there: int, decision_id: str) -> VerificationError:
    """Return the error that says that a failure and an answer would have one id."""
    return VerificationError(
        f"what is to be entry {index} and entry {there} have one id, {decision_id}: "
        "what failed has no answer",
        "nothing was recorded; what failed is asked for again under another id",
    )


def _attempt_key(draft: EntryDraft) -> tuple[str, str] | None:
    """Subject and gate, where the draft takes part in attempts."""
    if draft.subject_key is None or draft.gate is None:
        return None
    return draft.subject_key, draft.gate


def _first(key: Key | None, *places: dict[Key, Value]) -> Value | None:
    """The value of ``key`` in the first of ``places`` that has it."""
    if key is not None:
        for place in places:
            if key in place:
                return place[key]
    return None


class _Built(NamedTuple):
    """An entry and its documents, ready to be stored."""

    draft: EntryDraft
    attempt: int
    entry: bytes
    own: list[tuple[str, str, bytes]]
    shared: dict[tuple[str, str], bytes]
    event: tuple[str, str] | None = None


def _built(
    draft: EntryDraft, place: LedgerPosition, shared: dict[tuple[str, str], bytes]
) -> _Built:
    entry = draft.build(place)
    name = draft.decision_id or "an event"
    if not isinstance(entry, bytes) or not 0 < len(entry) <= MAX_BYTES:
        raise LedgerError(
            f"{name} cannot be recorded: an entry has 1 to {MAX_BYTES:,} bytes, not {len(entry):,}",
            "documents belong into blobs beside the entry, which has only their digests",
        )
    own: list[tuple[str, str, bytes]] = []
    for blob in draft.blobs:
        if isinstance(blob, SharedBlob):
            continue
        if blob.kind in SHARED_KINDS and blob.digest is not None:
            shared[blob.kind, blob.digest] = blob.body
            continue
        digest = hashlib.sha256(blob.body).hexdigest()
        if blob.digest not in (None, digest):
            raise LedgerError(f"the {blob.kind} of {name} is not what its digest says")
        if blob.kind in SHARED_KINDS:
            shared[blob.kind, digest] = blob.body
        else:
            own.append((blob.kind, digest, blob.body))
    if len(own) > MAX_ATTACHMENTS:
        raise LedgerError(f"{name} has {len(own)} documents; {MAX_ATTACHMENTS} are kept")
    return _Built(draft, place.attempt, entry, own, shared)
