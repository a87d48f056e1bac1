"""A ledger's entries as evidence: each signed by a key of it, of it, and in its place.

Whoever acts on what entries say reads them here: a row that nobody signed, one of another ledger,
and one that is left out, moved or copied before the last checkpoint are named and end the reading.
What lies beside the entries and in the index is for ``engine ledger verify``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from engine.errors import LedgerError, VerificationError
from engine.ledger.audit.index_audit import read_statement
from engine.ledger.store import EntryRow
from engine.model import Json
from engine.proof.checkpoint import Checkpoint
from engine.proof.created import read_created
from engine.proof.envelope import verify_envelope
from engine.proof.merkle import GENESIS_CHAIN, chain_hash, leaf_hash, verify_inclusion

_HINT = "such a ledger is no evidence: engine ledger verify says what was changed"


class Rows(Protocol):
    """Where the entries are read: a ledger."""

    @property
    def id(self) -> str:
        """32 hex digits."""

    def rows(self, start: int, stop: int | None) -> Iterator[EntryRow]:
        """Yield the stored entries from ``start`` up to ``stop``, in order."""

    def signed_state(self, public_keys: Sequence[bytes]) -> Checkpoint | None:
        """Return the newest checkpoint that one of the keys signed; None when none is."""


class SignedEntries:
    """Reads the entries of one ledger in order, from entry 0, and goes on where it was.

    Args:
        ledger: Whose.
        public_keys: Raw keys that may have signed it; without any it is the key in entry 0, and
            whose that is is not shown.

    Attributes:
        size: How many entries were read.
        entry: Envelope bytes of the one that was read last.
    """

    def __init__(self, ledger: Rows, public_keys: Sequence[bytes] = ()) -> None:
        self.size = 0
        self.entry = b""
        self._ledger = ledger
        self._public_keys = tuple(public_keys)
        self._chain = GENESIS_CHAIN

    def read(
        self, stop: int | None = None, *, covered: bool = False
    ) -> Iterator[tuple[int, dict[str, Json]]]:
        """Yield ``(index, in-toto statement)`` of the next entries, up to ``stop`` or to the last.

        Args:
            stop: Index of the first that is not read.
            covered: Read up to the newest signed checkpoint alone, and all that it covers.

        Raises:
            VerificationError: An entry is not signed by a key of this ledger, is of another one,
                or is not what the ledger's checkpoint was signed over; names it.
        """
        if not self.size:
            self._begin()
        signed = self._ledger.signed_state(self._public_keys)  # before the rows that it covers
        if signed is None:
            raise VerificationError("no checkpoint is signed by a key of this ledger", _HINT)
        for row in self._ledger.rows(self.size, signed.size if covered else stop):
            statement = self._statement(row)
            self._place(row, signed)
            self.entry = row.body
            yield row.leaf_index, statement
        if stop is None and self.size < signed.size:
            raise VerificationError(
                f"entry {self.size} is missing, and a checkpoint covers it", _HINT
            )

    def go_on_in(self, ledger: Rows) -> None:
        """Read on in the same ledger, which was opened anew."""
        self._ledger = ledger

    def _begin(self) -> None:
        for row in self._ledger.rows(0, 1):
            created = read_created(row.body)
            self._public_keys = self._public_keys or (created.public_key,)
            if created.ledger_id != self._ledger.id:
                raise VerificationError(
                    f"entry 0 did not create the ledger {self._ledger.id}", _HINT
                )

    def _statement(self, row: EntryRow) -> dict[str, Json]:
        """What an entry says that a key signed, and that is of this ledger."""
        try:
            statement = read_statement(row.leaf_index, verify_envelope(row.body, self._public_keys))
        except VerificationError as error:
            named = error.message.removeprefix(f"entry {row.leaf_index}: ")
            raise VerificationError(f"entry {row.leaf_index}: {named}", _HINT) from error
        where = statement["predicate"].get("ledger")
        if where is not None and where != {"id": self._ledger.id}:
            raise VerificationError(f"entry {row.leaf_index}: is of another ledger", _HINT)
        return statement

    def _place(self, row: EntryRow, signed: Checkpoint) -> None:
        """Whether it stands where the checkpoint says, and nowhere else."""
        if row.leaf_index != self.size:
            raise VerificationError(f"entry {self.size} is missing", _HINT)
        leaf = leaf_hash(row.body)
        if row.leaf_index >= signed.size:  # nothing that was signed says that it stands there
            self._require_new(row)
        self._chain = chain_hash(self._chain, leaf)
        self.size = row.leaf_index + 1
        if self.size == signed.size and self._chain != signed.chain:
            raise VerificationError(
                f"entry {row.leaf_index}: it and those before it are not what the ledger's "
                "checkpoint was signed over",
                _HINT,
            )

    def _require_new(self, row: EntryRow) -> None:
        for before in self._ledger.rows(0, row.leaf_index):
            if before.body == row.body:
                raise VerificationError(
                    f"entry {row.leaf_index}: is entry {before.leaf_index} once more", _HINT
                )


class Tree(Rows, Protocol):
    """A ledger whose entries have proofs."""

    def proof(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion proof of entry ``index`` in the tree of ``size`` entries."""


def is_signed(ledger: Tree, row: EntryRow, public_keys: Sequence[bytes] = ()) -> bool:
    """Return whether one stored entry is evidence: signed by a key of the ledger, and in its place.

    Args:
        ledger: Whose.
        row: As it is stored there.
        public_keys: Raw keys; without any it is the key in entry 0.
    """
    (first,) = ledger.rows(0, 1)
    try:
        signed = ledger.signed_state(public_keys)
        keys = public_keys or [read_created(first.body).public_key]
        statement = read_statement(row.leaf_index, verify_envelope(row.body, keys))
        if signed is None or row.leaf_index >= signed.size:
            return False
        path = ledger.proof(row.leaf_index, signed.size)
        verify_inclusion(leaf_hash(row.body), row.leaf_index, signed.size, path, signed.root)
    except (VerificationError, LedgerError):
        return False
    return statement["predicate"].get("ledger") in (None, {"id": ledger.id})
