"""Whether a stored ledger continues a state that somebody remembers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from engine.errors import LedgerBusyError, LedgerError, RollbackError, VerificationError
from engine.ledger.audit.nodes import with_nodes
from engine.ledger.commit.signed_heads import Head
from engine.ledger.notes import verified_note
from engine.ledger.store import Reader
from engine.proof.checkpoint import Checkpoint
from engine.proof.merkle import GENESIS_CHAIN, root

_HINT = "restore the newest copy of the ledger; entries made after the copy are lost with it"


def require_prefix(
    reader: Reader,
    size: int,
    remembered: Checkpoint,
    whose: str,
    url: str,
    heads: Sequence[Head] = (),
) -> None:
    """Require that a ledger begins with what ``remembered`` covers.

    Args:
        reader: The ledger; O(log n) hashes are read, not the entries under them.
        size: Its number of entries.
        remembered: An earlier state.
        whose: Who remembers, for the message.
        url: The ledger's address, for the message.
        heads: Signed heads that may be put aside, for the advice; none are.

    Raises:
        RollbackError: It is smaller, or has another history.
    """
    if remembered.size > size:
        raise RollbackError(
            f"{url} holds {size} entries, but {whose} says {remembered.size}: it went backwards",
            _advice(heads),
        )
    if remembered.size == 0:
        return
    try:
        same = (
            with_nodes(reader, partial(root, remembered.size)) == remembered.root
            and reader.chain(remembered.size - 1) == remembered.chain
        )
    except LedgerBusyError:
        raise
    except (LedgerError, VerificationError) as error:
        raise RollbackError(f"{url} is damaged: {error.message}", _advice(heads)) from error
    if not same:
        raise RollbackError(
            f"{url} has another history than {whose}: "
            f"its first {remembered.size} entries are not those that were signed",
            _advice(heads),
        )


def _advice(heads: Sequence[Head]) -> str:
    return head_hint(heads) if heads else _HINT


def require_heads(
    reader: Reader, size: int, heads: Sequence[Head], public_key: bytes | None, url: str
) -> None:
    """Require that its own key signed every head that is kept for a ledger, which continues them.

    A head that another key signed, or nobody, is refused as well as named: either it is forged,
    or the ledger is another one, begun anew under the same id. A person has to find out which.

    Args:
        reader: The ledger.
        size: Its number of entries.
        heads: What is kept for it.
        public_key: The key in entry 0; None where there is no entry.
        url: The ledger's address, for messages.

    Raises:
        RollbackError: It is not so.
    """
    for head in {head.note: head for head in heads}.values():
        if public_key is not None:
            _require_signed(head, public_key, url)
        whose = f"its signed head ({head.file})"
        require_prefix(reader, size, head.checkpoint, whose, url, heads)


def _require_signed(head: Head, public_key: bytes, url: str) -> None:
    from shlex import quote

    try:
        verified_note(head.note, public_key)
    except VerificationError as error:
        raise RollbackError(
            f"{head.file}: not signed with the key that {url} was begun with",
            f"{_HINT}.\nIf the ledger is the right one, find out who wrote the head, and put it "
            f"aside, as evidence:\n  mv {quote(str(head.file))} {quote(str(head.put_aside))}",
        ) from error


def head_hint(heads: Sequence[Head]) -> str:
    """Return what to do when a ledger does not fit its heads."""
    from shlex import quote

    moves = [f"mv {quote(str(head.file))} {quote(str(head.put_aside))}" for head in heads]
    return (
        f"{_HINT}.\nIf it was thrown away on purpose, put its signed heads aside, as evidence, "
        f"and tell everybody who holds later checkpoints:\n  {' && '.join(moves)}"
    )


def chain_before(reader: Reader, index: int) -> bytes:
    """Return the chain hash before entry ``index``.

    Raises:
        LedgerError: The entry before it is not there.
    """
    chain = reader.chain(index - 1) if index else GENESIS_CHAIN
    if chain is None:
        raise LedgerError(
            f"entry {index - 1} is missing", "verify the ledger: engine ledger verify"
        )
    return chain
