"""What a signer cannot get past a verifier: records that do not follow from their input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import VerificationError
from engine.model import Json, Subject
from engine.proof.verify import verify
from tests.proof.test_decision_predicate import ATTESTATION
from tests.simulator import ARTIFACT, Case, Key, Ledger, Policy, limit, metric

KEY = Key("release")
POLICY = Policy()
WAIVER: dict[str, Json] = {
    "id": "W-1",
    "check": "ethics.ece",
    "subject": {"name": "scoring-model"},
    "reason": "known, and harmless here",
    "approvers": ["ana", "bo"],
    "expires_at": "2026-12-01T00:00:00Z",
}
WAIVING = Policy(waivers=[WAIVER])
FAILING = Case(
    metrics={
        "ethics.consent": metric(True),
        "ethics.ece": metric(0.031, n=24_000),
        "slo.dec_p95_ms": metric(512),
    }
)
Predicate = dict[str, Any]
Edit = Callable[[Predicate], None]


def prove(
    edit: Edit | None = None,
    case: Case | None = None,
    policy: Policy = POLICY,
    *,
    edit_input: Edit | None = None,
    edit_statement: Edit | None = None,
) -> bytes:
    """A proof, without its policy, of a record that was changed before it was signed."""
    ledger = Ledger(KEY)
    edits = {"edit": edit, "edit_input": edit_input, "edit_statement": edit_statement}
    given = {name: change for name, change in edits.items() if change is not None}
    index = ledger.decide(case or Case(), policy, **given)
    return ledger.prove(index, policy=False).encode()


def refuse(data: bytes, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        verify(data, [KEY.public])


def ece(predicate: Predicate) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in predicate["checks"] if c["id"] == "ethics.ece")
    return found


def test_an_unchanged_record_is_genuine() -> None:
    assert verify(prove(), [KEY.public]).verdict == "PROMOTE"
    assert verify(prove(case=FAILING), [KEY.public]).verdict == "BLOCK"
    assert verify(prove(case=FAILING, policy=WAIVING), [KEY.public]).verdict == "PROMOTE"


def test_an_observed_value_that_is_not_in_the_input_is_refused() -> None:
    """INV-PROOF-1: the failing value is shown as a passing one, with all that follows."""

    def flatter(predicate: Predicate) -> None:
        ece(predicate).update(observed=0.006, status="pass")
        predicate["verdict"] = "PROMOTE"

    refuse(prove(flatter, FAILING), r"observed 0\.006, which is not in the input")


def test_a_status_that_does_not_follow_is_refused() -> None:
    """INV-GATE-2."""

    def overlook(predicate: Predicate) -> None:
        ece(predicate)["status"] = "pass"
        predicate["verdict"] = "PROMOTE"

    refuse(prove(overlook, FAILING), "says pass; what it compared says fail")


@pytest.mark.parametrize("status", ["fail", "unknown", "stale", "insufficient", "exempt", "off"])
def test_a_worse_status_does_not_follow_either(status: str) -> None:
    refuse(prove(lambda predicate: ece(predicate).update(status=status)), "compared says pass")


@pytest.mark.parametrize("verdict", ["PROMOTE", "HOLD", "ROLLBACK", "ALLOW", "DENY"])
def test_a_verdict_that_does_not_follow_is_refused(verdict: str) -> None:
    """INV-GATE-2."""
    record = prove(lambda predicate: predicate.update(verdict=verdict), FAILING)
    refuse(record, f"the record says {verdict}; its checks say BLOCK")


def test_a_rule_that_is_not_known_is_refused() -> None:
    record = prove(lambda predicate: predicate.update(verdict_rule="release/v0"))
    refuse(record, "verdict rule 'release/v0' is not known")


@pytest.mark.parametrize(
    "change",
    [
        *({"limit": limit_value} for limit_value in (0.005, None)),
        {"operator": ">="},
        {"min_n": 24_001},
        {"max_age_s": 60},
        {"kind": "series"},
        {"compare": "ci", "ci": [0.004, 0.011]},
    ],
    ids=str,
)
def test_terms_that_were_changed_alone_do_not_give_the_status(change: dict[str, Json]) -> None:
    with pytest.raises(VerificationError):
        verify(prove(lambda predicate: ece(predicate).update(change)), [KEY.public])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gate", "spend"),
        ("stage", "production"),
        ("decided_at", "2026-11-20T12:00:06Z"),
        ("profile", {"name": "strict", "digest": {"sha256": "0" * 64}}),
    ],
)
def test_a_record_asks_what_its_input_asks(name: str, value: Json) -> None:
    record = prove(lambda predicate: predicate.update({name: value}))
    refuse(record, f"another {name} than its input")


def test_attestations_and_relaxations_are_the_inputs() -> None:
    refuse(prove(lambda p: p.update(attestations=[ATTESTATION])), "other attestations")
    relaxed = Case(relaxations=["unsigned_evidence"])

    def hide(predicate: Predicate) -> None:
        predicate.update(relaxations=[], verdict="PROMOTE")

    refuse(prove(hide, relaxed), "other relaxations")

    def rename(predicate: Predicate) -> None:
        predicate.update(relaxations=[{"name": "ephemeral_ledger", "tolerated": True}])

    refuse(prove(rename, relaxed), "other relaxations")


def scanned(method: str, parameters: Json, relaxations: list[str]) -> bytes:
    computed = {"method": method, "parameters": parameters}
    metrics = {name: dict(row) for name, row in Case().metrics.items()}
    metrics["slo.dec_p95_ms"]["computed"] = computed
    return prove(case=Case(metrics=metrics, relaxations=relaxations))


def test_a_family_that_a_scan_did_not_look_for_is_named_as_a_relaxation() -> None:
    """INV-PRIVACY-8."""
    off: dict[str, Json] = {"recognisers": "2026-12-01", "recognisers_off": "phone"}
    refuse(scanned("scan/2", off, []), "a relaxation that its evidence says")
    assert verify(scanned("scan/2", off, ["recognisers_off"]), [KEY.public]).verdict == "HOLD"
    for method, parameters in (("scan/2", {"recognisers": "2026-12-01"}), ("scan/1", off)):
        assert verify(scanned(method, parameters, []), [KEY.public]).verdict == "PROMOTE"


def test_a_relaxation_counts_against_the_verdict_unless_tolerated() -> None:
    relaxed = Case(relaxations=["unsigned_evidence"])
    assert verify(prove(case=relaxed), [KEY.public]).verdict == "HOLD"
    refuse(prove(lambda p: p.update(verdict="PROMOTE"), relaxed), "its checks say HOLD")


def _subject(change: dict[str, Json]) -> Edit:
    def edit(statement: Predicate) -> None:
        subject = statement["subject"][0] | change
        statement["subject"] = [{k: v for k, v in subject.items() if v is not None}]

    return edit


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another-model"},
        {"digest": {"sha256": "0" * 64}},
        {"annotations": {"version": "2.4.2"}},
        {"annotations": None},
        {"annotations": {"version": "2.4.1", "owner": "ana"}},
        {"annotations": {"version": "2.4.1", "digest_of": "input"}},
    ],
    ids=str,
)
def test_a_record_is_about_the_subject_of_its_input(change: dict[str, Json]) -> None:
    refuse(prove(edit_statement=_subject(change)), "another subject")


def test_a_record_has_one_subject() -> None:
    def twice(statement: Predicate) -> None:
        statement["subject"] = statement["subject"] * 2

    refuse(prove(edit_statement=twice), "another subject")


def test_without_an_artifact_the_subject_is_the_input() -> None:
    case = Case(subject={"name": "scoring-model"})
    verified = verify(prove(case=case), [KEY.public])

    assert (verified.subject.sha256, verified.subject.version) == (None, None)
    refuse(
        prove(case=case, edit_statement=_subject({"digest": {"sha256": "0" * 64}})),
        "another subject",
    )
    refuse(prove(case=case, edit_statement=_subject({"annotations": None})), "another subject")


def test_a_subject_may_have_no_version() -> None:
    subject: dict[str, Json] = {"name": "scoring-model", "digest": {"sha256": ARTIFACT}}
    record = prove(case=Case(subject=subject))

    assert verify(record, [KEY.public]).subject == Subject("scoring-model", None, ARTIFACT)


def test_the_age_of_a_switch_follows_from_its_times_too() -> None:
    """A metric that no check compares, and that exempts from one, is not freshened up."""
    policy = Policy(checks={"m": limit(1, unless="switch"), "p": limit(1)})
    switch = metric(True, ago_s=9000)
    metrics = {"m": metric(5), "p": metric(0), "switch": switch}
    assert verify(prove(case=Case(metrics=metrics), policy=policy), [KEY.public]).verdict == "BLOCK"

    fresh = {**metrics, "switch": metric(True)}
    assert verify(prove(case=Case(metrics=fresh), policy=policy), [KEY.public]).verdict == "PROMOTE"

    fudged = {**metrics, "switch": switch | {"age_s": 60}}
    refuse(prove(case=Case(metrics=fudged), policy=policy), "age of metric 'switch'")


def test_obligations_are_of_checks_of_the_record() -> None:
    def oblige(check: str) -> Edit:
        return lambda predicate: predicate.update(obligations=[{"id": "slow_mode", "check": check}])

    assert verify(prove(oblige("ethics.ece")), [KEY.public]).verdict == "PROMOTE"
    refuse(prove(oblige("market.other")), "obligation 'slow_mode' is of no check")


# Waivers.


def test_a_waiver_that_is_not_in_the_input_is_refused() -> None:
    """INV-WAIVER-1."""

    def waive(predicate: Predicate) -> None:
        ece(predicate)["waived_by"] = "W-1"
        stated = {key: WAIVER[key] for key in ("id", "check", "reason", "expires_at")}
        predicate.update(verdict="PROMOTE", waivers=[stated | {"status": "applied"}])

    refuse(prove(waive, FAILING), "waived by 'W-1', which does not cover it")


@pytest.mark.parametrize(
    "change",
    [
        {"check": "ethics.consent"},
        {"subject": {"name": "another-model"}},
        {"subject": {"name": "scoring-model", "version": "1"}},
        {"expires_at": "2026-11-20T12:00:05Z"},
        {"id": "W-2"},
    ],
    ids=str,
)
def test_a_waiver_that_does_not_cover_is_refused(change: dict[str, Json]) -> None:
    """INV-WAIVER-1: scope and expiry are checked again."""

    def waive(predicate: Predicate) -> None:
        ece(predicate)["waived_by"] = "W-1"
        predicate.update(verdict="PROMOTE", waivers=[])

    policy = Policy(waivers=[WAIVER | change])
    refuse(prove(waive, FAILING, policy), "waived by 'W-1', which does not cover it")


@pytest.mark.parametrize(
    "given",
    [
        metric(0.031, ago_s=9000, n=24_000),
        metric(0.031, n=24_000) | {"status": "invalid_input"},
        metric(0.031, n=1),
        metric(0.006, n=24_000),
    ],
    ids=["stale", "unknown", "insufficient", "pass"],
)
def test_only_a_failure_is_waived(given: dict[str, Json]) -> None:
    """INV-WAIVER-1: missing evidence cannot be waived."""

    def waive(predicate: Predicate) -> None:
        ece(predicate)["waived_by"] = "W-1"
        predicate.update(verdict="PROMOTE")

    case = Case(metrics={**FAILING.metrics, "ethics.ece": given})
    refuse(prove(waive, case, WAIVING), "which does not cover it")


def test_the_first_waiver_that_covers_is_the_one_that_waives() -> None:
    policy = Policy(waivers=[WAIVER, WAIVER | {"id": "W-2"}])
    assert verify(prove(case=FAILING, policy=policy), [KEY.public]).verdict == "PROMOTE"

    def swap(predicate: Predicate) -> None:
        ece(predicate)["waived_by"] = "W-2"

    refuse(prove(swap, FAILING, policy), "waived by 'W-2'")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "W-9"}, "is not as the record lists it"),
        ({"check": "ethics.consent"}, "is not as the record lists it"),
        ({"reason": "better"}, "is not as the record lists it"),
        ({"expires_at": "2036-11-21T12:00:00Z"}, "is not as the record lists it"),
        ({"expires_at": "never"}, "the expiry of a waiver is not an RFC 3339 time"),
    ],
    ids=str,
)
def test_listed_waivers_say_what_the_inputs_say(change: dict[str, Json], words: str) -> None:
    def reword(predicate: Predicate) -> None:
        predicate["waivers"][0].update(change)

    refuse(prove(reword, FAILING, WAIVING), words)


@pytest.mark.parametrize("status", ["unused", "expired", "unwaivable"])
def test_a_waiver_that_waived_is_listed_as_applied(status: str) -> None:
    """INV-WAIVER-1: what was waived stays visible."""

    def relabel(predicate: Predicate) -> None:
        predicate["waivers"][0]["status"] = status

    refuse(prove(relabel, FAILING, WAIVING), "is not as the record lists it")
    refuse(
        prove(lambda predicate: predicate.update(waivers=[]), FAILING, WAIVING),
        "does not list the input's waivers",
    )


def test_a_waiver_that_waived_nothing_is_not_listed_as_applied() -> None:
    def relabel(predicate: Predicate) -> None:
        predicate["waivers"][0]["status"] = "applied"

    refuse(prove(relabel, Case(), WAIVING), "is not as the record lists it: applied")


def test_waivers_are_listed_all_and_in_order() -> None:
    """INV-WAIVER-1: an unused one is reported too, and none twice."""
    policy = Policy(waivers=[WAIVER, WAIVER | {"id": "W-2"}])
    for change in (
        lambda waivers: waivers.pop(),
        lambda waivers: waivers.reverse(),
        lambda waivers: waivers.append(waivers[0]),
    ):
        edit = lambda predicate, change=change: change(predicate["waivers"])  # noqa: E731
        refuse(prove(edit, FAILING, policy), "each once and in order")


def test_the_time_that_a_waiver_has_left_follows_from_its_expiry() -> None:
    def extend(document: Predicate) -> None:
        document["waivers"][0]["remaining_s"] += 1

    refuse(prove(case=FAILING, policy=WAIVING, edit_input=extend), "does not follow from it")


def test_the_reason_follows_from_the_checks() -> None:
    """INV-PROOF-1: what people read first is derived like the rest."""
    edit = lambda predicate: predicate.update(reason="all is well\x1b[2J")  # noqa: E731

    refuse(prove(edit), "gives another reason than its checks: 2 blocking checks passed")


def test_an_input_that_was_changed_after_it_was_judged_is_refused() -> None:
    def later(document: Predicate) -> None:
        document["metrics"]["ethics.ece"]["value"] = 0.007

    refuse(prove(edit_input=later), r"observed 0\.006, which is not in the input")
