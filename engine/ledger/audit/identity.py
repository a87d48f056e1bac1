"""What an entry is known by: its bytes, and the id that its type gives it. Neither repeats."""

from __future__ import annotations

import hashlib
from array import array

from engine.errors import VerificationError
from engine.ledger.natural_keys import natural_key
from engine.ledger.store import EntryRow, Reader
from engine.model import Json

PER_ENTRY = 2
_CHUNK = 1024
_MOST_AT_ONCE = 500_000
_HINT = "an entry is recorded once: somebody copied it; restore the newest good copy"


def identities(row: EntryRow, statement: dict[str, Json] | None) -> tuple[int, int]:
    """Return 64 bits of an entry's leaf and of its natural key; 0 for a key that it has not."""
    leaf = int.from_bytes(row.leaf[:8], "big")
    key = natural_key(statement) if statement is not None else None
    if key is None:
        return leaf, 0
    return leaf, key_hash(*key)


def key_hash(of: str, key: str) -> int:
    """Return 64 bits of a natural key: what the id is an id of, and the id."""
    return int.from_bytes(hashlib.sha256(f"{of}\0{key}".encode()).digest()[:8], "big")


def require_distinct(found: array[int], first: int) -> None:
    """Require that no two entries are known by the same.

    Args:
        found: :func:`identities` of consecutive entries, one after the other.
        first: Index of the first of them.

    Raises:
        VerificationError: Two are; names both. That two different ones agree in 64 bits is as
            likely as one in ten million, in a ledger of a million entries.
    """
    shares = 1 + len(found) // _MOST_AT_ONCE  # a set at a time that fits in memory
    for share in range(shares):
        some = [name for name in found if name and name % shares == share]
        if len(set(some)) == len(some):
            continue
        seen: dict[int, int] = {}
        for place, name in enumerate(found):
            if name and name in seen:
                raise _again(first + place // PER_ENTRY, first + seen[name] // PER_ENTRY)
            seen[name] = place


def require_new_events(reader: Reader, start: int, stop: int) -> None:
    """Require that none of the entries from ``start`` up to ``stop`` is an earlier one.

    Of decisions and attestations the index says so, whose ids are unique.

    Raises:
        VerificationError: One is; names both.
    """
    unindexed: dict[bytes, int] = {}
    for at in range(start, stop, _CHUNK):
        end = min(at + _CHUNK, stop)
        indexed = {row.leaf_index for row in reader.decisions(at, end)}
        leaves = enumerate(reader.leaves(at, end), at)
        unindexed |= {leaf: index for index, leaf in leaves if index not in indexed}
    for at in range(0, start if unindexed else 0, _CHUNK):
        for index, leaf in enumerate(reader.leaves(at, min(at + _CHUNK, start)), at):
            if leaf in unindexed:
                raise _again(unindexed[leaf], index)


def _again(index: int, first: int) -> VerificationError:
    """Return the error that says that an entry is there twice."""
    return VerificationError(f"entry {index}: is entry {first} once more", _HINT)
