from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.proof import merkle
from engine.proof.merkle import Frontier, Node, leaf_hash, node_hash
from tests.examples import examples
from tests.repository import DATA

KNOWN: dict[str, Any] = json.loads((DATA / "rfc6962.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(entry)) for entry in KNOWN["leaves"]]
ROOTS = [bytes.fromhex(root) for root in KNOWN["roots"]]
SIZES = st.integers(1, 70)


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(b"entry %d" % index) for index in range(size)]


def node_of(leaves: list[bytes]) -> Node:
    """Subtree hashes by the definition: from the leaves, each time again."""

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def completed_nodes(index: int, leaf: bytes, node: Node) -> Iterator[tuple[int, int, bytes]]:
    """The subtrees, level 1 and up, that leaf ``index`` completes, from those complete before."""
    level, here = 0, leaf
    while index & 1:
        here = node_hash(node(level, index - 1), here)
        level, index = level + 1, index >> 1
        yield level, index, here


def stored(nodes: dict[tuple[int, int], bytes]) -> Node:
    return lambda level, index: nodes[level, index]


def counted(node: Node) -> tuple[Node, Callable[[], int]]:
    calls: list[tuple[int, int]] = []

    def counting(level: int, index: int) -> bytes:
        calls.append((level, index))
        return node(level, index)

    return counting, lambda: len(calls)


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(root_by_definition(leaves[:split]), root_by_definition(leaves[split:]))


def path_of(hexes: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in hexes]


def test_the_empty_tree_has_the_root_of_the_rfc() -> None:
    assert merkle.root(0, node_of([])) == hashlib.sha256(b"").digest() == Frontier().root()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_rfc(size: int) -> None:
    assert merkle.root(size, node_of(LEAVES)) == ROOTS[size - 1]


@pytest.mark.parametrize("known", KNOWN["inclusion"], ids=str)
def test_inclusion_proofs_are_those_of_the_rfc(known: dict[str, Any]) -> None:
    index, size, path = known["index"], known["size"], path_of(known["path"])

    assert merkle.inclusion_proof(index, size, node_of(LEAVES)) == path
    merkle.verify_inclusion(LEAVES[index], index, size, path, ROOTS[size - 1])


@pytest.mark.parametrize("known", KNOWN["consistency"], ids=str)
def test_consistency_proofs_are_those_of_the_rfc(known: dict[str, Any]) -> None:
    old, new, path = known["old"], known["new"], path_of(known["path"])

    assert merkle.consistency_proof(old, new, node_of(LEAVES)) == path
    merkle.verify_consistency(old, new, ROOTS[old - 1], ROOTS[new - 1], path)


@given(st.integers(0, 70))
def test_the_root_is_the_one_of_the_definition(size: int) -> None:
    leaves = leaves_of(size)
    assert merkle.root(size, node_of(leaves)) == root_by_definition(leaves)


@given(SIZES, st.data())
def test_every_entry_is_provable(size: int, data: st.DataObject) -> None:
    """INV-LEDGER-2: each leaf has a proof, and the proof gives the signed root."""
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(index, size, node_of(leaves))

    merkle.verify_inclusion(leaves[index], index, size, path, root_by_definition(leaves))


@given(SIZES, st.data())
def test_a_proof_fits_no_other_leaf_place_or_size(size: int, data: st.DataObject) -> None:
    """INV-LEDGER-2: what a proof shows, it shows of one entry at one place only."""
    leaves = leaves_of(size)
    root = root_by_definition(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(index, size, node_of(leaves))

    for leaf, place in ((leaf_hash(b"forged"), index), (leaves[index], index ^ 1)):
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(leaf, place, size, path, root)
    for forged in (path[:-1], [*path, root], [root, *path], [*path[:-1], root]):
        if forged != path:
            with pytest.raises(VerificationError):
                merkle.verify_inclusion(leaves[index], index, size, forged, root)
    for position in range(len(path)):
        flipped = [*path]
        flipped[position] = bytes([flipped[position][0] ^ 8]) + flipped[position][1:]
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(leaves[index], index, size, flipped, root)


@given(SIZES, SIZES)
def test_any_two_sizes_are_consistent(first: int, second: int) -> None:
    """INV-LEDGER-3: a later tree is shown to begin with an earlier one."""
    old, new = sorted((first, second))
    leaves = leaves_of(new)
    path = merkle.consistency_proof(old, new, node_of(leaves))

    old_root, new_root = root_by_definition(leaves[:old]), root_by_definition(leaves)
    merkle.verify_consistency(old, new, old_root, new_root, path)


@given(st.integers(2, 70), st.data())
def test_rewritten_history_is_not_consistent(new: int, data: st.DataObject) -> None:
    leaves = leaves_of(new)
    old = data.draw(st.integers(1, new - 1))
    rewritten = data.draw(st.integers(0, old - 1))
    old_root = root_by_definition(leaves[:old])
    leaves[rewritten] = leaf_hash(b"rewritten")
    path = merkle.consistency_proof(old, new, node_of(leaves))

    with pytest.raises(VerificationError):
        merkle.verify_consistency(old, new, old_root, root_by_definition(leaves), path)


@given(st.integers(2, 70), st.data())
def test_a_changed_consistency_proof_shows_nothing(new: int, data: st.DataObject) -> None:
    leaves = leaves_of(new)
    old = data.draw(st.integers(1, new - 1))
    old_root, new_root = root_by_definition(leaves[:old]), root_by_definition(leaves)
    path = merkle.consistency_proof(old, new, node_of(leaves))

    for forged in (path[:-1], [], [*path, new_root], [old_root, *path], [*path[:-1], old_root]):
        if forged != path:
            with pytest.raises(VerificationError):
                merkle.verify_consistency(old, new, old_root, new_root, forged)
    for pair in ((new_root, old_root), (old_root, old_root), (bytes(31), new_root)):
        with pytest.raises(VerificationError):
            merkle.verify_consistency(old, new, *pair, path)


def test_the_empty_tree_begins_every_tree_and_needs_no_proof() -> None:
    assert merkle.consistency_proof(0, 5, node_of(LEAVES)) == []
    merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, ROOTS[4], [])
    merkle.verify_consistency(0, 0, merkle.EMPTY_ROOT, merkle.EMPTY_ROOT, [])
    for old_root, new_root, size in (
        (ROOTS[0], ROOTS[4], 5),
        (merkle.EMPTY_ROOT, ROOTS[0], 0),
        (ROOTS[0], ROOTS[0], 0),
    ):
        with pytest.raises(VerificationError):
            merkle.verify_consistency(0, size, old_root, new_root, [])
    with pytest.raises(VerificationError):
        merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, ROOTS[4], [ROOTS[0]])


def test_equal_sizes_need_equal_roots_and_no_path() -> None:
    merkle.verify_consistency(5, 5, ROOTS[4], ROOTS[4], [])
    for root, path in ((ROOTS[3], []), (ROOTS[4], [ROOTS[4]])):
        with pytest.raises(VerificationError):
            merkle.verify_consistency(5, 5, root, ROOTS[4], path)


def test_a_tree_does_not_shrink() -> None:
    with pytest.raises(VerificationError, match="no prefix"):
        merkle.verify_consistency(5, 4, ROOTS[4], ROOTS[3], [])
    with pytest.raises(ValueError, match="no prefix"):
        merkle.consistency_proof(5, 4, node_of(LEAVES))


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0), (1, 0)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        merkle.inclusion_proof(index, size, node_of(LEAVES))
    with pytest.raises(VerificationError, match="outside"):
        merkle.root_from_proof(LEAVES[0], index, size, [])


def test_short_and_long_proofs_are_refused() -> None:
    with pytest.raises(VerificationError, match="too short"):
        merkle.root_from_proof(LEAVES[0], 0, 4, [LEAVES[1]])
    with pytest.raises(VerificationError, match="too long"):
        merkle.root_from_proof(LEAVES[0], 0, 1, [LEAVES[1]])
    with pytest.raises(VerificationError, match="32 bytes"):
        merkle.root_from_proof(LEAVES[0], 0, 2, [b""])
    with pytest.raises(VerificationError, match="32 bytes"):
        merkle.root_from_proof(b"leaf", 0, 1, [])


@given(st.integers(1, 10**12), st.data())
def test_proofs_ask_for_few_nodes(size: int, data: st.DataObject) -> None:
    """A proof costs O(log n), so a large ledger answers as fast as a small one."""

    def made_up(level: int, index: int) -> bytes:
        return hashlib.sha256(b"%d %d" % (level, index)).digest()

    index = data.draw(st.integers(0, size - 1))
    bound = 2 * size.bit_length() + 1
    for ask in (
        lambda node: merkle.inclusion_proof(index, size, node),
        lambda node: merkle.consistency_proof(index, size, node),
        lambda node: merkle.root(size, node),
        lambda node: Frontier.load(size, node),
    ):
        node, calls = counted(made_up)
        ask(node)
        assert calls() <= bound


@given(SIZES)
@settings(max_examples=examples(40))
def test_the_frontier_is_the_tree_at_every_size(size: int) -> None:
    leaves = leaves_of(size)
    nodes = {(0, index): leaf for index, leaf in enumerate(leaves)}
    frontier = Frontier()

    for index, leaf in enumerate(leaves):
        completed = frontier.append(leaf)
        assert completed == list(completed_nodes(index, leaf, stored(nodes)))
        for level, at, value in completed:
            assert value == node_of(leaves)(level, at)
            nodes[level, at] = value
        assert frontier.size == index + 1
        assert frontier.root() == root_by_definition(leaves[: index + 1])
        assert Frontier.load(index + 1, stored(nodes)).root() == frontier.root()


@given(SIZES, st.data())
@settings(max_examples=examples(40))
def test_a_proof_and_the_leaves_behind_it_show_these_trees_and_no_other(
    size: int, data: st.DataObject
) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(index, size, node_of(leaves))
    before = Frontier.before(index, size, path)
    node = before.followed_by(leaves[index:])

    assert before.root() == root_by_definition(leaves[:index])
    for old in range(1, size + 2):
        if old > size or (old < index and old not in before.sizes):
            with pytest.raises(LookupError):
                merkle.root(old, node)
            continue
        assert merkle.root(old, node) == root_by_definition(leaves[:old])
        shown = merkle.consistency_proof(old, size, node)
        assert shown == merkle.consistency_proof(old, size, node_of(leaves))
    assert set(before.sizes) == {index >> bits << bits for bits in range(index.bit_length())}


def test_a_copied_frontier_lets_an_aborted_append_be_forgotten() -> None:
    frontier = Frontier.load(3, node_of(LEAVES))
    for twin in (frontier.copy(), copy.copy(frontier)):
        twin.append(LEAVES[3])
        assert (twin.size, twin.root()) == (4, ROOTS[3])
    assert (frontier.size, frontier.root()) == (3, ROOTS[2])


def test_short_and_long_consistency_proofs_are_refused() -> None:
    path = merkle.consistency_proof(3, 8, node_of(LEAVES))
    old_root, new_root = ROOTS[2], ROOTS[7]

    with pytest.raises(VerificationError, match="too short"):
        merkle.verify_consistency(3, 8, old_root, new_root, path[:-1])
    with pytest.raises(VerificationError, match="too long"):
        merkle.verify_consistency(3, 8, old_root, new_root, [*path, new_root])
    with pytest.raises(VerificationError, match="empty"):
        merkle.verify_consistency(3, 8, old_root, new_root, [])


def test_the_chain_is_a_plain_hash_chain() -> None:
    first = merkle.chain_hash(merkle.GENESIS_CHAIN, LEAVES[0])

    assert first == hashlib.sha256(bytes(32) + LEAVES[0]).digest()
    assert merkle.chain_hash(first, LEAVES[1]) == hashlib.sha256(first + LEAVES[1]).digest()
