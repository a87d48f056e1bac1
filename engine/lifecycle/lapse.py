"""The attestation of what is in production: how long it has been without one.

A subject in production whose attestation expired is attested again, or rolled back within the
profile's ``lifecycle.unattested_s`` after that. LIVE-ETHICS-1. Pure; ``tla/Ethics.tla`` mirrors it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from engine.formats.times import parse_time, write_time
from engine.lifecycle.machine import Due, LifecycleState, minute_of
from engine.model import Json
from engine.proof.attestation_rules import RequiredAttestation, ways_to_count

UNATTESTED_CHECK = "lifecycle.unattested_s"
"""The check that pages and rolls back what has been without an attestation."""


def lasts_until(
    required: Sequence[RequiredAttestation],
    attestations: Iterable[Json],
    sha256: str,
    tolerated: Iterable[str],
) -> str | None:
    """Return until when ``attestations`` are what the gate asks for; None when they are not.

    Of each check the attestation that lasts longest, and of these the first to expire. A
    check's greatest age counts as much as the attestation's own expiry.

    Args:
        required: What the gate asks for, by this profile; not empty.
        attestations: As an Input holds them, with age and role.
        sha256: Digest of the artifact.
        tolerated: Names of the relaxations that they may need.
    """
    named, given = set(tolerated), list(attestations)
    ends: list[datetime] = []
    for rule in required:
        ways = [(facts, ways_to_count(facts, rule, sha256)) for facts in given]
        lasting = [_end(facts, rule) for facts, way in ways if way is not None and way <= named]
        if not lasting:
            return None
        ends.append(max(lasting))
    return write_time(min(ends))


def _end(facts: Mapping[str, Json], rule: RequiredAttestation) -> datetime:
    issued = parse_time(facts["issued_at"])
    return min(parse_time(facts["expires_at"]), issued + timedelta(seconds=int(rule.max_age_s)))


def start_lapse_clock(life: LifecycleState) -> LifecycleState:
    """Return ``life`` with the clock of its lapse started, if its attestation expired.

    TLA+: Expire.
    """
    if not has_lapsed(life) or life.attested_until is None or life.tick is None:
        return life
    if life.lapsed is not None:
        return life
    return replace(life, lapsed=min(minute_of(parse_time(life.attested_until)), life.tick))


def has_lapsed(life: LifecycleState) -> bool:
    """Return whether it is in production on an attestation that has expired."""
    if not life.in_production or life.attested_until is None:
        return False
    return datetime.fromtimestamp(life.seen, UTC) >= parse_time(life.attested_until)


def apply_attestation(
    life: LifecycleState, index: int, until: str | None, issued_at: str
) -> LifecycleState:
    """Return ``life`` after a newer attestation of the same artifact.  TLA+: Attest, Withdraw.

    Args:
        life: Of a subject in production on an attestation.
        index: Entry of the newer attestation.
        until: Until when it lasts, as :func:`lasts_until` says; None when it does not count,
            for example because it says BLOCK: then no attestation counts from its issue on.
        issued_at: Of the newer attestation.
    """
    if until is not None:
        return replace(life, attestation=index, attested_until=until, lapsed=None)
    if life.lapsed is not None:  # it had expired already, and that clock goes on
        return replace(life, attestation=index)
    return replace(life, attestation=index, attested_until=issued_at)


def pages_lapse(life: LifecycleState, due: Due) -> bool:
    """Return whether somebody is to be paged about the attestation: once per expiry."""
    return ("page", UNATTESTED_CHECK) in due and life.lapse_paged != life.attested_until


def lapse_paged(life: LifecycleState) -> LifecycleState:
    """Return ``life`` once somebody was paged about its attestation."""
    return replace(life, lapse_paged=life.attested_until)
