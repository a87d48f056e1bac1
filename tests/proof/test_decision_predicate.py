from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.errors import VerificationError
from engine.model import DECISION_TYPE, DECISION_TYPES, Json
from engine.proof import decision_predicate as predicate
from engine.proof.decision_predicate import require_shape
from engine.proof.decision_version import (
    CHECK_OF_V2,
    LEFT_OUT_BECAUSE,
    LONGEST_NAME,
    MAX_APPROVALS,
    MAX_ENVELOPES,
    MOST_LEFT_OUT,
    MOST_ROWS,
    OPTIONAL_OF_V2,
    RELAXATIONS_OF_V1,
    version_of,
)
from engine.proof.envelope import open_envelope
from tests.examples import examples
from tests.repository import ROOT
from tests.simulator import Case, Key, Ledger, Policy, metric

SCHEMA: dict[str, Any] = json.loads((ROOT / "schemas/decision.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
WAIVER: dict[str, Json] = {
    "id": "W-1",
    "check": "ethics.ece",
    "subject": {"name": "scoring-model"},
    "reason": "known",
    "expires_at": "2026-12-01T00:00:00Z",
}
RELAXED = ("ephemeral_ledger", "policies_overridden")


def statement_of(case: Case, policy: Policy) -> dict[str, Any]:
    ledger = Ledger(Key("release"))
    index = ledger.decide(case, policy)
    statement: dict[str, Any] = json.loads(open_envelope(ledger.entries[index]).payload)
    return statement


FULL = statement_of(
    Case(
        metrics={"ethics.ece": metric(0.031, n=24_000, ci=[0.03, 0.04], baseline=0.1)},
        relaxations=RELAXED,
    ),
    Policy(waivers=[WAIVER]),
)
ATTESTATION: dict[str, Json] = {
    "id": "0193477e-7a00-7000-8000-00000000000a",
    "type": "urn:governance-engine:ethics-attestation:v1",
    "issued_at": "2026-11-20T11:00:00Z",
    "expires_at": "2026-11-21T11:00:00Z",
    "age_s": 3605,
    "remaining_s": 82795,
    "verdict": "PROMOTE",
    "profile": "default",
    "relaxations": ["policies_overridden"],
    "role": "attestor",
    "self": False,
    "ledger_id": "ab",
    **dict.fromkeys(("subject_sha256", "evidence_sha256", "policy_sha256"), "0" * 64),
    **dict.fromkeys(("key_id", "entry_sha256"), "1" * 64),
}
PREDICATE: dict[str, Any] = FULL["predicate"] | {
    "obligations": [{"id": "slow_mode", "check": "ethics.ece"}],
    "attestations": [ATTESTATION],
}


def changed(path: str, value: Json) -> dict[str, Any]:
    """The predicate with one member changed; a change to ... leaves it out."""
    copy: dict[str, Any] = json.loads(json.dumps(PREDICATE))
    *parents, last = path.split("/")
    place: Any = copy
    for parent in parents:
        place = place[int(parent) if isinstance(place, list) else parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy


def valid(candidate: dict[str, Any]) -> bool:
    return bool(VALIDATOR.is_valid(FULL | {"predicate": candidate}))


def accepted(candidate: dict[str, Any]) -> bool:
    try:
        require_shape(candidate, DECISION_TYPE)
    except VerificationError:
        return False
    return True


def test_the_schema_is_a_schema_and_statements_match_it() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(FULL)
    VALIDATOR.validate(statement_of(Case(), Policy()))
    VALIDATOR.validate(statement_of(Case(subject={"name": "a"}, metrics={}), Policy()))
    assert FULL["predicateType"] == DECISION_TYPE


def test_the_schema_and_the_parser_know_the_same_members() -> None:
    known = SCHEMA["$defs"]
    assert set(known["predicate"]["properties"]) == {*predicate._REQUIRED, *predicate._OPTIONAL}
    assert set(known["reservation"]["required"]) == set(predicate._RESERVATION)
    assert set(known["reservation"]["properties"]["for"]["properties"]) == {
        *("provider", "model"),
        *predicate._FOR,
    }
    assert set(known["predicate"]["required"]) == set(predicate._REQUIRED)
    assert set(known["check"]["required"]) == set(predicate._CHECK)
    assert set(known["attestation"]["required"]) == set(known["attestation"]["properties"])
    assert set(known["attestation"]["required"]) == set(ATTESTATION)
    assert set(known["check"]["properties"]) == {*predicate._CHECK, *predicate._CHECK_OPTIONAL}


def test_version_2_is_version_1_with_more_names() -> None:
    for name in ("decision", "ethics-attestation"):
        first, second = (
            json.loads((ROOT / f"schemas/{name}{version}.schema.json").read_text())
            for version in ("", "-v2")
        )
        Draft202012Validator.check_schema(second)
        for schema in (first, second):
            relaxations = schema["$defs"]["predicate"]["properties"]["relaxations"]
            names = set(relaxations["items"]["properties"]["name"].pop("enum"))
            if schema is first:
                assert names == RELAXATIONS_OF_V1
            for member in ("$id", "description"):
                del schema[member]
            schema["properties"]["predicateType"]["const"] = ""
        found = second["$defs"].pop("evidence_files")["properties"]["left_out"]["properties"]
        first_names = found["first"]["items"]["properties"]
        assert first_names["reason"]["enum"] == list(LEFT_OUT_BECAUSE)
        assert first_names["name"]["maxLength"] == LONGEST_NAME
        assert found["first"]["maxItems"] == MOST_LEFT_OUT
        changed = second["$defs"].pop("policy_changes")["properties"]["rows"]
        assert changed["maxItems"] == MOST_ROWS
        assert changed["items"]["maxLength"] == LONGEST_NAME
        assert second["$defs"].pop("policy_approvals")["maxItems"] == MAX_APPROVALS
        assert second["$defs"].pop("signed_evidence")["maxItems"] == MAX_ENVELOPES
        assert second["$defs"].pop("signers")["maxItems"] == MAX_ENVELOPES
        for member in CHECK_OF_V2:
            del second["$defs"]["check"]["properties"][member]
        for member in OPTIONAL_OF_V2:
            del second["$defs"]["predicate"]["properties"][member]
        assert first == second
        assert names > RELAXATIONS_OF_V1


@pytest.mark.parametrize(
    ("named", "attested", "version"),
    [
        ([], [], 1),
        (["ephemeral_ledger", "self_attested"], [ATTESTATION["type"]], 1),
        (["policies_configured"], [], 2),
        (["ephemeral_ledger", "folder_writable_by_others"], [], 2),
        (["a name that nobody knows"], [], 2),
        ([], [ATTESTATION["type"], "urn:governance-engine:ethics-attestation:v2"], 2),
    ],
)
def test_version_2_is_written_only_where_version_1_lacks_something(
    named: list[str], attested: list[str], version: int
) -> None:
    """spec/predicate-v2.md section 1."""
    whole = PREDICATE | {
        "relaxations": [{"name": name, "tolerated": True} for name in named],
        "attestations": [ATTESTATION | {"type": kind} for kind in attested],
    }
    assert version_of(DECISION_TYPES, whole) == DECISION_TYPES[version - 1]
    for member in OPTIONAL_OF_V2:
        assert version_of(DECISION_TYPES, whole | {member: {}}) == DECISION_TYPES[1]


def test_a_decision_has_the_shape_of_one() -> None:
    require_shape(PREDICATE, DECISION_TYPE)


@pytest.mark.parametrize("name", sorted(PREDICATE))
def test_every_member_is_needed_and_of_its_type(name: str) -> None:
    others: list[Json] = [..., 7, {"a": 1}, [[]]]
    own = {"attempt": 7}.get(name)
    for value in others:
        if value != own:
            assert not accepted(changed(name, value)), value
            assert not valid(changed(name, value)), value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("more", 1),
        ("verdict", "PASS"),
        ("verdict", "promote"),
        ("stage", "staging"),
        ("gate", ""),
        ("profile/name", None),
        ("profile/more", 1),
        ("profile/digest/sha256", "00"),
        ("input/digest/sha512", "00" * 64),
        ("policy/revision", ...),
        ("evaluator/kind", "guess"),
        ("evaluator/opa_version", None),
        ("ledger/id", ""),
        ("attempt", 0),
        ("attempt", True),
        ("previous", ""),
        ("checks", []),
        ("checks/0/status", "passed"),
        ("checks/0/severity", "fatal"),
        ("checks/0/operator", "="),
        ("checks/0/kind", "magic"),
        ("checks/0/metric", ""),
        ("checks/0/waived_by", ""),
        ("checks/0/waived_by", 1),
        ("checks/0/limit", ...),
        ("checks/0/unless", 1),
        ("checks/0/more", 1),
        ("obligations/0/id", None),
        ("obligations/0/more", 1),
        ("waivers/0/status", "fine"),
        ("waivers/0/check", ...),
        ("waivers/0/more", 1),
        ("relaxations/0/tolerated", 1),
        ("relaxations/0/name", ""),
        ("relaxations/0/more", 1),
        ("attestations", [ATTESTATION] * 17),
        *((f"attestations/0/{name}", ...) for name in ATTESTATION),
        *((f"attestations/0/{name}", None) for name in ATTESTATION),
        ("attestations/0/more", 1),
        ("attestations/0/id", ""),
        ("attestations/0/key_id", "00"),
        ("attestations/0/verdict", "FINE"),
        ("attestations/0/role", "auditor"),
        ("attestations/0/self", 0),
        ("attestations/0/age_s", "1"),
        ("attestations/0/age_s", True),
        ("attestations/0/remaining_s", 0.5),
        ("attestations/0/issued_at", "yesterday"),
        ("attestations/0/relaxations", [""]),
        ("attestations/0/relaxations", "self_attested"),
    ],
)
def test_what_the_schema_refuses_is_refused(path: str, value: Json) -> None:
    candidate = changed(path, value)

    assert not valid(candidate)
    assert not accepted(candidate)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("checks", PREDICATE["checks"][::-1]),
        ("checks", [PREDICATE["checks"][0]] * 2),
        ("relaxations", PREDICATE["relaxations"][::-1]),
        ("relaxations", [PREDICATE["relaxations"][0]] * 2),
        ("decided_at", "2026-11-31T00:00:00Z"),
        ("valid_until", "2026-11-20T12:00:04Z"),
        ("attestations/0/expires_at", "2026-11-31T00:00:00Z"),
    ],
)
def test_order_and_calendar_are_checked_beyond_the_schema(path: str, value: Json) -> None:
    assert not accepted(changed(path, value))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(PREDICATE)), ANY_JSON)
@settings(max_examples=examples(200))
def test_what_is_accepted_matches_the_schema(name: str, value: Json) -> None:
    candidate = PREDICATE | {name: value}
    if accepted(candidate):
        known_rule = name == "verdict_rule" and isinstance(value, str)
        assert valid(candidate) or known_rule


UNITS = {"requests": 1, "tokens": 10, "usd_micros": 100}
CHARGE = {"budget": "daily", "limits": {**UNITS, "tokens": None}, **UNITS}
RESERVED: dict[str, Any] = PREDICATE | {
    "verdict": "ALLOW",
    "reservation": {
        "for": {"provider": "acme", "model": "large", "team": "search", "tags": ["a"]},
        "asked": {**UNITS, "tokens": None},
        "day": "2026-11-20",
        "charges": [CHARGE, {**CHARGE, "budget": "search"}],
        "expires_at": "2026-11-20T12:05:00Z",
        "opened": ["search"],
        "expired": [],
        "reason": "OK",
    },
}
DENIED: dict[str, Any] = {"charges": [], "opened": [], "expires_at": None}


def reserved(verdict: str = "ALLOW", **members: Any) -> dict[str, Any]:
    return RESERVED | {"verdict": verdict, "reservation": RESERVED["reservation"] | members}


def test_a_decision_may_reserve() -> None:
    for candidate in (RESERVED, reserved("DENY", **DENIED, reason="NO_LIMIT")):
        require_shape(candidate, DECISION_TYPE)
        assert valid(candidate)


@pytest.mark.parametrize("name", sorted(RESERVED["reservation"]))
def test_a_reservation_is_whole(name: str) -> None:
    values: list[Json] = [7, [7], {"a": 1}]
    for value in values:
        members: dict[str, Any] = {name: value}
        assert not accepted(reserved(**members)), value
        assert not valid(reserved(**members)), value
    left_out = reserved()
    del left_out["reservation"][name]
    assert not accepted(left_out)
    assert not valid(left_out)
    assert not valid(reserved(more=1))
    assert not accepted(reserved(more=1))


@pytest.mark.parametrize(
    ("verdict", "members", "words"),
    [
        ("DENY", {}, "does not fit the verdict"),
        ("ALLOW", DENIED, "does not fit the verdict"),
        ("DENY", {**DENIED, "expires_at": "2026-11-20T12:05:00Z"}, "does not fit the verdict"),
        ("DENY", {**DENIED, "opened": ["daily"]}, "another budget's day began"),
        ("ALLOW", {"opened": ["other"]}, "another budget's day began"),
        ("ALLOW", {"charges": [CHARGE, CHARGE]}, "not sorted by budget"),
        ("ALLOW", {"expires_at": "2026-11-20T11:59:59Z"}, "expired before it was granted"),
        ("ALLOW", {"charges": [{**CHARGE, "usd_micros": 101}]}, "above its budget's limit"),
        ("ALLOW", {"charges": [{**CHARGE, "usd_micros": -1}]}, "not an integer"),
    ],
)
def test_a_reservation_says_what_its_verdict_allows(
    verdict: str, members: dict[str, Any], words: str
) -> None:
    with pytest.raises(VerificationError, match=words):
        require_shape(reserved(verdict, **members), DECISION_TYPE)
