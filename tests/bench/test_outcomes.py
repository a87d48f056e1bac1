"""What the three programs print is read alike, and a difference is never passed over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.errors import BenchError
from bench.outcomes import Outcome, Outcomes, of_conftest, of_engine, of_opa, require_same

CHECKS = [
    {"id": "a.good", "status": "pass", "severity": "block", "waived_by": None},
    {"id": "a.bad", "status": "fail", "severity": "block", "waived_by": None},
    {"id": "a.old", "status": "stale", "severity": "block", "waived_by": None},
    {"id": "a.waived", "status": "fail", "severity": "block", "waived_by": "W-1"},
    {"id": "a.loud", "status": "fail", "severity": "warn", "waived_by": None},
    {"id": "a.off", "status": "off", "severity": "off", "waived_by": None},
]
BLOCKED = Outcome("BLOCK", frozenset({"a.bad: fail", "a.old: stale"}))
PASSED = Outcome("PROMOTE", frozenset())


def engine_line(**changes: Any) -> bytes:
    line = {"file": "metrics/m.json", "verdict": "BLOCK", "recorded": True, "checks": CHECKS}
    return json.dumps({**line, **changes}).encode() + b"\n"


def opa_answer(*answers: dict[str, Any]) -> bytes:
    return json.dumps({"result": answers}).encode()


def conftest_answer(*denials: tuple[str, str], successes: int = 0) -> bytes:
    failures = [{"msg": message, "metadata": {"code": code}} for code, message in denials]
    answer = {"filename": "inputs/metrics_m.json", "successes": successes, "failures": failures}
    return json.dumps([answer]).encode()


DENIED = (("BLOCK", "the verdict is BLOCK"), ("a.bad", "a.bad: fail"), ("a.old", "a.old: stale"))


def test_all_three_are_read_to_the_same_outcome() -> None:
    decision = {"verdict": "BLOCK", "checks": CHECKS}
    answer = opa_answer({"path": "inputs/metrics_m.json", "result": decision})
    expected = {"m.json": BLOCKED}
    assert of_engine(engine_line()) == expected
    assert of_opa(answer, "metrics_") == expected
    assert of_conftest(conftest_answer(*DENIED), "metrics_") == expected


def test_a_file_that_conftest_does_not_deny_is_let_through() -> None:
    assert of_conftest(conftest_answer(successes=1), "metrics_") == {"m.json": PASSED}


def test_a_file_on_which_conftest_ran_no_rule_is_an_error() -> None:
    with pytest.raises(BenchError, match="neither passed it nor denied it"):
        of_conftest(conftest_answer(), "metrics_")


def test_an_error_of_opa_is_not_taken_for_an_answer() -> None:
    with pytest.raises(BenchError, match="no result"):
        of_opa(opa_answer({"path": "inputs/metrics_m.json", "error": "undefined"}), "metrics_")


def test_a_verdict_that_was_not_recorded_is_not_what_is_measured() -> None:
    with pytest.raises(BenchError, match="did not record"):
        of_engine(engine_line(recorded=False))


def test_two_answers_on_one_file_are_an_error() -> None:
    with pytest.raises(BenchError, match="answered twice"):
        of_engine(engine_line() + engine_line())


def demand(engine: Outcomes, opa: Outcomes) -> None:
    require_same(frozenset({"m.json", "n.json"}), {"engine": engine, "opa": opa})


def test_equal_outcomes_on_all_files_are_accepted() -> None:
    demand({"m.json": BLOCKED, "n.json": PASSED}, {"n.json": PASSED, "m.json": BLOCKED})


@pytest.mark.parametrize("missing_from", ["engine", "opa"])
def test_a_missing_file_names_the_program_and_the_file(missing_from: str) -> None:
    whole = {"m.json": BLOCKED, "n.json": PASSED}
    answers: dict[str, Outcomes] = {"engine": whole, "opa": whole}
    answers[missing_from] = {"m.json": BLOCKED}
    with pytest.raises(BenchError, match=rf"{missing_from}: no answer on n\.json"):
        require_same(frozenset(whole), answers)


def test_an_answer_on_a_file_that_was_not_given_is_an_error() -> None:
    with pytest.raises(BenchError, match=r"not given: o\.json"):
        demand(
            {"m.json": BLOCKED, "n.json": PASSED, "o.json": PASSED},
            {"m.json": BLOCKED, "n.json": PASSED},
        )


@pytest.mark.parametrize(
    "other",
    [PASSED, Outcome("HOLD", BLOCKED.against), Outcome("BLOCK", frozenset({"a.bad: fail"}))],
    ids=["let through", "another verdict", "a finding fewer"],
)
def test_any_difference_on_one_file_is_an_error_that_shows_both(other: Outcome) -> None:
    with pytest.raises(BenchError, match=rf"(?s)differ on 1 files.*m\.json.*{other.verdict}"):
        demand({"m.json": BLOCKED, "n.json": PASSED}, {"m.json": other, "n.json": PASSED})
