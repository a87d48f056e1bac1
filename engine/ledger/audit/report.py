"""What a verification of a whole ledger looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What a verification of a whole ledger looked at; all of it held.

    Attributes:
        ledger_id: 32 hex digits.
        since: Entries before this index were taken on the word of the caller's checkpoint.
        size: Number of entries.
        root: Root over all of them, 32 bytes.
        chain: Chain hash after the last of them, 32 bytes.
        decisions: Entries since then that the decision index names.
        checkpoints: Stored checkpoints that were held against the tree.
        uncovered: Entries after the last checkpoint: their writer was stopped before it
            could sign; the next append covers them.
        signatures: Entries whose signature was verified; 0 when that was not asked for.
        head: Whether a signed head is kept beside the key; it was held against the tree.
        keys_given: Whether the caller gave the keys; else the key is the one in entry 0, and who
            owns that is not shown.
        documents: Inputs, salts, attestations and policies that were compared with the digests
            that the entries sign; 0 when signatures were not asked for.
        erased: Entries since then whose documents are not kept any more.
        reservations: Entries since then that reserve, settle or release a part of a budget,
            or reopen its day.
        requests: Entries since then that say that a decision was requested.
        unanswered: Index and id of those that no later entry answers: whoever asked was stopped,
            or kept the answer back.
        events: Names in the index of events; None where the ledger has no such index: an engine
            from before it made the ledger, or somebody removed it.
    """

    ledger_id: str
    since: int
    size: int
    root: bytes
    chain: bytes
    decisions: int
    checkpoints: int
    uncovered: int
    signatures: int
    head: bool
    keys_given: bool = True
    documents: int = 0
    erased: int = 0
    reservations: int = 0
    requests: int = 0
    unanswered: tuple[tuple[int, str], ...] = ()
    events: int | None = None
