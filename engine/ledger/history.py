"""What a ledger at hand shows of its own past: any earlier size, by tree and by chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.proof.checkpoint import verify
from engine.proof.history import ChainThen, History, TreeThen

if TYPE_CHECKING:
    from engine.ledger.ledger import Ledger


def history_of(ledger: Ledger, public_keys: Sequence[bytes]) -> History:
    """Return the newest checkpoint of a ledger with all that lies before it.

    Args:
        ledger: To be read for as long as the history is used.
        public_keys: Raw keys, one of which must have signed the checkpoint.

    Raises:
        NotRecordedError: It has no checkpoint yet.
        VerificationError: None of the keys signed it.
    """
    note = ledger.last_checkpoint()
    signed = verify(note, public_keys)

    def tree_at(size: int) -> TreeThen:
        return TreeThen(ledger.root(size), tuple(ledger.consistency(size, signed.size)))

    def chain_at(size: int) -> ChainThen:
        leaves = ledger.leaves(size, signed.size)
        return ChainThen(ledger.appended(size).previous_hash, tuple(leaves))

    return History(note, signed, tree_at, chain_at)
