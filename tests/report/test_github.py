from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings

from engine.model import Verdict
from engine.report import Report, ReportOptions
from engine.report.github import MOST, command
from tests.examples import examples
from tests.report.cases import BLOCK, DRIFT, ECE, HOLD, PROMOTE, REFUSED, Result, any_call, report
from tests.report.cases import written as written_as

COMMAND = re.compile(
    r"::(error|warning|notice)(?: ((?:[a-z]+=[^:,]*)(?:,[a-z]+=[^:,]*)*))?::([^\r\n]*)"
)
ESCAPES = {"25", "0A", "3A", "2C"}


def written(results: Sequence[Result], folder: str = "") -> list[str]:
    options = ReportOptions(several=len(results) > 1, folder=folder)
    return written_as("github", results, options).removesuffix("\n").split("\n")


def commands(lines: Sequence[str]) -> list[tuple[str, dict[str, str], str]]:
    """What GitHub's runner understands."""
    found = []
    for line in lines:
        if line.lstrip().startswith("::"):
            match = COMMAND.fullmatch(line)
            assert match, line
            pairs = (pair.partition("=") for pair in (match[2] or "").split(",") if pair)
            found.append((match[1], {name: value for name, _, value in pairs}, match[3]))
    return found


@given(any_call)
@settings(max_examples=examples(150))
def test_no_text_of_evidence_or_policy_is_a_command(results: Sequence[Result]) -> None:
    """INV-REPORT-1: what is reported is shown, and does nothing."""
    text = written_as("github", results)
    assert "##[" not in text
    assert text.splitlines() == text.removesuffix("\n").split("\n")
    given_ = commands(text.split("\n"))
    assert {kind for kind, _, _ in given_} <= {"error", "warning", "notice"}
    assert len([kind for kind, _, _ in given_ if kind != "notice"]) <= MOST
    for kind, properties, data in given_:
        assert properties.keys() <= {"file", "line", "col", "title"}
        assert kind == "notice" or "title" in properties
        assert set(re.findall("%(..)", "".join([data, *properties.values()]))) <= ESCAPES


def test_text_comes_back_as_the_runner_unescapes_it() -> None:
    line = command("error", "50 % of a::b, c\nd", title="x: y, 100%")
    ((_, properties, data),) = commands([line])
    assert data.replace("%0A", "\n").replace("%25", "%") == "50 % of a::b, c\nd"
    title = properties["title"].replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    assert title == "x: y, 100%"


def test_a_finding_stands_where_its_metric_does_and_a_missing_one_where_the_metrics_are() -> None:
    found = commands(written([HOLD]))
    assert [(kind, place["file"], place["line"], place["col"]) for kind, place, _ in found] == [
        ("error", "evidence/metrics.json", "9", "14"),
        ("warning", "evidence/metrics.json", "10", "17"),
        ("warning", "evidence/metrics.json", "14", "17"),
    ]


def test_a_file_below_the_folder_of_the_call_is_named_from_there() -> None:
    blocked = report("BLOCK", "no", [{**ECE, "status": "fail"}], file="/home/ci/repo/m.json")
    assert commands(written([blocked], "/home/ci/repo"))[0][1]["file"] == "m.json"
    assert commands(written([blocked], "/home/ci/rep"))[0][1]["file"] == "/home/ci/repo/m.json"


def test_a_file_is_named_from_the_repository() -> None:
    """GitHub puts an annotation on the file of that name in the commit, or on none."""
    options = ReportOptions(folder="/home/ci/repo/pkg/model", root="/home/ci/repo")
    names = {
        "m.json": "pkg/model/m.json",
        "./sub/m.json": "pkg/model/sub/m.json",
        "../other/m.json": "pkg/other/m.json",
        "/home/ci/repo/m.json": "m.json",
        "../../../m.json": "../../../m.json",
        "/home/ci/repository/m.json": "/home/ci/repository/m.json",
    }
    assert {file: options.place_name(file) for file in names} == names


def test_evidence_from_standard_input_has_no_place() -> None:
    blocked = report("BLOCK", "no", [{**ECE, "status": "fail"}], file="-")
    ((_, properties, _),) = commands(written([blocked]))
    assert properties.keys() == {"title"}


def test_an_input_that_could_not_be_decided_on_is_an_error_where_it_was_refused() -> None:
    ((kind, properties, data),) = commands(written([REFUSED]))
    assert (kind, properties["line"], properties["col"]) == ("error", "7", "13")
    assert data.endswith("%0Aleave the metric out")


def test_at_most_nine_are_given_errors_first_and_the_rest_is_counted() -> None:
    reports: list[Report] = []
    for number in range(6):
        failing = {**ECE, "status": "fail"}
        warning = {**DRIFT, "status": "fail", "severity": "warn"}
        reports.append(report("BLOCK", "no", [failing, warning], file=f"{number}.json"))
    found = commands(written(reports))
    assert [kind for kind, _, _ in found] == ["error"] * 6 + ["warning"] * 3 + ["notice"]
    assert found[-1][2].startswith("3 more findings: ")


def test_more_errors_than_nine_leave_no_room_for_warnings() -> None:
    warning = {**DRIFT, "status": "fail", "severity": "warn"}
    reports = [report("BLOCK", "no", [{**ECE, "status": "fail"}, warning]) for _ in range(10)]
    found = commands(written(reports))
    assert [kind for kind, _, _ in found] == ["error"] * 9 + ["notice"]
    assert found[-1][2].startswith("11 more findings: ")


def test_a_verdict_that_no_check_explains_is_an_error_of_its_own() -> None:
    """A relaxation that the profile does not tolerate, and a dry run."""
    held = replace(PROMOTE, decision=replace(PROMOTE.decision, verdict=Verdict.HOLD))
    dry = replace(PROMOTE, decision=replace(
        PROMOTE.decision, recorded=False, index=None, checkpoint=None))  # fmt: skip
    assert [data for _, _, data in commands(written([held]))] == ["HOLD: 4 blocking checks passed"]
    ((kind, _, data),) = commands(written([dry]))
    assert (kind, "not recorded" in data) == ("error", True)
    assert commands(written([PROMOTE])) == []


def test_one_decision_leaves_its_checkpoint_in_the_log() -> None:
    lines = written([BLOCK])
    assert "  governance-engine/00112233445566778899aabbccddeeff" in lines


def test_a_line_of_the_log_that_looks_like_a_command_is_none() -> None:
    note = "::stop-commands::x\n ::error::y\n##[error]z"
    promoted = replace(PROMOTE, decision=replace(PROMOTE.decision, checkpoint=note))
    assert written([promoted])[-3:] == ["  : :stop-commands::x", "  : :error::y", "  ## [error]z"]
