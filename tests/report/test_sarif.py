from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from jsonschema import Draft4Validator

from engine.errors import UsageError
from engine.model import Json, Verdict
from engine.report import ReportOptions
from engine.report.sarif import MOST_NOTIFICATIONS, MOST_RESULTS, SCHEMA
from tests.report.cases import (
    BLOCK,
    CASES,
    ECE,
    HOLD,
    PROMOTE,
    REFUSED,
    Result,
    any_call,
    report,
    written,
)
from tests.repository import DATA

STANDARD = json.loads((DATA / "sarif-schema-2.1.0.json").read_text())
standard = Draft4Validator(STANDARD)


def log(results: Sequence[Result], folder: str = "") -> Json:
    """Return the log, which the standard's own schema accepts."""
    value = json.loads(
        written("sarif", results, ReportOptions(several=len(results) > 1, folder=folder))
    )
    standard.validate(value)
    return value


def run(results: Sequence[Result], folder: str = "") -> Json:
    (only,) = log(results, folder)["runs"]
    return only


@pytest.mark.parametrize("case", CASES)
def test_a_log_is_valid_by_the_schema_of_the_standard(case: str) -> None:
    assert log(CASES[case])["$schema"] == SCHEMA == STANDARD["id"]


@given(any_call)
@settings(max_examples=30)
def test_no_text_of_evidence_or_policy_makes_it_invalid(results: Sequence[Result]) -> None:
    """INV-REPORT-1: what is reported is shown, and does nothing."""
    only = run(results)
    rules = only["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in only["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_what_stands_against_a_decision_is_a_result_and_what_passed_is_not() -> None:
    found = [(result["ruleId"], result["level"], result["properties"]["status"])
             for result in run([HOLD])["results"]]  # fmt: skip
    assert found == [
        ("budget.usd_soft", "warning", "fail"),
        ("data.schema_drift", "error", "fail"),
        ("ethics.ece", "warning", "insufficient"),
        ("slo.dec_p95_ms", "error", "unknown"),
    ]
    assert run([PROMOTE])["results"] == []


def test_a_waived_finding_is_a_suppressed_result_and_no_other_is() -> None:
    by_rule = {result["ruleId"]: result["suppressions"] for result in run([HOLD])["results"]}
    (waived,) = by_rule.pop("data.schema_drift")
    assert (waived["kind"], waived["status"]) == ("external", "accepted")
    assert waived["justification"].startswith("waiver W-1: agreed with | consumers")
    assert set(map(tuple, by_rule.values())) == {()}


def test_a_result_stands_where_its_metric_does() -> None:
    first = run([BLOCK])["results"][0]
    place = first["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 11, "startColumn": 17}
    assert place["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
    uri = place["artifactLocation"]["uri"]
    assert uri == "evidence/caf%C3%A9%2C%20100%25%20%3Cb%3E.json"
    assert unquote(uri) == BLOCK.file
    assert run([HOLD])["columnKind"] == "unicodeCodePoints"


def test_a_missing_metric_is_reported_where_the_metrics_are() -> None:
    last = run([HOLD])["results"][-1]
    region = last["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 9, "startColumn": 14}


def test_a_file_elsewhere_has_an_absolute_uri_and_standard_input_a_name() -> None:
    """GitHub refuses a run that has a result without a file."""
    elsewhere = report("BLOCK", "no", [{**ECE, "status": "fail"}], file="/a b/m.json")
    (result,) = run([elsewhere], "/home")["results"]
    at = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert at == {"uri": "file:///a%20b/m.json"}
    (result,) = run([elsewhere], "/a b")["results"]
    at = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert at == {"uri": "m.json", "uriBaseId": "%SRCROOT%"}
    (result,) = run([report("BLOCK", "no", [{**ECE, "status": "fail"}], file="-")])["results"]
    (location,) = result["locations"]
    at = location["physicalLocation"]["artifactLocation"]
    assert at == {"uri": "standard-input", "uriBaseId": "%SRCROOT%"}
    assert location["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 1}
    logical = [{"fullyQualifiedName": "ethics.ece", "kind": "member"}]
    assert location["logicalLocations"] == logical


def test_there_is_a_rule_for_every_check_with_the_texts_of_the_policy() -> None:
    rules = {rule["id"]: rule for rule in run([PROMOTE])["tool"]["driver"]["rules"]}
    assert rules.keys() == {check["id"] for check in PROMOTE.decision.checks}
    assert rules["ethics.ece"] == {
        "id": "ethics.ece",
        "name": "EthicsEce",
        "shortDescription": {"text": "Calibration error"},
        "fullDescription": {"text": "A miscalibrated model cannot be acted on."},
        "help": {
            "text": "Recalibrate.",
            "markdown": "**Why:** A miscalibrated model cannot be acted on.\n\n"
            "**Fix:** Recalibrate.",
        },
        "defaultConfiguration": {"level": "error", "enabled": True},
        "properties": {"tags": ["governance", "ethics"]},
    }
    levels = {name: rule["defaultConfiguration"]["level"] for name, rule in rules.items()}
    assert levels["budget.usd_soft"] == "warning"
    assert levels["ethics.attestation"] == "note"
    assert rules["ethics.attestation"]["defaultConfiguration"]["enabled"] is False


def test_a_fingerprint_stays_when_the_value_changes_and_not_when_the_subject_does() -> None:
    def fingerprint(observed: float, name: str) -> Json:
        blocked = report("BLOCK", "no", [{**ECE, "status": "fail", "observed": observed}])
        subject = replace(blocked.decision.subject, name=name)
        blocked = replace(blocked, decision=replace(blocked.decision, subject=subject))
        return run([blocked])["results"][0]["partialFingerprints"]

    assert fingerprint(0.03, "a") == fingerprint(0.04, "a")
    assert fingerprint(0.03, "a") != fingerprint(0.03, "b")


def test_an_input_that_could_not_be_decided_on_makes_the_run_no_success() -> None:
    """INV-REPORT-2"""
    (invocation,) = run([PROMOTE, REFUSED])["invocations"]
    assert invocation["executionSuccessful"] is False
    (note,) = invocation["toolConfigurationNotifications"]
    assert "NaN is not a number" in note["message"]["text"]
    assert note["locations"][0]["physicalLocation"]["region"] == {"startLine": 7, "startColumn": 13}
    assert run([PROMOTE])["invocations"][0]["executionSuccessful"] is True


def test_of_very_many_failures_the_rest_is_counted() -> None:
    failures = [("x.json", UsageError(f"no {number}")) for number in range(MOST_NOTIFICATIONS + 5)]
    notes = run(failures)["invocations"][0]["toolConfigurationNotifications"]
    assert len(notes) == MOST_NOTIFICATIONS + 1
    assert notes[-1]["message"]["text"].startswith("5 more inputs could not be decided")


def test_of_more_results_than_github_shows_the_rest_is_counted() -> None:
    blocked = report("BLOCK", "no", [{**ECE, "status": "fail"}])
    found = run([blocked] * (MOST_RESULTS + 3))
    assert len(found["results"]) == MOST_RESULTS
    (invocation,) = found["invocations"]
    (note,) = invocation["toolExecutionNotifications"]
    assert (note["level"], invocation["executionSuccessful"]) == ("warning", True)
    assert note["message"]["text"] == "3 more results: --output json=FILE has them all"


def test_a_verdict_that_no_check_explains_is_a_result_of_its_own() -> None:
    held = replace(PROMOTE, decision=replace(PROMOTE.decision, verdict=Verdict.HOLD))
    (result,) = run([held])["results"]
    assert (result["ruleId"], result["level"]) == ("verdict", "error")
