from __future__ import annotations

import xml.etree.ElementTree as ET  # our own output
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from junitparser import JUnitXml, TestSuite

from engine.model import Verdict
from tests.examples import examples
from tests.report.cases import BLOCK, HOLD, PROMOTE, REFUSED, Result, any_call, written


def suites(results: Sequence[Result]) -> list[TestSuite]:
    """Read the report as a CI system does."""
    return list(JUnitXml.fromstring(written("junit", results).encode()))


def outcomes(suite: TestSuite) -> dict[str, str]:
    return {case.name: type(case.result[0]).__name__ if case.result else "passed" for case in suite}


@given(any_call)
@settings(max_examples=examples(100))
def test_no_text_of_evidence_or_policy_breaks_it_and_the_counts_are_right(
    results: Sequence[Result],
) -> None:
    """INV-REPORT-1: what is reported is shown, and does nothing."""
    root = ET.fromstring(written("junit", results))  # noqa: S314
    assert len(root) == len(results)
    for suite in root:
        cases = suite.findall("testcase")
        counted = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
        found = [len(suite.findall(f"testcase/{name}")) for name in ("failure", "error", "skipped")]
        assert counted == [str(len(cases)), *map(str, found)]
        assert {element.tag for element in suite.iter()} <= {
            *("testsuite", "properties", "property", "testcase"),
            *("failure", "error", "skipped", "system-out"),
        }


def test_what_is_no_pass_is_never_a_passed_test() -> None:
    """INV-REPORT-2: a check without usable evidence fails closed; a warning says so."""
    (suite,) = suites([HOLD])
    assert outcomes(suite) == {
        "budget.usd_soft": "passed",
        "data.schema_drift": "Skipped",
        "ethics.attestation": "Skipped",
        "ethics.consent": "passed",
        "ethics.ece": "passed",
        "slo.dec_p95_ms": "Error",
        "verdict": "Error",
    }
    warned = next(case for case in suite if case.name == "ethics.ece")
    assert warned.system_out.startswith("Warning only. Calibration error: too little evidence;")
    waived = next(case for case in suite if case.name == "data.schema_drift")
    assert "waived by W-1: agreed with | consumers <script>" in waived.result[0].message


def test_a_failed_check_is_a_failure_and_a_stale_one_an_error() -> None:
    (suite,) = suites([BLOCK])
    found = outcomes(suite)
    assert (found["ethics.ece"], found["slo.dec_p95_ms"]) == ("Failure", "Error")
    assert found["verdict"] == "Failure"
    assert (suite.failures, suite.errors, suite.skipped, suite.tests) == (3, 1, 1, 7)


def test_a_promoted_decision_has_only_passed_and_skipped_tests() -> None:
    (suite,) = suites([PROMOTE])
    assert set(outcomes(suite).values()) == {"passed", "Skipped"}
    assert outcomes(suite)["verdict"] == "passed"


def test_a_verdict_that_no_check_explains_is_no_green_suite() -> None:
    held = replace(PROMOTE, decision=replace(PROMOTE.decision, verdict=Verdict.HOLD))
    dry = replace(PROMOTE, decision=replace(
        PROMOTE.decision, recorded=False, index=None, checkpoint=None))  # fmt: skip
    for unexplained in (held, dry):
        (suite,) = suites([unexplained])
        assert outcomes(suite)["verdict"] == "Error"
        assert suite.errors == 1


def test_no_two_cases_of_a_file_have_class_and_name_in_common() -> None:
    """GitLab keeps the first of those that have."""
    results: list[Result] = [HOLD, BLOCK, BLOCK, REFUSED, REFUSED, PROMOTE]
    cases = [(case.classname, case.name) for suite in suites(results) for case in suite]
    assert len(set(cases)) == len(cases)
    assert {name for name, _ in cases} == {
        "promotion evidence/metrics.json",
        f"promotion {BLOCK.file}",
        f"promotion {BLOCK.file} (2)",
        "engine evidence/bad.json",
        "engine evidence/bad.json (2)",
        "promotion evidence/metrics.json (2)",
    }


def test_an_input_that_could_not_be_decided_on_is_a_suite_with_an_error() -> None:
    _decided, refused = suites([PROMOTE, REFUSED])
    assert outcomes(refused) == {"decided": "Error"}
    assert (refused.name, refused.errors, refused.tests) == ("evidence/bad.json", 1, 1)
    (case,) = refused
    assert case.result[0].text.endswith("At evidence/bad.json, line 7.")


def test_a_test_says_where_its_metric_stands_and_a_suite_what_was_decided() -> None:
    (suite,) = suites([BLOCK])
    case = next(case for case in suite if case.name == "ethics.ece")
    assert case.classname == "promotion"
    assert case.result[0].text.endswith(f"At {BLOCK.file}, line 14.")
    assert suite._elem.get("file") == BLOCK.file
    properties = {property_.name: property_.value for property_ in suite.properties()}  # type: ignore[no-untyped-call]
    assert properties["decision_id"] == BLOCK.decision.decision_id
    assert properties["checkpoint"] == BLOCK.decision.checkpoint
