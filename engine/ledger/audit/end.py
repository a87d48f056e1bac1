"""Whether a ledger ends where its entries end."""

from __future__ import annotations

from engine.errors import VerificationError
from engine.ledger.store import Reader, node_count

HINT = "the ledger was changed or damaged after it was signed: restore the newest good copy"
_BEYOND = 1 << 62


def require_end(reader: Reader, size: int) -> None:
    """Require that nothing is stored beyond the last entry; others may append meanwhile.

    Raises:
        VerificationError: Something is.
    """
    while beyond := _beyond(reader, size):
        now, _ = reader.tip()
        if now == size:
            raise VerificationError(f"{beyond}, and the ledger holds {size} entries", HINT)
        size = now


def _beyond(reader: Reader, size: int) -> str:
    """What is stored of entries that a ledger of ``size`` does not have; empty if nothing."""
    if notes := reader.checkpoints(size, 1):
        return f"a checkpoint says {notes[0][0]}"
    if reader.nodes(node_count(size), _BEYOND):
        return "the tree has more nodes"
    if rows := reader.decisions(size, _BEYOND):
        return f"the index names entry {rows[0].leaf_index}"
    if reader.has_documents(size):
        return "documents are kept of an entry"
    return ""
