"""Attestations: a key's signed word on what a gate answered about one artifact, read and verified.

An attestation names the key that signs it, so its proof shows by itself that it is genuine:
whose word it is. Whether that key's word counts is the trust list's business
(:mod:`engine.proof.trust`), and whether a check may rest on it the policies'
(:mod:`engine.proof.attestation_rules`). Nothing here reads a file or a clock.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.errors import KeyFileError
from engine.formats.json_values import same
from engine.formats.signed_json import read_json, read_list, read_object, read_text, refuse
from engine.formats.times import age_s
from engine.model import ATTESTATION_TYPES, ATTESTED_TYPES, Json, Subject, Verdict
from engine.proof import bundle as proof
from engine.proof.approvals import require_approvals, unmet_approval
from engine.proof.attestation_rules import MAX_ATTESTATIONS
from engine.proof.bundle import ProofBundle
from engine.proof.checkpoint import Checkpoint, signed_by
from engine.proof.decision_predicate import require_shape
from engine.proof.decision_version import OPTIONAL_OF_V2
from engine.proof.derivation import (
    require_consequence,
    require_reason,
    require_statuses,
    require_verdict,
    tied_to_input,
)
from engine.proof.envelope import is_signed_by, open_envelope, verify_envelope
from engine.proof.expectations import Expectations, subject_of, unmet_ledger, unmet_wishes
from engine.proof.history import SignedCheckpoint, require_no_fork
from engine.proof.inclusion import ledger_id_of, placed
from engine.proof.input_document import (
    InputDocument,
    read_time,
    require_ages,
    require_observed,
)
from engine.proof.keys import key_id, load_public_pem, public_pem
from engine.proof.ledger_before import require_before
from engine.proof.policy_archive import policy_of, require_attestation_policy
from engine.proof.policy_files import AttachedPolicy
from engine.proof.signed_evidence import require_evidence
from engine.proof.statement import parse_statement
from engine.proof.trust import role_of

ATTACHMENT = "attestations"
MAX_PROOF_BYTES = 1024 * 1024
"""Longest proof of an attestation that a decision carries on, in bytes."""

_MEMBERS = (
    *("attestation_id", "issued_at", "expires_at", "public_key", "gate", "profile", "stage"),
    *("verdict", "verdict_rule", "reason", "checks", "obligations", "waivers", "relaxations"),
    *("metrics", "evidence", "policy", "evaluator", "ledger", "attempt", "previous"),
)
_OPTIONAL = OPTIONAL_OF_V2
_FACTS = (
    *("id", "type", "subject_sha256", "issued_at", "expires_at", "verdict", "profile"),
    *("evidence_sha256", "policy_sha256", "key_id", "self", "relaxations", "ledger_id"),
    "entry_sha256",
)
_OF_THE_INSTANT = ("age_s", "remaining_s", "role")


@dataclass(frozen=True, slots=True)
class Attestation:
    """A genuine attestation: the key that it names signed it, and its place in a ledger.

    Attributes:
        statement: What was signed, parsed.
        view: The same in the form of a decision on its gate, which is how it is verified.
        public_key: 32 raw bytes.
        checkpoint: Signed state of the ledger that holds it.
        proof: The bundle that shows all this.
    """

    statement: Mapping[str, Json]
    view: Mapping[str, Json]
    public_key: bytes
    checkpoint: Checkpoint
    proof: ProofBundle

    @property
    def predicate(self) -> dict[str, Json]:
        """What the key attests."""
        predicate: dict[str, Json] = self.statement["predicate"]
        return predicate

    @property
    def id(self) -> str:
        """UUIDv7."""
        return str(self.predicate["attestation_id"])

    @property
    def subject_sha256(self) -> str:
        """Digest of the artifact that it is about."""
        return str(self.statement["subject"][0]["digest"]["sha256"])

    @property
    def signed(self) -> SignedCheckpoint:
        """The checkpoint that it rests on, by the word of its own key."""
        note = self.proof.checkpoint
        return SignedCheckpoint(note, self.checkpoint, (self.public_key,), self.proof)

    def facts(self, *, own: bool) -> dict[str, Json]:
        """Return what an Input says of it, but for what depends on the decision's instant.

        Args:
            own: Whether the key that attested is the key that signs the decision.
        """
        predicate = self.predicate
        return {
            "id": predicate["attestation_id"],
            "type": self.statement["predicateType"],
            "subject_sha256": self.subject_sha256,
            "issued_at": predicate["issued_at"],
            "expires_at": predicate["expires_at"],
            "verdict": predicate["verdict"],
            "profile": predicate["profile"]["name"],
            "evidence_sha256": predicate["evidence"]["digest"]["sha256"],
            "policy_sha256": predicate["policy"]["digest"]["sha256"],
            "key_id": key_id(self.public_key),
            "self": own,
            "relaxations": [relaxation["name"] for relaxation in predicate["relaxations"]],
            "ledger_id": predicate["ledger"]["id"],
            "entry_sha256": hashlib.sha256(self.proof.entry).hexdigest(),
        }

    def carried(self) -> bytes:
        """Return its proof as a decision carries it on: without attachments, canonical JSON.

        Raises:
            VerificationError: It is longer than 1 MiB.
        """
        data = replace(self.proof, attachments={}).encode().removesuffix(b"\n")
        if len(data) > MAX_PROOF_BYTES:
            refuse(
                f"the proof of attestation {self.id} has {len(data):,} bytes without attachments; "
                f"{MAX_PROOF_BYTES:,} are carried",
                "export it from the ledger that it was recorded in, or attest again",
            )
        return data


@dataclass(frozen=True, slots=True)
class VerifiedAttestation:
    """A genuine attestation whose answer follows from its evidence.

    Attributes:
        attestation: What was verified.
        verdict: The gate's answer.
        subject: What it is about.
        relaxations: Names of the options that weakened it.
        waivers: Its report of waivers; those ``applied`` cover a failure.
        policy_was_compared: Whether it was held against its policy.
        failed_expectations: What was wanted and is not so, one sentence each.
        nothing_required: Whether nothing was wanted.
        not_required: What nobody demanded of it, such as ``profile``.
        checkpoints: Every checkpoint that it rests on, its own ledger's first.
    """

    attestation: Attestation
    verdict: Verdict
    subject: Subject
    relaxations: tuple[str, ...]
    waivers: tuple[Json, ...]
    policy_was_compared: bool
    failed_expectations: tuple[str, ...]
    nothing_required: bool
    not_required: tuple[str, ...]
    checkpoints: tuple[SignedCheckpoint, ...] = field(repr=False)


def is_attestation(entry: bytes) -> bool:
    """Return whether ``entry`` says that it is an attestation; nothing is verified.

    Raises:
        VerificationError: The entry is not readable.
    """
    kind = parse_statement(open_envelope(entry).payload)["predicateType"]
    return kind in ATTESTED_TYPES


def as_decision(statement: Mapping[str, Json]) -> dict[str, Json]:
    """Return an attestation's statement in the form of a decision on its gate."""
    predicate = dict(statement["predicate"])
    for name in ("public_key", "metrics"):
        del predicate[name]
    predicate["decision_id"] = predicate.pop("attestation_id")
    predicate["decided_at"] = predicate.pop("issued_at")
    predicate["valid_until"] = predicate.pop("expires_at")
    predicate["input"] = predicate.pop("evidence")
    predicate["attestations"] = []
    return {**statement, "predicate": predicate}


def read(parts: ProofBundle) -> Attestation:
    """Return the attestation in a proof bundle; its attachments are not looked at.

    That is: the key that it names signed it and the checkpoint, the entry stands where the
    bundle says, and the gate's answer follows from the metrics it holds.

    Raises:
        VerificationError: One of these is not so.

    Source: spec/predicate-v1.md section 12.4.
    """
    statement = parse_statement(open_envelope(parts.entry).payload)
    view, public = require_own_word(statement, parts.entry)
    place = placed(parts, [public])
    if ledger_id_of(place.origin) != view["predicate"]["ledger"]["id"]:
        refuse("the attestation is of another ledger than the checkpoint")
    require_before(view["predicate"], parts)
    return Attestation(statement, view, public, place, parts)


def require_own_word(statement: Mapping[str, Json], entry: bytes) -> tuple[dict[str, Json], bytes]:
    """Verify what an attestation says of itself; where it stands is not looked at.

    Args:
        statement: What ``entry`` says.
        entry: The envelope.

    Returns:
        It in the form of a decision on its gate, and the raw key that it names.

    Raises:
        VerificationError: The key that it names did not sign it, or the gate's answer does not
            follow from the metrics it holds.

    Source: spec/predicate-v1.md section 12.4.
    """
    predicate = _require_members(statement)
    public = _key_of(predicate)
    verify_envelope(entry, [public])
    view = as_decision(statement)
    require_shape(view["predicate"], statement["predicateType"])
    if statement["predicateType"] not in ATTESTATION_TYPES.get(predicate["gate"], ()):
        refuse(f"a {statement['predicateType']} cannot be about gate {predicate['gate']!r}")
    expires_at = read_time(predicate["expires_at"], "expires_at")
    if expires_at <= read_time(predicate["issued_at"], "issued_at"):
        refuse("the attestation expires before it is issued")
    _require_answer(view, predicate["metrics"])
    return view, public


def _require_members(statement: Mapping[str, Json]) -> dict[str, Json]:
    kind = statement["predicateType"]
    if kind not in ATTESTED_TYPES:
        refuse(
            f"the entry is a {kind}, not an attestation",
            "give the file that `engine attest` or `engine export` wrote",
        )
    if len(statement["subject"]) != 1:
        refuse("an attestation is about one subject")
    if statement["subject"][0].get("annotations", {}).keys() - {"version"}:
        refuse("an attestation is about an artifact, by its digest")
    return read_object(statement["predicate"], "the attestation", _MEMBERS, _OPTIONAL)


def _key_of(predicate: Mapping[str, Json]) -> bytes:
    text = read_text(predicate["public_key"], "the attestation's public key")
    try:
        public = load_public_pem(text.encode())
    except (KeyFileError, UnicodeEncodeError):
        refuse("the attestation does not hold a public key")
    if public_pem(public).decode() != text:
        refuse("the attestation's public key is not written in its one form")
    return public


def _require_answer(view: Mapping[str, Json], metrics: Json) -> None:
    """The answer follows from the metrics in the statement, as far as they go: no waivers."""
    predicate, about = view["predicate"], view["subject"][0]
    if not isinstance(metrics, dict) or not all(isinstance(m, dict) for m in metrics.values()):
        refuse("the attestation's metrics are not objects by id")
    document = InputDocument(
        gate=predicate["gate"],
        profile=predicate["profile"]["name"],
        stage=predicate["stage"],
        decided_at=predicate["decided_at"],
        subject={"name": about["name"], **about.get("annotations", {}), "digest": about["digest"]},
        metrics=metrics,
        waivers=(),
        relaxations=tuple(relaxation["name"] for relaxation in predicate["relaxations"]),
        attestations=(),
    )
    require_ages(document)
    for check in predicate["checks"]:
        require_observed(check, document)
    require_statuses(predicate, document)
    require_verdict(predicate)
    require_reason(predicate)


def verify_attestation(
    bundle: bytes, public_keys: Sequence[bytes] | None, expect: Expectations | None = None
) -> VerifiedAttestation:
    """Verify the proof bundle of an attestation, with the input and the policy it came from.

    Args:
        bundle: The file's bytes, as ``engine attest --export`` or ``engine export`` wrote them.
        public_keys: Raw Ed25519 keys, one of which must have signed it; None takes any key, and
            the caller decides what that key's word is worth.
        expect: What the caller wants besides; None wants nothing.

    Raises:
        VerificationError: Not genuine; says which link does not hold.

    Source: spec/predicate-v1.md sections 12.4 and 13.
    """
    return verified_attestation(proof.parse(bundle), public_keys, expect or Expectations())


def verified_attestation(
    parts: ProofBundle, public_keys: Sequence[bytes] | None, expect: Expectations
) -> VerifiedAttestation:
    """Verify an attestation as :func:`verify_attestation` does, from a bundle that was read.

    Raises:
        VerificationError: Not genuine; says which link does not hold.
    """
    found = read(parts)
    require_no_fork(found.signed, _by(found.public_key, expect.checkpoints))
    if public_keys is not None and found.public_key not in public_keys:
        refuse(
            f"the attestation is signed by key {key_id(found.public_key)}, "
            "which is none of those given",
            "give the attestor's public key",
        )
    predicate = found.view["predicate"]
    document, _ = tied_to_input(found.view, parts.attachments)
    require_consequence(predicate, document)
    if not same(document.metrics, found.predicate["metrics"]):
        refuse("the attestation holds other metrics than its input")
    attested = require_attestations(
        document, parts.attachments, parts.entry, None, expect.checkpoints
    )
    approvals = require_approvals(predicate, parts.attachments, parts.entry)
    policy, unmet = policy_of(predicate, parts.attachments, expect)
    if policy is not None:
        require_attestation_policy(predicate, policy, document)
    require_evidence(predicate, document, parts.attachments, policy)
    return VerifiedAttestation(
        attestation=found,
        verdict=Verdict(predicate["verdict"]),
        subject=subject_of(found.view),
        relaxations=tuple(relaxation["name"] for relaxation in predicate["relaxations"]),
        waivers=tuple(predicate["waivers"]),
        policy_was_compared=policy is not None,
        failed_expectations=(
            *unmet,
            *unmet_wishes(found.view, expect, policy_was_compared=policy is not None),
            *unmet_ledger(ledger_id_of(found.checkpoint.origin), expect),
            *unmet_approval(predicate, approvals, expect),
        ),
        nothing_required=expect.nothing,
        not_required=expect.not_required(predicate, found.checkpoint.origin),
        checkpoints=(found.signed, *attested),
    )


def at_instant(facts: Mapping[str, Json], now: datetime, trust: Json) -> dict[str, Json]:
    """Return ``facts`` as an Input of that instant says them, with age and role.

    Args:
        facts: What :meth:`Attestation.facts` gave, or a member of an Input's ``attestations``.
        now: The decision's instant.
        trust: The policy's trust list.

    Raises:
        VerificationError: Its times cannot be read.
    """
    issued = read_time(facts["issued_at"], "the attestation's issued_at")
    expires = read_time(facts["expires_at"], "the attestation's expires_at")
    return {
        **{key: facts[key] for key in _FACTS},
        "age_s": age_s(now, issued),
        "remaining_s": math.ceil((expires - now).total_seconds()),
        "role": role_of(trust, str(facts["key_id"]), issued, now),
    }


def attachment_of(proofs: Sequence[bytes]) -> bytes:
    """Return the attachment of a decision that rests on attestations: their proofs, in order."""
    return b"[" + b",".join(proofs) + b"]"


def require_attestations(
    document: InputDocument,
    attachments: Mapping[str, bytes],
    decision: bytes,
    policy: AttachedPolicy | None,
    kept: Collection[str] = (),
) -> tuple[SignedCheckpoint, ...]:
    """Verify that a decision's Input says of its attestations what they say themselves.

    Each is genuine by the key that it names, its facts, age and time left are the Input's, and
    ``self`` says whether the same key signed the decision. With the policy, the role is the
    one that its trust list gives that key.

    Args:
        document: The decision's Input.
        attachments: Of the decision's proof bundle, by name.
        decision: The decision's own envelope.
        policy: The policy in the proof; None when it was left out.
        kept: Signed notes that the caller kept: no attestation's ledger forked from one.

    Returns:
        The checkpoints that the attestations rest on.

    Raises:
        VerificationError: One of these is otherwise.

    Source: spec/predicate-v1.md section 8.3.
    """
    if not document.attestations:
        if ATTACHMENT in attachments:
            refuse("attestations are attached that the input does not speak of")
        return ()
    if ATTACHMENT not in attachments:
        refuse(
            f"attachment {ATTACHMENT!r} is missing, so nobody answers for the input's attestations",
            "export the decision again",
        )
    if len(document.attestations) > MAX_ATTESTATIONS:
        refuse(f"the input holds more than {MAX_ATTESTATIONS} attestations")
    most = MAX_ATTESTATIONS * (MAX_PROOF_BYTES + 1) + 1
    values = read_json(attachments[ATTACHMENT], "the attached attestations", max_bytes=most)
    if len(read_list(values, "the attached attestations")) != len(document.attestations):
        refuse("other attestations are attached than the input speaks of")
    now = read_time(document.decided_at, "the input's decided_at")
    checkpoints = []
    for stated, value in zip(document.attestations, values, strict=True):
        parts = proof.read(value)
        if parts.attachments:
            refuse("an attached attestation has attachments of its own")
        found = read(parts)
        require_no_fork(found.signed, _by(found.public_key, kept))
        checkpoints.append(found.signed._replace(is_attested=True))
        own = is_signed_by(decision, found.public_key)
        trust = policy.data.get("trust") if policy is not None else None
        expected = at_instant(found.facts(own=own), now, trust)
        if policy is None and isinstance(stated, dict):
            expected["role"] = stated.get("role")
        _require_same(stated, expected)
    return tuple(checkpoints)


def _by(public: bytes, kept: Collection[str]) -> list[str]:
    """The kept notes that one key signed: another key's ledger of the same id is none of its."""
    return [note for note in kept if signed_by(note, public)]


def _require_same(stated: Json, expected: Mapping[str, Json]) -> None:
    members = read_object(stated, "an attestation of the input", (*_FACTS, *_OF_THE_INSTANT))
    for key, value in expected.items():
        if not same(members[key], value):
            refuse(
                f"the input says {key} {members[key]!r} of attestation {expected['id']}; "
                f"it is {value!r}"
            )
