"""The decision predicate, read: every member there, of its type, and no unknown one.

A member that this version does not know could be a relaxation, so it is refused rather than
passed over. What the members say about each other is :mod:`engine.proof.verify`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from engine.formats.signed_json import (
    read_hex,
    read_integer,
    read_list,
    read_object,
    read_string,
    read_text,
    read_uuid7,
    refuse,
)
from engine.model import Json, Severity, Stage, Status, Verdict
from engine.proof.attestation_rules import ATTESTOR, MAX_ATTESTATIONS, NO_ROLE
from engine.proof.decision_version import (
    CHECK_OF_V2,
    INSTEAD_OF,
    LEFT_OUT_BECAUSE,
    LONGEST_NAME,
    MAX_APPROVALS,
    MAX_ENVELOPES,
    MOST_LEFT_OUT,
    MOST_ROWS,
    OPTIONAL_OF_V2,
)
from engine.proof.input_document import read_time
from engine.proof.possible import require_possible

_REQUIRED = (
    *("decision_id", "decided_at", "valid_until", "gate", "profile", "stage", "verdict"),
    *("verdict_rule", "reason", "checks", "obligations", "waivers", "relaxations", "input"),
    *("policy", "evaluator", "attestations", "ledger", "attempt", "previous"),
)
_OPTIONAL = ("reservation",)
_CHECK = (
    *("id", "status", "severity", "operator", "observed", "limit", "waived_by"),
    *("metric", "kind"),
)
_CHECK_OPTIONAL = (
    *("unless", "unit", "n", "ci", "baseline", "observed_at", "age_s", "metric_status"),
    *("max_age_s", "min_n", "compare", "in_production"),
)
_OPERATORS = frozenset({"<=", "<", ">=", ">", "==", "quiet"})
_KINDS = frozenset({"limit", "evidence", "baseline", "series", "attestation"})
_STAGES = frozenset(map(str, Stage))
_VERDICTS = frozenset(map(str, Verdict))
_STATUSES = frozenset(map(str, Status))
_SEVERITIES = frozenset(map(str, Severity))
_WORDS = (
    *(("status", _STATUSES), ("severity", _SEVERITIES)),
    *(("operator", _OPERATORS), ("kind", _KINDS)),
)
_RESERVATION = (*("asked", "charges", "day", "expired", "expires_at", "for", "opened", "reason"),)
_FOR = ("team", "tags", "route")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS = ("requests", "tokens", "usd_micros")
_ATTESTATION_TEXTS = ("type", "profile", "ledger_id")
_ATTESTATION_HASHES = (
    *("subject_sha256", "evidence_sha256", "policy_sha256", "entry_sha256"),
    "key_id",
)
_ATTESTATION_REST = (
    *("issued_at", "expires_at", "verdict", "role", "age_s", "remaining_s", "self"),
    "relaxations",
)
_WAIVER_STATUSES = ("applied", "unused", "expired", "unscoped", "unwaivable")


def require_shape(predicate: Mapping[str, Json], kind: str) -> None:
    """Verify that ``predicate`` has the shape of a decision.

    Args:
        predicate: Of a decision, or of an attestation in the form of one.
        kind: The predicate type of the statement that it is from.

    Raises:
        VerificationError: A member is missing, unknown, or of another type; checks are not
            there, not in order, or there twice.

    Source: spec/predicate-v1.md sections 3 and 4; spec/predicate-v2.md section 5.
    """
    is_first = kind.endswith(":v1")
    optional = _OPTIONAL if is_first else (*_OPTIONAL, *OPTIONAL_OF_V2)
    read_object(predicate, "the decision", _REQUIRED, optional)
    read_uuid7(predicate["decision_id"], "the id")
    for name in ("gate", "stage", "verdict", "verdict_rule", "reason"):
        read_text(predicate[name], name)
    _require_word(predicate["verdict"], _VERDICTS, "verdict")
    _require_word(predicate["stage"], _STAGES, "stage")
    if read_time(predicate["valid_until"], "valid_until") < read_time(
        predicate["decided_at"], "decided_at"
    ):
        refuse("the decision was valid until before it was made")
    profile = read_object(predicate["profile"], "the profile", ("name", "digest"))
    read_text(profile["name"], "the profile's name")
    _require_digest(profile["digest"], "the profile's digest")
    _require_digest(read_object(predicate["input"], "the input", ("digest",))["digest"], "input")
    policy = read_object(predicate["policy"], "the policy", ("digest", "revision"))
    _require_digest(policy["digest"], "the policy's digest")
    read_text(policy["revision"], "the policy's revision")
    _require_rest(predicate)
    if "reservation" in predicate:
        _require_reservation(predicate)
    if "evidence_files" in predicate:
        _require_evidence_files(predicate["evidence_files"])
    if "policy_changes" in predicate:
        _require_policy_changes(predicate["policy_changes"], policy["digest"])
    _require_named_or_approved(predicate)
    checks = read_list(predicate["checks"], "the checks")
    _require_checks(checks, _CHECK_OPTIONAL if is_first else (*_CHECK_OPTIONAL, *CHECK_OF_V2))
    _require_signed_evidence(predicate)
    for obligation in predicate["obligations"]:
        if all(check["id"] != obligation["check"] for check in checks):
            refuse(f"obligation {obligation['id']!r} is of no check of the record")


def _require_rest(predicate: Mapping[str, Json]) -> None:
    evaluator = read_object(predicate["evaluator"], "the evaluator", ("kind", "opa_version"))
    _require_word(evaluator["kind"], ("wasm", "server"), "evaluator kind")
    read_text(evaluator["opa_version"], "the OPA version")
    read_text(read_object(predicate["ledger"], "the ledger", ("id",))["id"], "the ledger's id")
    read_integer(predicate["attempt"], "the attempt", 1)
    if predicate["previous"] is not None:
        read_text(predicate["previous"], "the previous decision")
    _require_attestations(read_list(predicate["attestations"], "the attestations"))
    for value in read_list(predicate["obligations"], "the obligations"):
        obligation = read_object(value, "an obligation", ("id", "check"))
        read_text(obligation["id"], "an obligation's id")
        read_text(obligation["check"], "an obligation's check")
    for value in read_list(predicate["waivers"], "the waivers"):
        read_object(
            value, "a waiver", ("id", "check", "status"), ("reason", "approvers", "expires_at")
        )
        _require_word(value["status"], _WAIVER_STATUSES, "status of a waiver")
    names = []
    for value in read_list(predicate["relaxations"], "the relaxations"):
        relaxation = read_object(value, "a relaxation", ("name", "tolerated"))
        names.append(read_text(relaxation["name"], "a relaxation's name"))
        if not isinstance(relaxation["tolerated"], bool):
            refuse("a relaxation does not say whether it is tolerated")
    if names != sorted(set(names)):
        refuse("the relaxations are not sorted, or one is there twice")


def _require_reservation(predicate: Mapping[str, Json]) -> None:
    """Section 3.1: what is held, exactly when the gate allowed it."""
    reservation = read_object(predicate["reservation"], "the reservation", _RESERVATION)
    if not _DAY.fullmatch(read_string(reservation["day"], "the reservation's day")):
        refuse("the reservation's day is not a calendar day")
    read_text(reservation["reason"], "the reservation's reason")
    use = read_object(reservation["for"], "the reservation's `for`", ("provider", "model"), _FOR)
    for name in ("provider", "model"):
        read_text(use[name], f"the {name}")
    tags = read_list(use.get("tags", []), "the tags")
    for text in (*tags, use.get("team", ""), use.get("route", "")):
        read_string(text, "what the reservation is for")
    for unit, amount in read_object(reservation["asked"], "what was asked for", _UNITS).items():
        if amount is not None:
            read_integer(amount, f"{unit} asked for", 0)
    charged = [_charged(charge) for charge in read_list(reservation["charges"], "the charges")]
    for what in ("expired", "opened"):
        for name in read_list(reservation[what], f"what {what}"):
            read_text(name, f"what {what}")
    allowed = predicate["verdict"] == Verdict.ALLOW
    if allowed != bool(charged) or allowed != (reservation["expires_at"] is not None):
        refuse(f"the reservation does not fit the verdict {predicate['verdict']}")
    if charged != sorted(set(charged)) or not set(reservation["opened"]) <= set(charged):
        refuse("the charges are not sorted by budget, or another budget's day began")
    if allowed and read_time(reservation["expires_at"], "expires_at") < read_time(
        predicate["decided_at"], "decided_at"
    ):
        refuse("the lease expired before it was granted")


def _require_evidence_files(value: Json) -> None:
    """Version 2, section 5: which files there were, and what was left out, in numbers that fit."""
    found = read_object(
        value, "the evidence's files", ("folders", "files", "names", "left_out"), ("file",)
    )
    files = read_integer(found["files"], "the number of files", 1)
    if read_integer(found["folders"], "the number of folders", 1) > files:
        refuse("there are more folders than files in them")
    if read_integer(found.get("file", 1), "which file it is", 1) > files:
        refuse(f"there are {files:,} files, and this is another")
    _require_digest(found["names"], "the digest of the files' names")
    left_out = read_object(found["left_out"], "what was left out", ("count", "first"))
    count = read_integer(left_out["count"], "the number of what was left out")
    first = read_list(left_out["first"], "the first that were left out")
    if len(first) != min(count, MOST_LEFT_OUT):
        refuse(f"{count:,} were left out, and {len(first):,} of them are named")
    for row in first:
        read_object(row, "what was left out", ("name", "reason"))
        if len(read_text(row["name"], "a name that was left out")) > LONGEST_NAME:
            refuse(f"a name that was left out is longer than {LONGEST_NAME} characters")
        _require_word(row["reason"], LEFT_OUT_BECAUSE, "reason for leaving a file out")


def _require_policy_changes(value: Json, used: Json) -> None:
    """Version 2, section 6: which rows the policy changes, sorted, in a number that fits."""
    found = read_object(value, "the changes of the policy", ("against", "count", "rows"))
    _require_digest(found["against"], "the digest of the policy that is changed")
    if found["against"] == used:
        refuse("the policy changes rows of a policy, and is that policy")
    count = read_integer(found["count"], "the number of changed rows", 1)
    rows = [
        read_text(row, "a changed row")
        for row in read_list(found["rows"], "the rows that the policy changes")
    ]
    if len(rows) != min(count, MOST_ROWS):
        refuse(f"{count:,} rows of the policy are changed, and {len(rows):,} of them are named")
    if any(len(row) > LONGEST_NAME for row in rows) or rows != sorted(rows):
        refuse(f"the changed rows are not sorted, or longer than {LONGEST_NAME} characters")


def _require_named_or_approved(predicate: Mapping[str, Json]) -> None:
    """Version 2, section 7: policies that somebody chose are approved, or else a relaxation."""
    named = INSTEAD_OF.intersection(row["name"] for row in predicate["relaxations"])
    if "policy_approvals" not in predicate:
        if "policy_changes" in predicate and not named:
            refuse("somebody chose the policies, and the record names neither that nor an approval")
        return
    if named:
        refuse(f"the record names {min(named)}, and an approval of the policies")
    rows = read_list(predicate["policy_approvals"], "the approvals of the policy")
    for value in rows:
        row = read_object(
            value, "an approval", ("key_id", "approved_at", "envelope"), ("expires_at",)
        )
        read_hex(row["key_id"], "the key of an approval")
        for name in ("approved_at", *(("expires_at",) if "expires_at" in row else ())):
            read_time(row[name], f"{name} of an approval")
        _require_digest(row["envelope"], "the digest of an approval")
    keys = [row["key_id"] for row in rows]
    if not 1 <= len(keys) <= MAX_APPROVALS or keys != sorted(set(keys)):
        refuse(f"the approvals are not 1 to {MAX_APPROVALS}, sorted by key, each key once")


def _charged(value: Json) -> str:
    """The budget that a charge is to."""
    charge = read_object(value, "a charge", ("budget", "limits", *_UNITS))
    for unit in _UNITS:
        read_integer(charge[unit], f"{unit} of a charge", 0)
    for unit, limit in read_object(charge["limits"], "the limits of a charge", _UNITS).items():
        if limit is not None and read_integer(limit, f"{unit} limit", 0) < charge[unit]:
            refuse(f"a charge is above its budget's limit of {unit}")
    return read_text(charge["budget"], "the budget of a charge")


def _require_attestations(attestations: Sequence[Json]) -> None:
    """Section 8.3: of each all that is said, and no more."""
    if len(attestations) > MAX_ATTESTATIONS:
        refuse(f"there are more than {MAX_ATTESTATIONS} attestations")
    known = ("id", *_ATTESTATION_TEXTS, *_ATTESTATION_HASHES, *_ATTESTATION_REST)
    for value in attestations:
        attestation = read_object(value, "an attestation", known)
        read_uuid7(attestation["id"], "the id of an attestation")
        for name in _ATTESTATION_TEXTS:
            read_text(attestation[name], f"{name} of an attestation")
        for name in _ATTESTATION_HASHES:
            read_hex(attestation[name], f"{name} of an attestation")
        for name in ("issued_at", "expires_at"):
            read_time(attestation[name], f"{name} of an attestation")
        _require_word(attestation["verdict"], _VERDICTS, "verdict of an attestation")
        _require_word(attestation["role"], (ATTESTOR, NO_ROLE), "role of an attestation")
        if any(type(attestation[name]) is not int for name in ("age_s", "remaining_s")):
            refuse("an attestation's age or time left is not an integer")
        if not isinstance(attestation["self"], bool):
            refuse("an attestation does not say whether its key signed the decision")
        for name in read_list(attestation["relaxations"], "the relaxations of an attestation"):
            read_text(name, "a relaxation of an attestation")


def _require_signed_evidence(predicate: Mapping[str, Json]) -> None:
    """Version 2, section 8: which envelopes there were, sorted, and by whom checks name signers."""
    signing: set[str] = set()
    if "signed_evidence" in predicate:
        rows = read_list(predicate["signed_evidence"], "the signed evidence")
        for value in rows:
            row = read_object(value, "signed evidence", ("key_id", "signed_at", "envelope"))
            read_hex(row["key_id"], "the key of signed evidence")
            read_time(row["signed_at"], "signed_at of signed evidence")
            _require_digest(row["envelope"], "the digest of signed evidence")
        order = [(row["key_id"], row["signed_at"], row["envelope"]["sha256"]) for row in rows]
        if not 1 <= len(order) <= MAX_ENVELOPES or order != sorted(set(order)):
            refuse(f"the signed evidence is not 1 to {MAX_ENVELOPES} rows, sorted, each once")
        signing = {row["key_id"] for row in rows}
    for check in predicate["checks"]:
        where = f"check {check['id']!r}"
        read_text(check.get("signed_by", "-"), f"signed_by of {where}")
        read_integer(check.get("producers", 1), f"producers of {where}", 1)
        if "signers" not in check:
            continue
        keys = []
        for value in read_list(check["signers"], f"the signers of {where}"):
            signer = read_object(value, f"a signer of {where}", ("key_id", "roles", "signed_at"))
            keys.append(read_hex(signer["key_id"], f"a signer's key of {where}").hex())
            read_time(signer["signed_at"], f"a signer's signed_at of {where}")
            roles = [read_text(role, "a role") for role in read_list(signer["roles"], "its roles")]
            if roles != sorted(set(roles)):
                refuse(f"the roles of a signer of {where} are not sorted, or one is there twice")
        if not keys or keys != sorted(set(keys)) or not signing.issuperset(keys):
            refuse(f"the signers of {where} are not sorted, or signed none of the evidence")


def _require_checks(checks: Sequence[Json], optional: Collection[str]) -> None:
    for value in checks:
        check = read_object(value, "a check", _CHECK, optional)
        read_text(check["id"], "id of a check")
        for name, known in _WORDS:
            if not isinstance(check[name], str) or check[name] not in known:
                refuse(f"{name} of check {check['id']!r} {check[name]!r} is not known")
        read_text(check["metric"], "metric of a check")
        if check["waived_by"] is not None:
            read_text(check["waived_by"], "waived_by of a check")
        read_text(check.get("unless", "-"), "unless of a check")
        read_string(check.get("unit", ""), "unit of a check")
        require_possible(check, {})
    ids = [check["id"] for check in checks]
    if not ids or ids != sorted(set(ids)):
        refuse("there are no checks, they are not sorted by id, or one is there twice")


def _require_digest(value: Json, what: str) -> None:
    read_hex(read_object(value, what, ("sha256",))["sha256"], what)


def _require_word(value: Json, known: Collection[str], what: str) -> None:
    if not isinstance(value, str) or value not in known:
        refuse(f"{what} {value!r} is not known")
