"""What an entry is known by besides its bytes: the id that its type gives it. Neither repeats."""

from __future__ import annotations

from engine.errors import VerificationError
from engine.model import (
    ATTESTED_TYPES,
    BUDGET_RELEASED_TYPE,
    BUDGET_SETTLED_TYPE,
    DECISION_FAILED_TYPE,
    DECISION_IMPORTED_TYPE,
    DECISION_REQUESTED_TYPE,
    DECISION_TYPES,
    EFFECT_TYPE,
    RUN_IMPORTED_TYPE,
    Json,
)
from engine.proof.envelope import open_envelope
from engine.proof.statement import parse_statement

INDEXED = "decision"
"""Ids of this kind have a column of their own in the index, by which ``Ledger.find`` finds them."""

ATTEMPT = "attempt"
"""Ids of this kind are those of failures: no other entry but a request has the same one."""

NATURAL_KEYS: dict[Json, tuple[str, str]] = {
    **dict.fromkeys(DECISION_TYPES, (INDEXED, "decision_id")),
    DECISION_IMPORTED_TYPE: (INDEXED, "decision_id"),
    **dict.fromkeys(ATTESTED_TYPES, (INDEXED, "attestation_id")),
    DECISION_REQUESTED_TYPE: ("request", "decision_id"),
    DECISION_FAILED_TYPE: (ATTEMPT, "attempt_id"),
    BUDGET_SETTLED_TYPE: ("settled", "lease"),
    BUDGET_RELEASED_TYPE: ("released", "lease"),
    EFFECT_TYPE: ("effect", "effect"),
    RUN_IMPORTED_TYPE: ("run of decision", "decision_id"),
}
"""By type of statement: what its id is an id of, and the member that holds it."""


def natural_key(statement: dict[str, Json]) -> tuple[str, str] | None:
    """Return what a statement's id is an id of, and the id; None if its type gives it none."""
    of, member = NATURAL_KEYS.get(statement["predicateType"], ("", ""))
    key = statement["predicate"].get(member) if member else None
    return (of, key) if isinstance(key, str) else None


def event_name(statement: dict[str, Json], leaf: bytes) -> tuple[str, str]:
    """Return what an entry that is not indexed as a decision is known by: kind and key.

    That is its :func:`natural_key`, or else its leaf hash.
    """
    return natural_key(statement) or ("leaf", leaf.hex())


def require_own(entry: bytes, ledger_id: str) -> dict[str, Json]:
    """Require that an entry which is to be recorded is a statement, and of no other ledger.

    Returns:
        What it says.

    Raises:
        VerificationError: It is not.
    """
    stated = parse_statement(open_envelope(entry).payload)
    ledger = stated["predicate"].get("ledger", {"id": ledger_id})
    if ledger != {"id": ledger_id}:
        raise VerificationError(
            f"an entry of {ledger!r} cannot be recorded in ledger {ledger_id}",
            "nothing was recorded; a decision of another ledger is imported: engine ledger import",
        )
    return stated
