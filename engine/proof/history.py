"""Two signed checkpoints of one ledger: the same, one that continues the other, or a fork.

A checkpoint commits to every earlier one. What a :class:`History` shows of an earlier size is
never believed: :func:`compared` follows it to the signed root or chain first. So the two notes
and what leads from the one to the other are proof by themselves, in one file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from engine.errors import VerificationError
from engine.formats import canonical
from engine.formats.signed_json import (
    read_base64,
    read_hex,
    read_json,
    read_list,
    read_object,
    read_text,
    refuse,
    write_base64,
)
from engine.model import Json
from engine.proof import checkpoint as notes
from engine.proof import merkle
from engine.proof.bundle import MAX_BYTES, ProofBundle, read_hashes, read_path
from engine.proof.checkpoint import Checkpoint
from engine.proof.inclusion import chains_of
from engine.proof.trusted_keys import CHECKPOINT, Keys, keys_for

MEDIA_TYPE = "application/vnd.governance-engine.checkpoints+json;version=1"


class Outcome(StrEnum):
    """What two checkpoints of one ledger are to each other."""

    SAME = "same"
    CONTINUES = "continues"
    FORK = "fork"
    UNKNOWN = "unknown"


class TreeThen(NamedTuple):
    """What a later tree commits to at an earlier size.

    Attributes:
        root: The root then, 32 bytes.
        path: Consistency proof from then to the later size, RFC 9162 section 2.1.4.
    """

    root: bytes
    path: tuple[bytes, ...]


class ChainThen(NamedTuple):
    """What a later chain commits to at an earlier size.

    Attributes:
        chain: The chain hash then, 32 bytes.
        leaves: Leaf hashes of the entries since, oldest first.
    """

    chain: bytes
    leaves: tuple[bytes, ...]


def _nothing(_size: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class History:
    """A signed checkpoint, verified, with what its holder can show of earlier sizes.

    Attributes:
        note: Signed note, verbatim.
        checkpoint: What it says.
        tree_at: Gives the tree at a smaller size; None where it cannot be shown.
        chain_at: Gives the chain at a smaller size; None where it cannot be shown.
    """

    note: str
    checkpoint: Checkpoint
    tree_at: Callable[[int], TreeThen | None] = _nothing
    chain_at: Callable[[int], ChainThen | None] = _nothing


class SignedCheckpoint(NamedTuple):
    """A verified checkpoint that a record rests on, and by whose word.

    Attributes:
        note: Signed note, verbatim.
        checkpoint: What it says.
        keys: Raw keys, one of which at least signed it.
        parts: Proof bundle that it is of; None where nothing shows the ledger's earlier sizes.
        is_attested: Whether an attestation inside the record rests on it, and not the record.
    """

    note: str
    checkpoint: Checkpoint
    keys: tuple[bytes, ...]
    parts: ProofBundle | None = None
    is_attested: bool = False

    @property
    def history(self) -> History:
        """It, with what is shown of earlier sizes."""
        if self.parts is None:
            return History(self.note, self.checkpoint)
        return history_in(self.parts, self.checkpoint)


class CheckpointPair(NamedTuple):
    """Two checkpoints of one ledger, and what leads from the one to the other.

    Attributes:
        older: Signed note of the smaller size.
        newer: Signed note of the larger size.
        outcome: What they are to each other.
        tree: The newer's tree at the older's size; None where it was not shown.
        chain: The newer's chain at the older's size; None where it was not shown.
        failed_expectations: What was demanded of a record: the file holds none.
    """

    older: str
    newer: str
    outcome: Outcome
    tree: TreeThen | None = None
    chain: ChainThen | None = None
    failed_expectations: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the file that shows it: canonical JSON and a line break."""
        document: dict[str, Json] = {
            "mediaType": MEDIA_TYPE,
            "checkpoints": [self.older, self.newer],
        }
        if self.tree is not None:
            document["tree"] = {
                "root": write_base64(self.tree.root),
                "path": [write_base64(part) for part in self.tree.path],
            }
        if self.chain is not None:
            document["chain"] = {
                "chain": self.chain.chain.hex(),
                "leaves": [write_base64(leaf) for leaf in self.chain.leaves],
            }
        return canonical.encode(document) + b"\n"


def compared(
    older: Checkpoint,
    newer: Checkpoint,
    tree: TreeThen | None = None,
    chain: ChainThen | None = None,
) -> Outcome:
    """Return what two checkpoints of one ledger are to each other.

    Args:
        older: The smaller one.
        newer: The larger one, or one of the same size.
        tree: The newer's tree at the older's size, as far as it is known.
        chain: The newer's chain at the older's size, as far as it is known.

    Raises:
        VerificationError: They are of two ledgers or in the wrong order, or what is said of
            the newer one does not lead to it.

    Source: spec/predicate-v1.md section 14.2.
    """
    if older.origin != newer.origin:
        refuse(f"the checkpoints are of two ledgers, {older.origin} and {newer.origin}")
    if older.size > newer.size:
        refuse("the checkpoints are not in order: the smaller one comes first")
    if older.size == newer.size:
        return Outcome.SAME if older == newer else Outcome.FORK
    outcome = Outcome.UNKNOWN
    if tree is not None:
        merkle.verify_consistency(older.size, newer.size, tree.root, newer.root, tree.path)
        outcome = Outcome.CONTINUES
    if chain is not None:
        _require_leads_to(newer, older.size, chain)
        outcome = Outcome.CONTINUES
    differs = (tree is not None and tree.root != older.root) or (
        chain is not None and chain.chain != older.chain
    )
    return Outcome.FORK if differs else outcome


def _require_leads_to(newer: Checkpoint, size: int, then: ChainThen) -> None:
    chain = then.chain
    for leaf in then.leaves:
        chain = merkle.chain_hash(chain, leaf)
    if len(then.leaves) != newer.size - size or chain != newer.chain:
        refuse("the leaves do not lead to the chain that the newer checkpoint signs")


def pair_of(first: History, second: History) -> CheckpointPair:
    """Return two histories of one ledger as a pair, with what its newer one shows.

    Raises:
        VerificationError: As :func:`compared`.
    """
    older, newer = sorted((first, second), key=lambda history: history.checkpoint.size)
    size = older.checkpoint.size
    tree = chain = None
    outcome = compared(older.checkpoint, newer.checkpoint)
    if outcome is Outcome.UNKNOWN and (tree := newer.tree_at(size)) is not None:
        outcome = compared(older.checkpoint, newer.checkpoint, tree)
    if outcome is not Outcome.FORK and size < newer.checkpoint.size:
        chain = newer.chain_at(size)
        outcome = compared(older.checkpoint, newer.checkpoint, tree, chain)
    if outcome is Outcome.CONTINUES and tree is not None:
        chain = None  # the shorter proof is enough
    return CheckpointPair(older.note, newer.note, outcome, tree, chain)


def shared_size(first: History, second: History) -> int | None:
    """Return how many entries two histories begin with in common; None where it is not known."""
    low, high = 0, min(first.checkpoint.size, second.checkpoint.size)
    while low < high:
        middle = (low + high + 1) // 2
        roots = [_root_at(history, middle) for history in (first, second)]
        if None in roots:
            return None
        low, high = (middle, high) if roots[0] == roots[1] else (low, middle - 1)
    return low


def _root_at(history: History, size: int) -> bytes | None:
    if size == history.checkpoint.size:
        return history.checkpoint.root
    then = history.tree_at(size)
    return None if then is None else then.root


def history_in(parts: ProofBundle, signed: Checkpoint) -> History:
    """Return what a proof bundle shows of its ledger, whose checkpoint ``signed`` was verified.

    With the whole ledger in it that is every earlier size; else every size from its entry on.
    """
    if parts.ledger is not None:
        leaves = [merkle.leaf_hash(entry) for entry in parts.ledger]
        node = _node_over(leaves)
        return History(
            parts.checkpoint,
            signed,
            lambda size: TreeThen(
                merkle.root(size, node), tuple(merkle.consistency_proof(size, signed.size, node))
            ),
            partial(_chain_in, _chains_over(leaves), leaves, 0),
        )
    first = parts.index
    following = [merkle.leaf_hash(parts.entry), *parts.following_leaves]
    return History(
        parts.checkpoint, signed, chain_at=partial(_chain_in, chains_of(parts), following, first)
    )


def _chains_over(leaves: Sequence[bytes]) -> dict[int, bytes]:
    chains = {0: merkle.GENESIS_CHAIN}
    for size, leaf in enumerate(leaves, 1):
        chains[size] = merkle.chain_hash(chains[size - 1], leaf)
    return chains


def _chain_in(
    chains: Mapping[int, bytes], leaves: Sequence[bytes], first: int, size: int
) -> ChainThen | None:
    return ChainThen(chains[size], tuple(leaves[size - first :])) if size in chains else None


def _node_over(leaves: Sequence[bytes]) -> merkle.Node:
    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return merkle.node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def verify_pair(data: bytes, public_keys: Keys) -> CheckpointPair:
    """Verify a file with two checkpoints and what leads from the one to the other.

    Raises:
        VerificationError: Not such a file, one of the two is not signed, no key signed both, or
            nothing in it shows what they are to each other.

    Source: spec/predicate-v1.md section 14.2.
    """
    return read_pair(read_json(data, "the file", max_bytes=MAX_BYTES), public_keys)


def read_pair(value: Json, public_keys: Keys) -> CheckpointPair:
    """Verify the same of a file that was read strictly.

    Raises:
        VerificationError: As :func:`verify_pair`.
    """
    members = read_object(value, "the file", ("mediaType", "checkpoints"), ("tree", "chain"))
    if members["mediaType"] != MEDIA_TYPE:
        refuse(f"the file is not of type {MEDIA_TYPE}")
    texts = [read_text(note, "a checkpoint") for note in read_list(members["checkpoints"], "they")]
    if len(texts) != 2:
        refuse(f"the file holds {len(texts)} checkpoints, and two are compared")
    tree = _read_tree(members["tree"]) if "tree" in members else None
    chain = _read_chain(members["chain"]) if "chain" in members else None
    trusted = keys_for(public_keys, CHECKPOINT)
    older, newer = (notes.verify(note, trusted) for note in texts)
    if older.size == newer.size and (tree is not None or chain is not None):
        refuse("the checkpoints have one size: nothing leads from the one to the other")
    outcome = compared(older, newer, tree, chain)
    if outcome is Outcome.UNKNOWN:
        refuse("nothing in the file shows what the two checkpoints are to each other")
    if not any(all(notes.signed_by(note, key) for note in texts) for key in trusted):
        raise VerificationError(
            "two keys signed the checkpoints, each one of them",
            "neither is convicted by that: a ledger has one key, so find out whose it is",
        )
    return CheckpointPair(texts[0], texts[1], outcome, tree, chain)


def _read_tree(value: Json) -> TreeThen:
    members = read_object(value, "the tree", ("root", "path"))
    root = read_base64(members["root"], "the tree's root")
    return TreeThen(root, read_path(members["path"], "the tree's path"))


def _read_chain(value: Json) -> ChainThen:
    members = read_object(value, "the chain", ("chain", "leaves"))
    chain = read_hex(members["chain"], "the chain's hash")
    return ChainThen(chain, read_hashes(members["leaves"], "the chain's leaves"))
