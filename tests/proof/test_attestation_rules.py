"""INV-ATTEST-1, INV-ATTEST-3, INV-ATTEST-6: what an attestation has to say to count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import Json
from engine.proof.attestation_rules import (
    SELF_ATTESTED,
    RequiredAttestation,
    attestation_types,
    is_attested,
    longest_s,
    relaxations_for,
    ways_to_count,
)

SHA256 = "ab" * 32
SUBJECT = {"name": "m", "digest": {"sha256": SHA256}}
TYPE = "urn:governance-engine:ethics-attestation:v1"
WANTED = RequiredAttestation(attestation_types("ethics.attestation"), 100, "block")
CHECK = {"metric": "ethics.attestation", "max_age_s": 100}
# Exactly at every bound: age 100 of 100, one second left.
ATTESTATION: dict[str, Json] = {
    "type": TYPE,
    "verdict": "PROMOTE",
    "subject_sha256": SHA256,
    "age_s": 100,
    "remaining_s": 1,
    "role": "attestor",
    "self": False,
    "relaxations": [],
}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


def needed(**change: Json) -> frozenset[str] | None:
    return ways_to_count(ATTESTATION | change, WANTED, SHA256)


def test_one_in_force_by_an_attestor_counts_and_needs_nothing() -> None:
    assert needed() == needed(age_s=0) == frozenset()
    assert is_attested(CHECK, SUBJECT, [ATTESTATION], [])


@pytest.mark.parametrize(
    "change",
    [
        *({"type": other} for other in (*attestation_types("privacy.attestation"), None, 1)),
        *({"verdict": other} for other in ("HOLD", "BLOCK", "ROLLBACK", "ALLOW", None)),
        *({"subject_sha256": other} for other in ("cd" * 32, None, "")),
        *({"remaining_s": other} for other in (0, -1, None, "1", True)),
        *({"age_s": other} for other in (-1, 101, None, "1", True)),
        *({"role": other} for other in ("none", "auditor", None, True)),
        *({"self": other} for other in (None, 0, "false")),
        *({"relaxations": other} for other in (None, {"a": 1}, "self_attested", [None])),
        *({name: ...} for name in ATTESTATION),
    ],
    ids=str,
)
def test_any_other_counts_in_no_way(change: dict[str, Json]) -> None:
    other: Json = {k: v for k, v in (ATTESTATION | change).items() if v is not ...}
    assert ways_to_count(other, WANTED, SHA256) is None
    assert not is_attested(CHECK, SUBJECT, [other], [SELF_ATTESTED])
    assert is_attested(CHECK, SUBJECT, [other, ATTESTATION], [])


@pytest.mark.parametrize("most", [None, "100", True, 99])
def test_the_profile_bounds_the_age(most: Json) -> None:
    assert (
        ways_to_count(
            ATTESTATION,
            RequiredAttestation(attestation_types("ethics.attestation"), most, "block"),
            SHA256,
        )
        is None
    )


@pytest.mark.parametrize("subject", [{"name": "m"}, {"digest": None}, {"digest": {"sha256": None}}])
def test_what_has_no_digest_is_not_attested(subject: Json) -> None:
    assert not is_attested(CHECK, subject, [ATTESTATION | {"subject_sha256": None}], [])


@pytest.mark.parametrize("role", ["attestor", "none"])
def test_the_own_key_counts_as_a_relaxation_only(role: str) -> None:
    own = ATTESTATION | {"self": True, "role": role}
    assert ways_to_count(own, WANTED, SHA256) == frozenset({SELF_ATTESTED})
    assert not is_attested(CHECK, SUBJECT, [own], [])
    assert is_attested(CHECK, SUBJECT, [own], ["other", SELF_ATTESTED])
    assert not is_attested(CHECK, SUBJECT, [own | {"self": False, "role": "none"}], [SELF_ATTESTED])


def test_what_weakened_it_has_to_be_named() -> None:
    weak = ATTESTATION | {"relaxations": ["ephemeral_ledger", "policies_overridden"]}
    assert not is_attested(CHECK, SUBJECT, [weak], ["ephemeral_ledger"])
    assert is_attested(CHECK, SUBJECT, [weak], ["ephemeral_ledger", "policies_overridden"])


OWN = ATTESTATION | {"self": True}
WEAK = ATTESTATION | {"relaxations": ["policies_overridden"]}


@pytest.mark.parametrize(
    ("attestations", "severity", "tolerated", "named"),
    [
        ([], "block", [], set()),
        ([ATTESTATION | {"verdict": "BLOCK"}], "block", [], set()),
        ([OWN], "block", [], {SELF_ATTESTED}),
        ([OWN], "block", [SELF_ATTESTED], {SELF_ATTESTED}),
        ([OWN], "warn", [], set()),
        ([OWN], "warn", [SELF_ATTESTED], {SELF_ATTESTED}),
        ([OWN, ATTESTATION], "block", [SELF_ATTESTED], set()),
        ([WEAK, OWN], "block", [SELF_ATTESTED], {SELF_ATTESTED}),
        ([WEAK, OWN], "block", ["policies_overridden"], {"policies_overridden"}),
        ([OWN | WEAK | {"self": True}], "block", [], {SELF_ATTESTED, "policies_overridden"}),
    ],
)
def test_a_decision_names_the_least_that_it_needs(
    attestations: list[Json], severity: str, tolerated: list[str], named: set[str]
) -> None:
    required = [RequiredAttestation(attestation_types("ethics.attestation"), 100, severity)]
    assert relaxations_for(required, attestations, SHA256, tolerated) == named


def test_how_long_one_may_last_is_the_greatest_age_that_is_accepted() -> None:
    checks = {
        "ethics.attestation": {"kind": "attestation", "metric": "ethics.attestation"},
        "ethics.second": {"kind": "attestation", "metric": "ethics.attestation"},
        "ethics.ece": {"kind": "limit", "metric": "ethics.ece"},
        "privacy.attestation": {"kind": "attestation", "metric": "privacy.attestation"},
        "odd": None,
    }
    rows: dict[str, Json] = {name: {"max_age_s": 10**6} for name in checks}
    rows |= {"ethics.attestation": {"max_age_s": 60}, "ethics.second": {"max_age_s": 90}}
    assert longest_s(checks, rows, "ethics") == 90
    assert longest_s(checks, rows, "model") is None
    for odd in (None, "60", True, 0, 2**32):
        rows |= {"ethics.attestation": {"max_age_s": odd}, "ethics.second": None}
        assert longest_s(checks, rows, "ethics") is None


@given(ANY_JSON, st.dictionaries(st.sampled_from(sorted(ATTESTATION)), ANY_JSON), ANY_JSON)
def test_it_says_something_of_any_json(value: Json, change: dict[str, Json], most: Json) -> None:
    for attestation in (value, ATTESTATION | change):
        ways_to_count(
            attestation,
            RequiredAttestation(attestation_types("ethics.attestation"), most, "block"),
            SHA256,
        )
