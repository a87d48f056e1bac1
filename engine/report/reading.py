"""Decisions read back from what ``--format json`` or ``jsonl`` wrote. Pure: values in and out.

Nothing is verified: a report is taken at its word, as its reader would take it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, NoReturn

from engine.decision.margins import STRADDLING, UNSIGNED
from engine.errors import DocumentError, GovernanceError, Position, suggest
from engine.evidence.metrics_file import RefusalError
from engine.formats.json_positions import escape
from engine.model import (
    Decision,
    Json,
    Severity,
    Status,
    Subject,
    UnreadMetric,
    Verdict,
    is_number,
)
from engine.proof.decision_version import LEFT_OUT_BECAUSE
from engine.report import Location, Report


class UndecidedInput(NamedTuple):
    """An input that could not be decided on, and why."""

    file: str
    error: GovernanceError


class _Kind(NamedTuple):
    words: str
    fits: Callable[[Json], bool]


def _is_whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_value(value: Json) -> bool:
    if isinstance(value, list):
        return all(map(is_number, value))
    return value is None or isinstance(value, str | bool | int | float)


def _optional(kind: _Kind) -> _Kind:
    return _Kind(f"{kind.words} or null", lambda value: value is None or kind.fits(value))


def _one_of(words: Iterable[str]) -> _Kind:
    known = tuple(words)
    return _Kind(
        f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known
    )


def _list_of(kind: _Kind) -> _Kind:
    return _Kind(
        f"a list, each {kind.words}",
        lambda value: isinstance(value, list) and all(map(kind.fits, value)),
    )


_TEXT = _Kind("text", lambda value: isinstance(value, str))
_WHOLE = _Kind("a whole number", _is_whole)
_NATURAL = _Kind("a whole number from 0", lambda value: _is_whole(value) and value >= 0)
_NUMBER = _Kind("a number", is_number)
_FLAG = _Kind("true or false", lambda value: isinstance(value, bool))
_OBJECT = _Kind("an object", lambda value: isinstance(value, dict))
_LIST = _Kind("a list", lambda value: isinstance(value, list))
_VALUE = _Kind("a number, text, true, false, null or a list of numbers", _is_value)

_DECISION = {
    **dict.fromkeys(("decision_id", "decided_at", "valid_until", "gate", "profile"), _TEXT),
    **dict.fromkeys(("stage", "reason"), _TEXT),
    "verdict": _one_of(Verdict),
    "recorded": _FLAG,
    "index": _optional(_NATURAL),
    "checkpoint": _optional(_TEXT),
    "subject": _OBJECT,
    **dict.fromkeys(("checks", "obligations", "waivers"), _LIST),
    "relaxations": _list_of(_TEXT),
}
_CHECK = {
    "id": _TEXT,
    "status": _one_of(Status),
    "severity": _one_of(Severity),
    "operator": _TEXT,
    "observed": _VALUE,
    "limit": _VALUE,
    "unit": _optional(_TEXT),
    "margin": _optional(_NUMBER),
    "n": _optional(_NUMBER),
    "age_s": _optional(_WHOLE),
    **dict.fromkeys(("title", "why", "fix"), _TEXT),
    **dict.fromkeys(("code", "passes_when", "off_because", "waived_by"), _optional(_TEXT)),
}
_LOCATED = {
    "metric": _TEXT,
    "location": _optional(_OBJECT),
    "metric_status": _optional(_TEXT),
    STRADDLING: _FLAG,
    UNSIGNED: _FLAG,
    "signers": _LIST,
}
_LOCATION = {"file": _TEXT, "line": _WHOLE, "column": _WHOLE}
_SUBJECT_OPTIONAL = {"version": _TEXT, "digest": _OBJECT}
_WAIVER = {"id": _TEXT, "status": _TEXT, "check": _optional(_TEXT)}
_WAIVER_OPTIONAL = {
    **dict.fromkeys(("reason", "expires_at"), _optional(_TEXT)),
    "approvers": _list_of(_TEXT),
}
_ERROR = {
    **dict.fromkeys(("message", "hint"), _TEXT),
    "exit_code": _WHOLE,
    "reason": _optional(_TEXT),
    "position": _optional(_OBJECT),
}
_POSITION = {"file": _TEXT, "line": _WHOLE, "column": _WHOLE, "pointer": _TEXT}
_OPTIONAL = {
    "file": _TEXT,
    "attestations": _LIST,
    "intolerable": _list_of(_TEXT),
    "fix": _optional(_TEXT),
    "unread_metrics": _LIST,
    "evidence_files": _OBJECT,
    "policy_changes": _OBJECT,
    "policy_approvals": _LIST,
    "signed_evidence": _LIST,
}
_EVIDENCE_FILES = {"folders": _NATURAL, "files": _NATURAL, "names": _OBJECT, "left_out": _OBJECT}
_LEFT_OUT = {"count": _NATURAL, "first": _LIST}
_LEFT_OUT_FILE = {"name": _TEXT, "reason": _one_of(LEFT_OUT_BECAUSE)}
_POLICY_CHANGES = {"against": _OBJECT, "count": _NATURAL, "rows": _list_of(_TEXT)}
_POLICY_APPROVAL = {"key_id": _TEXT, "approved_at": _TEXT, "envelope": _OBJECT}
_SIGNER = {"key_id": _TEXT, "roles": _list_of(_TEXT), "signed_at": _TEXT}
_UNREAD = dict.fromkeys(("metric", "readers", "nearest", "invalid_because"), _TEXT)
_ATTESTATION = {
    **dict.fromkeys(("id", "type", "subject_sha256", "issued_at", "expires_at", "verdict"), _TEXT),
    **dict.fromkeys(("profile", "evidence_sha256", "policy_sha256", "key_id", "role"), _TEXT),
    **dict.fromkeys(("ledger_id", "entry_sha256"), _TEXT),
    **dict.fromkeys(("age_s", "remaining_s"), _WHOLE),
    "self": _FLAG,
    "relaxations": _list_of(_TEXT),
}
_WRITTEN = "give what `engine decide --format json` wrote"


def read(value: Json, pointer: str = "") -> Report | UndecidedInput:
    """Return the decision in ``value``, or the input that could not be decided on.

    Args:
        value: One decision as ``--format json`` writes it.
        pointer: RFC 6901 pointer of ``value`` in its document.

    Raises:
        RefusalError: A member is missing, unknown, or of another type.
    """
    if isinstance(value, dict) and "error" in value:
        return _undecided(value, pointer)
    if isinstance(value, dict) and not value.keys() & {"decision_id", "verdict"}:
        _refuse(pointer, "this is no decision: member 'decision_id' is missing", _WRITTEN)
    _members(value, pointer, _DECISION, _OPTIONAL)
    _require_record(value, pointer)
    checks = value["checks"]
    for number, check in enumerate(checks):
        at = f"{pointer}/checks/{number}"
        _members(check, at, _CHECK, _LOCATED)
        for place, signer in enumerate(check.get("signers", ())):
            _members(signer, f"{at}/signers/{place}", _SIGNER)
    if len({check["id"] for check in checks}) != len(checks):
        _refuse(f"{pointer}/checks", "a check is there twice")
    for number, task in enumerate(value["obligations"]):
        _members(task, f"{pointer}/obligations/{number}", {"id": _TEXT, "check": _TEXT})
    for number, use in enumerate(value["waivers"]):
        _members(use, f"{pointer}/waivers/{number}", _WAIVER, _WAIVER_OPTIONAL)
    for number, attestation in enumerate(value.get("attestations", ())):
        _members(attestation, f"{pointer}/attestations/{number}", _ATTESTATION)
    for number, metric in enumerate(value.get("unread_metrics", ())):
        _members(metric, f"{pointer}/unread_metrics/{number}", _UNREAD)
    if "evidence_files" in value:
        _require_evidence_files(value["evidence_files"], f"{pointer}/evidence_files")
    if (changes := value.get("policy_changes")) is not None:
        _members(changes, f"{pointer}/policy_changes", _POLICY_CHANGES)
        _members(changes["against"], f"{pointer}/policy_changes/against", {"sha256": _TEXT})
    _require_signed(value, pointer)
    return Report(
        _decision(value, pointer),
        texts={check["id"]: _texts(check) for check in checks if any(_texts(check).values())},
        reasons={
            check["id"]: check["off_because"]
            for check in checks
            if check["off_because"] is not None
        },
        file=value.get("file", "-"),
        locations=dict(
            _location(check, f"{pointer}/checks/{number}")
            for number, check in enumerate(checks)
            if check.get("location") is not None
        ),
    )


def _require_signed(value: Json, pointer: str) -> None:
    """Who approved the policies, and who signed the evidence."""
    for number, row in enumerate(value.get("policy_approvals", ())):
        at = f"{pointer}/policy_approvals/{number}"
        _members(row, at, _POLICY_APPROVAL, {"expires_at": _TEXT})
        _members(row["envelope"], f"{at}/envelope", {"sha256": _TEXT})
    for number, row in enumerate(value.get("signed_evidence", ())):
        at = f"{pointer}/signed_evidence/{number}"
        _members(row, at, {"key_id": _TEXT, "signed_at": _TEXT, "envelope": _OBJECT})
        _members(row["envelope"], f"{at}/envelope", {"sha256": _TEXT})


def _require_evidence_files(found: Json, pointer: str) -> None:
    _members(found, pointer, _EVIDENCE_FILES, {"file": _NATURAL})
    _members(found["names"], f"{pointer}/names", {"sha256": _TEXT})
    _members(found["left_out"], f"{pointer}/left_out", _LEFT_OUT)
    for number, row in enumerate(found["left_out"]["first"]):
        _members(row, f"{pointer}/left_out/first/{number}", _LEFT_OUT_FILE)


def _decision(value: Json, pointer: str) -> Decision:
    return Decision(
        decision_id=value["decision_id"],
        decided_at=value["decided_at"],
        valid_until=value["valid_until"],
        gate=value["gate"],
        profile=value["profile"],
        stage=value["stage"],
        verdict=Verdict(value["verdict"]),
        reason=value["reason"],
        subject=_subject(value["subject"], f"{pointer}/subject"),
        checks=tuple({"metric": check["id"], **check} for check in value["checks"]),
        obligations=tuple(value["obligations"]),
        waivers=tuple(value["waivers"]),
        relaxations=tuple(value["relaxations"]),
        recorded=value["recorded"],
        index=value["index"],
        checkpoint=value["checkpoint"],
        statement=b"",
        attestations=tuple(value.get("attestations", ())),
        evidence_files=value.get("evidence_files"),
        intolerable=tuple(value.get("intolerable", ())),
        unread_metrics=tuple(UnreadMetric(**row) for row in value.get("unread_metrics", ())),
        policy_changes=value.get("policy_changes"),
        policy_approvals=tuple(value.get("policy_approvals", ())),
        signed_evidence=tuple(value.get("signed_evidence", ())),
    )


def _subject(value: Json, pointer: str) -> Subject:
    _members(value, pointer, {"name": _TEXT}, _SUBJECT_OPTIONAL)
    digest = value.get("digest")
    if digest is not None:
        _members(digest, f"{pointer}/digest", {"sha256": _TEXT})
    return Subject(value["name"], value.get("version"), digest["sha256"] if digest else None)


def _require_record(value: Json, pointer: str) -> None:
    """Refuse a decision that says it is recorded and not where, or the other way round."""
    for name in ("index", "checkpoint"):
        if (value[name] is not None) != value["recorded"]:
            state = "recorded" if value["recorded"] else "not recorded"
            _refuse(f"{pointer}/{name}", f"the decision is {state}, and this says otherwise")


def _texts(check: Json) -> dict[str, str]:
    texts = {name: check[name] for name in ("title", "why", "fix")}
    return {**texts, "code": check["code"]} if check["code"] is not None else texts


def _location(check: Json, pointer: str) -> tuple[str, Location]:
    place = check["location"]
    _members(place, f"{pointer}/location", _LOCATION)
    return check.get("metric", check["id"]), Location(place["file"], place["line"], place["column"])


def _undecided(value: Json, pointer: str) -> UndecidedInput:
    nothing = _Kind("null", lambda verdict: verdict is None)
    _members(value, pointer, {"file": _TEXT, "verdict": nothing, "error": _OBJECT})
    failure = value["error"]
    _members(failure, f"{pointer}/error", _ERROR)
    error = GovernanceError(failure["message"], failure["hint"])
    if failure["position"] is not None and failure["reason"] is not None:
        at = failure["position"]
        _members(at, f"{pointer}/error/position", _POSITION)
        error = DocumentError(Position(**at), failure["reason"], failure["hint"])
    error.exit_code = failure["exit_code"]
    return UndecidedInput(value["file"], error)


def _members(
    value: Json,
    pointer: str,
    required: Mapping[str, _Kind],
    optional: Mapping[str, _Kind] | None = None,
) -> None:
    """Refuse what is no object of exactly these members."""
    if not isinstance(value, dict):
        _refuse(pointer, "an object is expected here", _WRITTEN)
    known = {**required, **(optional or {})}
    for name, member in value.items():
        if name not in known:
            hint = suggest(name, known) or "it may come from another version of the engine"
            _refuse(f"{pointer}/{escape(name)}", f"member {name!r} is not known", hint)
        if not known[name].fits(member):
            _refuse(f"{pointer}/{escape(name)}", f"{known[name].words} is expected here")
    for name in required:
        if name not in value:
            _refuse(pointer, f"member {name!r} is missing", _WRITTEN)


def _refuse(pointer: str, reason: str, hint: str = "") -> NoReturn:
    raise RefusalError(pointer, reason, hint)
