"""What a database must do to hold a ledger: rows in, rows out, one exclusive writer.

Everything else (order, chain, tree, attempts, checkpoints, heads, verification) is done
once for all databases, above this line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from engine.ledger.entries import Blob

MAX_ATTACHMENTS = 16
"""Most documents that one entry may have beside it, not counting shared ones."""


class EntryRow(NamedTuple):
    """One entry: the hashes are 32 bytes each, ``chain`` is the chain hash after it."""

    leaf_index: int
    leaf: bytes
    chain: bytes
    body: bytes


class DecisionRow(NamedTuple):
    """What the index says of the entry at ``index``."""

    leaf_index: int
    decision_id: str
    subject_key: str | None
    gate: str | None
    attempt: int


class EventRow(NamedTuple):
    """What an entry without a row in the index of decisions is known by; see ``natural_keys``."""

    kind: str
    key: str
    leaf_index: int


class LastDecisionQuery(NamedTuple):
    """Which decision is looked for: the last one on a subject by a gate, before an index."""

    subject_key: str
    gate: str
    stop: int


NEWEST = 1 << 62
"""As ``stop``: whatever the index."""


@dataclass(slots=True)
class Rows:
    """What one transaction adds.

    Attributes:
        entries: In order, without gaps, from the current size on.
        nodes: ``(position, hash)`` of the subtrees they complete; see :func:`node_position`.
        decisions: In order of index.
        events: Names of the other entries, none of which is there.
        attachments: ``(index, [(kind, digest, body)])`` for entries that have any.
        shared: Bodies by kind and digest, each kept once; some may be there already.
        state: Documents by kind and key that replace those there; None removes one.
    """

    entries: list[EntryRow] = field(default_factory=list)
    nodes: list[tuple[int, bytes]] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    attachments: list[tuple[int, list[tuple[str, str, bytes]]]] = field(default_factory=list)
    shared: dict[tuple[str, str], bytes] = field(default_factory=dict)
    state: dict[tuple[str, str], bytes | None] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self.entries or self.state)


def node_count(size: int) -> int:
    """Return how many subtrees of two leaves or more are complete in a tree of ``size``."""
    return size - size.bit_count()


def node_position(level: int, index: int) -> int:
    """Return when a subtree completes, counted from 0, so that nodes are appended too.

    The leaf that completes it completes its own subtrees below it just before.
    """
    return node_count(((index + 1) << level) - 1) + level - 1


class Reader(Protocol):
    """A view of the rows.

    All of it raises LedgerError when the store cannot be read, VerificationError when what
    is there is damaged.
    """

    def require_layout(self) -> None:
        """Require that tables, indexes and triggers are those that the engine makes.

        Raises:
            VerificationError: One is missing, changed or added.
        """

    def ledger_id(self) -> str:
        """Return the id that the store was created with."""

    def tip(self) -> tuple[int, bytes]:
        """Return the number of entries and the chain hash after the last of them."""

    def entries(self, start: int, stop: int) -> list[EntryRow]:
        """Return the entries from ``start`` up to, not including, ``stop``, in order."""

    def chain(self, index: int) -> bytes | None:
        """Return the chain hash after entry ``index``; None when it is not there."""

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return the leaf hashes of the entries from ``start`` up to ``stop``, in order."""

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, as ``engine.proof.merkle.Node``."""

    def node_set(self, nodes: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Return the hashes of complete subtrees by ``(level, index)``; LedgerError if one lacks.

        See :func:`engine.ledger.audit.nodes.with_nodes`.
        """

    def nodes(self, start: int, stop: int) -> list[bytes]:
        """Return the node hashes at positions from ``start`` up to ``stop``, in order."""

    def index_of(self, decision_id: str) -> int | None:
        """Return the index of the decision with exactly this id."""

    def indexes_of(self, decision_ids: Sequence[str]) -> dict[str, int]:
        """Return the indexes of those decisions that there are."""

    def events_of(self, kind: str, keys: Sequence[str]) -> dict[str, int]:
        """Return the indexes of those events of a kind that there are, by their keys."""

    def event_counts(self) -> tuple[int, int] | None:
        """Return how many names of events there are, and how many there should be.

        None in a ledger that an older engine made, and that nothing was written to since.
        """

    def ids_from(self, text: str, most: int) -> list[tuple[str, int]]:
        """Return the first ``(id, index)`` that sort at or after ``text``."""

    def ids_before(self, text: str, most: int) -> list[tuple[str, int]]:
        """Return the last ``(id, index)`` that sort before ``text``, nearest first."""

    def decisions(self, start: int, stop: int) -> list[DecisionRow]:
        """Return the index rows of the entries from ``start`` up to ``stop``."""

    def last_decisions(self, queries: Sequence[LastDecisionQuery]) -> list[tuple[int, str] | None]:
        """Return ``(attempt, decision id)`` of the last one on each subject by a gate."""

    def attempts(self) -> tuple[int, int]:
        """Return how many rows find decisions by their subject, and how many should."""

    def checkpoints(self, after: int, most: int) -> list[tuple[int, str]]:
        """Return the first ``(size, note)`` with a size greater than ``after``."""

    def last_checkpoint(self) -> tuple[int, str] | None:
        """Return the newest ``(size, note)``."""

    def has_shared_blob(self, kind: str, digest: str) -> bool:
        """Return whether a shared document is there, without reading it."""

    def shared_blob(self, kind: str, digest: str) -> bytes | None:
        """Return a shared document."""

    def shared_keys(self) -> list[tuple[str, str]]:
        """Return kind and digest of every shared document."""

    def attachments(self, index: int) -> list[Blob]:
        """Return the documents of one entry, each with its digest."""

    def documents(self, start: int, stop: int) -> dict[int, list[Blob]]:
        """Return the documents of the entries from ``start`` up to ``stop``, by index."""

    def has_documents(self, start: int) -> bool:
        """Return whether documents are kept of entries from ``start`` on."""

    def get(self, kind: str, key: str) -> bytes | None:
        """Return a document of the state; None if there is none."""

    def scan(self, kind: str, start: str, stop: str, most: int) -> list[tuple[str, bytes]]:
        """Return the first ``(key, document)`` of the state with ``start <= key < stop``."""


class Store(Protocol):
    """One database. Writing happens inside :meth:`exclusive` only."""

    @property
    def url(self) -> str:
        """Address that opens it again."""

    def address(self, base: Path) -> str:
        """Return its name in a head that is kept in the folder ``base``."""

    def files(self) -> tuple[Path, ...]:
        """Return the files of this machine that it is, or will be, made of: absolute, no links.

        The first is the ledger's own, beside which heads are kept; a database elsewhere has none.
        """

    def exists(self) -> bool:
        """Whether something is there that :meth:`connect` would look into.

        False lets a caller's claim count: where it cannot be found out, it is True or an error.

        Raises:
            LedgerError: It cannot be found out.
        """

    def require_creatable(self) -> None:
        """Refuse a place where no ledger can be made.

        Raises:
            UsageError: What is missing there.
        """

    def connect(self) -> bool:
        """Open it; False when no ledger is there yet.

        Raises:
            VerificationError: What is there is no ledger, or a damaged one.
            LedgerError: It cannot be opened.
        """

    def reader(self) -> Reader:
        """Return a view of what is committed; safe to use from several threads."""

    def reopener(self) -> Callable[[], Reader] | None:
        """Return what gives another process a reader of its own; None where only this one can.

        It can be pickled, and needs the store to stay open here.
        """

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep every other writer and checkpointer out, in this process and others.

        Raises:
            LedgerBusyError: Another one kept us out for too long.
        """

    def create(self, ledger_id: str) -> None:
        """Make the tables and begin the transaction that will hold entry 0."""

    def begin(self) -> Reader:
        """Begin a transaction and return the view from inside it.

        Raises:
            RollbackError: The database is not the one that was opened any more.
        """

    def add(self, rows: Rows) -> None:
        """Add rows to the transaction."""

    def commit(self) -> None:
        """Make the transaction durable. Any error leaves open whether it is."""

    def rollback(self) -> None:
        """Forget the transaction, if there is one; never raises."""

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Store a signed note, durably, in a transaction of its own."""

    def tidy(self) -> None:
        """Do what housekeeping is due after a commit; never raises."""

    def close(self) -> None:
        """Close it; closing twice is closing once."""
