"""Whether a decision says what follows from its input: the record, derived a second time."""

from __future__ import annotations

from collections.abc import Mapping

from engine.formats.signed_json import refuse
from engine.model import Json, Status
from engine.proof import input_document as inputs
from engine.proof.input_document import (
    InputDocument,
    require_ages,
    require_observed,
    salted_digest,
    same,
)
from engine.proof.verdict_rules import recompute_status, recompute_verdict


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
    if not same(list(document.attestations), predicate["attestations"]):
        refuse("the record says other attestations than its input")
    _require_subject(statement, document)
    require_ages(document)
    for check in predicate["checks"]:
        require_observed(check, document)
    return document, data


def _require_subject(statement: Mapping[str, Json], document: InputDocument) -> None:
    """Section 2.1: the subject is the input's; without an artifact it is the input itself."""
    digest = document.subject.get("digest")
    annotations = {}
    if "version" in document.subject:
        annotations["version"] = document.subject["version"]
    if digest is None:
        annotations["digest_of"] = "input"
        digest = statement["predicate"]["input"]["digest"]
    expected = {"name": document.subject.get("name"), "digest": digest}
    if annotations:
        expected["annotations"] = annotations
    if not same(statement["subject"], [expected]):
        refuse("the record is about another subject than its input")


def require_consequence(predicate: Mapping[str, Json], document: InputDocument) -> None:
    """Verify that statuses, waivers and verdict follow from what was compared.

    Raises:
        VerificationError: One of them does not.

    Source: spec/predicate-v1.md sections 5 to 7.
    """
    require_statuses(predicate, document)
    ids = {check["id"] for check in predicate["checks"]}
    for check in predicate["checks"]:
        _require_waiver(check, document)
    _require_waivers(predicate, document)
    for obligation in predicate["obligations"]:
        if obligation["check"] not in ids:
            refuse(f"obligation {obligation['id']!r} is of no check of the record")
    require_verdict(predicate)


def require_statuses(predicate: Mapping[str, Json], document: InputDocument) -> None:
    """Verify that every status follows from what was compared.

    Raises:
        VerificationError: One does not.

    Source: spec/predicate-v1.md section 5.
    """
    for check in predicate["checks"]:
        status = recompute_status(check, document.metrics)
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


def _require_waiver(check: Mapping[str, Json], document: InputDocument) -> None:
    """Section 7: only a failure is waived, by the first of the input's waivers that covers it."""
    waived_by = check["waived_by"]
    if waived_by is None:
        return
    covering = document.waivers_for(check["id"])
    if check["status"] != Status.FAIL or covering[:1] != [waived_by]:
        refuse(f"check {check['id']!r} is waived by {waived_by!r}, which does not cover it")


def _require_waivers(predicate: Mapping[str, Json], document: InputDocument) -> None:
    """Section 7: the listed waivers are the input's; those applied are those that waived."""
    for listed in predicate["waivers"]:
        stated = {key: value for key, value in listed.items() if key != "status"}
        if not any(_holds(waiver, stated) for waiver in document.waivers):
            refuse(f"waiver {listed['id']!r} is not in the input")
    applied = [
        (waiver["id"], waiver["check"])
        for waiver in predicate["waivers"]
        if waiver["status"] == "applied"
    ]
    used = [
        (check["waived_by"], check["id"])
        for check in predicate["checks"]
        if check["waived_by"] is not None
    ]
    if sorted(map(str, applied)) != sorted(map(str, used)):
        refuse("the waivers that the record lists as applied are not those of its checks")


def _holds(waiver: Mapping[str, Json], stated: Mapping[str, Json]) -> bool:
    return all(same(waiver.get(key), value) for key, value in stated.items())
