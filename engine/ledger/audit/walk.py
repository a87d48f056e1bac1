"""One part of a ledger, recomputed from its entries and held against all that is stored of it.

A part begins with the state that is stored before its first entry. Parts that follow each
other are one ledger when each begins with exactly the state that the one before it ended in.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from engine.errors import VerificationError
from engine.ledger.audit.blobs import FoundBlobs, require_blobs
from engine.ledger.audit.end import HINT
from engine.ledger.audit.history import chain_before
from engine.ledger.audit.identity import identities
from engine.ledger.audit.index_audit import read_statement, require_indexed
from engine.ledger.audit.nodes import with_nodes
from engine.ledger.audit.requests import DueRequests, Requests
from engine.ledger.audit.run_imports import require_run
from engine.ledger.store import EntryRow, Reader, node_count
from engine.model import Json
from engine.proof import checkpoint as notes
from engine.proof.checkpoint import Checkpoint
from engine.proof.envelope import verify_envelope
from engine.proof.merkle import Frontier, chain_hash, leaf_hash

CHUNK = 64
"""Entries in memory at a time."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is held against what, the same for every part.

    Attributes:
        ledger_id: 32 hex digits.
        start: The state that the caller vouches for; the first part begins there.
        public_keys: Raw keys that may have signed.
        signatures: Verify each entry's signature, and all that follows from what it says.
    """

    ledger_id: str
    start: Checkpoint
    public_keys: tuple[bytes, ...]
    signatures: bool


class Part(NamedTuple):
    """What was found in the entries of a part; all of it held.

    Attributes:
        before: The state it began with.
        after: The state after its last entry.
        decisions: Entries that the decision index names.
        checkpoints: Stored checkpoints that were held against the tree.
        covered: Size of the last of them; 0 when there is none.
        known_by: :func:`~engine.ledger.audit.identity.identities` of the entries.
        blobs: What is kept beside them.
        requests: Those that are not answered by one of them.
    """

    before: Checkpoint
    after: Checkpoint
    decisions: int
    checkpoints: int
    covered: int
    known_by: array[int]
    blobs: FoundBlobs
    requests: Requests


def audit_part(reader: Reader, scope: Scope, first: int, stop: int) -> Part:
    """Recompute entries ``first`` up to, not including, ``stop``.

    Raises:
        VerificationError: Something stored does not follow from them; names the entry.
        LedgerError: They cannot be read.
    """
    walk = _Walk(reader, scope, first)
    before, decisions = walk.state(), 0
    known_by, blobs, requests = array("Q"), FoundBlobs(), Requests()
    is_due = DueRequests(reader)
    for at in range(first, stop, CHUNK):
        rows = reader.entries(at, min(at + CHUNK, stop))
        walk.over(rows)
        statements = _signed(rows, scope.public_keys) if scope.signatures else None
        decisions += require_indexed(reader, rows, scope.ledger_id, statements)
        for place, row in enumerate(rows):
            known_by.extend(identities(row, statements[place] if statements else None))
        if statements is not None:
            blobs.include(require_blobs(reader, rows, statements))
            for row, statement in zip(rows, statements, strict=True):
                requests.take(row.leaf_index, statement, is_due)
                require_run(reader, row.leaf_index, statement)
    after = walk.state()
    if after.size != stop:
        raise VerificationError(f"entry {after.size} is missing", HINT)
    return Part(before, after, decisions, walk.checkpoints, walk.covered, known_by, blobs, requests)


def _signed(rows: Sequence[EntryRow], public_keys: Sequence[bytes]) -> list[dict[str, Json]]:
    """What each of the entries says, if one of the keys signed it."""
    statements = []
    for row in rows:
        try:
            envelope = verify_envelope(row.body, public_keys)
        except VerificationError as error:
            raise VerificationError(
                f"entry {row.leaf_index}: {error.message}", error.hint
            ) from error
        statement = read_statement(row.leaf_index, envelope)
        statement["predicate"].pop("checks", None)  # most of it by far, and nothing here reads them
        statements.append(statement)
    return statements


class _Walk:
    """Grows the tree and the chain entry by entry, beside what is stored of them."""

    def __init__(self, reader: Reader, scope: Scope, first: int) -> None:
        is_start = first == scope.start.size
        self._origin = scope.start.origin
        self._frontier = with_nodes(reader, partial(Frontier.load, first))
        self._chain = scope.start.chain if is_start else chain_before(reader, first)
        self.checkpoints = 0
        self.covered = 0
        self._reader = reader
        self._public_keys = scope.public_keys
        # a note of exactly the first size belongs to the part before, where there is one
        self._notes = _stored_notes(reader, first - 1 if is_start else first)
        self._next = next(self._notes, None)
        if is_start and self._next is not None and self._next[0] == first:
            self._compare_checkpoint(*self._next)

    def state(self) -> Checkpoint:
        """Return the state after the entries so far."""
        frontier = self._frontier
        return Checkpoint(self._origin, frontier.size, frontier.root(), self._chain)

    def over(self, rows: Sequence[EntryRow]) -> None:
        """Take in the next entries.

        Raises:
            VerificationError: Something stored does not follow from them.
        """
        if not rows:
            return
        frontier, chain = self._frontier, self._chain
        stored = self._reader.nodes(node_count(frontier.size), node_count(rows[-1].leaf_index + 1))
        used = 0
        for index, stored_leaf, stored_chain, body in rows:
            if index != frontier.size:
                raise VerificationError(f"entry {frontier.size} is missing", HINT)
            leaf = leaf_hash(body)
            if stored_leaf != leaf:
                raise VerificationError(f"entry {index}: its bytes do not give its leaf", HINT)
            self._chain = chain = chain_hash(chain, leaf)
            if stored_chain != chain:
                raise VerificationError(f"entry {index}: the hash chain breaks here", HINT)
            for _, _, digest in frontier.append(leaf):
                if stored[used : used + 1] != [digest]:
                    raise VerificationError(f"entry {index}: a tree node above it is wrong", HINT)
                used += 1
            if self._next is not None and self._next[0] <= frontier.size:
                self._compare_checkpoint(*self._next)

    def _compare_checkpoint(self, size: int, note: str) -> None:
        try:
            signed = notes.verify(note, self._public_keys)
        except VerificationError as error:
            raise VerificationError(f"checkpoint {size}: {error.message}", error.hint) from error
        if signed != self.state():
            raise VerificationError(
                f"checkpoint {size}: entry {self._frontier.size - 1} and those before it are not "
                "what was signed",
                HINT,
            )
        self.checkpoints += 1
        self.covered = size
        self._next = next(self._notes, None)


def _stored_notes(reader: Reader, after: int) -> Iterator[tuple[int, str]]:
    while page := reader.checkpoints(after, CHUNK):
        yield from page
        after = page[-1][0]
