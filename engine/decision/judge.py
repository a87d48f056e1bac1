"""One Input becomes one judgement, ready to be recorded.

The policies say the verdict; this module checks that their answer is whole and that the
verdict follows from the checks, and writes the statement. It knows no gate, no metric and no
limit by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from engine.decision.record import StatementTemplate, template_of
from engine.errors import PolicyError
from engine.evidence.input import Input, Question
from engine.formats.canonical import PlainObject, is_plain
from engine.formats.json_values import same
from engine.formats.times import write_time
from engine.ledger import subject_key
from engine.model import Json, Verdict
from engine.policy.bundle import PolicyBundle
from engine.policy.evaluator import Evaluator
from engine.proof.input_document import OF_METRIC, salted_digest
from engine.proof.verdict_rules import (
    recompute_reason,
    recompute_status,
    recompute_verdict,
    severity_of,
)

if TYPE_CHECKING:
    from engine.proof.approvals import Approval

EXTENSIONS = (
    *("reservation", "evidence_files", "policy_changes", "policy_approvals"),
    "signed_evidence",
)
"""Members of the predicate that come neither from the Input nor from the policies."""

Extend: TypeAlias = Callable[[dict[str, Json]], dict[str, Json]]
"""Returns further members of a predicate."""

_OF_ROW = ("max_age_s", "min_n", "compare", "in_production", "signed_by", "producers")
_NOT_GIVEN: Json = {}


class Judgement(NamedTuple):
    """A verdict that nobody has seen yet: whole and checked, not recorded.

    Attributes:
        input: What was judged.
        question: What was asked.
        decision_id: UUIDv7.
        salt: 32 random bytes; with them the input's digest says nothing about the input.
        verdict: OPA's own word.
        predicate: Everything the statement says but its place in the ledger.
        record: What recording it takes.
    """

    input: Input
    question: Question
    decision_id: str
    salt: bytes
    verdict: Verdict
    predicate: dict[str, Json]
    record: StatementTemplate


def judge(
    evidence: Input,
    question: Question,
    bundle: PolicyBundle,
    evaluator: Evaluator,
    *,
    decision_id: str,
    salt: bytes,
    changes: Json = None,
    approvals: Sequence[Approval] = (),
    extend: Extend | None = None,
) -> Judgement:
    """Ask the gate about one Input.

    Args:
        evidence: The Input.
        question: What it was gathered for.
        bundle: The policies.
        evaluator: OPA.
        decision_id: UUIDv7.
        salt: 32 random bytes.
        changes: Rows that the policies change, for the record; see :mod:`engine.policy.changes`.
        approvals: Those of the policies that count, for the record.
        extend: Gives further members of the record, of :data:`EXTENSIONS`, once the verdict is
            known; it is called with the predicate.

    Raises:
        PolicyError: The gate could not decide: no answer, one that is not exactly the checks
            that the gate declares, or a status or verdict that does not follow from them.
    """
    answer = evaluator.answer(question.gate, evidence.encoded)
    profile = bundle.profile(question.profile)
    static = _static(bundle, question.gate, question.profile)
    metrics = evidence.document["metrics"]
    checks = [_joined(check, static.members[check["id"]], metrics) for check in answer["checks"]]
    are_alike = _no_false_checks(checks, static, metrics)
    relaxations = _named(evidence.document)
    _no_false_attestation([checks[place] for place in static.attested], evidence.document)
    verdict = _verified_verdict(answer["verdict"], checks, relaxations, question, bundle)
    digest = salted_digest(salt, evidence.encoded)
    gate = bundle.gate(question.gate)
    valid_until = question.now + timedelta(seconds=profile["decision_ttl_s"])
    waivers = _waiver_report(answer["waivers"], checks, evidence.document, profile)
    tolerated = profile["relaxations_allowed"]
    predicate = {
        "decision_id": decision_id,
        "decided_at": evidence.document["decided_at"],
        "valid_until": write_time(valid_until),
        "gate": question.gate,
        "profile": {
            "name": question.profile,
            "digest": {"sha256": profile_digest(bundle, question.profile)},
        },
        "stage": question.stage,
        "verdict": verdict,
        "verdict_rule": gate.rule,
        "reason": recompute_reason(verdict, checks, relaxations, tolerated),
        "checks": checks,
        "obligations": answer["obligations"],
        "waivers": waivers,
        "relaxations": [{"name": name, "tolerated": name in tolerated} for name in relaxations],
        "input": {"digest": {"sha256": digest}},
        "policy": {"digest": {"sha256": bundle.digest}, "revision": bundle.revision},
        "evaluator": {"kind": evaluator.kind, "opa_version": evaluator.opa_version},
        "attestations": evidence.document["attestations"],
    }
    if evidence.evidence_files is not None:
        predicate["evidence_files"] = evidence.evidence_files
    if evidence.signed_evidence:
        predicate["signed_evidence"] = list(evidence.signed_evidence)
    if changes is not None:
        predicate["policy_changes"] = changes
    approved = b""
    if approvals:
        from engine.proof.approvals import attachment_of

        predicate["policy_approvals"] = [approval.row() for approval in approvals]
        approved = attachment_of(approvals)
    if extend is not None:
        predicate.update(extend(predicate))
    key = subject_key(evidence.document["subject"])
    is_plain_input = type(evidence.document) is PlainObject
    if is_plain_input and static.is_plain and are_alike and not waivers:
        predicate = PlainObject(predicate)
    record = template_of(
        predicate,
        evidence.subject,
        key,
        evidence.encoded,
        salt,
        attested=evidence.attested,
        approved=approved,
        signed=evidence.envelopes,
    )
    return Judgement(evidence, question, decision_id, salt, verdict, predicate, record)


@lru_cache(maxsize=64)
def profile_digest(bundle: PolicyBundle, profile: str) -> str:
    """Return the digest of a profile's table, as records name it."""
    return bundle.profile_digest(profile)


class _Static(NamedTuple):
    """What the checks of a statement say that no evidence changes.

    Attributes:
        members: By check id.
        terms: What the answer has to repeat, by check id: the profile's limit and severity, and
            the operator that the rule had when the policy was built.
        is_plain: Whether every value in both :func:`engine.formats.canonical.is_plain`.
        attested: Places of the checks of kind ``attestation`` among the gate's.
    """

    members: dict[str, dict[str, Json]]
    terms: dict[str, tuple[Json, str, str | None]]
    is_plain: bool
    attested: tuple[int, ...]


@lru_cache(maxsize=64)
def _static(bundle: PolicyBundle, gate: str, profile: str) -> _Static:
    rows, catalogue = bundle.profile(profile)["checks"], bundle.catalogue()
    static, terms = {}, {}
    for name in bundle.gate(gate).checks:
        info, row = bundle.check(name), rows.get(name, {})
        members: dict[str, Any] = {"metric": info.metric, "kind": info.kind}
        if info.unless:
            members["unless"] = info.unless
        if unit := catalogue.get(info.metric, {}).get("unit"):
            members["unit"] = unit
        members |= {key: row[key] for key in _OF_ROW if key in row}
        static[name] = members
        terms[name] = (row.get("limit"), severity_of(row), info.operator)
    plain = all(is_plain(value) for members in static.values() for value in members.values())
    plain = plain and all(is_plain(limit) for limit, _severity, _operator in terms.values())
    kinds = enumerate(members["kind"] for members in static.values())
    return _Static(
        static, terms, plain, tuple(place for place, kind in kinds if kind == "attestation")
    )


def _joined(check: Json, static: dict[str, Json], metrics: Json) -> dict[str, Json]:
    joined: dict[str, Json] = {**static, **check}
    metric = metrics.get(static["metric"])
    if metric is not None:
        for key in OF_METRIC:
            if key in metric:
                joined[key] = metric[key]
        joined["metric_status"] = metric["status"]
    return joined


def _no_false_checks(checks: Sequence[Json], static: _Static, metrics: Json) -> bool:
    """Refuse an answer whose checks say something else than what was compared. INV-GATE-2.

    Each has the status that follows from what it compared, observed the Input's value, and was
    held against the profile's limit by the operator and with the severity that the policy states.

    Returns:
        Whether each value and limit is written as the Input and the profile write it, too.
    """
    are_alike = True
    for check in checks:
        if check["status"] != (status := recompute_status(check, metrics)):
            raise PolicyError(
                f"check {check['id']!r} was answered {check['status']!r}, "
                f"and what it compared says '{status}'",
                _DISAGREE,
            )
        kind, metric = check["kind"], metrics.get(check["metric"], _NOT_GIVEN)
        limit, severity, operator = static.terms[check["id"]]
        if kind == "baseline":
            limit = metric.get("baseline")
        given = check["limit"]
        if type(given) is not type(limit):
            are_alike = False
        if given is not limit and not same(given, limit):
            raise _false_term(check, "limit", limit)
        if check["severity"] != severity:
            raise _false_term(check, "severity", severity)
        if operator is not None and check["operator"] != operator:
            raise _false_term(check, "operator", operator)
        if kind == "attestation":
            continue
        observed, given = metric.get("value"), check["observed"]
        if type(given) is not type(observed):
            are_alike = False
        if given is not observed and not same(given, observed):
            raise _false_term(check, "observed", observed)
    return are_alike


def _false_term(check: Json, what: str, expected: Json) -> PolicyError:
    return PolicyError(
        f"check {check['id']!r} was answered with {what} {check[what]!r}; it is {expected!r}",
        _DISAGREE,
    )


def _named(document: Json) -> list[str]:
    """The options that weakened the run; what the caller named, and what attestations need."""
    relaxations: list[str] = document["relaxations"]
    if not isinstance(relaxations, list):
        raise PolicyError("the Input does not name its relaxations", "gather it anew")
    return relaxations


def _no_false_attestation(checks: Sequence[Json], document: Json) -> None:
    """Refuse an answer that rests on another attestation than the Input's. INV-GATE-2."""
    attestations = document["attestations"]
    for check in checks:
        if not attestations and check["observed"] is None:
            continue
        from engine.proof.attestation_rules import is_attested

        holds = is_attested(check, document["subject"], attestations, document["relaxations"])
        if check["observed"] is not (True if holds else None):
            raise PolicyError(
                f"check {check['id']!r} was answered {check['observed']!r}, and the attestations "
                f"of its input say {'that there is one' if holds else 'that there is none'}",
                _DISAGREE,
            )


def _verified_verdict(
    word: Json,
    checks: Sequence[Json],
    relaxations: Sequence[str],
    question: Question,
    bundle: PolicyBundle,
) -> Verdict:
    """OPA's verdict, once Python's own reading of the same checks agrees. INV-GATE-2."""
    rule = bundle.gate(question.gate).rule
    tolerated = bundle.profile(question.profile)["relaxations_allowed"]
    expected = recompute_verdict(rule, checks, question.stage, relaxations, tolerated)
    if expected is None or word != expected:
        raise PolicyError(
            f"gate {question.gate!r} answered {word!r}, and its checks say {expected!r} by {rule}",
            _DISAGREE,
        )
    return expected


_DISAGREE = "the policy bundle and the engine disagree; rebuild it: engine policy build"


def _waiver_report(
    answer: Sequence[Json], checks: Sequence[Json], document: Json, profile: Json
) -> list[dict[str, Json]]:
    """OPA's report with each waiver's texts, once Python's own reading agrees. INV-GATE-2."""
    waivers, subject = document["waivers"], document["subject"]
    if not waivers and not answer and all(check["waived_by"] is None for check in checks):
        return []
    from engine.proof.waivers import due_waiver, recompute_report, unwaivable_checks

    unwaivable = unwaivable_checks(profile)
    for check in checks:
        due = due_waiver(check, waivers, subject, document["decided_at"], unwaivable)
        if check["waived_by"] != due:
            raise PolicyError(
                f"check {check['id']!r} was answered as waived by {check['waived_by']!r}; "
                f"by the input's waivers it is {due!r}",
                _DISAGREE,
            )
    report = recompute_report(waivers, subject, checks, unwaivable)
    if list(answer) != [{key: use[key] for key in ("check", "id", "status")} for use in report]:
        raise PolicyError("the answer reports other waivers than the input's", _DISAGREE)
    return report


def uuid7(milliseconds: int, random: Callable[[int], bytes]) -> str:
    """Return a UUIDv7. RFC 9562 section 5.7.

    Args:
        milliseconds: Unix time.
        random: Gives that many random bytes.
    """
    tail = int.from_bytes(random(10), "big")
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | (tail >> 68) << 64
    value |= 0b10 << 62 | tail & (2**62 - 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
