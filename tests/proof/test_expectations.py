from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from engine.errors import UsageError, VerificationError
from engine.model import Verdict
from engine.proof.bundle import parse
from engine.proof.envelope import open_envelope
from engine.proof.verify import Expectations, verify
from tests.simulator import ARTIFACT, NOW, Case, Key, Ledger, Policy, conclude, metric

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
    "policy_digests": [POLICY.digest()],
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
            {"policy_digests": ["0" * 64]},
            f"no policy digest but {'0' * 64} is accepted; the record has {POLICY.digest()}",
        ),
        (
            {"digest": "0" * 64},
            f"artifact sha256:{'0' * 64} is required; the record is about sha256:{ARTIFACT}",
        ),
        (
            {"relaxations": ()},
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
    assert unmet(NAMELESS, relaxations=()) == []


@pytest.mark.parametrize(
    ("later_s", "expected"),
    [
        (0, None),
        (600, None),
        (601, "the record is 601 s old"),
        (-300, None),
        (-301, "the record is from the future, 2026-11-20T12:00:05Z"),
    ],
)
def test_a_record_has_a_greatest_age(later_s: int, expected: str | None) -> None:
    sentences = unmet(max_age_s=600, now=NOW + timedelta(seconds=later_s))

    assert len(sentences) == (expected is not None)
    assert (expected or "") in "".join(sentences)


def test_a_verdict_is_used_until_it_expires() -> None:
    last = NOW + timedelta(seconds=86_399)
    ended = NOW + timedelta(seconds=86_400)

    assert unmet(require=Verdict.PROMOTE, now=last) == []
    (sentence,) = unmet(require=Verdict.PROMOTE, now=ended)
    assert sentence == (
        "the verdict may be used until 2026-11-21T12:00:05Z; it is 2026-11-21T12:00:05Z, "
        "0 s later: decide on fresh evidence again (engine decide --export), and verify that proof"
    )
    assert unmet(gate="promotion", now=ended) == [sentence]
    (aged,) = unmet(max_age_s=7_200, now=NOW + timedelta(days=2, hours=3, minutes=59))[:1]
    assert aged.startswith(
        "an age of at most 7200 s (2 h) is required; the record is 187140 s old (2 d 3 h): decide"
    )


@pytest.mark.parametrize(
    ("days", "expected"), [(0, ""), (9, "may be used until"), (-9, "from the future")]
)
def test_the_time_alone_is_enough_to_refuse(days: int, expected: str) -> None:
    """INV-EXPECT-2: a record from the future, or past its validity, is not acted on."""
    verified = verify(RECORD, [KEY.public], Expectations(now=NOW + timedelta(days=days)))

    assert verified.nothing_required
    assert len(verified.failed_expectations) == (days != 0)
    assert expected in "".join(verified.failed_expectations)


def test_other_zones_are_the_same_instant() -> None:
    elsewhere = (NOW + timedelta(seconds=600)).astimezone(timezone(timedelta(hours=-5)))
    assert unmet(max_age_s=600, now=elsewhere) == []


def test_an_age_needs_a_time_with_a_zone() -> None:
    with pytest.raises(UsageError, match="without the time"):
        Expectations(max_age_s=600)
    with pytest.raises(UsageError, match="no zone"):
        Expectations(now=datetime(2026, 11, 20))


def test_an_unknown_verdict_is_not_required() -> None:
    with pytest.raises(UsageError, match="no verdict 'PROMOT'"):
        Expectations(require="PROMOT")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wish",
    [{"require": Verdict.PROMOTE}, {"policy_digests": [POLICY.digest()]}],
    ids=["verdict", "policy digest"],
)
def test_what_the_policy_alone_shows_needs_the_policy(wish: dict[str, Any]) -> None:
    """INV-EXPECT-1: without the policy the key holder's limits would be taken on trust."""
    bare = LEDGER.prove(LEDGER.decide(Case(), POLICY), policy=False).encode()
    (sentence,) = unmet(bare, **wish)

    assert sentence.startswith("policy not attached: limits, severities, completeness, lifetime")
    assert unmet(bare, **wish, policy=POLICY.archive()) == []
    other = Policy(ttl_s=60)
    assert unmet(bare, **wish, policy=other.archive()) == [
        f"the policy {other.digest()} was given; the record names {POLICY.digest()}",
        sentence,
    ]


def test_a_policy_that_was_given_is_never_passed_over() -> None:
    """The proof carries its policy; the consumer's own is another one all the same."""
    other = Policy(ttl_s=60)

    (sentence,) = unmet(policy=other.archive())

    assert sentence == f"the policy {other.digest()} was given; the record names {POLICY.digest()}"
    assert unmet(policy=POLICY.archive()) == []


def test_the_callers_own_policy_is_compared_like_an_attached_one() -> None:
    """C1 and C6 of the key holder's lies: limits loosened, valid for years."""
    loose = Policy(ttl_s=10**7)
    index = LEDGER.decide(
        Case(),
        loose,
        edit=lambda predicate: predicate["policy"]["digest"].update(sha256=POLICY.digest()),
    )
    lie = LEDGER.prove(index, policy=False).encode()

    with pytest.raises(VerificationError, match=r"profile|valid"):
        verify(lie, [KEY.public], Expectations(policy=POLICY.archive()))
    assert unmet(lie, require=Verdict.PROMOTE) != []


def test_a_promote_is_that_of_gate_promotion_unless_another_is_named() -> None:
    """INV-EXPECT-1."""
    security = Policy(gate="security")
    record = LEDGER.prove(LEDGER.decide(Case(), security)).encode()

    (sentence,) = unmet(record, require=Verdict.PROMOTE)
    assert sentence == (
        "a PROMOTE of gate promotion is required; the record is of gate security: "
        "name --gate security if that is meant"
    )
    assert unmet(record, require=Verdict.PROMOTE, gate="security") == []


def test_a_waived_failure_may_be_too_much() -> None:
    waiver = {
        "id": "W-1",
        "check": "ethics.ece",
        "subject": {"name": "scoring-model"},
        "reason": "known",
        "expires_at": "2026-12-01T00:00:00Z",
    }
    metrics = Case().metrics | {"ethics.ece": metric(0.031, n=24_000)}
    policy = Policy(waivers=[waiver])
    record = LEDGER.prove(LEDGER.decide(Case(metrics=metrics), policy)).encode()

    assert unmet(record, require=Verdict.PROMOTE) == []
    assert unmet(record, require=Verdict.PROMOTE, waivers=()) == [
        "no waiver is accepted; the record has W-1"
    ]
    assert [waiver["id"] for waiver in verify(record, [KEY.public]).waivers] == ["W-1"]


def test_what_nobody_required_is_named() -> None:
    """INV-HISTORY-3: the ledger too, where neither its id nor a checkpoint of it is demanded."""
    everything = verify(RECORD, [KEY.public], Expectations(**MET))
    verdict = verify(RECORD, [KEY.public], Expectations(require=Verdict.PROMOTE))
    named = verify(RECORD, [KEY.public], Expectations(**MET, ledger_ids=[everything.ledger_id]))
    kept = verify(RECORD, [KEY.public], Expectations(**MET, checkpoints=[parse(RECORD).checkpoint]))
    other = Expectations(**MET, checkpoints=["governance-engine/another\n1\n"])

    assert (named.not_required, kept.not_required) == ((), ())
    assert everything.not_required == ("ledger",)
    assert verdict.not_required == ("artifact", "profile", "stage", "policy", "ledger")
    assert other.not_required({}, everything.checkpoint.origin) == ("ledger",)


def test_an_allow_says_which_lease_subject_and_amounts_nobody_required() -> None:
    """An ALLOW of another lease is as genuine: it binds nothing that was not demanded."""
    plain = Expectations(require=Verdict.ALLOW)
    named = Expectations(require=Verdict.ALLOW, decision_id="d", subject="acme/large")
    held: dict[str, Any] = {"reservation": {}}
    assert plain.not_required(held) == (
        *("lease", "subject", "amounts", "profile", "stage", "policy"),
    )
    assert named.not_required(held) == ("amounts", "profile", "stage", "policy")
    assert plain.not_required({}) == ("artifact", "profile", "stage", "policy")

    record = json.loads(open_envelope(parse(RECORD).entry).payload)
    lease, about = record["predicate"]["decision_id"], record["subject"][0]["name"]
    assert unmet(RECORD, decision_id=lease, subject=about) == []
    assert unmet(RECORD, decision_id="another", subject="acme/small") == [
        f"decision another is required; the record says {lease}",
        f"subject acme/small is required; the record says {about}",
    ]


def test_a_record_prints_as_some_lines() -> None:
    assert len(str(verify(RECORD, [KEY.public]))) < 2000


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ({"policy_digest": "0" * 64}, {"policy_digests": ("0" * 64,)}),
        ({"no_relaxations": True}, {"relaxations": ()}),
        ({"no_waivers": True}, {"waivers": ()}),
        ({"no_relaxations": False, "no_waivers": False}, {}),
    ],
    ids=str,
)
def test_a_former_name_is_taken_with_a_warning(former: dict[str, Any], now: dict[str, Any]) -> None:
    with pytest.warns(DeprecationWarning, match="goes after 0.1") as warned:
        expected = Expectations(**former)

    assert expected == Expectations(**now)
    assert {warning.filename for warning in warned} == {__file__}
    assert replace(expected, gate="spend") == Expectations(**now, gate="spend")


@pytest.mark.parametrize(
    "twice",
    [
        {"policy_digest": "0" * 64, "policy_digests": ["1" * 64]},
        {"no_relaxations": True, "relaxations": ["ephemeral_ledger"]},
        {"no_waivers": True, "waivers": ["W-1"]},
    ],
    ids=lambda twice: next(iter(twice)),
)
@pytest.mark.filterwarnings("default::DeprecationWarning")
def test_a_thing_is_not_demanded_by_both_its_names(twice: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="demand one thing twice"):
        Expectations(**twice)


@pytest.mark.parametrize(
    "wrong",
    [
        {"waivers": "W-1"}, {"policy_digests": "ab"}, {"ledger_ids": "x"}, {"relaxations": "r"},
        {"checkpoints": iter(["note"])}, {"checkpoints": [b"note"]}, {"max_age_s": "1", "now": NOW},
        {"max_age_s": float("nan"), "now": NOW}, {"max_age_s": True, "now": NOW}, {"now": "2026"},
        {"gate": 1}, {"policy": "archive.tar"}, {"digest": b"ab"},
    ],
    ids=lambda wrong: " ".join(f"{name}={type(value).__name__}" for name, value in wrong.items()),
)  # fmt: skip
def test_a_demand_of_another_type_is_refused(wrong: dict[str, Any]) -> None:
    """INV-EXPECT-1: text in place of a list would be met by each of its letters."""
    with pytest.raises(UsageError):
        Expectations(**wrong)


def test_a_comparison_by_another_operator_is_refused() -> None:
    """INV-PROOF-1: a failing value passes when it is held against its limit the other way round."""

    def turn_round(predicate: dict[str, Any]) -> None:
        check = next(check for check in predicate["checks"] if check["id"] == "ethics.ece")
        check.update(operator=">=", status="pass")
        predicate["verdict"] = "PROMOTE"
        conclude(predicate)

    failing = Case(metrics=Case().metrics | {"ethics.ece": metric(0.031, n=24_000)})
    lie = LEDGER.prove(LEDGER.decide(failing, POLICY, edit=turn_round)).encode()

    with pytest.raises(VerificationError, match="compared by >=, the policy says otherwise"):
        verify(lie, [KEY.public])


def test_a_gate_that_decides_on_artifacts_decides_on_one() -> None:
    policy = Policy(requires_digest=True)
    assert unmet(LEDGER.prove(LEDGER.decide(Case(), policy)).encode(), stage="candidate") == []
    lie = LEDGER.prove(LEDGER.decide(Case(subject={"name": "a"}), policy)).encode()

    with pytest.raises(VerificationError, match="decides on an artifact, and none was named"):
        verify(lie, [KEY.public])


def test_an_import_is_held_by_the_ledger_that_imported_it_and_its_origin_is_compared() -> None:
    """The origin's membership is the importer's word: only the checkpoint at hand counts."""
    importer = Ledger(KEY, "two")
    index = importer.adopt(LEDGER, 1)
    proof = importer.prove(index).encode()

    assert unmet(proof, ledger_ids=[importer.id]) == []
    (sentence,) = unmet(proof, ledger_ids=[LEDGER.id])
    assert sentence.startswith(f"no ledger but {LEDGER.id} is accepted")
