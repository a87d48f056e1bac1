"""A ledger over any store: one writer at a time, durable first, signed after."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from engine.errors import (
    CommitError,
    GovernanceError,
    LedgerError,
    NotRecordedError,
    VerificationError,
)
from engine.ledger.audit.history import chain_before, require_heads, require_prefix
from engine.ledger.audit.nodes import with_nodes
from engine.ledger.audit.tail import require_signable
from engine.ledger.commit.batch import Batch, Edge
from engine.ledger.commit.group import Group, Unit, settle
from engine.ledger.commit.signed_heads import Head, HeadPlaces
from engine.ledger.entries import AppendedEntry, Blob, EntryDraft, State, StateView
from engine.ledger.lookup import find, read_appended, read_attachments, require_entry, signed_state
from engine.ledger.store import NEWEST, EntryRow, LastDecisionQuery, Reader, Store
from engine.model import Signer
from engine.proof.checkpoint import Checkpoint, origin_of, sign
from engine.proof.merkle import Frontier, consistency_proof, inclusion_proof, root
from engine.system.files import RECORDED

if TYPE_CHECKING:
    from engine.ledger.audit.report import LedgerReport
    from engine.ledger.audit.signed_entries import SignedEntries
    from engine.ledger.audit.workers import AuditWorkers

_ROWS_IN_MEMORY = 128

_Found: TypeAlias = tuple[EntryRow, bytes, bool]
"""An entry, the chain hash before it, and whether it was there before."""


class Ledger:
    """An append-only list of signed entries. Safe to use from several threads.

    Made by :func:`engine.ledger.open.open_ledger`. Every method raises
    :class:`~engine.errors.LedgerError` when the store cannot be read.

    Attributes:
        id: 32 hex digits, random, from entry 0.
        public_keys: Raw keys that may have signed it, for whoever reads it and names none. Without
            any it is the key in entry 0, and whose that is is not shown.
    """

    def __init__(
        self, store: Store, ledger_id: str, signer: Signer | None, heads: HeadPlaces | None
    ) -> None:
        self.id = ledger_id
        self.public_keys: tuple[bytes, ...] = ()
        self._store = store
        self._reader = store.reader()
        self._signer = signer
        self._heads = heads
        self._group = Group(self._commit)
        self._edge = Edge()
        self._head: Head | None = None
        self._shared: set[tuple[str, str]] = set()
        self._refused = ""
        self._process = os.getpid()

    @property
    def url(self) -> str:
        """Address that opens this ledger again."""
        return self._store.url

    @property
    def signer(self) -> Signer:
        """The key that signs checkpoints; LedgerError when it was opened for reading."""
        if self._signer is None:
            raise LedgerError(
                f"{self.url} was opened without a key, for reading",
                "recording needs the private key: ENGINE_KEY or ENGINE_KEY_FILE",
            )
        return self._signer

    # -- writing -----------------------------------------------------------------------

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
            VerificationError: It holds something that this key did not sign; nothing was recorded.
            Exception: Whatever a ``build`` raised; nothing of this call was recorded.
        """
        self._require_writable()
        if not drafts:
            return []
        return self.transact(lambda _state: drafts)

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
        self._require_writable()
        unit = Unit(work)
        self._group.run(unit)
        return unit.result()

    def create(self, entry: EntryDraft) -> None:
        """Record entry 0, in the transaction that ``store.create`` began, and the first head."""
        batch = Batch(self._reader, self._edge, self.id)
        batch.add([entry])
        self._store.add(batch.rows)
        self._record(batch)

    def catch_up(self) -> None:
        """Sign a checkpoint over entries whose writer was stopped before it could sign."""
        with self._store.exclusive():
            batch, _ = self._plan([])
            self._record(batch)

    def _require_writable(self) -> None:
        _ = self.signer  # refuses a ledger that was opened for reading
        if self._refused:
            raise LedgerError(
                f"{self.url} takes no more entries from this process: {self._refused}",
                "open it again, and look the decisions up: engine ledger show ID",
            )
        self.require_own_process()

    def require_own_process(self) -> None:
        """Refuse to go on where a fork carried this ledger into another process.

        Raises:
            LedgerError: This process did not open it.
        """
        if os.getpid() != self._process:
            raise LedgerError(
                f"{self.url} was opened before this process was forked",
                "open it here: a new Gate, Budget or CircuitBreaker in each process",
            )

    def _commit(self, units: list[Unit]) -> None:
        self._require_writable()  # the thread before us may have failed
        with self._store.exclusive():
            batch, found = self._plan(units)
            try:
                note = self._record(batch)
                for unit, rows in found:
                    unit.outcome = [self._appended(note, *row) for row in rows]
            except BaseException as error:  # an interrupt is for this thread, not for the others
                settle(units, error if isinstance(error, CommitError) else self._half_done(batch))
                raise
            self._store.tidy()

    def _plan(self, units: list[Unit]) -> tuple[Batch, list[tuple[Unit, list[_Found]]]]:
        """Begin a transaction and add what each unit asks for; a failing unit adds nothing."""
        found = []
        try:
            view = self._store.begin()
            self._reload(view)
            batch = Batch(view, self._edge, self.id, self._shared)
            for unit in units:  # and those that join while others are worked on
                try:
                    places = batch.work(unit.work)
                except Exception as error:  # noqa: BLE001  belongs to this unit alone
                    unit.error = error
                else:  # its rows are in the batch: what fails from here on fails all
                    found.append((unit, [_locate(batch, view, *place) for place in places]))
                if unit is units[-1]:
                    self._group.join(units)
            if not batch.rows.empty:
                self._store.add(batch.rows)
        except BaseException:
            self._store.rollback()
            raise
        return batch, found

    def _record(self, batch: Batch) -> str:
        """Commit; then, and only then, sign what is durable now and keep the head.

        Returns:
            The note that covers every entry.

        Raises:
            CommitError: The entries may be there; of an interrupt, a note says so.
        """
        what = "the commit failed; its entries may or may not be recorded"
        try:
            if not batch.rows.empty:
                self._store.commit()
                what = "the entries are recorded, but their checkpoint is not"
                self._edge = batch.edge
                self._shared.update(batch.rows.shared)
                if self._heads is not None:  # else it is one of this run, and goes with it
                    RECORDED.extend(_names(batch))
            else:
                self._store.rollback()
                what = "the checkpoint could not be kept"
            if not batch.rows.entries:
                last = self._reader.last_checkpoint()
                if last is not None and last[0] == self._edge.size:
                    return last[1]
            return self._sign_checkpoint()
        except BaseException as error:  # an interrupt too: what it interrupted may be durable
            reason = _reason(error)
            self._refused = f"{what}: {reason}"
            self._store.rollback()
            if isinstance(error, Exception):
                raise self._half_done(batch) from error
            error.add_note(str(self._half_done(batch)))
            raise

    def _half_done(self, batch: Batch) -> CommitError:
        """The error of a commit that failed half-way; names what is to be looked up."""
        what = self._refused or "interrupted; its entries may or may not be recorded"
        ids = [row.decision_id for row in batch.rows.decisions]
        where = f"show {ids[0]}" if ids else "log"
        hint = f"look it up before asking again: engine ledger {where}"
        if len(ids) > 1:
            hint += f"\nso with the {len(ids) - 1} others, up to {ids[-1]}"
        return CommitError(f"{self.url}: {what}", hint)

    def _sign_checkpoint(self) -> str:
        checkpoint = self._known()
        note = sign(checkpoint, self.signer.sign, self.signer.public_key)
        # beside the key before anybody can read it: else a crash between the two, and then an
        # older copy put back, would let another checkpoint of this size be signed
        if self._heads is not None:
            self._head = self._heads.keep(self.id, note, checkpoint)
        self._store.keep_checkpoint(checkpoint.size, note)
        return note

    def _reload(self, view: Reader) -> None:
        """Take in what other processes have appended, if it continues what we know."""
        size, chain = view.tip()
        if (size, chain) != (self._edge.size, self._edge.chain):
            require_prefix(view, size, self._known(), "what this process has read", self.url)
            tip = require_signable(view, self.id, self.signer.public_key, size, self.url)
            edge = Edge(with_nodes(view, partial(Frontier.load, size)), chain)
            if self._state_of(edge) != tip:
                raise VerificationError(
                    f"{self.url}: entry {size - 1}: its hashes are not those that were verified",
                    "restore the newest good copy; nothing was recorded",
                )
            self._edge = edge
        if self._heads is not None:
            heads = self._heads.all_of(self.id)
            if heads and heads[0] != self._head:
                require_heads(view, size, heads, self.signer.public_key, self.url)
                self._head = heads[0]

    def _known(self) -> Checkpoint:
        return self._state_of(self._edge)

    def _state_of(self, edge: Edge) -> Checkpoint:
        return Checkpoint(origin_of(self.id), edge.size, edge.frontier.root(), edge.chain)

    def _appended(self, note: str, row: EntryRow, previous: bytes, existing: bool) -> AppendedEntry:
        return AppendedEntry(
            row.leaf_index, row.body, previous, row.chain, note, self._edge.size, existing
        )

    # -- reading -----------------------------------------------------------------------

    def state(self) -> StateView:
        """Return the committed state, for reading; each read sees the newest commit."""
        return self._reader

    def size(self) -> int:
        """Return the number of entries."""
        return self._reader.tip()[0]

    def signed_state(self, public_keys: Sequence[bytes] = ()) -> Checkpoint | None:
        """Return the newest checkpoint that a key of this ledger signed; None when none is.

        What stands behind it is nobody's word yet: a writer was stopped, or somebody without the
        key has added it.

        Args:
            public_keys: Raw keys; without any they are those of the ledger.
        """
        return signed_state(self._reader, self.id, public_keys or self.public_keys)

    def signed_entries(self, public_keys: Sequence[bytes] = ()) -> SignedEntries:
        """Return a reader of what was signed, from entry 0 on: for whoever acts on what it says.

        Args:
            public_keys: Raw keys that may have signed; without any they are those of the ledger.
        """
        from engine.ledger.audit.signed_entries import SignedEntries

        return SignedEntries(self, public_keys or self.public_keys)

    def is_signed(self, index: int) -> bool:
        """Return whether entry ``index`` is signed by a key of the ledger, is of it, and in place.

        A checkpoint covers it that such a key signed, and it leads to that checkpoint's root.
        """
        from engine.ledger.audit.signed_entries import is_signed

        return is_signed(self, require_entry(self._reader, index), self.public_keys)

    def entry(self, index: int) -> bytes:
        """Return the envelope bytes of entry ``index``; NotRecordedError when not there."""
        return require_entry(self._reader, index).body

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield ``(index, envelope bytes)`` in order, a bounded number in memory at a time."""
        yield from ((row.leaf_index, row.body) for row in self.rows(start, stop))

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[EntryRow]:
        """Yield the stored entries with their hashes in order, a bounded number in memory."""
        end = self.size() if stop is None else min(stop, self.size())
        for at in range(start, end, _ROWS_IN_MEMORY):
            yield from self._reader.entries(at, min(at + _ROWS_IN_MEMORY, end))

    def find(self, decision_id: str) -> int:
        """Return the index of a decision, by its id or by its unique start of 8 or more.

        Raises:
            NotRecordedError: No such decision, or several; names the nearest.
        """
        return find(self._reader, decision_id)

    def newest(self, subject_key: str, gate: str) -> int | None:
        """Return the index of the last indexed entry on a subject by a gate; None if none."""
        (last,) = self._reader.last_decisions([LastDecisionQuery(subject_key, gate, NEWEST)])
        return self._reader.index_of(last[1]) if last is not None else None

    def appended(self, index: int) -> AppendedEntry:
        """Return an entry with its chain hashes and the smallest checkpoint that covers it.

        Raises:
            NotRecordedError: No such entry, or no checkpoint covers it yet.
        """
        return read_appended(self._reader, index)

    def root(self, size: int) -> bytes:
        """Return the root over the first ``size`` entries."""
        self._require_size(size)
        return with_nodes(self._reader, partial(root, size))

    def proof(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion proof of entry ``index`` in the tree of ``size`` entries."""
        self._require_size(size)
        if not 0 <= index < size:
            raise NotRecordedError(f"entry {index} is not among the first {size} entries")
        return with_nodes(self._reader, partial(inclusion_proof, index, size))

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return the leaf hashes of the entries from ``start`` up to ``stop``, as stored."""
        self._require_size(stop)
        found: list[bytes] = []
        for first in range(start, stop, _ROWS_IN_MEMORY):
            nodes = [(0, index) for index in range(first, min(first + _ROWS_IN_MEMORY, stop))]
            hashes = self._reader.node_set(nodes)
            found += [hashes[node] for node in nodes]
        return found

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of ``old`` entries begins the tree of ``new``."""
        self._require_size(new)
        if not 0 <= old <= new:
            raise NotRecordedError(f"a tree of {old} entries does not begin one of {new}")
        return with_nodes(self._reader, partial(consistency_proof, old, new))

    def _require_size(self, size: int) -> None:
        there = self.size()
        if not 0 <= size <= there:
            raise NotRecordedError(f"{self.url} holds {there} entries, not {size}")

    def blob(self, kind: str, digest: str) -> bytes:
        """Return a document of a shared kind; NotRecordedError when not there."""
        body = self._reader.shared_blob(kind, digest)
        if body is None:
            raise NotRecordedError(
                f"{self.url} holds no {kind} with digest {digest}",
                "inputs and salts belong to one entry each: look there",
            )
        return body

    def attachments(self, index: int) -> tuple[Blob, ...]:
        """Return the documents of entry ``index`` that are not shared and not erased.

        Raises:
            VerificationError: One is not what its digest says.
        """
        return read_attachments(self._reader, index)

    def last_checkpoint(self) -> str:
        """Return the newest signed note; NotRecordedError when none is stored yet."""
        last = self._reader.last_checkpoint()
        if last is None:
            raise NotRecordedError(
                f"{self.url} has no checkpoint yet", "open it once with its key to sign one"
            )
        return last[1]

    def checkpoint_covering(self, index: int) -> str:
        """Return the smallest stored note that covers entry ``index``.

        Raises:
            NotRecordedError: No such entry, or none covers it yet.
        """
        return read_appended(self._reader, index).checkpoint

    def verify(
        self,
        *,
        since: str | None = None,
        signatures: bool = True,
        public_keys: Sequence[bytes] = (),
        companions: AuditWorkers | None = None,
    ) -> LedgerReport:
        """Recompute every leaf, chain hash, tree node, index row, checkpoint and the head.

        Then each signature, and what follows from what was signed: the index's columns, the
        documents beside the entries. Nothing is there twice, and nothing that the engine did not
        make.

        Args:
            since: A checkpoint that the caller kept. The ledger must begin with what it
                covers, and only what came after it is read.
            signatures: Verify each entry's signature too, and what follows from what it says;
                False only recomputes hashes, and verifies the checkpoints.
            public_keys: Raw keys that may have signed. Without any it is the key in entry 0: who
                owns that is not shown, and the report says so.
            companions: Processes that verify a part of it, from before the ledger was opened.

        Raises:
            VerificationError: Something does not hold; names the entry.
            LedgerError: It cannot be read, or a companion was lost: nothing is known.
            RollbackError: The ledger is smaller or other than ``since`` or its head.
        """
        from engine.ledger.audit.audit import audit

        head = self._heads.of(self.id) if self._heads is not None else None
        return audit(
            self._reader,
            ledger_id=self.id,
            url=self.url,
            head=head,
            since=since,
            signatures=signatures,
            public_keys=public_keys,
            companions=companions,
            reopen=self._store.reopener(),
        )

    def close(self) -> None:
        """Give up the store. Closing twice is closing once."""
        self._store.close()


def _locate(batch: Batch, view: Reader, index: int, existing: bool) -> _Found:
    if index in batch:
        return *batch.entry(index), existing
    return require_entry(view, index), chain_before(view, index), existing


def _names(batch: Batch) -> Iterator[str]:
    """What the last entries of ``batch`` are called, but for the one that begins a ledger."""
    ids = {row.leaf_index: row.decision_id for row in batch.rows.decisions[-8:]}
    for row in batch.rows.entries[-8:]:
        if row.leaf_index:
            yield ids.get(row.leaf_index, f"entry {row.leaf_index}")


def _reason(error: BaseException) -> str:
    """Why a commit failed, in a clause."""
    if isinstance(error, GovernanceError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
