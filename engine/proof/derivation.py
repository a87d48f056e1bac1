"""Whether a decision says what follows from its input: the record, derived a second time."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.formats.json_values import same
from engine.formats.signed_json import read_string, refuse
from engine.model import Json, Status
from engine.proof import input_document as inputs
from engine.proof.input_document import (
    InputDocument,
    require_ages,
    require_observed,
    require_waiver_times,
    salted_digest,
)
from engine.proof.verdict_rules import recompute_reason, recompute_status, recompute_verdict
from engine.proof.waivers import due_waiver, recompute_report


def tied_to_input(
    statement: Mapping[str, Json], attachments: Mapping[str, bytes]
) -> tuple[InputDocument, bytes]:
    """Return the attached Input, parsed and as bytes, once the record agrees with it.

    Args:
        statement: A decision's statement whose shape was read.
        attachments: Of the proof bundle, by name.

    Raises:
        VerificationError: ``input`` or ``salt`` is missing, they are not the ones that were
            signed, or the record says anything otherwise than its input.

    Source: spec/predicate-v1.md section 8.
    """
    predicate = statement["predicate"]
    for name in ("input", "salt"):
        if name not in attachments:
            refuse(
                f"attachment {name!r} is missing, so no value of the record can be checked",
                "export the decision again, from a ledger that still holds its input",
            )
    data, salt = attachments["input"], attachments["salt"]
    if len(salt) != inputs.SALT_BYTES:
        refuse(f"the salt is not {inputs.SALT_BYTES} bytes long")
    if salted_digest(salt, data) != predicate["input"]["digest"]["sha256"]:
        refuse("the attached input is not the one that the record was made from")
    document = inputs.parse(data)
    for name, stated in (
        ("gate", predicate["gate"]),
        ("profile", predicate["profile"]["name"]),
        ("stage", predicate["stage"]),
        ("decided_at", predicate["decided_at"]),
    ):
        if getattr(document, name) != stated:
            refuse(f"the record says another {name} than its input")
    if list(document.relaxations) != [named["name"] for named in predicate["relaxations"]]:
        refuse("the record says other relaxations than its input")
    if not inputs.relaxations_of_evidence(document.metrics).issubset(document.relaxations):
        refuse("the record does not name a relaxation that its evidence says")
    if not same(list(document.attestations), predicate["attestations"]):
        refuse("the record says other attestations than its input")
    _require_subject(statement, document)
    require_ages(document)
    require_waiver_times(document)
    for check in predicate["checks"]:
        require_observed(check, document)
    return document, data


def _require_subject(statement: Mapping[str, Json], document: InputDocument) -> None:
    """Section 2.1: the subject is the input's; without an artifact it is the input itself."""
    digest = document.subject.get("digest")
    annotations: dict[str, Json] = {}
    if "version" in document.subject:
        annotations["version"] = read_string(document.subject["version"], "the input's version")
    if "digest" not in document.subject:
        annotations["digest_of"] = "input"
        digest = statement["predicate"]["input"]["digest"]
    expected = {"name": document.subject.get("name"), "digest": digest}
    if annotations:
        expected["annotations"] = annotations
    if not same(statement["subject"], [expected]):
        refuse("the record is about another subject than its input")


def require_consequence(predicate: Mapping[str, Json], document: InputDocument) -> None:
    """Verify that statuses, waivers, verdict and reason follow from what was compared.

    Which checks the profile lets nobody waive only the policy says: here the record's word is
    taken for it, and :mod:`engine.proof.policy_archive` compares.

    Raises:
        VerificationError: One of them does not.

    Source: spec/predicate-v1.md sections 5 to 7.
    """
    require_statuses(predicate, document)
    _require_scoped(predicate)
    unwaivable = _listed_unwaivable(predicate)
    for check in predicate["checks"]:
        _require_waiver(check, document, unwaivable)
    require_report(predicate, document, unwaivable)
    require_verdict(predicate)
    require_reason(predicate)


def require_own_consequence(predicate: Mapping[str, Json]) -> None:
    """Verify what follows from the record alone, where its input is not to be had any more.

    Without the input nobody knows which checks a metric switched off, nor which waivers there
    were: a status ``exempt`` is the signer's word where the check names such a metric, and a
    waiver has to be one that the record itself reports as applied.

    Raises:
        VerificationError: A status, a waiver, the verdict or the reason does not follow.

    Source: spec/predicate-v1.md sections 5 to 7.
    """
    _require_scoped(predicate)
    applied = {
        (use["check"], use["id"]) for use in predicate["waivers"] if use["status"] == "applied"
    }
    for check in predicate["checks"]:
        if not (check["status"] == Status.EXEMPT and _may_be_exempt(check)):
            _require_status(check, {})
        if check["waived_by"] is not None and (
            check["status"] != Status.FAIL or (check["id"], check["waived_by"]) not in applied
        ):
            refuse(f"check {check['id']!r} is waived by {check['waived_by']!r}, which is not so")
    require_verdict(predicate)
    require_reason(predicate)


def _require_scoped(predicate: Mapping[str, Json]) -> None:
    """What a waiver did, it did to a check that it names; one that names none did nothing."""
    for use in predicate["waivers"]:
        if use["status"] != "unscoped":
            read_string(use["id"], "the id of a waiver")
            read_string(use["check"], "the check of a waiver")


def _may_be_exempt(check: Mapping[str, Json]) -> bool:
    compared = check["kind"] != "attestation" and check["severity"] != "off"
    return compared and "unless" in check


def require_statuses(predicate: Mapping[str, Json], document: InputDocument) -> None:
    """Verify that every status follows from what was compared.

    Raises:
        VerificationError: One does not.

    Source: spec/predicate-v1.md section 5.
    """
    for check in predicate["checks"]:
        _require_status(check, document.metrics)


def _require_status(check: Mapping[str, Json], metrics: Mapping[str, Json]) -> None:
    status = recompute_status(check, metrics)
    if status != check["status"]:
        refuse(f"check {check['id']!r} says {check['status']}; what it compared says {status}")


def require_verdict(predicate: Mapping[str, Json]) -> None:
    """Verify that the verdict follows from the checks and the relaxations.

    Raises:
        VerificationError: It does not.

    Source: spec/predicate-v1.md section 6.
    """
    verdict = recompute_verdict(
        predicate["verdict_rule"],
        predicate["checks"],
        predicate["stage"],
        [relaxation["name"] for relaxation in predicate["relaxations"]],
        [relaxation["name"] for relaxation in predicate["relaxations"] if relaxation["tolerated"]],
    )
    if verdict is None:
        refuse(f"verdict rule {predicate['verdict_rule']!r} is not known", "update the engine")
    if verdict != predicate["verdict"]:
        refuse(f"the record says {predicate['verdict']}; its checks say {verdict}")


def _require_waiver(
    check: Mapping[str, Json], document: InputDocument, unwaivable: Collection[str]
) -> None:
    """Section 7: a failure that is covered is waived, by the first that covers it."""
    waived_by = check["waived_by"]
    subject, decided_at = document.subject, document.decided_at
    due = due_waiver(check, document.waivers, subject, decided_at, unwaivable)
    if waived_by is None and due is not None:
        refuse(f"check {check['id']!r} is covered by waiver {due!r}, and not waived")
    if waived_by != due:
        refuse(f"check {check['id']!r} is waived by {waived_by!r}, which does not cover it")


def require_report(
    predicate: Mapping[str, Json], document: InputDocument, unwaivable: Collection[str]
) -> None:
    """Verify that the record reports the Input's waivers, all of them, as the rules say.

    Raises:
        VerificationError: One is missing, invented, out of order or reported otherwise.

    Source: spec/predicate-v1.md section 7.
    """
    if not document.waivers and not predicate["waivers"]:
        return
    expected = recompute_report(document.waivers, document.subject, predicate["checks"], unwaivable)
    if same(expected, predicate["waivers"]):
        return
    for listed in predicate["waivers"]:
        if not any(same(listed, use) for use in expected):
            refuse(f"waiver {listed['id']!r} is not as the record lists it: {listed['status']}")
    refuse("the record does not list the input's waivers, each once and in order")


def _listed_unwaivable(predicate: Mapping[str, Json]) -> frozenset[str]:
    waived = {check["id"] for check in predicate["checks"] if check["waived_by"] is not None}
    return frozenset(
        waiver["check"]
        for waiver in predicate["waivers"]
        if waiver["status"] == "unwaivable" and waiver["check"] not in waived
    )


def require_reason(predicate: Mapping[str, Json]) -> None:
    """Verify that the sentence says what decided, and nothing else.

    Raises:
        VerificationError: It does not.

    Source: spec/predicate-v1.md section 6.1.
    """
    relaxations = predicate["relaxations"]
    expected = recompute_reason(
        predicate["verdict"],
        predicate["checks"],
        [relaxation["name"] for relaxation in relaxations],
        [relaxation["name"] for relaxation in relaxations if relaxation["tolerated"]],
    )
    if predicate["reason"] != expected:
        refuse(f"the record gives another reason than its checks: {expected}")
