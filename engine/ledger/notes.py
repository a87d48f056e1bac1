"""Checkpoints that a ledger's own key signed: each is verified once, however many ask for it."""

from __future__ import annotations

from functools import lru_cache

from engine.errors import VerificationError
from engine.proof.checkpoint import Checkpoint, verify


@lru_cache(maxsize=16)
def verified_note(note: str, public_key: bytes) -> Checkpoint:
    """Return what a note says, which ``public_key`` signed.

    Raises:
        VerificationError: It is no checkpoint, or another key signed it, or nobody.
    """
    return verify(note, [public_key])


def signed_note(note: str, public_key: bytes) -> Checkpoint | None:
    """Return what a stored note says; None if the ledger's key did not sign it.

    Anybody who can write to the file can add such a note, which must not keep others from reading:
    who verifies names it, and who writes refuses to go on.
    """
    try:
        return verified_note(note, public_key)
    except VerificationError:
        return None
