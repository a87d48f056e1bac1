"""The table and the document that a run ends in."""

from __future__ import annotations

import json

from bench.contests import Result, Row
from bench.process import Run
from bench.ratios import Ratio
from bench.report import document, table

FACTS = {
    "load_before": [0.5, 0.4, 0.3],
    "load_after": [1.5, 0.9, 0.6],
    "processors": 2,
    "opa": "1.22.0",
    "conftest": "0.71.1",
    "python": "3.11.7",
}


def result(reached: float, at_most: float | None) -> Result:
    wall, cpu = Ratio(reached, reached - 0.1, reached + 0.1), Ratio(0.5, 0.5, 0.5)
    row = Row("ours", "theirs", 2_000, "wall", wall, cpu, at_most)
    runs = {"ours": [Run(2.0, 1.0, 1 << 25, b"")], "theirs": [Run(4.0, 3.0, 1 << 26, b"")]}
    return Result("2,000 files", (row,), runs, {"PROMOTE": 1_500, "HOLD": 500})


def test_a_bar_that_is_missed_says_fail() -> None:
    assert "bar 1  FAIL" in table([result(1.01, 1.0)], FACTS)


def test_a_bar_that_is_just_reached_says_pass() -> None:
    assert "bar 1  PASS" in table([result(1.0, 1.0)], FACTS)


def test_a_ratio_without_a_bar_says_neither() -> None:
    text = table([result(9.0, None)], FACTS)
    assert "no bar" in text
    assert "FAIL" not in text


def test_the_ratio_stands_with_its_extremes_and_the_load_with_both() -> None:
    text = table([result(0.8, 1.0)], FACTS)
    assert "0.80  (0.70 … 0.90)" in text
    assert "load average [0.5, 0.4, 0.3] before, [1.5, 0.9, 0.6] after" in text


def test_absolute_figures_are_called_what_they_are() -> None:
    before, _, after = table([result(0.8, 1.0)], FACTS).partition("meaningless on a shared machine")
    assert "2.000 s" not in before
    assert "2.000 s" in after
    assert "32.0 MiB" in after


def test_the_document_has_every_run_and_is_json() -> None:
    written = json.loads(json.dumps(document([result(1.01, 1.0)], FACTS)))
    assert written["rows"][0]["is_missed"] is True
    assert written["runs"]["theirs"] == [{"wall_s": 4.0, "cpu_s": 3.0, "peak_bytes": 1 << 26}]
    assert written["verdicts"] == {"2,000 files": {"PROMOTE": 1_500, "HOLD": 500}}
    assert written["opa"] == "1.22.0"
