"""What goes into a ledger and what comes out of it.

A ledger is an append-only list of signed envelopes with an RFC 6962 tree, a hash chain and
signed checkpoints over it. Documents that an entry commits to by digest (inputs, salts,
policy bundles) lie beside the tree, so that one can be erased without touching a proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

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


class LedgerPosition(NamedTuple):
    """What an entry may know of the ledger it goes into.

    Attributes:
        ledger_id: 32 hex digits.
        attempt: 1 for the first decision on its subject by its gate, then 2, 3, …
        previous: Id of the last decision on that subject by that gate; None on attempt 1.
    """

    ledger_id: str
    attempt: int
    previous: str | None


class Blob(NamedTuple):
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


class SharedBlob(NamedTuple):
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


class EntryDraft(NamedTuple):
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
