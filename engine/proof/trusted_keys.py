"""Keys that a consumer trusts, each for what and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

DECISION, CHECKPOINT, ATTESTATION = "decision", "checkpoint", "attestation"
POLICY = "policy"
"""Role of a key that may approve policies; none has it that was not given it by name."""
ROLES = (DECISION, CHECKPOINT, ATTESTATION)
"""Roles of a key that was given none."""


class TrustedKey(NamedTuple):
    """One key.

    Attributes:
        public: 32 raw bytes of an Ed25519 key.
        roles: What it is trusted to sign, of :data:`ROLES` and :data:`POLICY`.
        not_before: First instant of a record that it may have signed; None is any.
        not_after: The instant from which on it may sign no more; None is never.
        name: What its reader calls it, for messages.
    """

    public: bytes
    roles: tuple[str, ...] = ROLES
    not_before: datetime | None = None
    not_after: datetime | None = None
    name: str = ""


Keys = Sequence[bytes | TrustedKey]
"""Raw keys, trusted for all of :data:`ROLES`, or keys with roles and validity."""


def keys_for(keys: Keys, role: str, at: datetime | None = None) -> list[bytes]:
    """Return the raw keys that are trusted for ``role``, at that instant where one is given.

    Source: spec/predicate-v1.md section 13.2.
    """
    trusted = (key if isinstance(key, TrustedKey) else TrustedKey(key) for key in keys)
    return [
        key.public
        for key in trusted
        if role in key.roles
        and (at is None or key.not_before is None or key.not_before <= at)
        and (at is None or key.not_after is None or at < key.not_after)
    ]
