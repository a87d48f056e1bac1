"""``engine selftest`` as a person would call it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.policy.tables import data
from tests.cli.conftest import Engine
from tests.repository import ROOT

POLICIES = ROOT / "policies"


def test_says_what_was_tried(engine: Engine) -> None:
    answer = engine("selftest", "--gate", "security")

    assert answer.code == 0
    assert answer.out.startswith("held         gate security, profile default: 5")


def test_names_gate_check_and_document_that_got_through(
    engine: Engine, opa: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("own/ethics").mkdir(parents=True)
    text = (POLICIES / "ethics" / "ethics.rego").read_text()
    wrong = text.replace('at_least("ethics.fairness")', 'at_most("ethics.fairness")')
    monkeypatch.setattr(data, "AGAINST", {})  # the build would refuse it
    Path("own/ethics/ethics.rego").write_text(wrong)
    argv = ("selftest", "--gate", "ethics", "--policies", "own")

    answer = engine(*argv, ENGINE_OPA=os.fspath(opa))

    line = "LET THROUGH  gate ethics, profile default: ethics.fairness: past the limit: 0.949999"
    assert (answer.code, answer.out.splitlines()[0]) == (1, line)


def test_tells_programs_the_same(engine: Engine) -> None:
    answer = engine("selftest", "--gate", "market", "--format", "json")

    assert answer.code == 0
    (result,) = answer.json
    assert (result["gate"], result["is_sound"], result["documents"]) == ("market", True, 0)
    assert "no check blocks" in result["never"]


def test_all_is_every_gate_and_nothing_else(engine: Engine) -> None:
    answer = engine("selftest", "--all", "--gate", "security")

    assert (answer.code, answer.err.splitlines()[0]) == (
        2,
        "engine: --all is every gate under every profile",
    )


def test_an_unknown_profile_is_named(engine: Engine) -> None:
    answer = engine("selftest", "--profile", "strikt")

    assert answer.code == 2
    assert "strict" in answer.err
