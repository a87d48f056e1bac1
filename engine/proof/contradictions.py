"""What files that are verified in one call show together, and none of them by itself.

Source: spec/predicate-v1.md section 14.4.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.errors import VerificationError
from engine.proof import checkpoint
from engine.proof.attestation import VerifiedAttestation
from engine.proof.bundle import ProofBundle
from engine.proof.envelope import open_envelope
from engine.proof.equivocation import Equivocation, encode, record_of, verify_equivocation
from engine.proof.history import (
    ChainThen,
    CheckpointPair,
    History,
    Outcome,
    TreeThen,
    pair_of,
    require_one_tree,
)
from engine.proof.trusted_keys import CHECKPOINT, Keys, keys_for
from engine.proof.verify import Verified


class Contradiction(NamedTuple):
    """Two files that cannot both stand.

    Attributes:
        files: Their names, in the order in which they were given.
        shown: Whom they convict, and of what; an error where no one key signed both.
    """

    files: tuple[str, str]
    shown: Equivocation | CheckpointPair | VerificationError


class _Signed(NamedTuple):
    file: str
    history: History
    keys: frozenset[bytes]


class Together:
    """The files of one call.

    Args:
        public_keys: Keys that are trusted.
    """

    def __init__(self, public_keys: Keys) -> None:
        self._keys = public_keys
        self._records: dict[str, tuple[str, ProofBundle]] = {}
        self._ledgers: dict[str, list[_Signed]] = {}

    def take(
        self, file: str, verified: Verified | VerifiedAttestation | CheckpointPair | Equivocation
    ) -> list[Contradiction]:
        """Hold a file that was verified against those before it; return what cannot stand.

        Records do not agree where one id has two statements. Checkpoints of one ledger that one
        key signed do not agree where one does not continue the other, and where they show two
        trees at one size: a proof shows every tree from its entry on, so that two entries in one
        place never agree, and those before it that its inclusion proof is made of.
        """
        if isinstance(verified, Equivocation):
            return []  # it convicts by itself, and so does a pair that is a fork
        if isinstance(verified, CheckpointPair) and verified.outcome is Outcome.FORK:
            return []
        if isinstance(verified, CheckpointPair):
            trusted = tuple(keys_for(self._keys, CHECKPOINT))
            histories = _histories_in(verified, trusted)
            taken = (self._taken(file, history, trusted) for history in histories)
            return next(filter(None, taken), [])
        found: list[Contradiction] = []
        for signed in verified.checkpoints:
            found += self._taken(file, signed.history, signed.keys)
        parts = verified.checkpoints[0].parts
        if isinstance(verified, Verified):
            name = verified.decision_id
        else:
            name = verified.attestation.statement["predicate"]["attestation_id"]
        if parts is not None and not found:
            before = self._records.setdefault(name, (file, parts))
            found += self._compared(name, before, (file, parts))
        return found

    def _compared(
        self, name: str, first: tuple[str, ProofBundle], second: tuple[str, ProofBundle]
    ) -> list[Contradiction]:
        """Whether two records of one id say the same, however they are wrapped."""
        records = [record_of(parts) for _, parts in (first, second)]
        payloads = {open_envelope(record.entry).payload for record in records}
        if len(payloads) == 1:
            return []
        shown: Equivocation | VerificationError
        try:
            shown = verify_equivocation(encode(records), self._keys)
        except VerificationError as error:
            message = f"two statements have the id {name}: {error.message}"
            shown = VerificationError(message, error.hint)
        return [Contradiction((first[0], second[0]), shown)]

    def _taken(
        self, file: str, history: History, public_keys: tuple[bytes, ...]
    ) -> list[Contradiction]:
        keys = frozenset(k for k in public_keys if checkpoint.signed_by(history.note, k))
        others = self._ledgers.setdefault(history.checkpoint.origin, [])
        of_key = [other for other in others if keys & other.keys]
        others.append(_Signed(file, history, keys))
        for other in of_key:
            if _differs(history, other.history):
                pair = pair_of(other.history, history)
                return [Contradiction((other.file, file), pair)]
        for other in of_key:
            try:
                require_one_tree(other.history, history)
            except VerificationError as error:
                return [Contradiction((other.file, file), error)]
        return []


def _differs(first: History, second: History) -> bool:
    """Whether two histories are a fork that :func:`pair_of` shows."""
    older, newer = sorted((first, second), key=lambda shown: shown.checkpoint.size)
    size = older.checkpoint.size
    if size == newer.checkpoint.size:
        return older.checkpoint != newer.checkpoint
    chain, tree = newer.chain_at(size), newer.tree_at(size)
    return (chain is not None and chain.chain != older.checkpoint.chain) or (
        tree is not None and tree.root != older.checkpoint.root
    )


def _histories_in(pair: CheckpointPair, public_keys: tuple[bytes, ...]) -> tuple[History, ...]:
    older, newer = (checkpoint.verify(note, public_keys) for note in (pair.older, pair.newer))

    def tree_at(size: int) -> TreeThen | None:
        return pair.tree if size == older.size else None

    def chain_at(size: int) -> ChainThen | None:
        return pair.chain if size == older.size else None

    return History(pair.newer, newer, tree_at, chain_at), History(pair.older, older)
