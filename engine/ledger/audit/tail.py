"""What stands behind the last checkpoint that a key signed, before the key signs over it.

Normally nothing does. Rows that are there come from a writer that was stopped between its commit
and its signature, or from somebody who can write to the file and has no key.
"""

from __future__ import annotations

from engine.errors import RollbackError, VerificationError
from engine.ledger.audit.end import HINT, require_end
from engine.ledger.audit.history import require_prefix
from engine.ledger.notes import verified_note
from engine.ledger.store import Reader
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
        start = _last_signed(reader, ledger_id, public_key, size, url)
        require_end(reader, size)
        return _audited(reader, ledger_id, public_key, start, size) if start.size < size else start
    except RollbackError:
        raise
    except VerificationError as error:
        raise VerificationError(
            f"{url}: {error.message}", f"{_NOTHING_SIGNED}.\n{error.hint}"
        ) from error


def _audited(
    reader: Reader, ledger_id: str, public_key: bytes, start: Checkpoint, size: int
) -> Checkpoint:
    from engine.ledger.audit.across_parts import require_across  # rarely: they take time to load
    from engine.ledger.audit.walk import Scope, audit_part

    part = audit_part(
        reader, Scope(ledger_id, start, (public_key,), signatures=True), start.size, size
    )
    require_across(reader, part, signatures=True)
    return part.after


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
        signed = verified_note(note, public_key)
    except VerificationError as error:
        raise VerificationError(f"checkpoint {number}: {error.message}", error.hint) from error
    if (signed.origin, signed.size) != (origin, number):
        raise VerificationError(f"checkpoint {number}: is {signed.size} of {signed.origin}", HINT)
    require_prefix(reader, size, signed, "its last checkpoint", url)
    return signed
