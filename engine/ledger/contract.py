"""What a ledger promises, and what goes into one and comes out.

A ledger is an append-only list of signed envelopes with an RFC 6962 tree, a hash chain and
signed checkpoints over it. Documents that an entry commits to by digest (inputs, salts,
policy bundles) lie beside the tree, so that one can be erased without touching a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engine.ledger.audit.workers import AuditWorkers

SHARED_KINDS = frozenset({"policy"})
"""Kinds of blob that many entries point to by digest; every other kind belongs to one entry."""


class Signer(Protocol):
    """What a ledger needs of the key that signs its checkpoints."""

    @property
    def public_key(self) -> bytes:
        """32 raw bytes."""

    @property
    def key_id(self) -> str:
        """SHA-256 of the public key's SubjectPublicKeyInfo DER, 64 hex digits."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of ``message``."""


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
        decision_id: Id under which :meth:`Ledger.find` finds it; None for other events.
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
    is no evidence: whoever doubts it adds the entries up again.
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


class Ledger(Protocol):
    """An append-only list of signed entries. Safe to use from several threads.

    Every method raises :class:`~engine.errors.LedgerError` when the store cannot be read.
    """

    @property
    def id(self) -> str:
        """32 hex digits, random, from entry 0."""

    @property
    def url(self) -> str:
        """Address that opens this ledger again."""

    def append(self, drafts: Sequence[EntryDraft]) -> list[AppendedEntry]:
        """Record ``drafts`` in order, all of them or none.

        Durable when this returns, and covered by the checkpoint in the answer, which was
        signed after the commit. Threads that append at the same time share one commit. A
        draft whose decision id is recorded already is answered with that record.

        Raises:
            LedgerError: Nothing of this call was recorded.
            LedgerBusyError: Another process held the lock for too long; nothing recorded.
            CommitError: It may or may not be recorded, or it is and its checkpoint is not;
                this object appends no more.
            RollbackError: The ledger is not the one its signed head speaks of.
            Exception: Whatever a ``build`` raised; nothing of this call was recorded.
        """

    def append_each(self, drafts: Sequence[EntryDraft]) -> list[AppendedEntry | Exception]:
        """Record ``drafts`` in one commit, each on its own.

        A draft that cannot be recorded leaves its error in its place in the answer. What
        concerns all of them (lock, commit, rollback) is raised as by :meth:`append`.
        """

    def transact(self, work: Callable[[State], Sequence[EntryDraft]]) -> list[AppendedEntry]:
        """Record what ``work`` returns and the state it puts, all of it or nothing.

        ``work`` is called once, under the ledger's lock, inside the transaction: what it reads
        stays so until the commit. It may return no draft: then only state changes. Threads
        share one commit, as in :meth:`append`. State put beside a draft whose decision id is
        recorded already is kept: ``work`` looks first if that matters.

        Raises:
            LedgerError: As :meth:`append`; neither entries nor state were changed.
            CommitError: As :meth:`append`; either both or neither are there.
            Exception: Whatever ``work`` or a ``build`` raised; nothing was changed.
        """

    def state(self) -> StateView:
        """Return the committed state, for reading; each read sees the newest commit."""

    def size(self) -> int:
        """Return the number of entries."""

    def entry(self, index: int) -> bytes:
        """Return the envelope bytes of entry ``index``; NotRecordedError when not there."""

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield ``(index, envelope bytes)`` in order, a bounded number in memory at a time."""

    def find(self, decision_id: str) -> int:
        """Return the index of a decision, by its id or by its unique start of 8 or more.

        Raises:
            NotRecordedError: No such decision, or several; names the nearest.
        """

    def newest(self, subject_key: str, gate: str) -> int | None:
        """Return the index of the last indexed entry on a subject by a gate; None if none."""

    def appended(self, index: int) -> AppendedEntry:
        """Return an entry with its chain hashes and the smallest checkpoint that covers it.

        Raises:
            NotRecordedError: No such entry, or no checkpoint covers it yet.
        """

    def root(self, size: int) -> bytes:
        """Return the root over the first ``size`` entries."""

    def proof(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion proof of entry ``index`` in the tree of ``size`` entries."""

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return the leaf hashes of the entries from ``start`` up to ``stop``, as stored."""

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of ``old`` entries begins the tree of ``new``."""

    def blob(self, kind: str, digest: str) -> bytes:
        """Return a document of a shared kind; NotRecordedError when not there."""

    def attachments(self, index: int) -> tuple[Blob, ...]:
        """Return the documents of entry ``index`` that are not shared and not erased.

        Raises:
            VerificationError: One is not what its digest says.
        """

    def last_checkpoint(self) -> str:
        """Return the newest signed note; NotRecordedError when none is stored yet."""

    def checkpoint_covering(self, index: int) -> str:
        """Return the smallest stored note that covers entry ``index``.

        Raises:
            NotRecordedError: No such entry, or none covers it yet.
        """

    def verify(
        self,
        *,
        since: str | None = None,
        signatures: bool = False,
        public_keys: Sequence[bytes] = (),
        companions: AuditWorkers | None = None,
    ) -> LedgerReport:
        """Recompute every leaf, chain hash, tree node, index row, checkpoint and the head.

        Args:
            since: A checkpoint that the caller kept. The ledger must begin with what it
                covers, and only what came after it is read.
            signatures: Verify each entry's signature too, and what the index says of it.
            public_keys: Raw keys that may have signed. Without any, the checkpoints' own
                signatures are not verified, and ``signatures`` is refused.

            companions: Processes that verify a part of it, from before the ledger was opened.

        Raises:
            VerificationError: Something does not hold; names the entry.
            LedgerError: It cannot be read, or a companion was lost: nothing is known.
            RollbackError: The ledger is smaller or other than ``since`` or its head.
            UsageError: ``signatures`` without ``public_keys``.
        """

    def close(self) -> None:
        """Give up the store. Closing twice is closing once."""
