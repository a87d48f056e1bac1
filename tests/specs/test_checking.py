"""Checking: what TLC says is held against what it must say, in every way it may differ."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import SpecError
from engine.specs import checking, manifest
from engine.specs.checking import SpecFindings
from engine.specs.conform import graph
from engine.specs.conform.tlc import Tools

Checked = Callable[..., SpecFindings]


@pytest.fixture
def check(folder: Path, tools: Tools) -> Checked:
    ticks = itertools.count()

    def checked(*names: str, write_graphs: bool = False) -> SpecFindings:
        rows = manifest.read(folder)
        selected = manifest.selected(rows, list(names))
        clock = lambda: float(next(ticks))  # noqa: E731
        return checking.check(folder, rows, selected, tools, clock, write_graphs=write_graphs)

    return checked


def faults(findings: SpecFindings) -> list[str]:
    return [fault for result in findings.results for fault in result.faults]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_all_is_as_expected(check: Checked) -> None:
    findings = check()

    assert findings.as_expected
    assert [result.row.name for result in findings.results][:2] == ["lamp", "lamp-old"]


@pytest.mark.parametrize("name", ["lamp-old", "lamp-any-switch", "lamp-unfair", "lamp-runs-out"])
@pytest.mark.parametrize("other", ["lamp", "broken-module", "broken-config", "lamp-empty-store"])
def test_a_mutant_is_killed_by_what_is_named_and_by_nothing_else(
    check: Checked, outputs: Path, name: str, other: str
) -> None:
    (outputs / f"{name}.txt").write_text((outputs / f"{other}.txt").read_text())

    findings = check(name)

    assert not findings.as_expected
    assert faults(findings)[0].startswith("expected ")


def test_the_wrong_property_is_no_kill(check: Checked, outputs: Path) -> None:
    edit(outputs / "lamp-any-switch.txt", "property BrokenProp", "property OtherProp")
    assert faults(check()) == [
        "expected property BrokenProp, TLC said property OtherProp (exit code 13)"
    ]


def test_the_right_word_with_the_wrong_exit_code_is_no_success(
    check: Checked, outputs: Path
) -> None:
    edit(outputs / "lamp.txt", "exit 0", "exit 1")
    assert faults(check()) == ["TLC said ok, but its exit code is 1"]


@pytest.mark.parametrize(("old", "new"), [("9 distinct", "8 distinct"), ("is 9.", "is 8.")])
def test_another_count_is_no_success(check: Checked, outputs: Path, old: str, new: str) -> None:
    edit(outputs / "lamp.txt", old, new)
    assert "the manifest says states = 9, depth = 9; found " in faults(check())[0]


def test_an_action_that_is_never_taken_is_named(check: Checked, outputs: Path) -> None:
    edit(outputs / "lamp.txt", "module Lamp>: 2:4", "module Lamp>: 0:0")

    findings = check()

    assert findings.never_taken == ("Lamp: Replace",)
    assert not findings.as_expected


def test_a_graph_that_changed_is_told_and_written_when_asked(
    check: Checked, outputs: Path, folder: Path
) -> None:
    edit(outputs / "lamp.dot", 'label="Burn"', 'label="Melt"')

    assert faults(check()) == [
        "graph lamp: 0 states and 6 steps differ from the snapshot; "
        "if that is meant: --write-graphs"
    ]
    assert check(write_graphs=True).as_expected
    assert graph.load("lamp", folder / "graph").actions == ("Melt", "Replace", "Switch")
    assert check().as_expected


def test_a_graph_that_is_missing_is_told(check: Checked, folder: Path) -> None:
    (folder / "graph" / "lamp.json.gz").unlink()
    assert "no snapshot in" in faults(check())[0]


def test_a_java_that_crashes_is_an_error_and_no_finding(check: Checked, tools: Tools) -> None:
    tools.java.write_text("#!/bin/sh\necho crashed >&2; exit 134\n")
    with pytest.raises(SpecError, match=r"exit code 134\): crashed"):
        check("lamp")
