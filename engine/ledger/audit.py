"""Recomputing a ledger from its entries, and holding everything stored beside them to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine import checkpoint as notes
from engine.checkpoint import Checkpoint, origin_of
from engine.envelope import verify_envelope
from engine.errors import RollbackError, UsageError, VerificationError
from engine.ledger.contract import LedgerReport
from engine.ledger.created import read_created
from engine.ledger.heads import Head
from engine.ledger.history import require_head, require_prefix
from engine.ledger.index_audit import require_indexed
from engine.ledger.lookup import require_entry
from engine.ledger.store import EntryRow, Reader, node_count
from engine.merkle import EMPTY_ROOT, GENESIS_CHAIN, Frontier, chain_hash, leaf_hash

_CHUNK = 128
_HINT = "the ledger was changed or damaged after it was signed: restore the newest good copy"
_BEYOND = 1 << 62


def audit(
    reader: Reader,
    *,
    ledger_id: str,
    url: str,
    head: Head | None,
    since: str | None,
    signatures: bool,
    public_keys: Sequence[bytes],
) -> LedgerReport:
    """Recompute every leaf, chain hash, tree node, index row, checkpoint and the head.

    Memory is bounded: entries are read in chunks, and only the tree's right edge is kept.
    See :meth:`engine.ledger.contract.Ledger.verify`.
    """
    if signatures and not public_keys:
        raise UsageError("signatures are not verified without a public key", "pass --key")
    size, tip = reader.tip()
    start = _start(since, origin_of(ledger_id), public_keys)
    require_prefix(reader, size, start, "the checkpoint that was kept", url)
    if head is not None:
        require_head(reader, size, head, url)
    if read_created(require_entry(reader, 0).body).ledger_id != ledger_id:
        raise VerificationError(f"entry 0 did not create the ledger {ledger_id}", _HINT)
    walk = _Walk(reader, start, public_keys)
    decisions = 0
    for at in range(start.size, size, _CHUNK):
        rows = reader.entries(at, min(at + _CHUNK, size))
        walk.over(rows)
        if signatures:
            _require_signed(rows, public_keys)
        decisions += require_indexed(reader, rows, ledger_id, thorough=signatures)
    walk.finish(size, tip)
    return LedgerReport(
        ledger_id=ledger_id,
        since=start.size,
        size=size,
        root=walk.frontier.root(),
        chain=walk.chain,
        decisions=decisions,
        checkpoints=walk.checkpoints,
        uncovered=size - max(walk.covered, start.size),
        signatures=size - start.size if signatures else 0,
        head=head is not None,
    )


def _start(since: str | None, origin: str, public_keys: Sequence[bytes]) -> Checkpoint:
    """Return the state that the caller vouches for: the empty ledger when none."""
    if since is None:
        return Checkpoint(origin, 0, EMPTY_ROOT, GENESIS_CHAIN)
    start = notes.verify(since, public_keys) if public_keys else notes.parse(since)[0]
    if start.origin != origin:
        raise RollbackError(
            f"the checkpoint is of {start.origin}, and this is {origin}",
            "give a checkpoint of this ledger, or look for the ledger that it is of",
        )
    return start


def _require_signed(rows: Sequence[EntryRow], public_keys: Sequence[bytes]) -> None:
    for row in rows:
        try:
            verify_envelope(row.body, public_keys)
        except VerificationError as error:
            raise VerificationError(
                f"entry {row.leaf_index}: {error.message}", error.hint
            ) from error


class _Walk:
    """Grows the tree and the chain entry by entry, beside what is stored of them.

    Attributes:
        frontier: The tree so far.
        chain: Chain hash so far.
        checkpoints: Stored checkpoints that were reached.
        covered: Size of the last of them.
    """

    def __init__(self, reader: Reader, start: Checkpoint, public_keys: Sequence[bytes]) -> None:
        self.frontier = Frontier.load(start.size, reader.node)
        self.chain = start.chain
        self.checkpoints = 0
        self.covered = 0
        self._reader = reader
        self._origin = start.origin
        self._public_keys = public_keys
        self._notes = _stored_notes(reader, start.size - 1)
        self._next = next(self._notes, None)
        self._compare_checkpoint()

    def over(self, rows: Sequence[EntryRow]) -> None:
        """Take in the next entries.

        Raises:
            VerificationError: Something stored does not follow from them.
        """
        stop = rows[-1].leaf_index + 1 if rows else 0
        stored = self._reader.nodes(node_count(self.frontier.size), node_count(stop))
        used = 0
        for row in rows:
            index = self.frontier.size
            leaf = leaf_hash(row.body)
            self.chain = chain_hash(self.chain, leaf)
            if row.leaf_index != index:
                raise VerificationError(f"entry {index} is missing", _HINT)
            if row.leaf != leaf:
                raise VerificationError(f"entry {index}: its bytes do not give its leaf", _HINT)
            if row.chain != self.chain:
                raise VerificationError(f"entry {index}: the hash chain breaks here", _HINT)
            completed = [digest for _, _, digest in self.frontier.append(leaf)]
            if stored[used : used + len(completed)] != completed:
                raise VerificationError(f"entry {index}: a tree node above it is wrong", _HINT)
            used += len(completed)
            self._compare_checkpoint()

    def finish(self, size: int, tip: bytes) -> None:
        """Require that nothing is stored beyond the last entry; others may append meanwhile.

        Raises:
            VerificationError: Something is.
        """
        if (self.frontier.size, self.chain) != (size, tip):
            raise VerificationError(f"entry {self.frontier.size} is missing", _HINT)
        while beyond := self._beyond(size):
            now, _ = self._reader.tip()
            if now == size:
                raise VerificationError(f"{beyond}, and the ledger holds {size} entries", _HINT)
            size = now

    def _beyond(self, size: int) -> str:
        """What is stored of entries that a ledger of ``size`` does not have; empty if nothing."""
        if self._next is not None and self._next[0] > size:
            return f"a checkpoint says {self._next[0]}"
        if self._reader.nodes(node_count(size), _BEYOND):
            return "the tree has more nodes"
        if rows := self._reader.decisions(size, _BEYOND):
            return f"the index names entry {rows[0].leaf_index}"
        return ""

    def _compare_checkpoint(self) -> None:
        if self._next is None or self._next[0] > self.frontier.size:
            return
        size, note = self._next
        expected = Checkpoint(self._origin, self.frontier.size, self.frontier.root(), self.chain)
        try:
            keys = self._public_keys
            said = notes.verify(note, keys) if keys else notes.parse(note)[0]
        except VerificationError as error:
            raise VerificationError(f"checkpoint {size}: {error.message}", error.hint) from error
        if said != expected:
            raise VerificationError(
                f"checkpoint {size}: entry {self.frontier.size - 1} and those before it are not "
                "what was signed",
                _HINT,
            )
        self.checkpoints += 1
        self.covered = size
        self._next = next(self._notes, None)


def _stored_notes(reader: Reader, after: int) -> Iterator[tuple[int, str]]:
    while page := reader.checkpoints(after, _CHUNK):
        yield from page
        after = page[-1][0]
