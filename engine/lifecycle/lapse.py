"""The attestation of what is in production: how long it has been without one.

A subject in production whose attestation expired is attested again, or rolled back within the
profile's ``lifecycle.unattested_s`` after that. LIVE-ETHICS-1. Pure; ``tla/Ethics.tla`` mirrors it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from engine.formats.times import parse_time
from engine.lifecycle.machine import Due, LifecycleState, minute_of

UNATTESTED_CHECK = "lifecycle.unattested_s"
"""The check that pages and rolls back what has been without an attestation."""


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
        until: Until when it lasts, as :func:`engine.proof.attestation_rules.lasts_until` says; None
            when it does not count, for example because it says BLOCK: then no attestation counts
            from its issue on.
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
