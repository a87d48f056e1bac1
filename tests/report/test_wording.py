"""What a report says to do about a check."""

from __future__ import annotations

import pytest

from engine.model import Json, Verdict
from engine.report.wording import facts_of, fix_of, observed_of
from tests.report.cases import LATENCY, report, written


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"status": "unknown", "observed": None}, "Measure slo.dec_p95_ms and put its value in ms"),
        ({"status": "stale", "age_s": 9000}, "Measure slo.dec_p95_ms anew"),
        ({"status": "insufficient", "n": 3, "min_n": 9}, "Measure slo.dec_p95_ms on more samples"),
        (
            {
                "status": "insufficient",
                "n": 100,
                "compare": "ci",
                "ci": [500, 900],
                "observed": 700,
                "limit": 800,
            },
            "Measure slo.dec_p95_ms on more samples: about 400 would put the limit",
        ),
        ({"status": "unknown", "metric_status": "invalid_input"}, "Correct slo.dec_p95_ms where"),
        ({"status": "unknown", "age_s": -400}, "Compare the clocks"),
        ({"status": "fail"}, "Profile it."),
    ],
)
def test_where_evidence_is_lacking_the_fix_is_to_measure_and_past_the_limit_it_is_the_policy_s(
    facts: dict[str, object], expected: str
) -> None:
    check = {**LATENCY, **facts}
    assert fix_of(check, "Profile it.", Verdict.HOLD).startswith(expected)


def test_what_an_access_gate_counts_itself_nobody_is_told_to_measure() -> None:
    check = {**LATENCY, "status": "unknown", "observed": None}
    assert fix_of(check, "Wait.", Verdict.DENY) == "Wait."


def test_text_ends_with_the_verdict_its_reason_and_its_record() -> None:
    shown = written("text", [report("BLOCK", "1 of 1 blocking checks failed: x", [LATENCY])])
    verdict, reason, *record = shown.splitlines()[-4:]
    assert verdict == "✗ BLOCK  scoring-model 2.4.1"
    assert reason == "  1 of 1 blocking checks failed: x"
    assert [line.split()[0] for line in record] == ["recorded", "checkpoint"]


@pytest.mark.parametrize(
    ("observed", "limit", "shown"),
    [
        (0.7604238005173495, 0.8, "0.760424"),
        (0.1234, 0.8, "0.1234"),
        (0.80000001, 0.8, "0.80000001"),
        (0.7999999999, 0.8, "0.7999999999"),
        (0.8, 0.8, "0.8"),
        (1234567, 800, "1234567"),
        (1234567.25, 800, "1234567"),
        (512.3333333333334, 800, "512.333"),
        (12345678901234567890, 800, "12345678901234567890"),
        (0.7604238005173495, None, "0.760424"),
        (None, 0.8, "missing"),
        (True, False, "true"),
    ],
)
def test_an_observed_value_has_no_more_digits_than_say_where_it_is(
    observed: Json, limit: Json, shown: str
) -> None:
    assert observed_of({**LATENCY, "observed": observed, "limit": limit}) == shown


def test_a_margin_has_no_more_digits_than_say_something() -> None:
    check = {**LATENCY, "observed": 0.7604238005173495, "limit": 0.8, "n": None, "unit": "ratio"}
    assert facts_of(check) == "margin 0.0395762"
