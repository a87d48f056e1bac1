"""Whose word counts: the keys of a trust list, for what, and since and until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from engine.formats.times import parse_time
from engine.model import Json
from engine.proof.attestation_rules import ATTESTOR, NO_ROLE
from engine.proof.trusted_keys import POLICY

NO_PRODUCERS = (ATTESTOR, POLICY, NO_ROLE)
"""Roles in which nobody speaks for a metric."""
EVERY_METRIC = "*"
"""Pattern of a row that does not say for which metrics its key speaks."""


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


def roles_for(
    trust: Json, key_id: str, metric: str, signed_at: datetime, decided_at: datetime
) -> list[str]:
    """Return the roles in which a key may speak for a metric, sorted; none where it may not. Total.

    Args:
        trust: As for :func:`role_of`; a row with ``metrics`` speaks for those alone, of which a
            pattern that ends in ``.*`` names all below it.
        key_id: Of the key that signed the evidence.
        metric: Which the evidence states.
        signed_at: When, by the key's own word.
        decided_at: The decision's instant.

    Source: spec/predicate-v2.md section 8.
    """
    keys = trust.get("keys") if isinstance(trust, dict) else None
    found: set[str] = set()
    for row in keys if isinstance(keys, list) else []:
        if not isinstance(row, dict) or row.get("key_id") != key_id:
            continue
        roles = row.get("roles")
        if _speaks(row, metric) and isinstance(roles, list) and _lasts(row, signed_at, decided_at):
            found.update(role for role in roles if isinstance(role, str))
    return sorted(found.difference(NO_PRODUCERS))


def may_speak(row: Mapping[str, Json], role: str, metric: str) -> bool:
    """Whether a row of a trust list lets its key speak for a metric in a role, at some time."""
    return role not in NO_PRODUCERS and role in row["roles"] and _speaks(row, metric)


def _speaks(row: Mapping[str, Json], metric: str) -> bool:
    patterns = row.get("metrics", [EVERY_METRIC])
    return isinstance(patterns, list) and any(_names(pattern, metric) for pattern in patterns)


def _names(pattern: Json, metric: str) -> bool:
    if not isinstance(pattern, str):
        return False
    is_below = pattern.endswith(".*") and metric.startswith(pattern.removesuffix("*"))
    return is_below or pattern in (metric, EVERY_METRIC)


def _lasts(row: dict[str, Json], signed_at: datetime, decided_at: datetime) -> bool:
    """Whether the key's time had begun when it signed and is not over; unreadable is over."""
    try:
        begun = "not_before" not in row or parse_time(str(row["not_before"])) <= signed_at
        ended = "not_after" in row and parse_time(str(row["not_after"])) <= decided_at
    except (ValueError, OverflowError):
        return False
    return begun and not ended
