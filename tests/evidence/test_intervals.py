"""A value that its own interval does not hold passes no check: the worse of the two counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.decision.judge import judge
from engine.evidence.documents import parse
from engine.evidence.input import Question, gather
from engine.evidence.intervals import reconcile
from engine.formats.times import write_time
from engine.model import Json
from engine.policy.bundle import shipped_bundle
from engine.policy.evaluators.wasm import WasmEvaluator
from tests.repository import ROOT

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BUNDLE = shipped_bundle()
SCHEMA = json.loads((ROOT / "schemas" / "metrics.schema.json").read_bytes())
QUESTION = Question("promotion", "default", "candidate", NOW)
INVALID = {"status": "invalid_input"}


@pytest.mark.parametrize(
    ("value", "ci", "direction", "changes"),
    [
        (5, [1, 5], "lower", {}),
        (1, [1, 5], "lower", {}),
        (0.9, [1, 5], "lower", INVALID),
        (5.1, [1, 5], "lower", {"ci": [1, 5.1]}),
        (5.1, [1, 5], "higher", INVALID),
        (0.9, [1, 5], "higher", {"ci": [0.9, 5]}),
        (0.9, [1, 5], "none", INVALID),
        (5.1, [1, 5], "none", INVALID),
        (5.1, [1, 5], "sideways", INVALID),
    ],
)
def test_a_value_outside_of_its_interval_is_invalid_or_widens_it(
    value: float, ci: list[float], direction: str, changes: dict[str, Json]
) -> None:
    metric = {"value": value, "status": "ok", "ci": ci}
    assert reconcile(metric, direction)[0] == changes
    assert bool(reconcile(metric, direction)[1]) == bool(changes)
    assert reconcile({**metric, "status": "insufficient_data"}, direction) == ({}, "")
    assert reconcile({**metric, "value": None}, direction) == ({}, "")


def _decided(name: str, **members: Json) -> tuple[dict[str, str], tuple[str, ...]]:
    """Status of each check on metric ``name`` of evidence that else promotes; and the notes."""
    document: Any = json.loads((ROOT / "examples" / "promote.json").read_bytes())
    document["observed_at"] = write_time(NOW - timedelta(seconds=90))
    for metric in document["metrics"].values():
        if isinstance(metric, dict):
            metric.pop("observed_at", None)
    old = document["metrics"][name]
    document["metrics"][name] = (old if isinstance(old, dict) else {"value": old}) | members
    given = gather([parse("m.json", json.dumps(document).encode())], QUESTION, BUNDLE, SCHEMA)
    evaluator = WasmEvaluator(BUNDLE, cache=None)
    made = judge(given, QUESTION, BUNDLE, evaluator, decision_id="d", salt=bytes(32))
    evaluator.close()
    checks = made.predicate["checks"]
    return {c["id"]: c["status"] for c in checks if c["metric"] == name}, given.notes


def test_no_check_passes_on_a_value_that_is_better_than_its_interval() -> None:
    """INV-INPUT-7: whether the profile compares the value or the interval."""
    assert _decided("slo.dec_p95_ms", ci=[400, 500])[0] == {"slo.dec_p95_ms": "pass"}
    statuses, notes = _decided("slo.dec_p95_ms", ci=[2000, 9000])
    assert statuses == {"slo.dec_p95_ms": "unknown"}
    assert notes == (
        "slo.dec_p95_ms: value 512 is outside of its interval [2000, 9000]: no check passes on it",
    )
    assert _decided("ethics.ece", value=0.001, ci=[0.002, 0.004])[0] == {"ethics.ece": "unknown"}
    assert _decided("ethics.fairness", value=0.999, ci=[0.96, 0.98])[0] == {
        "ethics.fairness": "unknown"
    }


def test_the_worse_of_value_and_bound_is_compared() -> None:
    """INV-INPUT-7: a debiased bound below the value does not pass what the value does not."""
    assert _decided("ethics.ece", value=0.009, ci=[0.0, 0.004])[0] == {"ethics.ece": "pass"}
    statuses, notes = _decided("ethics.ece", value=0.9, ci=[0.0, 0.004])
    assert statuses == {"ethics.ece": "insufficient"}
    assert notes == (
        "ethics.ece: value 0.9 is outside of its interval [0, 0.004] and worse: compared as "
        "[0, 0.9]",
    )
    assert _decided("ethics.ece", value=0.9, ci=[0.02, 0.04])[0] == {"ethics.ece": "fail"}
    assert _decided("ethics.fairness", value=0.1, ci=[0.96, 0.98])[0] == {
        "ethics.fairness": "insufficient"
    }
