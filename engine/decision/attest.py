"""A gate's answer becomes an attestation: signed, appended, durable; and is found again.

Whoever attests asks the gate as ``engine decide`` does, about the same strictly read evidence,
and signs the answer whatever it is. A later decision on the same artifact may rest on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.decision.export import proof_at
from engine.decision.judge import Judgement
from engine.decision.record import policy_blob, resource
from engine.errors import LedgerError, UsageError, VerificationError
from engine.evidence.input import AttestationFacts
from engine.formats.times import write_time
from engine.ledger import (
    AppendedEntry,
    EntryDraft,
    Ledger,
    LedgerPosition,
    subject_key,
)
from engine.model import ATTESTATION_TYPES, Json, Verdict
from engine.policy.bundle import PolicyBundle
from engine.proof import attestation
from engine.proof.attestation import Attestation
from engine.proof.attestation_rules import longest_s
from engine.proof.decision_version import version_of
from engine.proof.envelope import seal
from engine.proof.input_document import read_time
from engine.proof.keys import public_pem
from engine.proof.statement import statement
from engine.signers import Signer

USUAL_TTL_S = 86_400
"""How long an attestation lasts when nobody says, and the profile allows that much."""

NO_DIGEST = (
    "an attestation is about an artifact, and the subject has no digest",
    "give the artifact with --artifact PATH, or add "
    '"digest": {"sha256": "<64 hex digits>"} to the subject',
)
"""Message and hint."""

_NOT_OURS = ("decision_id", "decided_at", "valid_until", "input", "attestations")


@dataclass(frozen=True, slots=True)
class RecordedAttestation:
    """An attestation that is durable.

    Attributes:
        predicate: What was attested.
        at: Where it is in the ledger.
    """

    predicate: Mapping[str, Json]
    at: AppendedEntry


def ttl_of(asked_s: int | None, gate: str, profile: str, bundle: PolicyBundle) -> int:
    """Return for how many seconds an attestation will last.

    Args:
        asked_s: What the caller wants; None takes a day, or the profile's most if that is less.
        gate: Gate whose answer is attested.
        profile: Says the most: the greatest age that it accepts of such an attestation.
        bundle: The policies.

    Raises:
        UsageError: More is asked than the profile allows, or it allows none at all.
    """
    kinds = {check.id: {"kind": check.kind, "metric": check.metric} for check in bundle.checks()}
    longest = longest_s(kinds, bundle.profile(profile)["checks"], gate)
    if longest is None:
        raise UsageError(
            f"profile {profile!r} has no check that takes an attestation of gate {gate!r}",
            f"give the row of {gate}.attestation a max_age_s, or name another --profile",
        )
    if asked_s is None:
        return min(USUAL_TTL_S, longest)
    if not 0 < asked_s <= longest:
        raise UsageError(
            f"an attestation by profile {profile!r} lasts 1 to {longest} s, not {asked_s} s",
            "ask for a shorter --ttl; the most is the max_age_s of the profile's row",
        )
    return asked_s


def attest(
    judgement: Judgement, ttl_s: int, ledger: Ledger, signer: Signer, bundle: PolicyBundle
) -> RecordedAttestation:
    """Sign and append what a gate answered; it is durable when this returns.

    Args:
        judgement: The gate's answer on a subject with a digest.
        ttl_s: Seconds for which it lasts, as :func:`ttl_of` gives them.
        ledger: Where to.
        signer: The attestor's key, which is the ledger's.
        bundle: The policies that answered.

    Raises:
        UsageError: No attestation is made of this gate, the subject has no digest, or the
            statement would be longer than an entry may be.
        LedgerError: Nothing was recorded.
        CommitError: It may or may not be recorded.
    """
    evidence, answer = judgement.input, judgement.predicate
    types, digest = ATTESTATION_TYPES.get(answer["gate"]), evidence.subject.sha256
    if types is None:
        raise UsageError(f"no attestation is made of gate {answer['gate']!r}")
    if digest is None:
        raise UsageError(*NO_DIGEST)
    predicate = {key: value for key, value in answer.items() if key not in _NOT_OURS} | {
        "attestation_id": answer["decision_id"],
        "issued_at": answer["decided_at"],
        "expires_at": write_time(judgement.question.now + timedelta(seconds=ttl_s)),
        "public_key": public_pem(signer.public_key).decode(),
        "evidence": answer["input"],
        "metrics": evidence.document["metrics"],
    }
    kind = version_of(types, predicate)
    about = resource(evidence.subject, answer["input"]["digest"]["sha256"])

    def build(place: LedgerPosition) -> bytes:
        where = {"id": place.ledger_id}
        whole = {"ledger": where, "attempt": place.attempt, "previous": place.previous}
        payload = statement([about], kind, {**predicate, **whole})
        try:
            return seal(payload, signer.sign, signer.key_id)
        except LedgerError as error:
            raise UsageError(
                error.message, "give only the metrics that it is about: all of them are attested"
            ) from None

    draft = EntryDraft(
        decision_id=answer["decision_id"],
        subject_key=_key(digest),
        gate=answer["gate"],
        build=build,
        blobs=(*judgement.record.blobs(), policy_blob(bundle)),
    )
    (at,) = ledger.append([draft])
    return RecordedAttestation(predicate, at)


def newest(ledger: Ledger, gate: str, sha256: str) -> Attestation | None:
    """Return the last attestation of ``gate`` on an artifact that ``ledger`` holds, verified.

    An older one that says otherwise does not count any more, even while it lasts.

    Raises:
        VerificationError: What the ledger holds there is not genuine, or about something else.
    """
    index = ledger.newest(_key(sha256), gate)
    if index is None:
        return None
    found = attestation.read(proof_at(ledger, index))
    predicate = found.predicate
    if (found.subject_sha256, predicate["gate"], predicate["ledger"]["id"]) != (
        sha256,
        gate,
        ledger.id,
    ):
        raise VerificationError(
            f"the index of {ledger.url} names entry {index} for another artifact, gate or ledger",
            "verify the ledger: engine ledger verify",
        )
    return found


def last_words(found: Iterable[Attestation], own_key: bytes | None) -> list[AttestationFacts]:
    """Return what a decision takes of ``found``: of each key its last word, on each gate.

    Of two in one second, that is the one which does not let the artifact through.

    Args:
        found: Attestations of one artifact.
        own_key: The key that signs the decision; None if nobody knows.
    """
    last: dict[tuple[str, bytes], Attestation] = {}
    for attested in sorted(found, key=_order):
        last[attested.predicate["gate"], attested.public_key] = attested
    return [
        AttestationFacts(known.facts(own=known.public_key == own_key), known.carried())
        for known in last.values()
    ]


def _order(known: Attestation) -> tuple[datetime, bool, str]:
    predicate = known.predicate
    issued = read_time(predicate["issued_at"], "issued_at")
    return issued, predicate["verdict"] != Verdict.PROMOTE, known.id


def _key(sha256: str) -> str:
    """Under which attestations on the same artifact find each other, whatever its name."""
    return subject_key({"digest": {"sha256": sha256}})
