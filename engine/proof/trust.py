"""Whose word counts: the keys of a trust list, for what, and since and until when."""

from __future__ import annotations

from datetime import datetime

from engine.formats.times import parse_time
from engine.model import Json
from engine.proof.attestation_rules import ATTESTOR, NO_ROLE


def role_of(trust: Json, key_id: str, issued_at: datetime, decided_at: datetime) -> str:
    """Return the role that ``trust`` gives a key for one attestation; ``none`` if none. Total.

    Args:
        trust: ``data.trust`` of a policy: ``{"keys": [{"key_id", "roles", "not_before"?,
            "not_after"?}]}``.
        key_id: SHA-256 of the key's SubjectPublicKeyInfo, lowercase hex.
        issued_at: When the key signed, by its own word.
        decided_at: The decision's instant. A key that is out of time by then gives nothing any
            more, whatever date it put on what it signed.

    Source: spec/predicate-v1.md section 8.3.
    """
    return ATTESTOR if has_role(trust, key_id, ATTESTOR, issued_at, decided_at) else NO_ROLE


def has_role(
    trust: Json, key_id: str, role: str, signed_at: datetime, decided_at: datetime
) -> bool:
    """Whether ``trust`` gives a key ``role`` for what it signed; as :func:`role_of`. Total."""
    keys = trust.get("keys") if isinstance(trust, dict) else None
    for row in keys if isinstance(keys, list) else []:
        if not isinstance(row, dict) or row.get("key_id") != key_id:
            continue
        roles = row.get("roles")
        if isinstance(roles, list) and role in roles and _lasts(row, signed_at, decided_at):
            return True
    return False


def _lasts(row: dict[str, Json], signed_at: datetime, decided_at: datetime) -> bool:
    """Whether the key's time had begun when it signed and is not over; unreadable is over."""
    try:
        begun = "not_before" not in row or parse_time(str(row["not_before"])) <= signed_at
        ended = "not_after" in row and parse_time(str(row["not_after"])) <= decided_at
    except (ValueError, OverflowError):
        return False
    return begun and not ended
