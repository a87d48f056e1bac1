"""Finding what is recorded, and saying helpfully that it is not."""

from __future__ import annotations

import hashlib
from os.path import commonprefix

from engine.errors import NotRecordedError, VerificationError
from engine.ledger.audit.history import chain_before
from engine.ledger.commit.created import read_created
from engine.ledger.entries import AppendedEntry, Blob
from engine.ledger.notes import signed_note
from engine.ledger.store import NEWEST, EntryRow, Reader

_SHORTEST_START = 8
_NAMED = 3
_NOTES = 64


def find(reader: Reader, decision_id: str) -> int:
    """Return the index of a decision, by its id or by its unique start of 8 or more.

    Raises:
        NotRecordedError: No such decision, or several; names the nearest.
    """
    prefix = decision_id.strip().lower()
    index = reader.index_of(prefix)
    if index is not None:
        return index
    starting = reader.ids_from(prefix, _NAMED + 1)
    matching = [row for row in starting if row[0].startswith(prefix)]
    if len(prefix) >= _SHORTEST_START and len(matching) == 1:
        return matching[0][1]
    if len(prefix) >= _SHORTEST_START and matching:
        named = ", ".join(name for name, _ in matching[:_NAMED])
        more = " and more" if len(matching) > _NAMED else ""
        raise NotRecordedError(
            f"{prefix!r} is the start of several decisions: {named}{more}", "give more of the id"
        )
    around = [name for name, _ in starting[:1] + reader.ids_before(prefix, 1)]
    nearest = max(around, key=lambda name: _alike(name, prefix), default=None)
    raise NotRecordedError(
        f"no decision {prefix!r} is recorded",
        "the ledger holds no decision at all"
        if nearest is None
        else f"the nearest is {nearest}"
        if _alike(nearest, prefix) >= _SOME_ALIKE
        else "`engine ledger log` lists them",
    )


_SOME_ALIKE = 4
"""Two ids that begin with fewer characters in common are not near each other."""


def _alike(name: str, prefix: str) -> int:
    """How many characters two ids begin with in common."""
    return len(commonprefix((name, prefix)))  # noqa: RUF071  (texts, not paths)


def require_entry(reader: Reader, index: int) -> EntryRow:
    """Return an entry.

    Raises:
        NotRecordedError: It is not there.
    """
    rows = reader.entries(index, index + 1) if index >= 0 else []
    if not rows:
        size, _ = reader.tip()
        raise NotRecordedError(
            f"there is no entry {index}", f"the ledger holds entries 0 to {size - 1}"
        )
    return rows[0]


def signed_size(reader: Reader) -> int:
    """Return the size of the newest checkpoint that the key in entry 0 signed; 0 if none is.

    Raises:
        VerificationError: Entry 0 did not create a ledger.
    """
    public_key = read_created(require_entry(reader, 0).body).public_key
    last = reader.last_checkpoint()
    newest = _signed(*last, public_key) if last is not None else 0
    after = 0 if last is not None and not newest else NEWEST
    while page := reader.checkpoints(after, _NOTES):  # the last one is nobody's: is any before it?
        newest = max(newest, *(_signed(*row, public_key) for row in page))
        after = page[-1][0]
    return newest


def _signed(size: int, note: str, public_key: bytes) -> int:
    signed = signed_note(note, public_key)
    return size if signed is not None and signed.size == size else 0


def read_appended(reader: Reader, index: int) -> AppendedEntry:
    """Return an entry with its chain hashes and the smallest checkpoint that covers it.

    Raises:
        NotRecordedError: No such entry, or no checkpoint covers it yet.
    """
    row = require_entry(reader, index)
    covering = reader.checkpoints(index, 1)
    if not covering:
        raise NotRecordedError(
            f"no checkpoint covers entry {index} yet: its writer was stopped before it could sign",
            "open the ledger once with its key: engine ledger checkpoint",
        )
    size, note = covering[0]
    return AppendedEntry(index, row.body, chain_before(reader, index), row.chain, note, size)


def read_attachments(reader: Reader, index: int) -> tuple[Blob, ...]:
    """Return the documents of an entry that are not shared and not erased.

    Raises:
        NotRecordedError: No such entry.
        VerificationError: One is not what its digest says.
    """
    blobs = reader.attachments(index)
    if not blobs:
        require_entry(reader, index)
    for blob in blobs:
        require_own_digest(blob, index)
    return tuple(blobs)


def require_own_digest(blob: Blob, index: int) -> None:
    """Require that a document of entry ``index`` has the digest that it is kept with.

    Raises:
        VerificationError: It has not.
    """
    if hashlib.sha256(blob.body).hexdigest() != blob.digest:
        raise VerificationError(
            f"the {blob.kind} kept for entry {index} is not what its digest says",
            "it was changed or damaged: restore the ledger from a copy",
        )
