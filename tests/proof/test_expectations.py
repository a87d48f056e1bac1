from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from engine.errors import UsageError
from engine.model import Verdict
from engine.proof.verify import Expectations, verify
from tests.simulator import ARTIFACT, NOW, Case, Key, Ledger, Policy

KEY = Key("release")
POLICY = Policy()
LEDGER = Ledger(KEY)
RECORD = LEDGER.prove(LEDGER.decide(Case(relaxations=["ephemeral_ledger"]), POLICY)).encode()
NAMELESS = LEDGER.prove(LEDGER.decide(Case(subject={"name": "a"}), POLICY)).encode()


def unmet(record: bytes = RECORD, **wishes: Any) -> list[str]:
    verified = verify(record, [KEY.public], Expectations(**wishes))
    assert not verified.nothing_required
    return list(verified.failed_expectations)


MET: dict[str, Any] = {
    "require": Verdict.PROMOTE,
    "digest": ARTIFACT,
    "gate": "promotion",
    "profile": "default",
    "stage": "candidate",
    "policy_digest": POLICY.digest(),
}


def test_wishes_that_are_met_are_not_listed() -> None:
    assert unmet(**MET) == []
    for name, value in MET.items():
        assert unmet(**{name: value}) == []


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (
            {"require": Verdict.BLOCK},
            "verdict BLOCK is required; the record says PROMOTE",
        ),
        ({"gate": "spend"}, "gate spend is required; the record says promotion"),
        ({"profile": "strict"}, "profile strict is required; the record says default"),
        ({"stage": "production"}, "stage production is required; the record says candidate"),
        (
            {"policy_digest": "0" * 64},
            f"policy digest {'0' * 64} is required; the record says {POLICY.digest()}",
        ),
        (
            {"digest": "0" * 64},
            f"artifact sha256:{'0' * 64} is required; the record is about sha256:{ARTIFACT}",
        ),
        (
            {"no_relaxations": True},
            "no relaxation is accepted; the record has ephemeral_ledger",
        ),
    ],
    ids=str,
)
def test_a_wish_that_is_not_met_is_one_sentence(wish: dict[str, Any], expected: str) -> None:
    assert unmet(**wish) == [expected]


def test_every_unmet_wish_is_listed() -> None:
    assert len(unmet(require=Verdict.HOLD, gate="spend", stage="production")) == 3


def test_a_record_without_an_artifact_is_of_no_artifact() -> None:
    (sentence,) = unmet(NAMELESS, digest=ARTIFACT)
    assert sentence.endswith("the record names no artifact")
    subject_digest = verify(NAMELESS, [KEY.public]).predicate["input"]["digest"]["sha256"]
    assert unmet(NAMELESS, digest=subject_digest) != []


def test_no_relaxations_is_met_by_a_record_without() -> None:
    assert unmet(NAMELESS, no_relaxations=True) == []


@pytest.mark.parametrize(
    ("later_s", "met"),
    [(0, True), (600, True), (601, False), (-300, True), (-301, False)],
)
def test_a_record_has_a_greatest_age(later_s: int, met: bool) -> None:
    now = NOW + timedelta(seconds=later_s)
    sentences = unmet(max_age_s=600, now=now)

    assert (sentences == []) is met
    if not met:
        assert f"the record is {later_s} s old" in sentences[0]


def test_a_verdict_is_used_until_it_expires() -> None:
    last = NOW + timedelta(seconds=86_399)
    ended = NOW + timedelta(seconds=86_400)

    assert unmet(require=Verdict.PROMOTE, now=last) == []
    (sentence,) = unmet(require=Verdict.PROMOTE, now=ended)
    assert sentence == (
        "the verdict may be used until 2026-11-21T12:00:05Z; it is 2026-11-21T12:00:05Z"
    )
    assert unmet(gate="promotion", now=ended) == []


def test_the_time_alone_requires_nothing() -> None:
    verified = verify(RECORD, [KEY.public], Expectations(now=NOW + timedelta(days=9)))
    assert (verified.failed_expectations, verified.nothing_required) == ((), True)


def test_other_zones_are_the_same_instant() -> None:
    elsewhere = (NOW + timedelta(seconds=600)).astimezone(timezone(timedelta(hours=-5)))
    assert unmet(max_age_s=600, now=elsewhere) == []


def test_an_age_needs_a_time_with_a_zone() -> None:
    with pytest.raises(UsageError, match="without the time"):
        Expectations(max_age_s=600)
    with pytest.raises(UsageError, match="no zone"):
        Expectations(now=datetime(2026, 11, 20))
