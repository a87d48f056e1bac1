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
from engine.ledger.open import STORES, open_ledger

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
    "open_ledger",
]
