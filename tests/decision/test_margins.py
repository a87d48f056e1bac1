from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision.margins import counterfactual, deciding_n, margin, margin_number, written
from engine.model import Json, Verdict
from engine.report.wording import fix_of


def check(**changes: Json) -> Json:
    return {
        "id": "ethics.ece",
        "metric": "ethics.ece",
        "kind": "limit",
        "status": "fail",
        "severity": "block",
        "operator": "<=",
        "observed": 0.031,
        "limit": 0.01,
        "waived_by": None,
        "age_s": 5,
        "max_age_s": 60,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "-0.021"),
        ({"observed": 0.1, "limit": 0.3}, "0.2"),  # 0.19999999999999998 in doubles
        ({"operator": ">=", "observed": 0.97, "limit": 0.95}, "0.02"),
        ({"operator": "==", "observed": 3, "limit": 0}, "-3"),
        ({"operator": "==", "observed": 0, "limit": 0}, "0"),
        ({"observed": None}, None),
        ({"metric_status": "invalid_input"}, None),
        ({"observed": True, "limit": True, "operator": "=="}, None),
        ({"observed": 1e300, "limit": 1e-300}, "-1E+300"),
    ],
)
def test_a_margin_is_exact_and_negative_past_the_limit(
    changes: dict[str, Json], expected: str | None
) -> None:
    assert margin(check(**changes)) == expected


STRADDLED: dict[str, Json] = {
    "status": "insufficient", "compare": "ci", "observed": 0.008, "ci": [0.004, 0.012], "n": 400,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, 1600),
        ({"observed": 0.006, "ci": [0.001, 0.0101]}, 430),  # 400 * (41/40)^2 = 420.25
        ({"operator": ">=", "observed": 0.02, "ci": [0.005, 0.03]}, 900),
        ({"operator": ">=", "observed": 0.005, "ci": [0.002, 0.02]}, 3600),
        ({"n": 3, "observed": 0.006, "ci": [0.001, 0.0101]}, 4),
        ({"ci": [0.01, 0.012], "observed": 0.011}, 401),  # the bound is the limit: more than now
        ({"observed": 0.01}, None),
        ({"n": None}, None),
        ({"n": 0}, None),
        ({"n": True}, None),
        ({"observed": None}, None),
        ({"ci": [0.02, 0.03], "observed": 0.025}, None),
        ({"ci": [0.004, 0.012], "observed": 0.2}, None),
        ({"compare": "value"}, None),
        ({"status": "pass"}, None),
        ({"ci": ["low", "high"]}, None),
    ],
)
def test_of_a_limit_within_the_interval_the_rows_that_would_decide_are_known(
    changes: dict[str, Json], rows: int | None
) -> None:
    assert deciding_n(check(**STRADDLED | changes)) == rows


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "passes when ethics.ece <= 0.01; now 0.031"),
        ({"status": "pass"}, None),
        ({"status": "unknown", "observed": None},
         "passes when ethics.ece is measured, and ethics.ece <= 0.01"),
        ({"status": "unknown", "limit": None},
         "passes when the profile gives ethics.ece a limit"),
        ({"status": "unknown", "age_s": -400},
         "passes when ethics.ece was not observed 400 s in the future; compare the clocks"),
        ({"status": "stale", "age_s": 90},
         "passes when ethics.ece is measured again: it is 90 s old, at most 60 s is accepted"),
        ({"status": "insufficient", "min_n": 1000, "n": 12},
         "passes when ethics.ece rests on n >= 1000; now n 12"),
        ({"status": "unknown", "metric_status": "invalid_input", "invalid_because": "7 is above 1"},
         "passes when ethics.ece is valid, and ethics.ece <= 0.01; it is not: 7 is above 1"),
        ({"status": "unknown", "metric_status": "invalid_input"},
         "passes when ethics.ece is valid, and ethics.ece <= 0.01; it is not: its source says so"),
        ({"status": "unknown", "metric_status": "invalid_input", "observed": None},
         "passes when ethics.ece is measured, and ethics.ece <= 0.01"),
        (STRADDLED,
         "passes when the whole interval of ethics.ece is within the limit; now 0.01 lies in "
         "[0.004, 0.012]; about 1,600 rows would decide, and it would pass if the value stays"),
        ({**STRADDLED, "observed": 0.011},
         "passes when the whole interval of ethics.ece is within the limit; now 0.01 lies in "
         "[0.004, 0.012]; about 20,000 rows would decide, and it would fail if the value stays"),
        ({**STRADDLED, "n": 12, "min_n": 30},
         "passes when ethics.ece rests on n >= 30; now n 12, and 0.01 lies in its interval: about "
         "48 would decide"),
        ({**STRADDLED, "n": 12, "min_n": 1000},
         "passes when ethics.ece rests on n >= 1000; now n 12"),
        ({**STRADDLED, "n": None},
         "passes when the whole interval of ethics.ece is within the limit; now 0.01 lies in "
         "[0.004, 0.012]"),
        ({**STRADDLED, "ci": None},
         "passes when ethics.ece has an interval, [low, high], within the limit; now missing"),
        ({"status": "fail", "operator": "quiet", "kind": "series", "observed": [1, 2]},
         "passes when two consecutive windows of ethics.ece are below 0.01; now [1, 2]"),
    ],
)  # fmt: skip
def test_a_counterfactual_says_what_would_make_it_pass(
    changes: dict[str, Json], expected: str | None
) -> None:
    assert counterfactual(check(**changes)) == expected


def test_values_are_written_as_people_read_them() -> None:
    assert [written(value) for value in (None, True, 1e-7, 24000, "pass", 1e16)] == [
        "missing",
        "true",
        "0.0000001",
        "24000",
        "pass",
        "10000000000000000",
    ]


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)


@given(st.sampled_from(["<=", "<", ">=", ">", "==", "quiet"]), NUMBERS, NUMBERS)
def test_the_number_is_the_double_nearest_to_the_text(
    operator: str, observed: float, limit: float
) -> None:
    compared = check(operator=operator, observed=observed, limit=limit)
    text = margin(compared)
    number = margin_number(compared)
    assert number == (None if text is None else float(text))


@pytest.mark.parametrize("observed", [None, True, "0.1", [0.1]])
def test_what_is_no_number_has_no_distance(observed: Json) -> None:
    assert margin_number(check(observed=observed)) is None


def test_a_forecast_of_rows_says_what_it_rests_on() -> None:
    """A calibration error falls with more rows: the forecast holds only while the value stays."""
    straddling = check(metric_status="ok", age_s=1, **STRADDLED)
    fix = fix_of(straddling, "", Verdict.HOLD)
    assert f"about {deciding_n(straddling):,} would put the limit outside" in fix
    assert "if the value stays" in fix
