"""What goes into a ledger and what comes out of it.

A ledger is an append-only list of signed envelopes with an RFC 6962 tree, a hash chain and
signed checkpoints over it. Documents that an entry commits to by digest (inputs, salts,
policy bundles) lie beside the tree, so that one can be erased without touching a proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.formats import canonical
from engine.formats.canonical import PlainObject
from engine.model import Json

SHARED_KINDS = frozenset({"policy"})
"""Kinds of blob that many entries point to by digest; every other kind belongs to one entry."""


def subject_key(subject: Json) -> str:
    """Return the digest under which decisions on the same subject find each other.

    Args:
        subject: ``{"name", "version"?, "digest"?}`` as an Input writes it: nothing but texts. Of
            an attestation its ``digest`` alone.
    """
    return hashlib.sha256(canonical.encode_read(PlainObject(subject))).hexdigest()


@dataclass(frozen=True, slots=True)
class LedgerPosition:
    """What an entry may know of the ledger it goes into.

    Attributes:
        ledger_id: 32 hex digits.
        attempt: 1 for the first decision on its subject by its gate, then 2, 3, …
        previous: Id of the last decision on that subject by that gate; None on attempt 1.
    """

    ledger_id: str
    attempt: int
    previous: str | None


@dataclass(frozen=True, slots=True)
class Blob:
    """A document that is kept beside the entry that commits to it.

    Attributes:
        kind: ``input`` and ``salt`` belong to one entry; ``policy`` is kept once per digest.
        body: The bytes.
        digest: 64 hex digits; None is the SHA-256 of ``body``. Only a shared kind may have
            another one.
    """

    kind: str
    body: bytes
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class SharedBlob:
    """A document of a shared kind that is only read when the ledger has not got it.

    Attributes:
        kind: One of :data:`SHARED_KINDS`.
        digest: 64 hex digits, under which it is kept.
        read: Gives the bytes. Called under the ledger's lock; what it raises reaches the
            caller of the append, and nothing of the draft is recorded.
    """

    kind: str
    digest: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """An entry that is still to be signed, because what it says depends on its place.

    Attributes:
        decision_id: Id under which ``Ledger.find`` finds it; None for other events.
        subject_key: Equal for decisions on the same subject; None takes no part in attempts.
        gate: Gate that was asked; attempts are counted per subject and gate.
        build: Gives the envelope bytes. Called once, under the ledger's lock, not at all
            when the decision is recorded already; what it raises reaches the caller.
        blobs: What the entry commits to.
    """

    decision_id: str | None
    subject_key: str | None
    gate: str | None
    build: Callable[[LedgerPosition], bytes]
    blobs: tuple[Blob | SharedBlob, ...] = ()


class StateView(Protocol):
    """What changes with a ledger's entries: small documents by kind and key.

    State is what the entries add up to, kept so that nobody has to add them up each time. It
    is no evidence: a reader in doubt adds the entries up again.
    """

    def get(self, kind: str, key: str) -> bytes | None:
        """Return a document; None if there is none."""

    def scan(self, kind: str, start: str, stop: str, most: int) -> list[tuple[str, bytes]]:
        """Return the first ``(key, document)`` with ``start <= key < stop``, in order of key."""


class State(StateView, Protocol):
    """State inside a transaction: reads see what was put before."""

    def put(self, kind: str, key: str, body: bytes | None) -> None:
        """Set a document; None removes it."""


@dataclass(frozen=True, slots=True)
class AppendedEntry:
    """An entry and where it is.

    Attributes:
        index: Counted from 0; entry 0 is the ledger's creation.
        entry: Envelope bytes as stored.
        previous_hash: Chain hash before the entry, 32 bytes.
        current_hash: Chain hash after it, 32 bytes.
        checkpoint: Signed note that covers the entry.
        size: Number of entries the checkpoint covers.
        existing: The decision id was recorded before: this is that record, and the draft
            was not built.
    """

    index: int
    entry: bytes
    previous_hash: bytes
    current_hash: bytes
    checkpoint: str
    size: int
    existing: bool = False


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
