"""Reading the tree's hashes many at a time: a query costs more than a hash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engine.ledger.store import Reader
from engine.proof.merkle import Node

Answer = TypeVar("Answer")
_ANY = bytes(32)


def with_nodes(reader: Reader, compute: Callable[[Node], Answer]) -> Answer:
    """Return ``compute(node)``, whose hashes are read all at once.

    It is called twice: first to learn which nodes it reads, so that must not depend on hashes.

    Raises:
        LedgerError: One is missing.
    """
    nodes: list[tuple[int, int]] = []

    def collect(level: int, index: int) -> bytes:
        nodes.append((level, index))
        return _ANY

    compute(collect)
    hashes = reader.node_set(nodes)
    return compute(lambda level, index: hashes[level, index])
