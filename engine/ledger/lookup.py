"""Finding what is recorded, and saying helpfully that it is not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from os.path import commonprefix

from engine.errors import NotRecordedError, VerificationError
from engine.ledger.audit.history import chain_before
from engine.ledger.entries import AppendedEntry, Blob
from engine.ledger.notes import signed_note
from engine.ledger.store import NEWEST, EntryRow, Reader
from engine.proof.checkpoint import Checkpoint, origin_of
from engine.proof.created import read_created

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


def signed_state(
    reader: Reader, ledger_id: str, public_keys: Sequence[bytes] = ()
) -> Checkpoint | None:
    """Return the newest checkpoint of this ledger that a key of it signed; None when none is.

    Args:
        reader: The ledger.
        ledger_id: 32 hex digits.
        public_keys: Raw keys; without any it is the key in entry 0.

    Raises:
        VerificationError: Entry 0 did not create a ledger.
    """
    keys = tuple(public_keys) or (read_created(require_entry(reader, 0).body).public_key,)
    last = reader.last_checkpoint()
    newest = _signed(*last, ledger_id, keys) if last is not None else None
    after = 0 if last is not None and newest is None else NEWEST
    while page := reader.checkpoints(after, _NOTES):  # the last one is nobody's: is any before it?
        newest = next(filter(None, (_signed(*row, ledger_id, keys) for row in page[::-1])), newest)
        after = page[-1][0]
    return newest


@lru_cache(maxsize=8)  # whoever looks up many entries asks for the newest note each time
def _signed(size: int, note: str, ledger_id: str, keys: tuple[bytes, ...]) -> Checkpoint | None:
    found = (signed_note(note, key) for key in keys)
    signed = next(filter(None, found), None)
    is_own = signed is not None and (signed.origin, signed.size) == (origin_of(ledger_id), size)
    return signed if is_own else None


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
