"""The selftest must name what gets through; where nothing does, it must have tried."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.model import Json
from engine.policy.bundle import PolicyBundle, shipped_bundle, shipped_schema
from engine.policy.evaluator import Evaluator, EvaluatorOptions
from engine.policy.evaluators import EVALUATORS
from engine.policy.overlay import load_policies
from engine.policy.tables import data
from engine.selftest.bad_evidence import Constraint, sound_evidence
from engine.selftest.bad_policies import with_profiles
from engine.selftest.run import SelftestResult, selftest
from tests.repository import ROOT

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
POLICIES = ROOT / "policies"
Examine = Callable[..., SelftestResult]


@pytest.fixture
def examine(tmp_path: Path) -> Examine:
    def opened(bundle: PolicyBundle) -> Evaluator:
        return EVALUATORS["wasm"](bundle, EvaluatorOptions(cache=tmp_path / "modules"))

    def examined(
        gate: str = "ethics", profile: str = "default", bundle: PolicyBundle | None = None
    ) -> SelftestResult:
        schema = shipped_schema("metrics.schema.json")
        return selftest(gate, profile, NOW, bundle or shipped_bundle(), opened, schema)

    return examined


def overlaid(folder: Path, path: str, change: tuple[str, str], opa: Path) -> PolicyBundle:
    """The shipped policies with one change of one file."""
    text = (POLICIES / path).read_text()
    assert text.count(change[0]) == 1
    (folder / path).parent.mkdir(parents=True)
    (folder / path).write_text(text.replace(*change))
    return load_policies(folder, opa=opa)


def changed_row(check: str, **members: Json) -> PolicyBundle:
    bundle = shipped_bundle()
    table = bundle.profile("default")
    rows = {**table["checks"], check: {**table["checks"][check], **members}}
    return with_profiles(bundle, {"changed": {**table, "checks": rows}})


def test_the_shipped_gate_lets_nothing_through(examine: Examine) -> None:
    """INV-SELFTEST-1."""
    outcome = examine("promotion")

    assert outcome.is_sound
    assert not outcome.never
    assert outcome.documents > 900
    assert outcome.policies > 500


@pytest.mark.parametrize("gate", ["ethics", "market"])
def test_attestations_and_markets_are_tried_too(examine: Examine, gate: str) -> None:
    outcome = examine(gate, "pre-ga")

    assert (outcome.is_sound, outcome.never) == (True, "")
    assert outcome.documents > 100


def test_is_the_same_at_every_run(examine: Examine) -> None:
    assert examine() == examine()


def test_names_the_check_whose_comparison_is_the_wrong_way_round(
    examine: Examine, tmp_path: Path, opa: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "AGAINST", {})  # the build would refuse it
    wrong = ('check.at_least("ethics.fairness")', 'check.at_most("ethics.fairness")')
    bundle = overlaid(tmp_path / "o", "ethics/ethics.rego", wrong, opa)

    outcome = examine("ethics", bundle=bundle)

    assert {finding.check for finding in outcome.let_through} == {"ethics.fairness"}
    assert outcome.let_through[0].what == "past the limit: 0.949999"


def test_names_it_also_where_no_value_is_good_both_ways(
    examine: Examine, tmp_path: Path, opa: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "AGAINST", {})
    name = '"privacy.scanned_bytes"'
    wrong = (f"check.above({name})", f"check.below({name}, {name})")
    bundle = overlaid(tmp_path / "o", "privacy/privacy.rego", wrong, opa)
    table = bundle.profile("default")
    rows = table["checks"]
    rows["privacy.scanned_bytes"]["limit"] = 100

    outcome = examine("privacy", "p", with_profiles(bundle, {"p": table}))

    assert outcome.never
    assert [finding.check for finding in outcome.let_through] == ["privacy.scanned_bytes"]
    assert "direction" in outcome.let_through[0].what


def test_names_a_check_that_a_value_of_another_metric_decides(
    examine: Examine, tmp_path: Path, opa: Path
) -> None:
    exempt = (
        'check.at_most("ethics.rho_bias")',
        'check.unless("ethics.consent", check.at_most("ethics.rho_bias"))',
    )
    path = "ethics/ethics.rego"
    text = (POLICIES / path).read_text().replace(*exempt)
    marked = text.replace(
        "#   check: ethics.rho_bias\n", "#   check: ethics.rho_bias\n#   unless: ethics.consent\n"
    )
    (tmp_path / "o" / "ethics").mkdir(parents=True)
    (tmp_path / "o" / path).write_text(marked)

    outcome = examine("ethics", bundle=load_policies(tmp_path / "o", opa=opa))

    found = {(finding.check, finding.what) for finding in outcome.let_through}
    assert ("ethics.rho_bias", "missing") in found
    assert {check for check, _what in found} == {"ethics.rho_bias"}


def test_a_gate_that_asks_nothing_is_said_to_let_nothing_through(examine: Examine) -> None:
    outcome = examine("ethics", "data-product")

    assert "no check blocks" in outcome.never
    assert (outcome.is_sound, outcome.documents) == (True, 0)


def test_limits_that_contradict_each_other_are_named(examine: Examine) -> None:
    bundle = changed_row("budget.usd_hard", limit=0)

    outcome = examine("budget", "changed", bundle)

    assert "no value of budget.usd_ratio passes" in outcome.never


def test_a_limit_that_nothing_can_miss_is_noted(examine: Examine) -> None:
    outcome = examine("ethics", "changed", changed_row("ethics.ece", limit=1))

    assert outcome.toothless == ["ethics.ece"]


def test_confidence_intervals_are_tried(examine: Examine) -> None:
    bounded = examine()
    outcome = examine("ethics", "changed", changed_row("ethics.ece", compare="value"))

    assert outcome.is_sound
    assert bounded.documents == outcome.documents + 2


def test_sound_evidence_meets_two_limits_on_one_metric() -> None:
    row = {"type": "number", "direction": "lower", "range": [0, None]}

    def at(limit: float) -> Constraint:
        check = {"severity": "block", "operator": "<", "limit": limit, "kind": "limit"}
        return Constraint.of({**check, "id": f"a.{limit}", "metric": "a.b"}, row)

    sound = sound_evidence([at(1), at(0.95)], NOW)

    assert json.loads(sound.text())["metrics"]["a.b"]["value"] < 0.95
