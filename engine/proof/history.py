"""Two signed checkpoints of one ledger: the same, one that continues the other, or a fork.

A checkpoint commits to every earlier one. What a :class:`History` shows of an earlier size is
never believed: :func:`compared` follows it to the signed root or chain first. So the two notes
and what leads from the one to the other are proof by themselves, in one file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
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
        sizes_before: Of a proof that does not hold the whole ledger, the sizes up to its entry
            at which it shows the tree, smallest first.
    """

    note: str
    checkpoint: Checkpoint
    tree_at: Callable[[int], TreeThen | None] = _nothing
    chain_at: Callable[[int], ChainThen | None] = _nothing
    sizes_before: tuple[int, ...] = ()


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


def parted_before(first: History, second: History) -> int | None:
    """Return a size below both at which two histories of one ledger show different trees.

    That is a fork which no :class:`CheckpointPair` expresses: no checkpoint of that size is
    signed. None where they show none. Where the larger one shows the size of the smaller,
    :func:`pair_of` answers.
    """
    older, newer = sorted((first, second), key=lambda history: history.checkpoint.size)
    for size in reversed(newer.sizes_before):
        if size < older.checkpoint.size and (root := _root_at(older, size)) is not None:
            # one root has one tree before it: the largest size answers for the smaller ones
            return size if root != _root_at(newer, size) else None
    return None


def require_one_tree(first: History, second: History) -> None:
    """Verify that two histories of one ledger do not part as :func:`parted_before` shows.

    Raises:
        VerificationError: They do.
    """
    if (size := parted_before(first, second)) is not None:
        sizes = " and of ".join(str(shown.checkpoint.size) for shown in (first, second))
        raise VerificationError(
            "two histories of one ledger are signed: the checkpoints "
            f"of {sizes} entries do not begin with the same {size}",
            "act on neither; with one of the ledgers `engine ledger compare` shows it in a file",
        )


def require_no_fork(shown: SignedCheckpoint, kept: Iterable[str]) -> None:
    """Verify that no checkpoint that the caller kept contradicts a verified one.

    A kept checkpoint of the same ledger is compared where the record shows its size. Two that
    differ at one size convict the signer; others need a consistency proof, which the ledger gives.

    Args:
        shown: What was verified.
        kept: Signed notes.

    Raises:
        VerificationError: One is no checkpoint, or contradicts; both notes are in the message.

    Source: spec/predicate-v1.md section 10.3.
    """
    read = [History(note, notes.parse(note)[0]) for note in kept]
    origin = shown.checkpoint.origin
    of_ledger = [found for found in read if found.checkpoint.origin == origin]
    history = shown.history if of_ledger else History(shown.note, shown.checkpoint)
    for other in of_ledger:
        if pair_of(other, history).outcome is Outcome.FORK:
            size = other.checkpoint.size
            raise VerificationError(
                f"the ledger forked: at size {size} it is another than the checkpoint that "
                "was kept",
                "keep both: signed by one key, they convict it",
                (f"kept:\n{other.note}", f"shown:\n{shown.note}"),
            )


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

    With the whole ledger in it that is every earlier size; else every size from its entry on, and
    the trees before it that its inclusion proof is made of.

    Source: spec/predicate-v1.md section 14.4.
    """
    if parts.ledger is not None:
        before, chain = merkle.Frontier(), merkle.GENESIS_CHAIN
        leaves = [merkle.leaf_hash(entry) for entry in parts.ledger]
    else:
        before = merkle.Frontier.before(parts.index, parts.size, parts.path)
        chain = parts.previous_hash
        leaves = [merkle.leaf_hash(parts.entry), *parts.following_leaves]
    first, node, chains = before.size, before.followed_by(leaves), [chain]
    for leaf in leaves:
        chains.append(merkle.chain_hash(chains[-1], leaf))

    def tree_at(size: int) -> TreeThen | None:
        try:
            path = merkle.consistency_proof(size, signed.size, node)
            return TreeThen(merkle.root(size, node), tuple(path))
        except LookupError:
            return None

    def chain_at(size: int) -> ChainThen | None:
        if size < first:
            return None
        return ChainThen(chains[size - first], tuple(leaves[size - first :]))

    return History(parts.checkpoint, signed, tree_at, chain_at, before.sizes)


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
