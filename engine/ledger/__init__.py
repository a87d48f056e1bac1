"""The append-only record of decisions: entries, blobs beside them, checkpoints over them."""

from engine.ledger.contract import (
    AppendedEntry,
    Blob,
    EntryDraft,
    Ledger,
    LedgerPosition,
    LedgerReport,
    SharedBlob,
    Signer,
    State,
    StateView,
)
from engine.ledger.open import STORES, file_of, open_ledger

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
    "open_ledger",
]
