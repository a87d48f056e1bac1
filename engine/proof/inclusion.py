"""Where an entry stands: at its index, in the tree and on the chain that a key signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.errors import VerificationError
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
    chain = parts.current_hash
    for leaf in following:
        chain = merkle.chain_hash(chain, leaf)
    if chain != signed.chain:
        refuse("the chain hashes do not lead to the one that the checkpoint signs")
    return signed


def require_no_fork(parts: ProofBundle, kept: Iterable[str]) -> None:
    """Verify that no checkpoint that the caller kept contradicts the one of the bundle.

    A kept checkpoint of the same ledger is compared where the bundle reaches: at any size from
    the entry's index to the bundle's own. Two that differ at one size convict the signer; others
    need a consistency proof, which the ledger gives.

    Args:
        parts: A bundle that :func:`placed` accepted.
        kept: Signed notes.

    Raises:
        VerificationError: One is no checkpoint, or contradicts; both notes are in the message.

    Source: spec/predicate-v1.md section 10.3.
    """
    signed, *_ = checkpoint.parse(parts.checkpoint)
    require_same_at(signed, parts.checkpoint, chains_of(parts), kept)


def chains_of(parts: ProofBundle) -> dict[int, bytes]:
    """Return the chain hash by size, from before the entry to the bundle's own checkpoint.

    Args:
        parts: A bundle that :func:`placed` accepted.
    """
    leaves = [merkle.leaf_hash(entry) for entry in parts.ledger or ()][parts.index + 1 :]
    chains = {parts.index: parts.previous_hash, parts.index + 1: parts.current_hash}
    for size, leaf in enumerate(leaves or parts.following_leaves, parts.index + 2):
        chains[size] = merkle.chain_hash(chains[size - 1], leaf)
    return chains


def require_same_at(
    signed: Checkpoint, note: str, chains: Mapping[int, bytes], kept: Iterable[str]
) -> None:
    """Verify that no checkpoint that the caller kept contradicts ``signed``.

    Args:
        signed: A checkpoint, verified.
        note: Its signed note.
        chains: The ledger's chain hash by size, as far as it is known.
        kept: Signed notes.

    Raises:
        VerificationError: As :func:`require_no_fork`.
    """
    for other_note in kept:
        other, *_ = checkpoint.parse(other_note)
        if other.origin != signed.origin or other.size not in chains:
            continue
        same_root = other.size != signed.size or other.root == signed.root
        if chains[other.size] != other.chain or not same_root:
            raise VerificationError(
                f"the ledger forked: at size {other.size} it is another than the checkpoint that "
                "was kept",
                "keep both: signed by one key, they convict it",
                (f"kept:\n{other_note}", f"shown:\n{note}"),
            )


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
