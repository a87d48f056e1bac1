"""Where a recorded decision stands in the ledger's tree, as reports show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.proof.checkpoint import parse
from engine.proof.merkle import leaf_hash
from engine.report import Inclusion

if TYPE_CHECKING:
    from engine.ledger import Ledger
    from engine.model import Decision


def inclusion_of(decision: Decision, ledger: Ledger) -> Inclusion | None:
    """Return the inclusion proof of ``decision`` in the tree that its checkpoint signs.

    None when it is not recorded.
    """
    if decision.index is None or decision.checkpoint is None:
        return None
    size = parse(decision.checkpoint)[0].size
    path = tuple(ledger.proof(decision.index, size))
    return Inclusion(leaf_hash(ledger.entry(decision.index)), decision.index, size, path)
