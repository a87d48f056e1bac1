from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import Json, Status, Verdict
from engine.proof.verdict_rules import recompute_status, recompute_verdict
from tests.repository import ROOT

FRESH: dict[str, Json] = {
    "id": "m",
    "severity": "block",
    "operator": "<=",
    "observed": 5,
    "limit": 10,
    "waived_by": None,
    "metric": "m",
    "kind": "limit",
    "metric_status": "ok",
    "age_s": 60,
    "max_age_s": 3600,
}


def status(**change: Json) -> Status:
    """The status of a check that passes, but for ``change``; a change to ... leaves it out."""
    return recompute_status({k: v for k, v in (FRESH | change).items() if v is not ...})


@pytest.mark.parametrize(
    ("operator", "observed", "expected"),
    [
        *(("<=", 10, "pass"), ("<=", 10.000000001, "fail"), ("<=", -1, "pass")),
        *(("<", 9.999999999, "pass"), ("<", 10, "fail")),
        *((">=", 10, "pass"), (">=", 9.999999999, "fail")),
        *((">", 10.000000001, "pass"), (">", 10, "fail")),
        *(("==", 10.0, "pass"), ("==", 10.000000001, "fail")),
    ],
)
def test_at_the_limit_and_just_past_it(operator: str, observed: Json, expected: str) -> None:
    assert status(operator=operator, observed=observed) == expected


@pytest.mark.parametrize(
    ("observed", "limit", "expected"),
    [
        *((True, True, "pass"), (False, True, "fail"), ("pass", "pass", "pass")),
        *(("fail", "pass", "fail"), (0, 0.0, "pass"), (1, True, "unknown")),
        *((True, 1, "unknown"), ("1", 1, "unknown"), (None, None, "unknown")),
        *(([], [], "unknown"), ({}, {}, "unknown"), (None, True, "unknown")),
    ],
)
def test_equality_is_within_one_kind(observed: Json, limit: Json, expected: str) -> None:
    assert status(operator="==", observed=observed, limit=limit) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"severity": "off"}, "off"),
        ({"severity": "off", "metric_status": ...}, "off"),
        ({"severity": "warn"}, "pass"),
        ({"observed": None, "metric_status": ..., "age_s": ...}, "unknown"),
        ({"metric_status": "undefined"}, "unknown"),
        ({"metric_status": "invalid_input"}, "unknown"),
        ({"metric_status": "insufficient_data"}, "insufficient"),
        ({"metric_status": "insufficient_data", "limit": None}, "insufficient"),
        ({"observed": True}, "unknown"),
        ({"observed": "5"}, "unknown"),
        ({"limit": None}, "unknown"),
        ({"limit": True}, "unknown"),
        ({"operator": "~"}, "unknown"),
        ({"operator": "quiet"}, "unknown"),
        ({"kind": "magic"}, "unknown"),
        ({"max_age_s": ...}, "unknown"),
        ({"max_age_s": "3600"}, "unknown"),
        ({"age_s": ...}, "unknown"),
        ({"age_s": True}, "unknown"),
        ({"age_s": -300}, "pass"),
        ({"age_s": -301}, "unknown"),
        ({"age_s": 3600}, "pass"),
        ({"age_s": 3601}, "stale"),
        ({"age_s": 3601, "observed": 99}, "stale"),
        ({"age_s": 3601, "observed": "x"}, "unknown"),
        ({"age_s": 3601, "min_n": 10, "n": 1}, "stale"),
        ({"min_n": 10, "n": 10}, "pass"),
        ({"min_n": 10, "n": 9}, "insufficient"),
        ({"min_n": 10, "n": 9, "observed": 99}, "insufficient"),
        ({"min_n": 10}, "insufficient"),
        ({"min_n": 10, "n": True}, "insufficient"),
        ({"min_n": "10", "n": 10}, "insufficient"),
        ({"n": "many"}, "insufficient"),
        ({"kind": "evidence", "observed": 99}, "insufficient"),
        ({"kind": "evidence"}, "pass"),
        ({"kind": "baseline", "operator": ">=", "limit": None}, "unknown"),
        ({"kind": "baseline", "operator": ">=", "limit": 5}, "pass"),
        ({"kind": "baseline", "operator": ">=", "limit": 6}, "fail"),
        ({"kind": "attestation", "observed": None, "limit": True}, "unknown"),
        ({"kind": "attestation", "observed": True, "limit": True}, "pass"),
        ({"kind": "attestation", "observed": True, "limit": None}, "unknown"),
        ({"kind": "attestation", "observed": 1, "limit": 1}, "unknown"),
    ],
    ids=str,
)
def test_what_stands_against_a_pass(change: dict[str, Json], expected: str) -> None:
    assert status(**change) == expected


@pytest.mark.parametrize(
    ("operator", "ci", "expected"),
    [
        *(("<=", [8, 10], "pass"), ("<=", [8, 11], "insufficient"), ("<=", [11, 12], "fail")),
        *(
            ("<=", [10, 11], "insufficient"),
            ("<", [8, 10], "insufficient"),
            ("<", [10, 11], "fail"),
        ),
        *(("<", [8, 9], "pass"), (">=", [10, 12], "pass"), (">=", [9, 12], "insufficient")),
        *((">=", [8, 9], "fail"), (">", [10, 12], "insufficient"), (">", [11, 12], "pass")),
        *((">", [9, 10], "fail"), ("<=", None, "insufficient"), ("<=", [1], "insufficient")),
        *(("<=", [1, "2"], "insufficient"), ("<=", [9, 8], "insufficient")),
        *(("<=", [True, False], "insufficient"),),
    ],
)
def test_a_confidence_interval_must_lie_on_one_side(operator: str, ci: Json, expected: str) -> None:
    assert status(operator=operator, ci=ci, compare="ci") == expected
    assert status(operator=operator, ci=ci, compare="median") == "unknown"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        *(([], "insufficient"), ([1], "insufficient"), ([1, 1], "fail"), ([1, 0], "pass")),
        *(([0, 0], "pass"), ([1, 1, 0], "fail"), ([1, 1, 0, 0], "pass"), ([1, 1, 0, 1, 0], "fail")),
        *(([1, 1, 0, 0, 1, 1], "fail"), ([0.99, 2, 0.99], "pass"), ([1, True], "unknown")),
        *(("1,1", "unknown"), ([1, None], "unknown")),
    ],
)
def test_a_series_trips_on_two_and_clears_on_two(values: Json, expected: str) -> None:
    assert status(kind="series", operator="quiet", observed=values, limit=1) == expected


def test_a_series_needs_its_operator_and_a_limit() -> None:
    assert status(kind="series", operator="<=", observed=[0, 0]) == "unknown"
    assert status(kind="series", operator="quiet", observed=[0, 0], limit=None) == "unknown"


SWITCH: dict[str, Json] = {"value": True, "status": "ok", "age_s": 60}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        *(({}, "exempt"), ({"value": False}, "fail"), ({"value": 1}, "fail")),
        *(({"status": "undefined"}, "fail"), ({"age_s": 3601}, "fail"), ({"age_s": None}, "fail")),
        *(({"age_s": -301}, "fail"), ({"age_s": -300}, "exempt"), ({"age_s": 3600}, "exempt")),
    ],
    ids=str,
)
def test_a_fresh_switch_exempts(change: dict[str, Json], expected: str) -> None:
    check = FRESH | {"unless": "switch", "observed": 99}

    assert recompute_status(check, {"switch": SWITCH | change}) == expected
    assert recompute_status(check | {"severity": "off"}, {"switch": SWITCH | change}) == "off"


def test_without_the_switch_nothing_is_exempt() -> None:
    check = FRESH | {"unless": "switch", "observed": 99}

    assert recompute_status(check) == "fail"
    assert recompute_status(check, {"switch": True}) == "fail"
    assert recompute_status(check | {"unless": ["switch"]}, {"switch": SWITCH}) == "fail"
    assert recompute_status(check | {"max_age_s": None}, {"switch": SWITCH}) == "unknown"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-400, 400) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*FRESH, "n", "min_n", "ci"), ANY_JSON)))
def test_any_check_has_a_status(change: dict[str, Json]) -> None:
    """INV-EVIDENCE-1: whatever the evidence is, there is a status, and a pass has a reason."""
    check = FRESH | change
    found = recompute_status(check, {"m": check})

    assert found in list(Status)
    if found == Status.PASS and check["kind"] != "attestation":
        assert check["metric_status"] == "ok"
        assert -300 <= check["age_s"] <= check["max_age_s"]


def check_of(severity: str, state: str, **more: Json) -> dict[str, Json]:
    return {"severity": severity, "status": state, "waived_by": None} | more


PASSING = check_of("block", "pass")


@pytest.mark.parametrize(
    ("checks", "stage", "expected"),
    [
        ([PASSING], "candidate", "PROMOTE"),
        ([PASSING, check_of("block", "exempt")], "candidate", "PROMOTE"),
        ([PASSING, check_of("warn", "fail"), check_of("off", "off")], "candidate", "PROMOTE"),
        ([PASSING, check_of("block", "fail", waived_by="W-1")], "candidate", "PROMOTE"),
        ([PASSING, check_of("block", "stale", waived_by="W-1")], "candidate", "HOLD"),
        ([PASSING, check_of("block", "fail")], "candidate", "BLOCK"),
        ([PASSING, check_of("blok", "fail")], "candidate", "BLOCK"),
        ([PASSING, check_of("block", "fail"), check_of("block", "stale")], "candidate", "BLOCK"),
        ([PASSING, check_of("block", "fail", in_production="rollback")], "candidate", "BLOCK"),
        ([PASSING, check_of("block", "fail", in_production="rollback")], "production", "ROLLBACK"),
        (
            [
                PASSING,
                check_of("block", "fail", in_production="block"),
                check_of("block", "fail", in_production="rollback"),
            ],
            "production",
            "ROLLBACK",
        ),
        (
            [PASSING, check_of("block", "fail", in_production="rollback", waived_by="W-1")],
            "production",
            "PROMOTE",
        ),
        (
            [PASSING, check_of("warn", "fail", in_production="rollback")],
            "production",
            "PROMOTE",
        ),
        ([PASSING, check_of("block", "fail")], "production", "BLOCK"),
        ([PASSING, check_of("block", "unknown")], "candidate", "HOLD"),
        ([PASSING, check_of("block", "stale")], "candidate", "HOLD"),
        ([PASSING, check_of("block", "insufficient")], "candidate", "HOLD"),
        ([PASSING, check_of("block", "off")], "candidate", "HOLD"),
        ([PASSING, check_of("block", "splendid")], "candidate", "HOLD"),
        ([check_of("warn", "pass")], "candidate", "HOLD"),
        ([check_of("block", "exempt")], "candidate", "HOLD"),
        ([check_of("block", "fail", waived_by="W-1")], "candidate", "HOLD"),
        ([], "candidate", "HOLD"),
        ([PASSING], "staging", "HOLD"),
    ],
    ids=str,
)
def test_release_rule(checks: list[Json], stage: str, expected: str) -> None:
    assert recompute_verdict("release/v1", checks, stage, [], []) == expected


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([PASSING], "ALLOW"),
        ([PASSING, check_of("block", "exempt"), check_of("warn", "fail")], "ALLOW"),
        ([PASSING, check_of("block", "fail", waived_by="W-1")], "ALLOW"),
        ([PASSING, check_of("block", "unknown", waived_by="W-1")], "DENY"),
        ([PASSING, check_of("block", "fail")], "DENY"),
        ([PASSING, check_of("block", "unknown")], "DENY"),
        ([check_of("block", "exempt")], "DENY"),
        ([], "DENY"),
    ],
    ids=str,
)
def test_access_rule(checks: list[Json], expected: str) -> None:
    assert recompute_verdict("access/v1", checks, "candidate", [], []) == expected


def test_a_relaxation_that_is_not_tolerated_lets_nothing_through() -> None:
    for rule, through, held in (
        ("release/v1", Verdict.PROMOTE, Verdict.HOLD),
        ("access/v1", Verdict.ALLOW, Verdict.DENY),
    ):
        question = (rule, [PASSING], "candidate")
        assert recompute_verdict(*question, ["a"], ["a", "b"]) == through
        assert recompute_verdict(*question, ["a", "c"], ["a", "b"]) == held


def test_a_rule_that_is_not_known_gives_no_verdict() -> None:
    assert recompute_verdict("release/v2", [PASSING], "candidate", [], []) is None


ASKED = {
    "at_most": "limit",
    "at_least": "limit",
    "above": "limit",
    "below": "limit",
    "equals": "limit",
    "at_least_baseline": "baseline",
    "evidence": "evidence",
    "quiet": "series",
    "unless": "limit",
}
OF_ROW = ("max_age_s", "min_n", "compare", "in_production")
OF_METRIC = ("n", "ci", "baseline", "age_s")


class Cases:
    """Made-up rows and metrics, mostly sound, sometimes anything at all; always the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (no secret, and the same every time)

    def _number(self) -> Json:
        return self._random.choice([0, 1, 2, -1, 0.5, 1.5, 0.1, 0.30000000000000004, 1e20, 3])

    def _junk(self) -> Json:
        return self._random.choice([None, True, False, "a", "1", [], {}, [1, 2], 1])

    def _some(self, sound: Json, likely: float = 0.9) -> Json:
        return sound if self._random.random() < likely else self._junk()

    def _value(self, ask: str) -> Json:
        if ask == "quiet":
            return [self._number() for _ in range(self._random.randint(0, 6))]
        return (
            self._random.choice([True, "a", self._number()])
            if ask == "equals"
            else (self._number())
        )

    def _keep(self, members: dict[str, Json], likely: float = 0.95) -> dict[str, Json]:
        return {k: v for k, v in members.items() if self._random.random() < likely}

    def comparison(self) -> dict[str, Json]:
        pick = self._random.choice
        ask = pick(list(ASKED))
        row = self._keep(
            {
                "severity": pick(["block", "warn", "off", "block", "x", None]),
                "limit": self._some(self._number() if ask != "equals" else self._value(ask)),
                "max_age_s": self._some(pick([10, 100])),
            }
        ) | self._keep({"min_n": pick([1, 2, 3]), "compare": pick(["ci", "value", "x"])}, 0.3)
        given = self._keep(
            {
                "value": self._some(self._value(ask)),
                "status": pick(["ok"] * 8 + ["insufficient_data", "undefined"]),
                "age_s": self._some(pick([0, 5, 10, 11, 100, 101, -300, -301])),
            }
        ) | self._keep(
            {
                "n": self._some(pick([0, 1, 2, 3, 4])),
                "ci": self._some([self._number(), self._number()]),
                "baseline": self._some(self._number()),
            },
            0.6,
        )
        switch = {"value": pick([True, True, 1]), "status": "ok", "age_s": pick([0, 10, 11, -301])}
        return {
            "ask": ask,
            "input": {"profile": "p", "metrics": self._keep({"m": given, "switch": switch})},
            "limits": {"p": {"checks": self._keep({"m": row})}},
        }

    def answer(self) -> dict[str, Json]:
        pick, count = self._random.choice, self._random.randint(0, 4)
        checks = [
            {"id": f"c{place}", "status": pick(["pass"] * 4 + list(Status)), "waived_by": None}
            | {"severity": pick(["block", "block", "warn", "off"])}
            for place in range(count)
        ]
        rows = {check["id"]: {"in_production": pick(["rollback", "block"])} for check in checks}
        return {
            "checks": checks,
            "input": {
                "profile": "p",
                "stage": pick(["candidate", "production", "production", "x"]),
                "relaxations": self._random.sample(["a", "b"], self._random.randint(0, 2)),
                "subject": {"name": "s"},
                "waivers": [
                    {
                        "id": f"W{place}",
                        "check": f"c{self._random.randint(0, 4)}",
                        "subject": {"name": "s"},
                        "remaining_s": pick([5, 0, -1]),
                    }
                    for place in range(self._random.randint(0, 2))
                ],
            },
            "limits": {"p": {"relaxations_allowed": pick([[], ["a"], ["a", "b"]]), "checks": rows}},
        }


@pytest.fixture(scope="module")
def opas_answers(opa: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, Json]:
    """Made-up cases, and what OPA says of them under ``policies/lib``."""
    cases = Cases(20261120)
    made_up = {
        "cases": [cases.comparison() for _ in range(3000)],
        "answers": [cases.answer() for _ in range(1500)],
    }
    path = tmp_path_factory.mktemp("agreement") / "cases.json"
    path.write_text(json.dumps(made_up))
    sources = (ROOT / "policies/lib", ROOT / "tests/data/agreement.rego", path)
    data = [f"--data={source}" for source in sources]
    command: list[str | Path] = [opa, "eval", "--format=json", *data, "data.agreement"]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return made_up, json.loads(ran.stdout)["result"][0]["expressions"][0]["value"]


def joined(case: dict[str, Any], result: dict[str, Json]) -> dict[str, Json]:
    """A policy's check in the statement's form."""
    row = case["limits"]["p"]["checks"].get("m", {})
    given = case["input"]["metrics"].get("m")
    check = result | {"kind": ASKED[case["ask"]], "metric": "m"}
    check |= {key: row[key] for key in OF_ROW if key in row}
    if given is not None:
        check |= {key: given[key] for key in OF_METRIC if key in given}
        check["metric_status"] = given.get("status")
    return check | ({"unless": "switch"} if case["ask"] == "unless" else {})


def test_python_and_rego_give_the_same_statuses(opas_answers: tuple[Json, Json]) -> None:
    """INV-GATE-2: what the policies say of a comparison follows from what they show of it."""
    made_up, answered = opas_answers
    assert len(answered["results"]) == len(made_up["cases"])
    differing = [
        (case, result)
        for case, result in zip(made_up["cases"], answered["results"], strict=True)
        if recompute_status(joined(case, result), case["input"]["metrics"]) != result["status"]
    ]

    assert differing == []
    assert {result["status"] for result in answered["results"]} == set(Status)


@pytest.mark.parametrize(("rule", "key"), [("release/v1", "releases"), ("access/v1", "accesses")])
def test_python_and_rego_give_the_same_verdicts(
    opas_answers: tuple[Json, Json], rule: str, key: str
) -> None:
    """INV-GATE-2: the verdict follows from the checks, by the same rule in both languages."""
    made_up, answered = opas_answers
    for case, verdict in zip(made_up["answers"], answered[key], strict=True):
        rows = case["limits"]["p"]["checks"]
        waived = {
            waiver["check"]: waiver["id"]
            for waiver in reversed(case["input"]["waivers"])
            if waiver["remaining_s"] > 0
        }
        checks = [
            check
            | {"in_production": rows[check["id"]]["in_production"]}
            | ({"waived_by": waived.get(check["id"])} if check["status"] == "fail" else {})
            for check in case["checks"]
        ]
        asked_for = (case["input"]["stage"], case["input"]["relaxations"])
        tolerated = case["limits"]["p"]["relaxations_allowed"]
        assert recompute_verdict(rule, checks, *asked_for, tolerated) == verdict, case
