"""What the entries before a record say against it: the run its ledger is of, and time gone by.

A proof of a ledger that lasts one run brings them along; of another ledger who reads it has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from engine.errors import VerificationError
from engine.formats.signed_json import refuse
from engine.formats.times import parse_time
from engine.model import CREATION_TYPES, Json
from engine.proof.bundle import ProofBundle
from engine.proof.envelope import open_envelope
from engine.proof.input_document import read_time
from engine.proof.statement import parse_statement
from engine.proof.verdict_rules import OLDEST_FUTURE_S

EPHEMERAL = "ephemeral_ledger"
_SKEW = timedelta(seconds=-OLDEST_FUTURE_S)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = datetime.max.replace(tzinfo=UTC) - _EPOCH
_INSTANTS = (
    *("imported_at", "decided_at", "issued_at", "failed_at", "requested_at", "created_at", "at"),
)
"""Members that say when an entry was written, whatever its type calls it."""


def instant_of(predicate: Mapping[str, Json]) -> datetime | None:
    """Return when an entry was written; None where it does not say it as an instant."""
    for name in _INSTANTS:
        try:
            return parse_time(predicate[name]).astimezone(UTC)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            continue
    return None


def is_ephemeral(predicate: Mapping[str, Json]) -> bool:
    """Whether a record names that its ledger is gone with the run."""
    return any(relaxation["name"] == EPHEMERAL for relaxation in predicate["relaxations"])


def require_run_named(predicate: Mapping[str, Json], created: Mapping[str, Json]) -> None:
    """Verify that a record in a ledger of one run says that nobody keeps its order.

    Args:
        predicate: Of a decision or an attestation whose shape was read.
        created: The statement of entry 0 of its ledger.

    Raises:
        VerificationError: It does not.

    Source: spec/predicate-v2.md section 4.
    """
    is_of_run = created["predicateType"] in CREATION_TYPES and "run" in created["predicate"]
    if is_of_run and not is_ephemeral(predicate):
        refuse(f"its ledger is of one run of a CI, and it does not name {EPHEMERAL}")


def require_unexpired(predicate: Mapping[str, Json], reached: datetime | None) -> None:
    """Verify that no waiver covers a failure that had expired by the record's id or before it.

    Args:
        predicate: As :func:`require_run_named`.
        reached: Latest instant of the entries before it; None where none is known.

    Raises:
        VerificationError: One does.

    Source: spec/predicate-v1.md section 7.
    """
    for waiver in filter(_is_applied, predicate["waivers"]):
        expires_at = read_time(waiver.get("expires_at"), "the expiry of a waiver")
        if _made_at(predicate) - expires_at >= _SKEW:
            refuse(f"waiver {waiver['id']!r} had expired when the record's id was made")
        if reached is not None and reached - expires_at >= _SKEW:
            refuse(f"waiver {waiver['id']!r} had expired when an entry before it was written")


def _is_applied(waiver: Mapping[str, Json]) -> bool:
    return bool(waiver["status"] == "applied")


def _made_at(predicate: Mapping[str, Json]) -> datetime:
    """When the UUIDv7 was made that names a record. RFC 9562 section 5.7."""
    name = predicate.get("decision_id") or predicate["attestation_id"]
    made = timedelta(milliseconds=int(name.replace("-", "")[:12], 16))
    return _EPOCH + min(made, _MOST)


def require_before(predicate: Mapping[str, Json], parts: ProofBundle) -> None:
    """Verify both, as far as a proof brings the entries before its own along.

    Raises:
        VerificationError: One does not hold.

    Source: spec/predicate-v1.md section 10.4.
    """
    reached = None
    if parts.ledger:
        created = _statement(parts.ledger[0])
        if created is not None:
            require_run_named(predicate, created)
        if any(map(_is_applied, predicate["waivers"])):
            before = filter(None, map(_statement, parts.ledger[: parts.index]))
            instants = [instant_of(statement["predicate"]) for statement in before]
            reached = max(filter(None, instants), default=None)
    require_unexpired(predicate, reached)


def _statement(entry: bytes) -> dict[str, Json] | None:
    """What an entry says; None where it is no statement, which says nothing here."""
    try:
        return parse_statement(open_envelope(entry).payload)
    except VerificationError:
        return None
