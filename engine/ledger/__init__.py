"""The append-only record of decisions: entries, blobs beside them, checkpoints over them."""

from engine.ledger.entries import (
    AppendedEntry,
    Blob,
    EntryDraft,
    LedgerPosition,
    LedgerReport,
    SharedBlob,
    State,
    StateView,
)
from engine.ledger.ledger import Ledger
from engine.ledger.open import STORES, file_of, located, open_ledger
from engine.model import Signer

__all__ = [
    "STORES",
    "AppendedEntry",
    "Blob",
    "EntryDraft",
    "Ledger",
    "LedgerPosition",
    "LedgerReport",
    "SharedBlob",
    "Signer",
    "State",
    "StateView",
    "file_of",
    "located",
    "open_ledger",
]
