"""Whether a candidate may go into production, by what the ledger says at this instant.

Each guard is a function of its own, and an operator of ``tla/Promotion.tla``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.decision.attest import newest as newest_attestation
from engine.decision.export import decision_of, export
from engine.errors import NotRecordedError
from engine.evidence.input import wanted_attestations
from engine.formats.times import parse_time, write_time
from engine.ledger import Ledger, subject_key
from engine.lifecycle.contract import Phase, WatchedSubject
from engine.lifecycle.machine import LifecycleState
from engine.model import ATTESTATION_TYPES, Json, Severity, Stage, Subject, Verdict
from engine.policy.bundle import PolicyBundle
from engine.proof.attestation import at_instant
from engine.proof.attestation_rules import RequiredAttestation, lasts_until
from engine.proof.input_document import subject_document
from engine.proof.verify import Verified, verify


@dataclass(frozen=True, slots=True)
class Admission:
    """What the ledger says about promoting one subject now.

    Attributes:
        decision: Id of the decision that was looked at; None when there is none.
        refusals: Why it may not be promoted, one sentence each; empty when it may.
        attested_until: RFC 3339; when its attestation expires. None when none is asked for.
        attestation: Index of the newest attestation in the ledger; None when there is none.
    """

    decision: str | None
    refusals: tuple[str, ...]
    attested_until: str | None = None
    attestation: int | None = None


def admission(
    ledger: Ledger,
    watched: WatchedSubject,
    life: LifecycleState,
    now: datetime,
    bundle: PolicyBundle,
    keys: Sequence[bytes],
) -> Admission:
    """Look up and verify what a promotion would rest on.

    Args:
        ledger: Where decisions are recorded.
        watched: What would be promoted.
        life: Where it is.
        now: The instant.
        bundle: The policies in force.
        keys: Raw public keys that may have signed the decision.

    Raises:
        VerificationError: What is recorded is not genuine.
        LedgerError: The ledger cannot be read.
    """
    if life.phase is not Phase.CANDIDATE:
        return Admission(None, (f"it is {life.phase}, and only a candidate is promoted",))
    found = recorded(ledger, watched, keys)
    if isinstance(found, str):
        return Admission(None, (found,))
    instant = max(now, datetime.fromtimestamp(life.seen, UTC))
    required = blocking_rules(watched, bundle)
    index, since = _last_word(ledger, watched, found)
    until = attested_until(found, watched, required, instant, bundle.data.get("trust"))
    refusals = [
        *not_promoted(found),
        *another_subject(found, watched),
        *other_policies(found, watched, bundle),
        *out_of_force(found, instant),
        *not_attested(required, until, since),
        *decided_before(found, life),
    ]
    return Admission(found.decision_id, tuple(refusals), until, index)


def recorded(ledger: Ledger, watched: WatchedSubject, keys: Sequence[bytes]) -> Verified | str:
    """Return the newest decision on a subject by its gate, verified; or why there is none."""
    document = subject_document(Subject(watched.name, watched.version, watched.sha256))
    index = ledger.newest(subject_key(document), watched.gate)
    if index is None:
        return (
            f"no decision of gate {watched.gate!r} on {watched.name} sha256:{watched.sha256} "
            "is recorded"
        )
    decision_id = decision_of(ledger.entry(index)).statement["predicate"]["decision_id"]
    try:
        proof = export(ledger, decision_id)
    except NotRecordedError as error:
        return error.message
    return verify(proof.encode(), keys)


def not_promoted(found: Verified) -> list[str]:
    """The newest decision says PROMOTE.  TLA+: IsPromote."""
    if found.verdict is Verdict.PROMOTE:
        return []
    return [f"decision {found.decision_id} says {found.verdict}: {found.reason}"]


def another_subject(found: Verified, watched: WatchedSubject) -> list[str]:
    """It is about this digest, by this gate and profile.  TLA+: IsSame."""
    pairs = (
        ("artifact", watched.sha256, found.subject.sha256),
        ("name", watched.name, found.subject.name),
        ("gate", watched.gate, found.gate),
        ("profile", watched.profile, found.profile),
        ("stage", Stage.CANDIDATE, found.stage),
    )
    return [
        f"decision {found.decision_id} is about {what} {stated!r}, not {expected!r}"
        for what, expected, stated in pairs
        if expected != stated
    ]


def other_policies(found: Verified, watched: WatchedSubject, bundle: PolicyBundle) -> list[str]:
    """It was decided by the policies in force here, whatever they are called.  TLA+: IsSame."""
    pairs = (
        (
            "profile",
            {"sha256": bundle.profile_digest(watched.profile)},
            found.predicate["profile"]["digest"],
        ),
        ("policy", {"sha256": bundle.digest}, found.predicate["policy"]["digest"]),
    )
    return [
        f"decision {found.decision_id} was made by another {what} than is in force here "
        f"({stated['sha256'][:16]}, not {expected['sha256'][:16]}): decide again by this one"
        for what, expected, stated in pairs
        if expected != stated
    ][:1]


def out_of_force(found: Verified, instant: datetime) -> list[str]:
    """It may still be acted on at this very instant.  TLA+: IsInForce."""
    if instant < parse_time(found.valid_until):
        return []
    return [
        f"decision {found.decision_id} may be used until {found.valid_until}; "
        f"it is {write_time(instant)}"
    ]


def not_attested(
    required: Sequence[RequiredAttestation], until: str | None, since: str | None
) -> list[str]:
    """The attestation that the profile asks for still counts.  TLA+: IsAttested."""
    if not required or (until is not None and since is None):
        return []
    return [since or "no attestation of this artifact counts any more: attest it and decide again"]


def decided_before(found: Verified, life: LifecycleState) -> list[str]:
    """After a rollback, only what was decided after it counts.  TLA+: IsNew."""
    if life.rolled_back_at is None:
        return []
    if parse_time(found.decided_at) > parse_time(life.rolled_back_at):
        return []
    return [
        f"decision {found.decision_id} of {found.decided_at} is not newer than the rollback at "
        f"{life.rolled_back_at}: decide again"
    ]


def blocking_rules(watched: WatchedSubject, bundle: PolicyBundle) -> list[RequiredAttestation]:
    """Return the attestations that the subject's gate blocks without."""
    rules = wanted_attestations(watched.gate, watched.profile, bundle)
    return [rule for rule in rules if rule.severity == Severity.BLOCK]


def attested_until(
    found: Verified,
    watched: WatchedSubject,
    required: Sequence[RequiredAttestation],
    instant: datetime,
    trust: Json,
) -> str | None:
    """Return until when the decision's attestations count; None when none does or is asked for."""
    if not required:
        return None
    stated: Sequence[Mapping[str, Json]] = found.predicate["attestations"]
    aged = [at_instant(facts, instant, trust) for facts in stated]
    return lasts_until(required, aged, watched.sha256, found.relaxations)


def _last_word(
    ledger: Ledger, watched: WatchedSubject, found: Verified
) -> tuple[int | None, str | None]:
    """Where the newest attestation is, and what it says against the decision's, if anything."""
    decided = parse_time(found.decided_at)
    last: int | None = None
    against: str | None = None
    for gate in ATTESTATION_TYPES:
        attestation = newest_attestation(ledger, gate, watched.sha256)
        if attestation is None:
            continue
        last = max(last or 0, attestation.proof.index)
        predicate, verdict = attestation.predicate, attestation.predicate["verdict"]
        if verdict != Verdict.PROMOTE and parse_time(predicate["issued_at"]) >= decided:
            against = f"attestation {predicate['attestation_id']} since then says {verdict}"
    return last, against
