"""INV-GATE-2: Rego and Python read the same status off the same comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.model import Json
from engine.proof.verdict_rules import recompute_status
from tests.policies.opa_eval import POLICIES, evaluate

CALLS = {
    ("limit", "<="): 'check.at_most("a.b")',
    ("limit", ">="): 'check.at_least("a.b")',
    ("limit", ">"): 'check.above("a.b")',
    ("limit", "<"): 'check.below("a.b", "a.b")',
    ("limit", "=="): 'check.equals("a.b")',
    ("evidence", ">="): 'check.evidence(check.at_least("a.b"))',
    ("evidence", "=="): 'check.evidence(check.equals("a.b"))',
    ("baseline", ">="): 'check.at_least_baseline("a.b", "a.b")',
    ("series", "quiet"): 'check.quiet("a.b")',
    ("unless", "<="): 'check.unless("a.switch", check.at_most("a.b"))',
}
ASK = """
package asked

import data.lib.check

answers := [answer |
	some case in input
	answer := _answer(case.kind, case.operator) with input as case.input
		with data.limits as case.limits
]
"""

_NUMBERS = st.sampled_from([0, 1, 4, 5, 6, 4.999, 5.001, -1, 5.0])
_ODD = st.sampled_from([None, True, False, "5", "pass", [5], {"a": 5}])
_VALUES = st.one_of(_NUMBERS, _NUMBERS, _ODD)
_SERIES = st.lists(st.sampled_from([4, 5, 6]), max_size=6) | _ODD
_INTERVALS = st.lists(_NUMBERS, min_size=2, max_size=2).map(sorted) | _ODD | st.just([1])


def _mostly(regular: st.SearchStrategy[Json], odd: list[Json]) -> st.SearchStrategy[Json]:
    return st.one_of(regular, regular, regular, regular, st.sampled_from(odd))


def _metrics(values: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    ages = st.sampled_from([0, 3600, 3601, -300, -301])
    odd_statuses = ["undefined", "insufficient_data", "invalid_input", None]
    return st.fixed_dictionaries(
        {},
        optional={
            "value": values,
            "status": _mostly(st.just("ok"), odd_statuses),
            "age_s": _mostly(ages, ["5", None, True]),
            "n": st.integers(9, 11),
            "ci": _INTERVALS,
            "baseline": _VALUES,
        },
    )


_ROWS = st.fixed_dictionaries(
    {"max_age_s": _mostly(st.just(3600), ["3600", None])},
    optional={
        "limit": _VALUES,
        "severity": _mostly(st.sampled_from(["block", "warn"]), ["off", "OFF", None]),
        "min_n": st.sampled_from([10, 1, None, "10"]),
        "compare": st.sampled_from(["value", "ci", "median"]),
    },
)


@st.composite
def cases(draw: st.DrawFn) -> Json:
    kind, operator = draw(st.sampled_from(list(CALLS)))
    metrics = {"a.b": draw(_mostly(_metrics(_SERIES if kind == "series" else _VALUES), [None, 5]))}
    if kind == "unless":
        metrics["a.switch"] = draw(_metrics(st.sampled_from([True, True, False, 1, "true"])))
    row = draw(_ROWS)
    return {
        "kind": kind,
        "operator": operator,
        "row": row,
        "input": {"profile": "p", "metrics": metrics},
        "limits": {"p": {"checks": {"a.b": row}}},
    }


def as_recorded(case: Json, answer: Json) -> dict[str, Any]:
    """The check as a statement holds it."""
    metric, row = case["input"]["metrics"]["a.b"], case["row"]
    given_metric = metric if isinstance(metric, dict) else {}
    said = {key: row[key] for key in ("max_age_s", "min_n", "compare") if key in row}
    said |= {key: given_metric[key] for key in ("n", "ci", "age_s") if key in given_metric}
    if "status" in given_metric:
        said["metric_status"] = given_metric["status"]
    if case["kind"] == "unless":
        return {**answer, **said, "kind": "limit", "unless": "a.switch"}
    return {**answer, **said, "kind": case["kind"]}


class Helpers:
    """The helpers of ``policies/lib/check``, asked many things in one run of ``opa eval``."""

    def __init__(self, opa: Path, folder: Path) -> None:
        calls = (f'_answer("{kind}", "{sign}") := {call}' for (kind, sign), call in CALLS.items())
        self._opa = opa
        self._asking = folder / "asked.rego"
        self._asking.write_text("\n".join((ASK, *calls)))

    def answers(self, asked: list[Json]) -> list[Json]:
        """One result per case."""
        sources = (POLICIES / "lib", self._asking)
        return list(evaluate(self._opa, "data.asked.answers", asked, *sources))


@pytest.fixture(scope="module")
def helpers(opa: Path, tmp_path_factory: pytest.TempPathFactory) -> Helpers:
    return Helpers(opa, tmp_path_factory.mktemp("asked"))


@given(asked=st.lists(cases(), min_size=100, max_size=150))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_rego_and_python_agree_on_every_status(helpers: Helpers, asked: list[Json]) -> None:
    for case, answer in zip(asked, helpers.answers(asked), strict=True):
        recorded = as_recorded(case, answer)
        assert recompute_status(recorded, case["input"]["metrics"]) == answer["status"], case
