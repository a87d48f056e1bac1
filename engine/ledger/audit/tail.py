"""What stands behind the last checkpoint that a key signed, before the key signs over it.

Normally nothing does. Rows that are there come from a writer that was stopped between its commit
and its signature, or from somebody who can write to the file and has no key.
"""

from __future__ import annotations

from engine.errors import RollbackError, VerificationError
from engine.ledger.audit.beside import require_policies
from engine.ledger.audit.end import require_end
from engine.ledger.audit.history import require_prefix
from engine.ledger.audit.identity import require_distinct, require_new_events
from engine.ledger.audit.walk import HINT, Scope, audit_part
from engine.ledger.store import Reader
from engine.proof import checkpoint as notes
from engine.proof.checkpoint import Checkpoint, origin_of
from engine.proof.merkle import EMPTY_ROOT, GENESIS_CHAIN

_NOTHING_SIGNED = "nothing was signed over it, and nothing was recorded; the ledger can be read"


def require_signable(
    reader: Reader, ledger_id: str, public_key: bytes, size: int, url: str
) -> Checkpoint:
    """Require that everything behind the last checkpoint of ``public_key`` is genuine too.

    Each row is an envelope that this key signed, of this ledger, not one that was there before;
    its hashes, its row in the index and the documents beside it follow from it.

    Args:
        reader: The ledger, inside the transaction that is to be signed.
        ledger_id: 32 hex digits.
        public_key: The key that is to sign, which is that of entry 0.
        size: Number of entries that are to be signed.
        url: The ledger's address, for messages.

    Returns:
        The state that is to be signed.

    Raises:
        VerificationError: Something is not; names the entry.
        RollbackError: The ledger is not what the last checkpoint was signed over.
    """
    try:
        tip = start = _last_signed(reader, ledger_id, public_key, size, url)
        if start.size < size:
            scope = Scope(ledger_id, start, (public_key,), signatures=True)
            part = audit_part(reader, scope, start.size, size)
            require_distinct(part.known_by, start.size)
            require_new_events(reader, start.size, size)
            require_policies(reader, part.blobs, is_whole=False)
            tip = part.after
        require_end(reader, size)
        return tip
    except RollbackError:
        raise
    except VerificationError as error:
        raise VerificationError(
            f"{url}: {error.message}", f"{_NOTHING_SIGNED}.\n{error.hint}"
        ) from error


def _last_signed(
    reader: Reader, ledger_id: str, public_key: bytes, size: int, url: str
) -> Checkpoint:
    """The state that the last checkpoint covers, which must be the ledger's own."""
    last = reader.last_checkpoint()
    origin = origin_of(ledger_id)
    if last is None:
        return Checkpoint(origin, 0, EMPTY_ROOT, GENESIS_CHAIN)
    number, note = last
    try:
        signed = notes.verify(note, [public_key])
    except VerificationError as error:
        raise VerificationError(f"checkpoint {number}: {error.message}", error.hint) from error
    if (signed.origin, signed.size) != (origin, number):
        raise VerificationError(f"checkpoint {number}: is {signed.size} of {signed.origin}", HINT)
    require_prefix(reader, size, signed, "its last checkpoint", url)
    return signed
