"""State that changes with entries: what one transaction has put, over what is committed."""

from __future__ import annotations

from collections.abc import Mapping

from engine.ledger.entries import StateView

Changes = dict[tuple[str, str], bytes | None]
"""Documents by kind and key; None where one was removed."""


class PendingState:
    """Implements :class:`engine.ledger.entries.State`.

    Args:
        under: What is committed.
        before: What the same transaction has put already.
    """

    def __init__(self, under: StateView, before: Mapping[tuple[str, str], bytes | None]) -> None:
        self.changes: Changes = {}
        self._under = under
        self._before = before

    def get(self, kind: str, key: str) -> bytes | None:
        """Return a document; None if there is none."""
        for changes in (self.changes, self._before):
            if (kind, key) in changes:
                return changes[kind, key]
        return self._under.get(kind, key)

    def put(self, kind: str, key: str, body: bytes | None) -> None:
        """Set a document; None removes it."""
        self.changes[kind, key] = body

    def scan(self, kind: str, start: str, stop: str, most: int) -> list[tuple[str, bytes]]:
        """Return the first ``(key, document)`` with ``start <= key < stop``, in order of key."""
        changed = {
            key: body
            for (of, key), body in {**self._before, **self.changes}.items()
            if of == kind and start <= key < stop
        }
        # every change may hide one of those that are committed
        found = dict(self._under.scan(kind, start, stop, most + len(changed)))
        found.update({key: body for key, body in changed.items() if body is not None})
        gone = {key for key, body in changed.items() if body is None}
        return [(key, found[key]) for key in sorted(found.keys() - gone)][:most]
