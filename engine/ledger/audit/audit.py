"""Verifying a whole ledger: its parts, the seams between them, and what is stored beyond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.errors import RollbackError, VerificationError
from engine.ledger.audit.across_parts import joined, require_across
from engine.ledger.audit.end import HINT, require_end
from engine.ledger.audit.history import require_heads, require_prefix
from engine.ledger.audit.report import LedgerReport
from engine.ledger.audit.walk import Scope, audit_part
from engine.ledger.commit.signed_heads import Head
from engine.ledger.lookup import require_entry
from engine.ledger.store import Reader
from engine.proof import checkpoint as notes
from engine.proof.checkpoint import Checkpoint, origin_of
from engine.proof.created import read_created
from engine.proof.merkle import EMPTY_ROOT, GENESIS_CHAIN

if TYPE_CHECKING:
    from engine.ledger.audit.workers import AuditWorkers

PART = 1024
"""Entries that one process takes at a time when there are several."""


def audit(
    reader: Reader,
    *,
    ledger_id: str,
    url: str,
    head: Head | None,
    since: str | None,
    signatures: bool,
    public_keys: Sequence[bytes],
    companions: AuditWorkers | None = None,
    reopen: Callable[[], Reader] | None = None,
) -> LedgerReport:
    """Recompute every leaf, chain hash, tree node, index row, checkpoint and the head.

    Then each signature, every column of the index, and what is kept beside the entries. Memory is
    bounded: entries are read in chunks, and of each only what it is known by is kept.
    See :meth:`engine.ledger.ledger.Ledger.verify`.

    Args:
        companions: Processes that take their share of the parts.
        reopen: Gives such a process a reader of its own; None where only this one can read.
    """
    reader.require_layout()
    size, tip = reader.tip()
    start = _start(since, origin_of(ledger_id), public_keys)
    require_prefix(reader, size, start, "the checkpoint that was kept", url)
    created = read_created(require_entry(reader, 0).body)
    if head is not None:
        require_heads(reader, size, [head], created.public_key, url)
    if created.ledger_id != ledger_id:
        raise VerificationError(f"entry 0 did not create the ledger {ledger_id}", HINT)
    keys_given = bool(public_keys)
    public_keys = tuple(public_keys) or (created.public_key,)
    scope = Scope(ledger_id, start, tuple(public_keys), signatures)
    if companions is None or reopen is None:
        parts = iter([audit_part(reader, scope, start.size, size)])
    else:
        bounds = [(at, min(at + PART, size)) for at in range(start.size, size, PART)]
        bounds = bounds or [(size, size)]
        parts = companions.share(reopen, scope, bounds, reader)
    whole = joined(parts, scope)
    if whole.after.chain != tip:
        raise VerificationError(f"entry {size - 1}: the hash chain breaks here", HINT)
    require_end(reader, size)
    policies = require_across(reader, whole, signatures=signatures)
    if signatures:
        _require_counts(reader)
    named = reader.event_counts()
    return LedgerReport(
        ledger_id=ledger_id,
        since=start.size,
        size=size,
        root=whole.after.root,
        chain=whole.after.chain,
        decisions=whole.decisions,
        checkpoints=whole.checkpoints,
        uncovered=size - max(whole.covered, start.size),
        signatures=size - start.size if signatures else 0,
        head=head is not None,
        keys_given=keys_given,
        documents=whole.blobs.documents + policies,
        erased=whole.blobs.erased,
        reservations=whole.blobs.reservations,
        requests=whole.requests.made,
        unanswered=whole.requests.unanswered(reader, whole.known_by, start.size),
        events=None if named is None else named[0],
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


def _require_counts(reader: Reader) -> None:
    """Require that no row finds what is no entry; others may append meanwhile."""
    counts = (("decisions by their subject", reader.attempts()), ("events", reader.event_counts()))
    for what, counted in counts:
        found, expected = counted or (0, 0)
        if found != expected:
            raise VerificationError(
                f"{found} rows find {expected} {what}",
                "the entries are whole, and their index was changed or damaged: restore a copy",
            )
