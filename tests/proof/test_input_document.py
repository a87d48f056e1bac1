from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.formats import canonical
from engine.formats.json_values import same
from engine.model import Json
from engine.proof import input_document as inputs
from engine.proof.input_document import (
    InputDocument,
    read_time,
    require_ages,
    require_observed,
    salted_digest,
)
from engine.proof.waivers import covering
from tests.simulator import ARTIFACT, Case, Policy, judge, metric

WAIVER: dict[str, Json] = {
    "id": "W-1",
    "check": "ethics.ece",
    "subject": {"name": "scoring-model"},
    "reason": "known, and harmless here",
    "approvers": ["ana", "bo"],
    "expires_at": "2026-12-01T00:00:00Z",
}


def document(waiver: dict[str, Json] | None = None, **change: Json) -> dict[str, Json]:
    policy = Policy(waivers=[waiver] if waiver else [])
    return {k: v for k, v in (Case().document(policy) | change).items() if v is not ...}


def read(waiver: dict[str, Json] | None = None, **change: Json) -> InputDocument:
    return inputs.parse(canonical.encode(document(waiver, **change)))


def test_the_salted_digest_is_plain_sha256() -> None:
    assert salted_digest(b"s" * 32, b"{}") == hashlib.sha256(b"s" * 32 + b"{}").hexdigest()


def test_an_input_is_read() -> None:
    given = read(relaxations=["ephemeral_ledger"])

    assert (given.gate, given.profile, given.stage) == ("promotion", "default", "candidate")
    assert given.decided_at == "2026-11-20T12:00:05Z"
    assert given.relaxations == ("ephemeral_ledger",)
    assert given.metric("ethics.ece") == metric(0.006, n=24_000, ci=[0.004, 0.008])
    assert given.metric("ethics.other") is None


@pytest.mark.parametrize(
    "change",
    [
        *({key: ...} for key in document()),
        *({key: None} for key in document()),
        {"metrics": {"a": 1}},
        {"metrics": []},
        {"subject": "scoring-model"},
        {"waivers": ["W-1"]},
        {"relaxations": [1]},
        {"relaxations": [""]},
        {"gate": ""},
    ],
    ids=str,
)
def test_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(VerificationError):
        read(**change)


@pytest.mark.parametrize(
    "data",
    [
        *(pytest.param(data, id=f"{data!r}") for data in (b"[]", b"5", b"null", b'"gate"')),
        pytest.param(canonical.encode(document()) + b"\n", id="line break after it"),
        pytest.param(canonical.encode(document()).replace(b":512", b":512.0"), id="512.0"),
        pytest.param(canonical.encode(document()).replace(b":512", b":5.12e2"), id="5.12e2"),
        pytest.param(canonical.encode(document()).replace(b":0.006", b":0.0060"), id="0.0060"),
        pytest.param(b'{"z":1,' + canonical.encode(document())[1:], id="keys out of order"),
        pytest.param(canonical.encode(document()).replace(b"ethics", b"\\u0065thics"), id="escape"),
    ],
)
def test_an_input_has_one_form(data: bytes) -> None:
    with pytest.raises(VerificationError):
        inputs.parse(data)


def test_an_input_may_hold_more_than_this_version_knows() -> None:
    assert read(budget={"usd_ratio": 0.5}).gate == "promotion"


def covering_in(document: InputDocument) -> list[str]:
    """The waivers that cover a failure of ``ethics.ece``."""
    return covering(document.waivers, document.subject, document.decided_at, "ethics.ece")


@pytest.mark.parametrize(
    ("change", "covers"),
    [
        ({}, True),
        ({"subject": {"name": "scoring-model", "version": "2.4.1"}}, True),
        ({"subject": {"name": "scoring-model", "digest": {"sha256": ARTIFACT}}}, True),
        ({"subject": {"name": "scoring-model", "version": "2.4.2"}}, False),
        ({"subject": {"name": "scoring-model", "digest": {"sha256": "0" * 64}}}, False),
        ({"subject": {"name": "scoring-model", "owner": None}}, False),
        ({"subject": {"name": "another-model"}}, False),
        ({"subject": {"version": "2.4.1"}}, False),
        ({"subject": None}, False),
        ({"check": "ethics.consent"}, False),
        ({"check": None}, False),
        ({"id": None}, False),
        ({"expires_at": "2026-11-20T12:00:06Z"}, True),
        ({"expires_at": "2026-11-20T12:00:05Z"}, False),
        ({"expires_at": "2026-11-20T12:00:04Z"}, False),
    ],
    ids=str,
)
def test_a_waiver_covers_its_check_and_its_subject_until_it_expires(
    change: dict[str, Json], covers: bool
) -> None:
    assert covering_in(read(WAIVER | change)) == (["W-1"] if covers else [])


@pytest.mark.parametrize(
    "change",
    [
        {"remaining_s": 100, "expires_at": "2026-11-01T00:00:00Z"},
        {"remaining_s": 100, "expires_at": "soon"},
        {"remaining_s": 0, "expires_at": "2026-12-01T00:00:00Z"},
        {"remaining_s": 100},
        {"remaining_s": True, "expires_at": "2026-12-01T00:00:00Z"},
        {"remaining_s": "100", "expires_at": "2026-12-01T00:00:00Z"},
        {"expires_at": "2026-12-01T00:00:00Z"},
    ],
    ids=str,
)
def test_seconds_that_a_waiver_does_not_have_do_not_count(change: dict[str, Json]) -> None:
    without_expiry = {key: value for key, value in WAIVER.items() if key != "expires_at"}
    assert covering_in(read(waivers=[without_expiry | change])) == []


def test_waivers_come_in_order() -> None:
    waivers = [WAIVER | {"id": name, "remaining_s": 9} for name in ("W-3", "W-1", "W-2")]
    assert covering_in(read(waivers=waivers)) == ["W-1", "W-2", "W-3"]


def check(name: str = "ethics.ece", **change: Json) -> dict[str, Json]:
    """A check as a statement states it, but for ``change``; a change to ... leaves it out."""
    found = next(
        entry
        for entry in judge(document(), Policy())[0]
        if isinstance(entry, dict) and entry["id"] == name
    )
    return {key: value for key, value in (found | change).items() if value is not ...}


def test_a_check_that_says_what_the_input_says_is_accepted() -> None:
    for name in Policy().checks:
        require_observed(check(name), read())


@pytest.mark.parametrize(
    "change",
    [
        *({"observed": value} for value in (0.0060000000000000001 * 2, None, "0.006", 0)),
        *({"n": value} for value in (24_001, ..., "24000")),
        *({"ci": value} for value in ([0.004], [0.004, 0.009], ..., None)),
        *({"metric_status": value} for value in ("undefined", ...)),
        *({"observed_at": value} for value in ("2026-11-20T11:58:01Z", ...)),
        *({"age_s": value} for value in (124, ..., 125.5)),
        {"baseline": 1},
        {"metric": "slo.dec_p95_ms"},
        {"metric": "ethics.other"},
    ],
    ids=str,
)
def test_a_check_that_says_otherwise_is_refused(change: dict[str, Json]) -> None:
    """INV-PROOF-1: no value is shown that was not given."""
    with pytest.raises(VerificationError, match=r"check 'ethics\.ece'"):
        require_observed(check(**change), read())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n": 1}, "n"),
        ({"n": ...}, "n"),
        ({"baseline": 1}, "baseline"),
        ({"n": 1, "ci": 1}, "ci, n"),
    ],
    ids=str,
)
def test_what_is_said_otherwise_is_named(change: dict[str, Json], named: str) -> None:
    with pytest.raises(VerificationError, match=f"says {named} otherwise than the input"):
        require_observed(check(**change), read())


def test_true_is_not_one() -> None:
    with pytest.raises(VerificationError, match="observed 1"):
        require_observed(check("ethics.consent", observed=1), read())


def test_a_missing_metric_was_not_observed() -> None:
    metrics = document()["metrics"]
    without = {key: value for key, value in metrics.items() if key != "ethics.ece"}
    absent = check(observed=None, metric_status=..., n=..., ci=..., observed_at=..., age_s=...)

    require_observed(absent, read(metrics=without))
    with pytest.raises(VerificationError, match=r"observed 0\.006"):
        require_observed(check(), read(metrics=without))


def test_a_baseline_is_the_inputs() -> None:
    given = read(metrics={"m": metric(5, baseline=4)})
    stated = check() | {"kind": "baseline", "metric": "m", "observed": 5, "baseline": 4}
    stated = {key: value for key, value in stated.items() if key not in ("n", "ci")}

    require_observed(stated | {"limit": 4}, given)
    with pytest.raises(VerificationError, match="another baseline"):
        require_observed(stated | {"limit": 3}, given)


ATTESTATION: dict[str, Json] = {
    "type": "urn:governance-engine:ethics-attestation:v1",
    "verdict": "PROMOTE",
    "subject_sha256": ARTIFACT,
    "age_s": 0,
    "remaining_s": 60,
    "role": "attestor",
    "self": False,
    "relaxations": [],
}


def test_an_attested_check_says_whether_there_is_an_attestation() -> None:
    """INV-ATTEST-1: nothing else than the Input's attestations lets it pass."""
    stated = check("ethics.consent") | {"kind": "attestation", "metric": "ethics.attestation"}
    stated = {k: v for k, v in stated.items() if k not in ("observed_at", "age_s", "metric_status")}

    require_observed(stated | {"observed": True}, read(attestations=[ATTESTATION]))
    require_observed(stated | {"observed": None}, read())
    for observed in (None, False, 1):
        with pytest.raises(VerificationError, match="observed"):
            require_observed(stated | {"observed": observed}, read(attestations=[ATTESTATION]))
    for observed in (True, False, 1):
        with pytest.raises(VerificationError, match="observed"):
            require_observed(stated | {"observed": observed}, read())


@pytest.mark.parametrize(
    "change",
    [
        *({"age_s": value} for value in (124, 126, None, "125", 125.5)),
        {"observed_at": "2026-11-20T12:58:00+01:00"},
        {"observed_at": "yesterday"},
        {"observed_at": None},
        {"observed_at": "9999-12-31T23:59:59-23:59"},
    ],
    ids=str,
)
def test_an_age_is_the_time_between_observation_and_decision(change: dict[str, Json]) -> None:
    metrics = {"m": metric(1), "x.any": metric(1, ago_s=-7)}
    require_ages(read(metrics=metrics))
    require_ages(read(metrics={"m": {"value": 1, "status": "ok"}}))

    with pytest.raises(VerificationError, match="metric 'm'"):
        require_ages(read(metrics=metrics | {"m": metric(1) | {"age_s": 0} | change}))


@pytest.mark.parametrize("missing", ["age_s", "observed_at"])
def test_one_of_the_two_times_is_not_enough(missing: str) -> None:
    half = {key: value for key, value in metric(1).items() if key != missing}
    with pytest.raises(VerificationError, match="metric 'm'"):
        require_ages(read(metrics={"m": half}))


def test_fractions_of_a_second_count_downwards() -> None:
    early = metric(1) | {"observed_at": "2026-11-20T12:00:04.5Z", "age_s": 0}
    late = metric(1) | {"observed_at": "2026-11-20T12:00:05.5Z", "age_s": -1}

    require_ages(read(metrics={"early": early, "late": late}))


def test_times_are_rfc_3339_within_the_calendar() -> None:
    assert read_time("2026-11-20T13:00:05+01:00", "it") == read_time("2026-11-20T12:00:05Z", "it")
    for text in ("2026-11-20", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+01:00", 5, None, ""):
        with pytest.raises(VerificationError, match="it is not"):
            read_time(text, "it")


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)


@given(NUMBERS, NUMBERS)
def test_numbers_are_the_same_when_they_are_equal(first: float, second: float) -> None:
    assert same(first, second) == (first == second)
    assert same({"a": [first]}, {"a": [second]}) == (first == second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *((True, 1), (0, False), (None, False), ("1", 1), ([], {}), ([1], [1, 1])),
        *(([1], [True]), ([[0]], [[False]])),
        *(({"a": 1}, {"b": 1}), ({"a": 1}, {"a": True}), ({}, {"a": None})),
    ],
)
def test_values_of_two_kinds_are_not_the_same(first: Json, second: Json) -> None:
    assert not same(first, second)
    assert not same(second, first)
    assert same(first, first)
