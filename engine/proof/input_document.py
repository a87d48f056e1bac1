"""The Input: the one document that a gate was asked about, as a record refers to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.formats import canonical
from engine.formats.json_values import same
from engine.formats.signed_json import (
    read_json,
    read_list,
    read_members,
    read_object,
    read_text,
    refuse,
)
from engine.formats.times import age_s, parse_time
from engine.model import RECOGNISERS_OFF, SCAN_METHOD, Json, Subject

MAX_BYTES = 16 * 1024 * 1024
SALT_BYTES = 32

_MEMBERS = (
    *("gate", "profile", "stage", "decided_at", "subject"),
    *("metrics", "waivers", "relaxations", "attestations"),
)
OF_METRIC = ("n", "ci", "baseline", "observed_at", "age_s", "signers")
"""Members of a metric that a check repeats where it has them."""
_REPEATED = sorted([*((name, name) for name in OF_METRIC), ("metric_status", "status")])
"""What a check calls them, and the metric's status."""
_ABSENT = object()
_NOT_GIVEN: dict[str, Json] = {}


def salted_digest(salt: bytes, document: bytes) -> str:
    """Return SHA-256 of salt and document, lowercase hex.

    The salt is random and kept beside the document: once both are erased, the digest in the
    ledger tells nothing, not even to somebody who guesses the document.

    Source: spec/predicate-v1.md section 8.
    """
    return hashlib.sha256(salt + document).hexdigest()


@dataclass(frozen=True, slots=True)
class InputDocument:
    """An Input, read strictly.

    Attributes:
        gate: Gate that was asked.
        profile: Table of limits.
        stage: Stage that was asked about.
        decided_at: RFC 3339.
        subject: ``{"name", "version"?, "digest"?}``.
        metrics: Metrics in long form by id.
        waivers: Waivers as the policy wrote them, with ``remaining_s`` where they can expire.
        relaxations: Names of options that weakened the run.
        attestations: Attestations that the policies saw; section 8.3 says which count.
    """

    gate: str
    profile: str
    stage: str
    decided_at: str
    subject: dict[str, Json]
    metrics: dict[str, dict[str, Json]]
    waivers: tuple[dict[str, Json], ...]
    relaxations: tuple[str, ...]
    attestations: tuple[Json, ...]

    def metric(self, metric_id: str) -> dict[str, Json] | None:
        """Return a metric in long form; None when it was not given."""
        return self.metrics.get(metric_id)


def parse(data: bytes) -> InputDocument:
    """Return the Input in ``data``.

    Raises:
        VerificationError: Over 16 MiB, not strict JSON, not in RFC 8785 form, or not shaped
            like an Input. The forms of a metric's and a waiver's members are not looked at.

    Source: spec/predicate-v1.md section 8.
    """
    value = read_members(read_json(data, "the input", max_bytes=MAX_BYTES), "the input")
    read_object({key: value[key] for key in _MEMBERS if key in value}, "the input", _MEMBERS)
    try:
        canonical_form = canonical.encode_read(value)
    except ValueError:
        canonical_form = b""
    if canonical_form != data:
        refuse("the input is not in RFC 8785 form")
    relaxations = read_list(value["relaxations"], "the input's relaxations")
    return InputDocument(
        gate=read_text(value["gate"], "the input's gate"),
        profile=read_text(value["profile"], "the input's profile"),
        stage=read_text(value["stage"], "the input's stage"),
        decided_at=read_text(value["decided_at"], "the input's decided_at"),
        subject=read_members(value["subject"], "the input's subject"),
        metrics={
            name: read_members(metric, f"metric {name!r} of the input")
            for name, metric in read_members(value["metrics"], "the input's metrics").items()
        },
        waivers=tuple(
            read_members(waiver, "a waiver of the input")
            for waiver in read_list(value["waivers"], "the input's waivers")
        ),
        relaxations=tuple(read_text(name, "a relaxation of the input") for name in relaxations),
        attestations=tuple(read_list(value["attestations"], "the input's attestations")),
    )


def relaxations_of_evidence(metrics: Mapping[str, Json]) -> set[str]:
    """Return the relaxations that the evidence itself says, whoever asks.

    Args:
        metrics: In long form, by id.

    Source: spec/predicate-v2.md section 2.
    """
    for metric in metrics.values():
        computed = metric.get("computed")
        if isinstance(computed, dict) and computed.get("method") == SCAN_METHOD:
            parameters = computed.get("parameters")
            if isinstance(parameters, dict) and RECOGNISERS_OFF in parameters:
                return {RECOGNISERS_OFF}
    return set()


def require_ages(document: InputDocument) -> None:
    """Verify that the age of every metric is the time from its observation to the decision.

    Raises:
        VerificationError: It is not, or one of the two times cannot be read.

    Source: spec/predicate-v1.md section 8.2.
    """
    decided = read_time(document.decided_at, "the input's decided_at")
    for name, metric in document.metrics.items():
        if "age_s" in metric or "observed_at" in metric:
            observed = read_time(metric.get("observed_at"), f"observed_at of metric {name!r}")
            if not same(metric.get("age_s"), age_s(decided, observed)):
                refuse(f"the age of metric {name!r} does not follow from its times")


def require_waiver_times(document: InputDocument) -> None:
    """Verify that each waiver has the seconds left that follow from its expiry.

    Raises:
        VerificationError: One has others, or has some though its expiry cannot be read.

    Source: spec/predicate-v1.md section 7.
    """
    if not document.waivers:
        return
    from engine.proof.waivers import aged

    decided = read_time(document.decided_at, "the input's decided_at")
    for waiver in document.waivers:
        if not same(waiver, aged(waiver, decided)):
            refuse(f"the time that waiver {waiver.get('id')!r} has left does not follow from it")


def require_observed(check: Mapping[str, Json], document: InputDocument) -> None:
    """Verify that everything ``check`` says of its metric is what the Input says of it.

    Raises:
        VerificationError: Another value, sample size, interval, baseline, status, time or age.

    Source: spec/predicate-v1.md section 8.2.
    """
    where = f"check {check['id']!r}"
    metric = document.metric(check["metric"])
    given = _NOT_GIVEN if metric is None else metric
    if check["kind"] == "attestation":
        from engine.proof.attestation_rules import is_attested

        holds = is_attested(check, document.subject, document.attestations, document.relaxations)
        observed = True if holds else None
    else:
        observed = None if metric is None else metric.get("value")
    if not same(check["observed"], observed):
        refuse(f"{where} observed {check['observed']!r}, which is not in the input")
    odd = []
    for name, of_metric in _REPEATED:
        stated, known = check.get(name, _ABSENT), given.get(of_metric, _ABSENT)
        if stated is not known and not same(stated, known):
            odd.append(name)
    if odd:
        refuse(f"{where} says {', '.join(odd)} otherwise than the input")
    if check["kind"] == "baseline" and not same(check["limit"], given.get("baseline")):
        refuse(f"{where} was held against another baseline than the input's")


def read_time(value: Json, what: str) -> datetime:
    """Return the instant that ``value`` names, in UTC.

    Raises:
        VerificationError: Not an RFC 3339 time with a zone, or outside the years 1 to 9999.
    """
    try:
        return parse_time(read_text(value, what)).astimezone(UTC)
    except (ValueError, OverflowError):
        refuse(f"{what} is not an RFC 3339 time")


def subject_document(subject: Subject) -> dict[str, Json]:
    """Return ``subject`` as the Input and the metrics file write it."""
    document: dict[str, Json] = {"name": subject.name}
    if subject.version is not None:
        document["version"] = subject.version
    if subject.sha256 is not None:
        document["digest"] = {"sha256": subject.sha256}
    return document
