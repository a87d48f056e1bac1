from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings

from engine.model import Json, Verdict
from engine.report import ReportOptions
from tests.examples import examples
from tests.report.cases import (
    BLOCK,
    ECE,
    HOLD,
    PROMOTE,
    REFUSED,
    Result,
    any_call,
    report,
    written,
)


def findings(results: Sequence[Result], folder: str = "") -> list[Json]:
    options = ReportOptions(several=len(results) > 1, folder=folder)
    found: list[Json] = json.loads(written("gitlab", results, options))
    return found


def severities(results: Sequence[Result]) -> dict[str, str]:
    return {finding["check_name"]: finding["severity"] for finding in findings(results)}


@given(any_call)
@settings(max_examples=examples(60))
def test_no_text_of_evidence_or_policy_is_more_than_text(results: Sequence[Result]) -> None:
    """INV-REPORT-1: what is reported is shown, and does nothing."""
    found = findings(results)
    assert len({finding["fingerprint"] for finding in found}) == len(found)
    assert {name for finding in found for name in finding} <= {
        *("description", "check_name", "fingerprint", "severity", "location"),
    }


def test_severity_follows_from_what_a_check_did_to_the_verdict() -> None:
    """INV-REPORT-2: what is no pass is never left out."""
    assert severities([BLOCK]) == {
        "data.schema_drift": "blocker",
        "ethics.ece": "blocker",
        "slo.dec_p95_ms": "critical",
    }
    assert severities([HOLD]) == {
        "budget.usd_soft": "minor",
        "data.schema_drift": "info",
        "ethics.ece": "minor",
        "slo.dec_p95_ms": "critical",
    }
    assert severities([PROMOTE]) == {}
    assert severities([REFUSED]) == {"not-decided": "blocker"}


def test_a_verdict_that_no_check_explains_is_a_finding_of_its_own() -> None:
    for verdict, severity in ((Verdict.HOLD, "critical"), (Verdict.ROLLBACK, "blocker")):
        unexplained = replace(PROMOTE, decision=replace(PROMOTE.decision, verdict=verdict))
        assert severities([unexplained]) == {"verdict": severity}
    dry = replace(PROMOTE, decision=replace(
        PROMOTE.decision, recorded=False, index=None, checkpoint=None))  # fmt: skip
    assert severities([dry]) == {"verdict": "critical"}


def test_a_finding_stands_where_its_metric_does_below_the_repository() -> None:
    for file, folder, path in (
        ("m.json", "/repo", "m.json"),
        ("./a/m.json", "/repo", "a/m.json"),
        ("/repo/m.json", "/repo", "m.json"),
        ("/elsewhere/m.json", "/repo", "../elsewhere/m.json"),
        ("/elsewhere/m.json", "", "elsewhere/m.json"),
        ("-", "/repo", "standard-input"),
    ):
        blocked = report("BLOCK", "no", [{**ECE, "status": "fail"}], file=file)
        (finding,) = findings([blocked], folder)
        line = 1 if file == "-" else 10
        assert finding["location"] == {"path": path, "lines": {"begin": line}}


def test_a_fingerprint_stays_when_the_value_changes_and_is_given_once() -> None:
    def fingerprints(*observed: float) -> list[str]:
        reports = [
            report("BLOCK", "no", [{**ECE, "status": "fail", "observed": value}])
            for value in observed
        ]
        return [finding["fingerprint"] for finding in findings(reports)]

    (first,) = fingerprints(0.03)
    assert fingerprints(0.04) == [first]
    assert fingerprints(0.03, 0.04, 0.05) == [first, f"{first}-2", f"{first}-3"]
