"""The ledger's two hash structures: the RFC 6962 tree, and a plain chain beside it.

Pure functions over bytes. Proofs ask for the hashes of complete subtrees through a
:data:`Node` and need O(log n) of them, so a store keeps one row per complete subtree and
never reads the leaves again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TypeAlias

from engine.errors import VerificationError

GENESIS_CHAIN = bytes(32)
"""Chain hash before the first entry."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves. RFC 6962 section 2.1."""

Node: TypeAlias = Callable[[int, int], bytes]
"""``node(level, index)``: hash of the complete subtree of ``2**level`` leaves that starts
at leaf ``index * 2**level``. Level 0 is the leaf hash."""

_HINT = "the proof does not belong to this entry and this checkpoint"


def leaf_hash(entry: bytes) -> bytes:
    """Hash one ledger entry into a leaf. RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent. RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def chain_hash(previous: bytes, leaf: bytes) -> bytes:
    """Return the chain hash after the entry with leaf hash ``leaf``; 32 bytes."""
    return hashlib.sha256(previous + leaf).digest()


def root(size: int, node: Node) -> bytes:
    """Return the root of the tree of the first ``size`` leaves. RFC 6962 section 2.1."""
    return _span(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return the audit path of leaf ``index`` in the tree of ``size`` leaves, leaf first.

    Raises:
        ValueError: ``index`` is outside the tree.

    Source: RFC 6962 section 2.1.1.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is outside a tree of {size}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_span(middle, end, node))
            end = middle
        else:
            path.append(_span(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """Return the proof that the tree of ``old`` leaves is a prefix of the tree of ``new``.

    Empty when ``old`` is 0 or equals ``new``.

    Raises:
        ValueError: ``old`` is negative or larger than ``new``.

    Source: RFC 6962 section 2.1.2.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} is no prefix of a tree of {new}")
    if old in (0, new):
        return []
    path = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_span(middle, end, node))
            end = middle
        else:
            path.append(_span(start, middle, node))
            start = middle
    if start:  # the old tree's root is not itself a subtree of the new one: give its last part
        path.append(_span(start, end, node))
    return path[::-1]


def root_from_proof(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Rebuild the root that an inclusion proof commits to.

    Args:
        leaf: Leaf hash, 32 bytes, from :func:`leaf_hash`.
        index: Position of the leaf, counted from 0.
        size: Number of leaves of the tree that the proof was made for.
        path: Sibling hashes, 32 bytes each, from the leaf towards the root.

    Returns:
        The 32-byte root. It proves nothing until it was compared with a signed checkpoint.

    Raises:
        VerificationError: ``index`` is outside the tree, or ``path`` has the wrong length.

    Source: RFC 9162 section 2.1.3.2, steps 1-5.
    """
    if not 0 <= index < size:
        raise VerificationError(f"leaf {index} is outside a tree of {size}", _HINT)
    _require_hashes(leaf, *path)
    here, position, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            raise VerificationError("the inclusion proof is too long", _HINT)
        if position & 1 or position == last:
            here = node_hash(sibling, here)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            here = node_hash(here, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise VerificationError("the inclusion proof is too short", _HINT)
    return here


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes
) -> None:
    """Verify that ``leaf`` is at ``index`` in the tree with ``expected_root``.

    Raises:
        VerificationError: It is not shown to be.

    Source: RFC 9162 section 2.1.3.2.
    """
    if root_from_proof(leaf, index, size, path) != expected_root:
        raise VerificationError(f"the entry is not at index {index} of the signed tree", _HINT)


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Verify that the new tree begins with all of the old one.

    The empty tree begins every tree; equal sizes need equal roots; both have no path.

    Raises:
        VerificationError: It is not shown to.

    Source: RFC 9162 section 2.1.4.2.
    """
    if not 0 <= old_size <= new_size:
        raise VerificationError(f"a tree of {old_size} is no prefix of a tree of {new_size}")
    _require_hashes(old_root, new_root, *path)
    if old_size in (0, new_size):
        expected = EMPTY_ROOT if old_size == 0 else new_root
        if path or old_root != expected or (new_size == 0 and new_root != EMPTY_ROOT):
            raise VerificationError("the trees of these sizes are not consistent")
        return
    if _roots_from_consistency(old_size, new_size, old_root, path) != (old_root, new_root):
        raise VerificationError(
            f"the tree of {new_size} does not begin with the tree of {old_size}",
            "history was rewritten between the two checkpoints, or they are of two ledgers",
        )


def _roots_from_consistency(
    old_size: int, new_size: int, old_root: bytes, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """RFC 9162 section 2.1.4.2, steps 2-6: the (old, new) roots that ``path`` leads to."""
    hashes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not hashes:
        raise VerificationError("the consistency proof is empty")
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise VerificationError("the consistency proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise VerificationError("the consistency proof is too short")
    return old, new


class Frontier:
    """The right edge of a growing tree: what an append needs to know, O(log n) hashes.

    Copy it before a transaction; forget the copy, or the original, when that fails.
    """

    __slots__ = ("_edge", "size")

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # complete subtrees, the largest and leftmost first

    @classmethod
    def load(cls, size: int, node: Node) -> Frontier:
        """Return the right edge of a stored tree of ``size`` leaves; one call per edge hash."""
        frontier = cls()
        frontier.size = size
        frontier._edge = [node(level, index) for level, index in _complete(0, size)]
        return frontier

    @classmethod
    def before(cls, index: int, size: int, path: Sequence[bytes]) -> Frontier:
        """Return the right edge of the tree that leaf ``index`` was appended to.

        Args:
            index: Position of the leaf.
            size: Number of leaves of the tree that its inclusion proof was made for.
            path: That proof, verified: its left siblings are the edge.
        """
        frontier = cls()
        frontier.size = index
        start, end = 0, size
        for sibling in reversed(path):
            middle = start + _split(end - start)
            if index < middle:
                end = middle
            else:
                frontier._edge.append(sibling)
                start = middle
        return frontier

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the trees whose roots the edge alone gives, smallest first, its own the last."""
        return tuple((index + 1) << level for level, index in _complete(0, self.size))

    def followed_by(self, leaves: Sequence[bytes]) -> Node:
        """Return the subtrees of the tree that goes on with ``leaves``.

        Of those that end before them it knows the edge alone: of another one, and behind the
        last leaf, it raises LookupError.
        """
        first = self.size
        edge = dict(zip(_complete(0, first), self._edge, strict=True))

        @cache
        def node(level: int, index: int) -> bytes:
            if (level, index) in edge:
                return edge[level, index]
            if (index + 1) << level <= first:
                raise LookupError(f"subtree {index} of level {level} is not shown")
            if level == 0:
                return leaves[index - first]
            return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

        return node

    def copy(self) -> Frontier:
        """Return an independent copy."""
        twin = Frontier()
        twin.size, twin._edge = self.size, self._edge.copy()
        return twin

    __copy__ = copy

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append a leaf; return ``(level, index, hash)`` of each subtree that completes."""
        completed = []
        level, index, here = 0, self.size, leaf
        while index & 1:
            here = node_hash(self._edge.pop(), here)
            level, index = level + 1, index >> 1
            completed.append((level, index, here))
        self._edge.append(here)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Return the root of the tree as it is now. RFC 6962 section 2.1."""
        return _fold(self._edge) if self._edge else EMPTY_ROOT


def _split(size: int) -> int:
    """Largest power of two smaller than ``size``, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _complete(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield ``(level, index)`` of the complete subtrees that make up leaves ``start..end-1``.

    ``start`` must be a multiple of the largest of them, as it is wherever RFC 6962 splits.
    """
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _span(start: int, end: int, node: Node) -> bytes:
    """Hash of the leaves ``start..end-1``, which is not empty."""
    return _fold([node(level, index) for level, index in _complete(start, end)])


def _fold(edge: Sequence[bytes]) -> bytes:
    here = edge[-1]
    for left in reversed(edge[:-1]):
        here = node_hash(left, here)
    return here


def _require_hashes(*hashes: bytes) -> None:
    if any(len(value) != 32 for value in hashes):
        raise VerificationError("a hash of the proof is not 32 bytes long", _HINT)
