"""The append-only record of decisions: entries, blobs beside them, checkpoints over them.

Deciding, budgets, the lifecycle and verbs enter by :func:`open_ledger` or a session's ledger.
The order: ``open`` finds the file's ``store`` and holds it against the signed heads; ``ledger``
appends by ``commit`` (build, sign, commit, keep the head), reads, and verifies by ``audit``, which
walks all of it; ``sqlite`` is the one store there is. ``entries`` has the values that cross;
``lookup`` finds one entry and how far the ledger is signed. Of what an entry says, only the audit
reads something: what the index, the documents beside it and its own id follow from.
"""

from engine.ledger.entries import (
    AppendedEntry,
    Blob,
    EntryDraft,
    LedgerPosition,
    SharedBlob,
    State,
    StateView,
    subject_key,
)
from engine.ledger.ledger import Ledger
from engine.ledger.open import (
    STORES,
    give_up_missing,
    located,
    open_ledger,
    sqlite_files,
    store_at,
)
from engine.model import Signer
from engine.proof.created import read_created

__all__ = [
    "STORES",
    "AppendedEntry",
    "Blob",
    "EntryDraft",
    "Ledger",
    "LedgerPosition",
    "SharedBlob",
    "Signer",
    "State",
    "StateView",
    "give_up_missing",
    "located",
    "open_ledger",
    "read_created",
    "sqlite_files",
    "store_at",
    "subject_key",
]
