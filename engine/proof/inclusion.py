"""Where an entry stands: at its index, in the tree and on the chain that a key signed."""

from __future__ import annotations

from collections.abc import Sequence

from engine.formats.signed_json import refuse
from engine.proof import checkpoint, merkle
from engine.proof.bundle import ProofBundle
from engine.proof.checkpoint import Checkpoint, origin_of


def placed(parts: ProofBundle, public_keys: Sequence[bytes]) -> Checkpoint:
    """Return the signed state of the ledger in which the entry is where the bundle says.

    Raises:
        VerificationError: The checkpoint is not signed by one of the keys, or entry, path,
            chain hashes and leaves do not lead to it.

    Source: spec/predicate-v1.md section 10.
    """
    signed = checkpoint.verify(parts.checkpoint, public_keys)
    if parts.size != signed.size:
        refuse(f"the bundle is about {parts.size} entries, its checkpoint about {signed.size}")
    leaf = merkle.leaf_hash(parts.entry)
    merkle.verify_inclusion(leaf, parts.index, parts.size, parts.path, signed.root)
    if merkle.chain_hash(parts.previous_hash, leaf) != parts.current_hash:
        refuse("current_hash does not follow from previous_hash and the entry")
    if parts.index == 0 and parts.previous_hash != merkle.GENESIS_CHAIN:
        refuse("previous_hash of the first entry is not the beginning of a chain")
    following = parts.following_leaves
    if parts.ledger is not None:
        following = _whole_ledger(parts, signed)
    if len(following) != parts.size - parts.index - 1:
        refuse(f"{len(following)} leaves follow, where the checkpoint has another number")
    chain, tree = parts.current_hash, merkle.Frontier.before(parts.index, parts.size, parts.path)
    tree.append(leaf)
    for leaf in following:
        chain = merkle.chain_hash(chain, leaf)
        tree.append(leaf)
    if chain != signed.chain:
        refuse("the chain hashes do not lead to the one that the checkpoint signs")
    if tree.root() != signed.root:
        refuse("the leaves that follow are not those of the tree that the checkpoint signs")
    return signed


def _whole_ledger(parts: ProofBundle, signed: Checkpoint) -> tuple[bytes, ...]:
    """Section 10.4: the entries of a ledger of one run are all of it, in order."""
    entries = parts.ledger or ()
    if parts.following_leaves:
        refuse("following_leaves is there beside the whole ledger")
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    frontier = merkle.Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    if frontier.size != signed.size or frontier.root() != signed.root:
        refuse("the ledger in the bundle is not the one that the checkpoint signs")
    chain = merkle.GENESIS_CHAIN
    for leaf in leaves[: parts.index]:
        chain = merkle.chain_hash(chain, leaf)
    if chain != parts.previous_hash:
        refuse("the ledger in the bundle does not lead to previous_hash")
    return tuple(leaves[parts.index + 1 :])


def ledger_id_of(origin: str) -> str:
    """Return the ledger that a checkpoint of ``origin`` is of.

    Raises:
        VerificationError: It is of no ledger of this engine.
    """
    ledger_id = origin.removeprefix(origin_of(""))
    if origin != origin_of(ledger_id):
        refuse(f"the checkpoint's origin {origin!r} is not a ledger of this engine")
    return ledger_id
