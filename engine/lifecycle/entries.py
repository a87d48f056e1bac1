"""The entries that the lifecycle adds to decisions; spec/predicate-v1.md has the members."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime

from engine.decision.failures import recorded_error
from engine.decision.record import event
from engine.errors import GovernanceError
from engine.formats.times import write_time
from engine.ledger import EntryDraft
from engine.lifecycle.contract import GATE, Effect, WatchedSubject
from engine.model import (
    BREACH_TYPE,
    DECISION_FAILED_TYPE,
    DEGRADE_TYPE,
    ESCALATE_TYPE,
    PAGE_TYPE,
    PROMOTED_TYPE,
    RECOVER_TYPE,
    ROLLBACK_TYPE,
    Json,
    Stage,
)
from engine.signers import Signer

TYPES = {
    "promote": PROMOTED_TYPE,
    "breach": BREACH_TYPE,
    "page": PAGE_TYPE,
    "degrade": DEGRADE_TYPE,
    "rollback": ROLLBACK_TYPE,
    "recover": RECOVER_TYPE,
    "escalate": ESCALATE_TYPE,
}
"""Predicate types by action."""


def entry(
    action: str,
    watched: WatchedSubject,
    now: datetime,
    *,
    cause: str,
    decision: str,
    signer: Signer,
    **more: Json,
) -> EntryDraft:
    """Return the draft of an action's entry.

    Args:
        action: A key of :data:`TYPES`.
        watched: What it is about.
        now: Its instant.
        cause: Why: the check that asked for it.
        decision: Id of the decision behind it.
        signer: The key that signs.
        more: Further members of the predicate.
    """
    predicate = {
        "at": write_time(now),
        "subject": asdict(watched),
        "cause": cause,
        "decision": decision,
        **more,
    }
    return event(TYPES[action], watched.name, predicate, signer)


def failed(
    error: GovernanceError,
    watched: WatchedSubject,
    now: datetime,
    attempt_id: str,
    due: Collection[tuple[str, str]],
    signer: Signer,
) -> EntryDraft:
    """Return the draft of an entry that says that gate ``lifecycle`` could not decide.

    It has a failure's members, and as ``obligations`` what is due all the same.
    """
    predicate = {
        "attempt_id": attempt_id,
        "failed_at": write_time(now),
        "gate": GATE,
        "profile": watched.profile,
        "stage": str(Stage.PRODUCTION),
        "exit_code": error.exit_code,
        "error": recorded_error(error),
        "relaxations": [],
        "subject": asdict(watched),
        "obligations": [{"id": action, "check": check} for action, check in sorted(due)],
    }
    return event(DECISION_FAILED_TYPE, watched.name, predicate, signer)


def intent(
    action: str, watched: WatchedSubject, now: datetime, *, cause: str, decision: str
) -> Effect:
    """Return the effect of an action, to put into the outbox with its entry.

    A decision asks for an action once, so the two together are what makes a repeat known.
    """
    return Effect(
        id="",
        action=action,
        watched=watched,
        idempotency_key=f"{decision}-{action}",
        requested_at=write_time(now),
        due_at=write_time(now),
        attempts=0,
        cause=cause,
        decision=decision,
    )
