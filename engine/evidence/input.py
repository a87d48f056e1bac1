"""Documents, waivers and attestations become the one Input that a gate is asked about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from engine.errors import UsageError
from engine.evidence.documents import Document
from engine.evidence.metrics_file import RefusalError, expand, read_subject
from engine.formats import canonical
from engine.formats.canonical import PlainObject, is_plain
from engine.formats.json_positions import escape
from engine.formats.times import write_time
from engine.model import Json, Stage, Subject
from engine.policy.bundle import PolicyBundle
from engine.proof.input_document import relaxations_of_evidence, subject_document

if TYPE_CHECKING:
    from engine.evidence.producers import Producers
    from engine.proof.attestation_rules import RequiredAttestation

CLAIMS = ("gate", "profile", "stage")
_ATTEST = "leave it out of the file; who may sign it off does so with: engine attest"


@dataclass(frozen=True, slots=True)
class AttestationFacts:
    """A verified attestation, found for a decision.

    Attributes:
        facts: What the Input says of it, but for age, time left and role.
        proof: Its proof bundle without attachments, canonical JSON.
    """

    facts: Mapping[str, Json]
    proof: bytes


BUDGET, DAY = "budget", "day"
"""Kind of the documents that budgets keep in a ledger's state, and the key of the newest day."""

Refuse: TypeAlias = Callable[[str, str, str], NoReturn]
"""``refuse(metric, reason, hint)`` raises the error about a metric of the evidence."""

PutFigures: TypeAlias = Callable[[dict[str, Json], Refuse], tuple[str, ...]]
"""Puts figures into metrics in long form; returns what is to be noted, one line each."""

Finder: TypeAlias = Callable[[Subject], Sequence[AttestationFacts]]
"""Finds the attestations of one subject; asked only where the profile asks for one."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the caller asks; the evidence has no say in it.

    Attributes:
        gate: Policy package.
        profile: Table of limits.
        stage: ``candidate`` or ``production``.
        now: The decision's instant, whole seconds, UTC.
        relaxations: Options that weaken this run, by name, sorted.
        is_dry_run: Whether its decision is never recorded.
    """

    gate: str
    profile: str
    stage: str
    now: datetime
    relaxations: tuple[str, ...] = ()
    is_dry_run: bool = False

    def __post_init__(self) -> None:
        require_stage(self.stage)


def require_stage(stage: str) -> None:
    """Refuse a stage that there is not.

    Raises:
        UsageError: It is neither ``candidate`` nor ``production``.
    """
    if stage not in list(Stage):
        raise UsageError(f"stage {stage!r} is not known", f"known: {', '.join(Stage)}")


@dataclass(frozen=True, slots=True)
class Input:
    """What OPA sees of one release.

    Attributes:
        name: File the evidence came from; ``-`` is standard input.
        document: The Input document, see ``schemas/opa-input.schema.json``; a ``PlainObject`` where
            its numbers were looked at and it has no waiver and no attestation.
        encoded: Its JCS form: what is evaluated, digested and kept.
        subject: What is decided on.
        attested: Proofs of its attestations, to be kept beside it; empty if there are none.
        notes: What the caller should know of the evidence, one line each.
        evidence_files: What the record says of the folders it was found in; None where it was
            found in none.
        signed_evidence: What the record says of the envelopes that it came in; empty without any.
        envelopes: Them, to be kept beside it.
    """

    name: str
    document: Json
    encoded: bytes
    subject: Subject
    attested: bytes = b""
    notes: tuple[str, ...] = ()
    evidence_files: Json = None
    signed_evidence: tuple[Json, ...] = ()
    envelopes: bytes = b""


def gather(
    documents: Sequence[Document],
    question: Question,
    bundle: PolicyBundle,
    schema: Json,
    *,
    artifact_sha256: str | None = None,
    find: Finder | None = None,
    put_figures: PutFigures | None = None,
) -> Input:
    """Return the Input that ``documents``, of one subject, make together.

    Args:
        documents: One, or several whose metrics are merged.
        question: Gate, profile, stage and instant, named by the caller.
        bundle: Catalogue, gates and waivers.
        schema: ``metrics.schema.json``.
        artifact_sha256: Digest computed from the artifact itself, if it was given.
        find: Finds the subject's attestations; None where nothing asks for any.
        put_figures: Puts what the ledger itself knows of the metrics in place of claims.

    Raises:
        DocumentError: A document is refused, differs from the caller's question, or two of
            them disagree.
    """
    gate = bundle.gate(question.gate)
    merged = _Merged(question, bundle, schema, artifact_sha256)
    for document in documents:
        merged.add(document)
    metrics, subject, producers = merged.metrics, merged.subject, merged.producers
    notes = merged.notes
    if subject is None:
        raise UsageError("no metrics file was given")
    if gate.requires_digest and subject.sha256 is None:
        raise documents[0].refused(
            "/subject",
            f"gate {gate.name!r} promotes an artifact, and the subject has no digest",
            "give the artifact with --artifact PATH, or add "
            '"digest": {"sha256": "<64 hex digits>"} to the subject',
        )
    if put_figures is not None:
        notes += put_figures(metrics, partial(_refuse, documents))
    attested = find(subject) if find is not None else ()
    files = None
    if any(document.found for document in documents):
        from engine.evidence.folders import evidence_files

        files = evidence_files([document.found for document in documents])
    if producers is not None:
        producers.name_signers(metrics, bundle.data["trust"])
    name = documents[0].name
    evidence = assemble(name, subject, metrics, question, bundle, attested, tuple(notes), files)
    if producers is None:
        return evidence
    return replace(
        evidence, signed_evidence=tuple(producers.rows()), envelopes=producers.envelopes()
    )


class _Merged:
    """The metrics of documents about one subject."""

    def __init__(
        self, question: Question, bundle: PolicyBundle, schema: Json, artifact_sha256: str | None
    ) -> None:
        self._question, self._bundle, self._schema = question, bundle, schema
        self._artifact_sha256 = artifact_sha256
        self.metrics: dict[str, Json] = {}
        self.notes: list[str] = []
        self.subject: Subject | None = None
        self.producers: Producers | None = None

    def add(self, document: Document) -> None:
        """Put in what a document says.

        Raises:
            DocumentError: It is refused, or says otherwise than one before.
        """
        question, bundle = self._question, self._bundle
        try:
            given = expand(
                document.value, bundle.catalogue(), question.now, self._schema, self.notes
            )
        except RefusalError as refused:
            raise document.refused(refused.pointer, refused.reason, refused.hint) from None
        _no_other_claim(document, question)
        self.subject = _one_subject(document, self.subject, self._artifact_sha256)
        if refused_ids := given.keys() & _attested_only(bundle):
            name = min(refused_ids)
            pointer = f"/metrics/{escape(name)}"
            raise document.refused(pointer, f"{name!r} is read from attestations only", _ATTEST)
        if document.signed is not None:
            self._add_signed(document, given)
            return
        self._require_once(document, given.keys() & self.metrics.keys())
        self.metrics |= given

    def _add_signed(self, document: Document, given: dict[str, Json]) -> None:
        from engine.evidence.producers import Producers

        producers = self.producers = self.producers or Producers(self._question.now)
        doubled = given.keys() & self.metrics.keys()
        self._require_once(document, {name for name in doubled if not producers.has(name)})
        try:
            producers.add(document, given, self.metrics)
        except RefusalError as refused:
            raise document.refused(refused.pointer, refused.reason, refused.hint) from None

    def _require_once(self, document: Document, doubled: Collection[str]) -> None:
        if doubled:
            name = min(doubled)
            pointer = f"/metrics/{escape(name)}"
            raise document.refused(pointer, f"metric {name!r} is in another file too", "keep one")


def _refuse(documents: Sequence[Document], name: str, reason: str, hint: str) -> NoReturn:
    document = next(candidate for candidate in documents if name in candidate.value["metrics"])
    raise document.refused(f"/metrics/{escape(name)}", reason, hint)


@lru_cache(maxsize=16)
def reads_budgets(bundle: PolicyBundle, gate: str) -> bool:
    """Return whether some check of ``gate`` looks at a metric ``budget.*``."""
    return any(bundle.check(name).metric.startswith("budget.") for name in bundle.gate(gate).checks)


@lru_cache(maxsize=16)
def _attested_only(bundle: PolicyBundle) -> frozenset[str]:
    """Metrics that only checks on attestations look at: a file's word for them is nobody's."""
    checks = bundle.checks()
    others = {info.metric for info in checks if info.kind != "attestation"}
    return frozenset(info.metric for info in checks) - others


def assemble(
    name: str,
    subject: Subject,
    metrics: dict[str, Json],
    question: Question,
    bundle: PolicyBundle,
    attested: Sequence[AttestationFacts] = (),
    notes: tuple[str, ...] = (),
    files: Json = None,
) -> Input:
    """Return the Input for metrics in long form; what :func:`gather` and replay both end in."""
    attestations, relaxations, proofs = _rested_on(attested, subject, question, bundle)
    if own := relaxations_of_evidence(metrics):
        relaxations = sorted(own.union(relaxations))
    document = {
        "gate": question.gate,
        "profile": question.profile,
        "stage": question.stage,
        "decided_at": write_time(question.now),
        "subject": subject_document(subject),
        "metrics": metrics,
        "waivers": _waivers(bundle, question.now),
        "relaxations": relaxations,
        "attestations": attestations,
    }
    if not (document["waivers"] or attested) and all(map(_is_plain, metrics.values())):
        document = PlainObject(document)
    encoded = canonical.encode_read(document)
    return Input(name, document, encoded, subject, proofs, notes, files)


def _waivers(bundle: PolicyBundle, now: datetime) -> list[dict[str, Json]]:
    waivers = bundle.waivers()
    if not waivers:
        return []
    from engine.proof.waivers import aged

    return [aged(waiver, now) for waiver in waivers]


def wanted_attestations(
    gate: str, profile: str, bundle: PolicyBundle
) -> tuple[RequiredAttestation, ...]:
    """Return what the gate asks for by this profile; nothing where every such check is off."""
    rows = bundle.profile(profile)["checks"]
    checks = [
        (info, rows[info.id])
        for info in map(bundle.check, bundle.gate(gate).checks)
        if info.kind == "attestation" and rows[info.id].get("severity") != "off"
    ]
    if not checks:
        return ()
    from engine.proof.attestation_rules import RequiredAttestation, attestation_types

    return tuple(
        RequiredAttestation(
            attestation_types(info.metric), row.get("max_age_s"), row.get("severity")
        )
        for info, row in checks
    )


def _rested_on(
    attested: Sequence[AttestationFacts], subject: Subject, question: Question, bundle: PolicyBundle
) -> tuple[list[Json], list[str], bytes]:
    """The Input's attestations, what has to be named for them to count, and their proofs."""
    if not attested:
        return [], list(question.relaxations), b""
    from engine.proof.attestation import at_instant, attachment_of
    from engine.proof.attestation_rules import MAX_ATTESTATIONS, relaxations_for

    if len(attested) > MAX_ATTESTATIONS:
        raise UsageError(
            f"{len(attested)} attestations of one artifact; {MAX_ATTESTATIONS} are taken",
            "leave out those that have expired",
        )
    trust = bundle.data["trust"]
    found = [at_instant(attestation.facts, question.now, trust) for attestation in attested]
    required = wanted_attestations(question.gate, question.profile, bundle)
    tolerated = bundle.profile(question.profile)["relaxations_allowed"]
    named = relaxations_for(required, found, subject.sha256, tolerated)
    proofs = attachment_of([attestation.proof for attestation in attested])
    return found, sorted(named.union(question.relaxations)), proofs


def _is_plain(metric: dict[str, Json]) -> bool:
    return (
        is_plain(metric["value"])
        and ("baseline" not in metric or is_plain(metric["baseline"]))
        and ("n" not in metric or is_plain(metric["n"]))
        and ("ci" not in metric or all(map(is_plain, metric["ci"])))
        and "computed" not in metric
        and "signers" not in metric
    )


def _no_other_claim(document: Document, question: Question) -> None:
    for claim in CLAIMS:
        claimed, requested = document.value.get(claim), getattr(question, claim)
        if claimed is not None and claimed != requested:
            raise document.refused(
                f"/{claim}",
                f"the evidence says {claim} {claimed!r}, the caller asks {requested!r}",
                f"the caller names the {claim}: pass --{claim} {claimed}, or remove the line",
            )


def _in_words(subject: Subject) -> str:
    """All that tells a subject from another."""
    digest = f"sha256:{subject.sha256}" if subject.sha256 else "no digest"
    return f"{subject.name!r}, {subject.version or 'no version'}, {digest}"


def _one_subject(
    document: Document, before: Subject | None, artifact_sha256: str | None
) -> Subject:
    subject = read_subject(document.value)
    if artifact_sha256 is not None:
        if subject.sha256 not in (None, artifact_sha256):
            raise document.refused(
                "/subject/digest/sha256",
                f"the evidence is about {subject.sha256}, the artifact is {artifact_sha256}",
                "gather the evidence again for this artifact",
            )
        if document.signed is not None and subject.sha256 is None:
            raise document.refused(
                "/subject",
                "the signed evidence names no artifact, and this decision is on one",
                'let its producer add "digest" to the subject, and sign it again',
            )
        subject = Subject(subject.name, subject.version, artifact_sha256)
    if before is not None and subject != before:
        raise document.refused(
            "/subject",
            f"another subject: {_in_words(subject)}; the file before says {_in_words(before)}",
            "--combine merges files of one subject: same name, version and digest",
        )
    return subject
