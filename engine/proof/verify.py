"""Whether one proof bundle is a genuine record, offline, from its bytes and a public key.

A state machine over bytes: each step takes what the step before has shown, and cites the
clause of ``spec/predicate-v1.md`` that it enforces. It reads no file, no clock and no
network, and never evaluates a policy; ``engine replay`` does that. What to audit is in
:mod:`engine.proof`.

    bytes -> parsed -> placed in a signed ledger -> signed by a key -> a decision
          -> tied to its input -> follows from its checks -> tied to its policy
          -> tied to its attestations -> expected

A record that is not genuine raises. One that is genuine but not what the caller wanted does
not: the wishes that were not met are listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from engine.formats.json_values import same
from engine.formats.signed_json import (
    read_base64,
    read_integer,
    read_json,
    read_object,
    read_text,
    refuse,
)
from engine.model import (
    ATTESTED_TYPES,
    DECISION_IMPORTED_TYPE,
    DECISION_TYPES,
    Json,
    Subject,
    Verdict,
)
from engine.proof import bundle as proof
from engine.proof import checkpoint
from engine.proof.approvals import require_approvals, unmet_approval
from engine.proof.attestation import (
    VerifiedAttestation,
    is_attestation,
    require_attestations,
    verified_attestation,
)
from engine.proof.bundle import ProofBundle
from engine.proof.checkpoint import Checkpoint, origin_of
from engine.proof.decision_predicate import require_shape
from engine.proof.derivation import require_consequence, tied_to_input
from engine.proof.envelope import open_envelope, verify_envelope
from engine.proof.equivocation import MEDIA_TYPE as EQUIVOCATION
from engine.proof.equivocation import Equivocation, read_equivocation
from engine.proof.expectations import Expectations, subject_of, unmet_ledger, unmet_wishes
from engine.proof.history import MEDIA_TYPE as CHECKPOINTS
from engine.proof.history import (
    CheckpointPair,
    SignedCheckpoint,
    read_pair,
    require_no_fork,
)
from engine.proof.inclusion import ledger_id_of, placed
from engine.proof.input_document import read_time
from engine.proof.ledger_before import require_before
from engine.proof.policy_archive import policy_of, require_policy
from engine.proof.policy_files import AttachedPolicy
from engine.proof.signed_evidence import require_evidence
from engine.proof.statement import parse_statement
from engine.proof.trusted_keys import ATTESTATION, CHECKPOINT, DECISION, Keys, TrustedKey, keys_for

__all__ = [
    "CheckpointPair",
    "Equivocation",
    "Expectations",
    "TrustedKey",
    "Verified",
    "VerifiedAttestation",
    "verify",
    "verify_any",
]


@dataclass(frozen=True, slots=True)
class Verified:
    """A genuine record of one decision.

    Attributes:
        verdict: What the gate said.
        decision_id: UUIDv7.
        decided_at: RFC 3339.
        valid_until: RFC 3339; from then on the verdict must not be acted on.
        gate: Gate that was asked.
        profile: Table of limits.
        stage: Stage that was asked about.
        reason: One sentence on what decided.
        subject: What was decided on; without ``sha256`` no artifact was named.
        checks: The statement's checks.
        relaxations: Names of the options that weakened the run.
        ledger_id: Ledger that decided.
        index: Position of the entry in the ledger of ``checkpoint``.
        checkpoint: Signed state of the ledger that holds the entry. It is another ledger
            than ``ledger_id`` when the decision was imported.
        policy_digest: SHA-256 of the policy manifest.
        predicate: Everything that was signed about the decision.
        input: The Input's bytes.
        policy: The policy in the proof; None when it was left out.
        waivers: The record's report of waivers; those ``applied`` cover a failure.
        obligations: What the signer says must be done besides; replay compares it.
        attempt: How many decisions on this subject and gate the signer's ledger holds.
        policy_was_compared: Whether limits, severities, lifetime and waivers were held against
            the policy, the attached one or the caller's.
        failed_expectations: What was wanted and is not so, one sentence each.
        nothing_required: Whether nothing was wanted.
        not_required: What nobody demanded of it, such as ``profile``.
        checkpoints: Every checkpoint that it rests on: of the ledger that holds the entry, of the
            one that an import came from, of attestations.
    """

    verdict: Verdict
    decision_id: str
    decided_at: str
    valid_until: str
    gate: str
    profile: str
    stage: str
    reason: str
    subject: Subject
    checks: tuple[Json, ...] = field(repr=False)
    relaxations: tuple[str, ...]
    ledger_id: str
    index: int
    checkpoint: Checkpoint
    policy_digest: str
    predicate: Mapping[str, Json] = field(repr=False)
    input: bytes = field(repr=False)
    policy: AttachedPolicy | None = field(repr=False)
    waivers: tuple[Json, ...]
    obligations: tuple[Json, ...]
    attempt: int
    policy_was_compared: bool
    failed_expectations: tuple[str, ...]
    nothing_required: bool
    not_required: tuple[str, ...]
    checkpoints: tuple[SignedCheckpoint, ...] = field(repr=False)


_NOTHING = Expectations()
_INSTANT = {
    **dict.fromkeys(DECISION_TYPES, "decided_at"),
    DECISION_IMPORTED_TYPE: "imported_at",
    **dict.fromkeys(ATTESTED_TYPES, "issued_at"),
}
_IMPORT = ("decision_id", "envelope", "imported_at", "ledger", "origin")


def verify(bundle: bytes, public_keys: Keys, expect: Expectations = _NOTHING) -> Verified:
    """Verify one proof bundle.

    Args:
        bundle: The file's bytes, as ``engine export`` wrote them.
        public_keys: Raw Ed25519 keys, each of them trusted, or keys with roles and validity; one
            must have signed the record and one the checkpoint.
        expect: What the caller wants besides.

    Returns:
        What the record says, with the wishes it does not meet.

    Raises:
        VerificationError: Not genuine; says which link does not hold.

    Source: spec/predicate-v1.md section 13.
    """
    return _verified(proof.parse(bundle), public_keys, expect)


NO_RECORD = "a record is demanded, and the file holds two checkpoints and no record"


def verify_any(
    bundle: bytes, public_keys: Keys, expect: Expectations = _NOTHING
) -> Verified | VerifiedAttestation | Equivocation | CheckpointPair:
    """Verify one file: the proof of a decision or of an attestation, or what convicts a signer.

    Raises:
        VerificationError: As :func:`verify`.

    Source: spec/predicate-v1.md sections 13 and 14.
    """
    value = read_json(bundle, "the proof bundle", max_bytes=proof.MAX_BYTES)
    if isinstance(value, dict) and value.get("mediaType") == EQUIVOCATION:
        return read_equivocation(value, public_keys)
    if isinstance(value, dict) and value.get("mediaType") == CHECKPOINTS:
        pair = read_pair(value, public_keys)
        return pair if expect.nothing else pair._replace(failed_expectations=(NO_RECORD,))
    parts = proof.read(value)
    if is_attestation(parts.entry):
        keys = keys_for(public_keys, ATTESTATION, _instant_of(parts.entry))
        return verified_attestation(parts, keys, expect)
    return _verified(parts, public_keys, expect)


def _verified(parts: ProofBundle, public_keys: Keys, expect: Expectations) -> Verified:
    keys = tuple(keys_for(public_keys, CHECKPOINT, _instant_of(parts.entry)))
    place = placed(parts, keys)
    own = SignedCheckpoint(parts.checkpoint, place, keys, parts)
    require_no_fork(own, expect.checkpoints)
    statement, origin, envelope = _signed(parts.entry, public_keys, own, expect)
    predicate = statement["predicate"]
    if ledger_id_of(origin.checkpoint.origin) != predicate["ledger"]["id"]:
        refuse("the record is of another ledger than the checkpoint")
    require_before(predicate, parts if origin is own else replace(parts, ledger=None))
    document, document_bytes = tied_to_input(statement, parts.attachments)
    require_consequence(predicate, document)
    policy, unmet = policy_of(predicate, parts.attachments, expect)
    if policy is not None:
        require_policy(predicate, policy, document)
    attested = require_attestations(
        document, parts.attachments, envelope, policy, expect.checkpoints
    )
    require_evidence(predicate, document, parts.attachments, policy)
    approvals = require_approvals(predicate, parts.attachments, envelope)
    return Verified(
        **_members_of(statement),
        index=parts.index,
        checkpoint=place,
        input=document_bytes,
        policy=policy,
        policy_was_compared=policy is not None,
        failed_expectations=(
            *unmet,
            *unmet_wishes(statement, expect, policy_was_compared=policy is not None),
            *unmet_ledger(ledger_id_of(place.origin), expect),
            *unmet_approval(predicate, approvals, expect),
        ),
        nothing_required=expect.nothing,
        not_required=expect.not_required(predicate, place.origin),
        checkpoints=(own, *((origin,) if origin is not own else ()), *attested),
    )


def _signed(
    entry: bytes, public_keys: Keys, own: SignedCheckpoint, expect: Expectations
) -> tuple[dict[str, Json], SignedCheckpoint, bytes]:
    """Section 2: a decision that a key signed, of the ledger it must name, and its envelope."""
    statement = _signed_statement(entry, public_keys)
    origin, envelope = own, entry
    if statement["predicateType"] == DECISION_IMPORTED_TYPE:
        statement, origin, envelope = _imported(statement, public_keys, own.checkpoint, expect)
    if statement["predicateType"] not in DECISION_TYPES:
        refuse(
            f"the entry is a {statement['predicateType']}, not a decision",
            "export a decision: engine ledger log lists them",
        )
    require_shape(statement["predicate"], statement["predicateType"])
    return statement, origin, envelope


def _signed_statement(envelope: bytes, public_keys: Keys) -> dict[str, Json]:
    """What is signed by one of the keys that are trusted at the time that it names itself."""
    signers = keys_for(public_keys, DECISION, _instant_of(envelope))
    return parse_statement(verify_envelope(envelope, signers).payload)


def _instant_of(envelope: bytes) -> datetime | None:
    """When an entry says that it was made; nothing is verified. None for one of another kind."""
    statement = parse_statement(open_envelope(envelope).payload)
    name = _INSTANT.get(statement["predicateType"])
    return None if name is None else read_time(statement["predicate"].get(name), name)


def _imported(
    outer: Mapping[str, Json], public_keys: Keys, place: Checkpoint, expect: Expectations
) -> tuple[dict[str, Json], SignedCheckpoint, bytes]:
    """Section 12.3: the decision inside, signed too, the ledger it came from, its envelope."""
    predicate = outer["predicate"]
    read_object(predicate, "the import", _IMPORT)
    into = read_object(predicate["ledger"], "the import's ledger", ("id",))["id"]
    if place.origin != origin_of(read_text(into, "the id of the import's ledger")):
        refuse("the import is of another ledger than the checkpoint")
    source = read_object(predicate["origin"], "the origin", ("checkpoint", "index", "size"))
    note = read_text(source["checkpoint"], "its checkpoint")
    imported_at = read_time(predicate["imported_at"], "imported_at")
    keys = tuple(keys_for(public_keys, CHECKPOINT, imported_at))
    signed = checkpoint.verify(note, keys)
    require_no_fork(SignedCheckpoint(note, signed, keys), expect.checkpoints)
    index = read_integer(source["index"], "the origin's index")
    if read_integer(source["size"], "its size") != signed.size or index >= signed.size:
        refuse("the import's origin does not fit its checkpoint")
    envelope = read_base64(predicate["envelope"], "the import")
    statement = _signed_statement(envelope, public_keys)
    if statement["predicate"].get("decision_id") != predicate["decision_id"]:
        refuse("the import holds another decision than it names")
    if not same(outer["subject"], statement["subject"]):
        refuse("the import is about another subject than the decision it holds")
    return statement, SignedCheckpoint(note, signed, keys), envelope


def _members_of(statement: Mapping[str, Json]) -> dict[str, Any]:
    """What the statement itself says, by the names of :class:`Verified`."""
    predicate = statement["predicate"]
    return {
        "verdict": Verdict(predicate["verdict"]),
        "decision_id": predicate["decision_id"],
        "decided_at": predicate["decided_at"],
        "valid_until": predicate["valid_until"],
        "gate": predicate["gate"],
        "profile": predicate["profile"]["name"],
        "stage": predicate["stage"],
        "reason": predicate["reason"],
        "subject": subject_of(statement),
        "checks": tuple(predicate["checks"]),
        "relaxations": tuple(relaxation["name"] for relaxation in predicate["relaxations"]),
        "ledger_id": predicate["ledger"]["id"],
        "policy_digest": predicate["policy"]["digest"]["sha256"],
        "waivers": tuple(predicate["waivers"]),
        "obligations": tuple(predicate["obligations"]),
        "attempt": predicate["attempt"],
        "predicate": predicate,
    }
