"""Judgements into the ledger: signed, appended, durable, and only then told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from engine.errors import GovernanceError
from engine.evidence.input import Question
from engine.formats import canonical
from engine.formats.canonical import PlainObject
from engine.formats.times import write_time
from engine.ledger import AppendedEntry, Blob, EntryDraft, Ledger, LedgerPosition, SharedBlob
from engine.model import DECISION_FAILED_TYPE, DECISION_TYPES, Decision, Json, Subject, Verdict
from engine.policy.bundle import PolicyBundle
from engine.proof.decision_version import version_of
from engine.proof.envelope import open_envelope, seal
from engine.proof.statement import statement_around
from engine.signers import Signer


class StatementTemplate(NamedTuple):
    """What recording a judgement takes: its statement, but for its place in the ledger.

    Only texts and bytes, so that it crosses from a worker process cheaply.

    Attributes:
        decision_id: UUIDv7.
        gate: Policy package that was asked.
        subject_key: Digest under which decisions on the same subject find each other.
        pieces: The statement's bytes, cut where each of ``PLACE`` goes.
        encoded_input: The Input that the statement commits to.
        salt: 32 random bytes; with them the input's digest says nothing about the input.
        attested: Proofs of the Input's attestations; empty if there are none.
        approved: Approvals of the policies; empty if none is named.
        signed: Envelopes of signed evidence; empty if there is none.
    """

    decision_id: str
    gate: str
    subject_key: str
    pieces: tuple[bytes, ...]
    encoded_input: bytes
    salt: bytes
    attested: bytes = b""
    approved: bytes = b""
    signed: bytes = b""

    def blobs(self) -> Iterator[Blob]:
        """Yield what is kept beside its entry, but for the policy."""
        yield Blob("input", self.encoded_input)
        yield Blob("salt", self.salt)
        if self.attested:
            yield Blob("attestations", self.attested)
        if self.approved:
            yield Blob("approvals", self.approved)
        if self.signed:
            yield Blob("evidence", self.signed)


PLACE = ("attempt", "ledger", "previous")
"""Members of the predicate that only the ledger knows, sorted."""


def template_of(
    predicate: dict[str, Json],
    subject: Subject,
    subject_key: str,
    encoded_input: bytes,
    salt: bytes,
    *,
    attested: bytes = b"",
    approved: bytes = b"",
    signed: bytes = b"",
) -> StatementTemplate:
    """Return what recording ``predicate``, which lacks its place, takes.

    Args:
        predicate: Everything the statement says but its place; every number of it is finite. As a
            :class:`engine.formats.canonical.PlainObject` it is encoded without a second look.
        subject: What was decided on.
        subject_key: See :class:`StatementTemplate`.
        encoded_input: The Input, in JCS form.
        salt: 32 random bytes.
        attested: See :class:`StatementTemplate`.
        approved: See :class:`StatementTemplate`.
        signed: See :class:`StatementTemplate`.
    """
    cut = []
    for names in _between(tuple(predicate)):
        between = type(predicate)({name: predicate[name] for name in names})
        cut.append(canonical.encode_read(between)[1:-1])
    about = resource(subject, predicate["input"]["digest"]["sha256"])
    # Nothing but texts by names of ours: their form needs no second look.
    kind = version_of(DECISION_TYPES, predicate)
    whole = statement_around([PlainObject(about)], kind, b"\0")
    head, tail = whole.split(b"\0")
    first, *middle, last = cut
    pieces = (
        head + b"{" + (first and first + b","),
        *(b"," + (piece and piece + b",") for piece in middle),
        (last and b"," + last) + b"}" + tail,
    )
    return StatementTemplate(
        decision_id=predicate["decision_id"],
        gate=predicate["gate"],
        subject_key=subject_key,
        pieces=pieces,
        encoded_input=encoded_input,
        salt=salt,
        attested=attested,
        approved=approved,
        signed=signed,
    )


@lru_cache(maxsize=16)
def _between(names: tuple[str, ...]) -> list[list[str]]:
    """Those of ``names`` that sort before, between and behind the members of :data:`PLACE`."""
    bounds = pairwise(("", *PLACE, "~"))
    return [[name for name in names if low < name < high] for low, high in bounds]


def resource(subject: Subject, input_sha256: str) -> dict[str, Json]:
    """Return ``subject`` as a statement names it; the input's digest stands in for none."""
    annotations: dict[str, Json] = {}
    if subject.version is not None:
        annotations["version"] = subject.version
    digest = subject.sha256
    if digest is None:
        annotations["digest_of"] = "input"
        digest = input_sha256
    described: dict[str, Json] = {"name": subject.name, "digest": {"sha256": digest}}
    return {**described, "annotations": annotations} if annotations else described


def statement_at(place: LedgerPosition, record: StatementTemplate) -> bytes:
    """Return the statement's bytes, in RFC 8785 form, once its place is known."""
    attempt, ledger, previous = (
        b'"attempt":%d' % place.attempt,
        b'"ledger":{"id":"%b"}' % place.ledger_id.encode(),
        b'"previous":"%b"' % place.previous.encode() if place.previous else b'"previous":null',
    )
    first, second, third, last = record.pieces
    return b"".join((first, attempt, second, ledger, third, previous, last))


def append(
    records: Sequence[StatementTemplate], ledger: Ledger, signer: Signer, bundle: PolicyBundle
) -> list[AppendedEntry]:
    """Sign and append; every one is durable when this returns, in the order given.

    Raises:
        LedgerError: Nothing was recorded.
        CommitError: What was appended may or may not be recorded.
    """
    policy = policy_blob(bundle)
    return ledger.append([draft_of(record, signer, policy) for record in records])


def policy_blob(bundle: PolicyBundle) -> SharedBlob:
    """Return the policy as it is kept beside what it decided, once per digest."""
    return SharedBlob("policy", bundle.digest, lambda: _archive(bundle))


@lru_cache(maxsize=4)
def _archive(bundle: PolicyBundle) -> bytes:
    return bundle.archive()


def draft_of(record: StatementTemplate, signer: Signer, policy: SharedBlob) -> EntryDraft:
    """Return the draft of a judgement; ``policy`` as :func:`policy_blob` gives it."""
    return EntryDraft(
        decision_id=record.decision_id,
        subject_key=record.subject_key,
        gate=record.gate,
        build=lambda place: seal(statement_at(place, record), signer.sign, signer.key_id),
        blobs=(*record.blobs(), policy),
    )


def decision_from(
    predicate: Json, subject: Subject, signed: bytes, index: int | None, checkpoint: str | None
) -> Decision:
    """Return a decision as callers see it.

    Args:
        predicate: Predicate of the statement.
        subject: What was decided on.
        signed: The statement's bytes.
        index: Ledger index; None when it is not recorded.
        checkpoint: Signed note that covers it; None when it is not recorded.
    """
    return Decision(
        decision_id=predicate["decision_id"],
        decided_at=predicate["decided_at"],
        valid_until=predicate["valid_until"],
        gate=predicate["gate"],
        profile=predicate["profile"]["name"],
        stage=predicate["stage"],
        verdict=Verdict(predicate["verdict"]),
        reason=predicate["reason"],
        subject=subject,
        checks=tuple(predicate["checks"]),
        obligations=tuple(predicate["obligations"]),
        waivers=tuple(predicate["waivers"]),
        relaxations=tuple(relaxation["name"] for relaxation in predicate["relaxations"]),
        recorded=index is not None,
        index=index,
        checkpoint=checkpoint,
        statement=signed,
        attestations=tuple(predicate["attestations"]),
        evidence_files=predicate.get("evidence_files"),
        intolerable=tuple(row["name"] for row in predicate["relaxations"] if not row["tolerated"]),
        policy_changes=predicate.get("policy_changes"),
        policy_approvals=tuple(predicate.get("policy_approvals", ())),
        signed_evidence=tuple(predicate.get("signed_evidence", ())),
    )


def recorded_decision(predicate: Json, subject: Subject, at: AppendedEntry) -> Decision:
    """Return the decision that is in the ledger at ``at``."""
    return decision_from(
        predicate, subject, open_envelope(at.entry).payload, at.index, at.checkpoint
    )


def dry_run_decision(predicate: Json, subject: Subject, record: StatementTemplate) -> Decision:
    """Return the decision of a dry run: it says that it is not recorded."""
    return decision_from(
        predicate, subject, statement_at(LedgerPosition("dry-run", 1, None), record), None, None
    )


def record_failure(
    error: GovernanceError,
    names: Sequence[str],
    question: Question,
    ledger: Ledger,
    signer: Signer,
    *,
    attempt_id: str,
    known: Collection[str],
) -> None:
    """Append ``decision-failed:v1``: that a decision was asked for and could not be made.

    Args:
        error: Why.
        names: The files that were to be decided on, as the caller named them.
        question: What was asked.
        ledger: Where to.
        signer: The key that signs.
        attempt_id: UUIDv7.
        known: Names of members and metrics that the record may hold.

    Raises:
        LedgerError: It could not be recorded either.
    """
    from engine.decision.failures import recorded_error

    # The name of a file may be no UTF-8, and a statement is.
    name = ", ".join(names).encode(errors="backslashreplace").decode()[:1024]
    predicate = {
        "attempt_id": attempt_id,
        "failed_at": write_time(question.now),
        "gate": question.gate,
        "profile": question.profile,
        "stage": question.stage,
        "exit_code": error.exit_code,
        "error": recorded_error(error, known),
        "relaxations": list(question.relaxations),
    }
    # What was asked about could not be read, so the statement is about the asking.
    ledger.append([event(DECISION_FAILED_TYPE, name, predicate, signer)])


def event(
    kind: str,
    name: str,
    predicate: dict[str, Json],
    signer: Signer,
    *,
    about: dict[str, Json] | None = None,
) -> EntryDraft:
    """Return the draft of an entry that is no decision, to append.

    Args:
        kind: Its predicate type.
        name: What it is about; where that has a digest, the predicate says it.
        predicate: What it says; its place in the ledger is added as ``ledger``. As a
            :class:`engine.formats.canonical.PlainObject` it is encoded without a second look.
        signer: The key that signs.
        about: The statement's subject, where it has a digest of its own.
    """
    import hashlib

    is_plain = type(predicate) is PlainObject
    encode = canonical.encode_read if is_plain else canonical.encode
    subject = about or {
        "name": name,
        "digest": {"sha256": hashlib.sha256(encode(predicate)).hexdigest()},
        "annotations": {"digest_of": "predicate"},
    }

    def build(place: LedgerPosition) -> bytes:
        whole = type(predicate)(predicate, ledger={"id": place.ledger_id})
        return seal(statement_around([subject], kind, encode(whole)), signer.sign, signer.key_id)

    return EntryDraft(None, None, None, build)
