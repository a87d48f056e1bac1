"""Every format of four calls, byte for byte. ``python -m tests.report.cases`` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.report import sarif
from tests.report.cases import CASES, GOLDEN, golden, written


@pytest.mark.parametrize(("name", "case", "path"), list(golden()), ids=str)
def test_a_format_is_what_it_was(
    name: str, case: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sarif, "__version__", "0")
    assert written(name, CASES[case]) == path.read_bytes().decode()


def test_there_is_no_golden_file_that_nothing_is_compared_with() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {path.name for _, _, path in golden()}


def test_the_decisions_of_the_golden_files_have_every_effect() -> None:
    decisions = json.loads((GOLDEN / "several.json").read_text())
    checks = [check for decision in decisions for check in decision.get("checks", [])]
    assert {check["status"] for check in checks} == {
        *("pass", "fail", "stale", "unknown", "insufficient", "off"),
    }
    assert any(check["waived_by"] for check in checks)
    assert [decision["verdict"] for decision in decisions] == ["PROMOTE", "BLOCK", None, "HOLD"]
