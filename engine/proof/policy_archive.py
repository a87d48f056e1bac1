"""The policy that travels inside a proof: what its own files say about a record.

Nothing is evaluated here. The manifest's hash is the policy digest that was signed, the
manifest names every file by hash, and the files say which checks the gate has and which
limits the profile gives them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from engine.errors import UsageError, VerificationError
from engine.formats import canonical
from engine.formats.json_values import same
from engine.formats.signed_json import refuse
from engine.model import Json
from engine.proof.attestation_rules import longest_s
from engine.proof.derivation import require_report
from engine.proof.expectations import Expectations
from engine.proof.input_document import OF_METRIC, InputDocument, read_time
from engine.proof.policy_files import AttachedPolicy, member, parse
from engine.proof.possible import require_possible
from engine.proof.verdict_rules import severity_of
from engine.proof.waivers import aged, unwaivable_checks

AGAINST = {"lower": (">", ">="), "higher": ("<", "<=")}
"""Operators by which a check would pass what is worse, by its metric's direction."""
_OF_RECORD = frozenset(("observed", "status", "waived_by", "metric_status", *OF_METRIC))
"""Members of a check that its policy says nothing of."""
_ROW_DEFAULTS: Mapping[str, Json] = {
    "max_age_s": None,
    "min_n": None,
    "compare": "value",
    "in_production": "block",
    "signed_by": None,
    "producers": None,
}


def parse_given(archive: bytes, name: str = "the policy given") -> AttachedPolicy:
    """Return the policy in an archive of the caller's own, which says nothing about a proof.

    Raises:
        UsageError: See :func:`parse`; ``name`` says which archive.
    """
    try:
        return parse(archive)
    except VerificationError as error:
        raise UsageError(f"{name}: {error.message}", error.hint) from None


def policy_of(
    predicate: Mapping[str, Json], attachments: Mapping[str, bytes], expect: Expectations
) -> tuple[AttachedPolicy | None, list[str]]:
    """Return the policy that a record is held against, and what is not as the caller wants.

    That is the attached one, which must be the one that the record names; else the caller's
    own. One that the caller has and the record does not name is not as wanted, attached or not.

    Raises:
        VerificationError: The attached policy cannot be read.
        UsageError: The caller's own cannot be read.
    """
    named = predicate["policy"]["digest"]["sha256"]
    given = parse_given(expect.policy) if expect.policy is not None else None
    unmet = []
    if given is not None and given.digest != named:
        unmet.append(f"the policy {given.digest} was given; the record names {named}")
        given = None
    carried = parse(attachments["policy"]) if "policy" in attachments else None
    policy = carried or given
    if policy is not None and expect.needs_policy and not _says_operators(policy):
        unmet.append("the policy does not say how its checks compare: build it with this engine")
    return policy, unmet


def _says_operators(policy: AttachedPolicy) -> bool:
    checks = member(policy.manifest, "checks")
    return all(isinstance(check, dict) and "operator" in check for check in checks.values())


def records_requests(policy: AttachedPolicy, profile: str) -> bool:
    """Whether a profile asks that a decision is recorded as requested before it is made.

    Source: spec/predicate-v1.md section 12.11.
    """
    return _row(member(policy.data, "limits"), profile).get("record_requests") is True


def require_policy(
    predicate: Mapping[str, Json], policy: AttachedPolicy, document: InputDocument | None
) -> None:
    """Verify that a decision says of its policy what the policy says itself.

    That is: the digest and revision; the gate's rule and its checks, all of them; each
    check's metric and kind; the profile's digest, each limit, severity and age limit; which
    relaxations are tolerated; how long the verdict is valid; the waivers, which are the
    policy's and no others, and none where none may be.

    Args:
        predicate: A decision predicate whose shape was read, tied to its input.
        policy: The policy in the proof, or the caller's own copy of it.
        document: The Input that it was decided on; None where it is not to be had any more, and
            then the waivers and the artifact are not looked at.

    Raises:
        VerificationError: One of these is otherwise.

    Source: spec/predicate-v1.md section 9.
    """
    ttl_s = _require_answer(predicate, policy, document)["decision_ttl_s"]
    if _valid_for(predicate) != timedelta(seconds=ttl_s):
        refuse(f"the record is not valid for the {ttl_s} s that the profile says")


def require_attestation_policy(
    predicate: Mapping[str, Json], policy: AttachedPolicy, document: InputDocument | None
) -> None:
    """Verify the same of an attestation, but that it may last for less than is allowed.

    Args:
        predicate: An attestation's, in the form of a decision on its gate.
        policy: The policy in the proof.
        document: The Input that it was answered on, as :func:`require_policy`.

    Raises:
        VerificationError: It is otherwise, or lasts longer than the profile lets it.

    Source: spec/predicate-v1.md section 12.4.
    """
    profile = _require_answer(predicate, policy, document)
    checks = member(policy.manifest, "checks")
    longest = longest_s(checks, member(profile, "checks"), predicate["gate"])
    if longest is None or _valid_for(predicate) > timedelta(seconds=longest):
        refuse("the attestation lasts longer than the profile allows")


def _valid_for(predicate: Mapping[str, Json]) -> timedelta:
    decided = read_time(predicate["decided_at"], "decided_at")
    return read_time(predicate["valid_until"], "valid_until") - decided


def _require_answer(
    predicate: Mapping[str, Json], policy: AttachedPolicy, document: InputDocument | None
) -> dict[str, Json]:
    """Everything but for how long; returns the profile."""
    if policy.digest != predicate["policy"]["digest"]["sha256"]:
        refuse("the attached policy is not the one that the record names")
    if policy.manifest.get("revision") != predicate["policy"]["revision"]:
        refuse("the attached policy has another revision than the record says")
    gate = member(member(policy.manifest, "gates"), predicate["gate"])
    if gate.get("rule") != predicate["verdict_rule"]:
        refuse(f"gate {predicate['gate']!r} decides by another rule than the record says")
    lacks_digest = document is not None and "digest" not in document.subject
    if gate.get("requires_digest") is True and lacks_digest:
        refuse(f"gate {predicate['gate']!r} decides on an artifact, and none was named")
    if gate.get("checks") != [check["id"] for check in predicate["checks"]]:
        refuse(f"the record does not hold exactly the checks of gate {predicate['gate']!r}")
    profile = member(member(policy.data, "limits"), predicate["profile"]["name"])
    claim = repr(("profile", predicate["profile"]["name"], predicate["profile"]["digest"]))
    if not policy.agreed(claim):
        digest = hashlib.sha256(_canonical(profile)).hexdigest()
        if digest != predicate["profile"]["digest"]["sha256"]:
            refuse("the profile is not the one whose digest the record holds")
        policy.agree(claim)
    _require_terms(predicate, profile)
    unwaivable = unwaivable_checks(profile)
    for check in predicate["checks"]:
        claim = _policy_claim(check, predicate["profile"]["name"])
        if not policy.agreed(claim):
            _require_check(check, policy, profile)
            policy.agree(claim)
        require_possible(check, _row(_catalogue(policy), check["metric"]))
        if check["waived_by"] is not None and check["id"] in unwaivable:
            refuse(f"check {check['id']!r} was waived, and the profile says that it cannot be")
    if document is not None:
        _require_waivers(document, policy)
        require_report(predicate, document, unwaivable)
    return profile


def _require_waivers(document: InputDocument, policy: AttachedPolicy) -> None:
    """The Input's waivers are those of the policy, each as it is written, in the same order."""
    written = member(policy.data, "waivers").get("waivers")
    if not isinstance(written, list) or not all(isinstance(waiver, dict) for waiver in written):
        refuse("the policy's waivers are not objects in a list")
    seen: set[str] = set()
    for name in (waiver.get("id") for waiver in written):
        if isinstance(name, str):
            if name in seen:
                refuse(f"the policy has waiver {name!r} twice: nothing says whose approval counts")
            seen.add(name)
    decided = read_time(document.decided_at, "the input's decided_at")
    expected = [aged(waiver, decided) for waiver in written]
    for waiver in document.waivers:
        if not any(same(waiver, known) for known in expected):
            refuse(f"the policy has no waiver {waiver.get('id')!r} as the input holds it")
    if not same(list(document.waivers), expected):
        refuse("the input does not hold the policy's waivers, each once and in order")


def _require_terms(predicate: Mapping[str, Json], profile: Mapping[str, Json]) -> None:
    """What the profile says about the answer as a whole."""
    allowed, ttl_s = profile.get("relaxations_allowed"), profile.get("decision_ttl_s")
    if not isinstance(allowed, list) or type(ttl_s) is not int or not 0 <= ttl_s < 2**32:
        refuse("the profile does not say what it allows and for how long")
    for relaxation in predicate["relaxations"]:
        if relaxation["tolerated"] is not (relaxation["name"] in allowed):
            refuse(f"the profile says otherwise on relaxation {relaxation['name']!r}")


def _policy_claim(check: Mapping[str, Json], profile: str) -> str:
    """Everything that a check says but :data:`_OF_RECORD`, as one text.

    ``repr`` tells 1, 1.0 and True apart, and what is null from what is absent.
    """
    return repr((profile, [item for item in check.items() if item[0] not in _OF_RECORD]))


def _require_check(
    check: Mapping[str, Json], policy: AttachedPolicy, profile: Mapping[str, Json]
) -> None:
    where = f"check {check['id']!r}"
    described = member(member(policy.manifest, "checks"), check["id"])
    if (described.get("metric"), described.get("kind"), described.get("unless")) != (
        check["metric"],
        check["kind"],
        check.get("unless"),
    ):
        refuse(f"{where} is about another metric, or of another kind, than the policy says")
    if described.get("operator") not in (None, check["operator"]):
        refuse(f"{where} compared by {check['operator']}, the policy says otherwise")
    metric = _row(_catalogue(policy), check["metric"])
    if not same(check.get("unit"), metric.get("unit")):
        refuse(f"{where} has another unit than the catalogue says")
    if check["operator"] in AGAINST.get(str(metric.get("direction")), ()):
        refuse(f"{where} compares with {check['operator']}, against its metric's direction")
    row = _row(member(profile, "checks"), check["id"])
    if check["severity"] != severity_of(row):
        refuse(f"{where} has another severity than the profile says")
    if check["kind"] != "baseline" and not same(check["limit"], row.get("limit")):
        refuse(f"{where} was held against {check['limit']!r}, which is not the profile's limit")
    for key, default in _ROW_DEFAULTS.items():
        if not same(check.get(key, default), row.get(key, default)):
            refuse(f"{where} has another {key} than the profile says")


def _catalogue(policy: AttachedPolicy) -> dict[str, Json]:
    return member(member(policy.data, "catalogue"), "metrics")


def _row(rows: Mapping[str, Json], name: str) -> dict[str, Json]:
    row = rows.get(name)
    return row if isinstance(row, dict) else {}


def _canonical(value: Json) -> bytes:
    try:
        return canonical.encode(value)
    except ValueError:
        refuse("the policy's data is not plain JSON")
