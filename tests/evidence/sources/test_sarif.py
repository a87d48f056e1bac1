"""Findings are counted by result; severity is what result, rule or level say, and else unrated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import GovernanceError
from engine.model import Json
from tests.evidence.sources.reports import REAL, read, read_text, values

RULES = [
    {"id": "scored", "properties": {"security-severity": "9.8"}},
    {"id": "levelled", "defaultConfiguration": {"level": "note"}},
    {"id": "silent"},
]


def sarif(*results: Json, **run: Json) -> str:
    tool = {"driver": {"name": "scan", "rules": RULES}}
    one = {"tool": tool, "results": list(results), **run}
    return json.dumps({"version": "2.1.0", "runs": [one]})


def found(folder: Path, text: str, **keys: Json) -> dict[str, Json]:
    counted = values(read_text("sarif", folder, text, **keys))
    return {name.partition("_")[0]: count for name, count in counted.items() if count}


def suppressed(*statuses: str | None, **result: Json) -> Json:
    given = [{"kind": "inSource", **({"status": s} if s else {})} for s in statuses]
    return {"ruleId": "scored", "suppressions": given, **result}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("semgrep.sarif", {"high": 1}),
        ("bandit.sarif", {"high": 1, "low": 1}),
    ],
)
def test_what_a_real_tool_wrote_is_counted(name: str, expected: dict[str, int]) -> None:
    counted = values(read("sarif", REAL, name))
    assert {key.partition("_")[0]: n for key, n in counted.items() if n} == expected


@pytest.mark.parametrize(
    ("result", "severity"),
    [
        ({"ruleId": "scored", "level": "note"}, "critical"),
        ({"ruleIndex": 0}, "critical"),
        ({"rule": {"id": "scored"}}, "critical"),
        ({"ruleId": "scored/below"}, "critical"),
        ({"ruleId": "silent", "properties": {"security-severity": 7}}, "high"),
        ({"ruleId": "silent", "properties": {"security-severity": "6.9"}}, "medium"),
        ({"ruleId": "silent", "properties": {"security-severity": "3.9"}}, "low"),
        ({"ruleId": "silent", "properties": {"security-severity": "NaN"}}, "unrated"),
        ({"ruleId": "silent", "properties": {"security-severity": "11"}}, "unrated"),
        ({"ruleId": "silent", "properties": {"security-severity": "-1"}}, "unrated"),
        (
            {"ruleId": "silent", "properties": {"security-severity": "bad"}, "level": "note"},
            "unrated",
        ),
        ({"ruleId": "levelled"}, "low"),
        ({"ruleId": "levelled", "level": "error"}, "high"),
        ({"ruleId": "silent"}, "unrated"),
        ({"ruleId": "silent", "level": "warning"}, "medium"),
        ({"ruleId": "silent", "level": "none"}, "unrated"),
        ({"ruleId": "silent", "level": "harmless"}, "unrated"),
        ({"ruleId": "nowhere"}, "unrated"),
        ({}, "unrated"),
        ({"ruleId": "levelled", "kind": "review"}, "unrated"),
        ({"ruleId": "scored", "kind": "open"}, "unrated"),
    ],
)
def test_severity_is_the_scores_then_the_levels_then_the_rules(
    tmp_path: Path, result: Json, severity: str
) -> None:
    if result.get("kind") == "open":
        severity = "critical"  # a score counts whatever kind a result is of
    assert found(tmp_path, sarif(result)) == {severity: 1}


@pytest.mark.parametrize(
    "result",
    [
        {"ruleId": "scored", "kind": "pass"},
        {"ruleId": "scored", "kind": "notApplicable"},
        {"ruleId": "scored", "kind": "informational"},
        {"ruleId": "scored", "baselineState": "absent"},
    ],
)
def test_what_says_that_nothing_is_wrong_is_no_finding(tmp_path: Path, result: Json) -> None:
    assert found(tmp_path, sarif(result)) == {}
    assert found(tmp_path, sarif(result, {"ruleId": "levelled"})) == {"low": 1}


def test_results_may_come_before_the_rules_that_rate_them(tmp_path: Path) -> None:
    run = {"results": [{"ruleId": "scored"}], "tool": {"driver": {"name": "a", "rules": RULES}}}
    text = json.dumps({"runs": [run, run], "version": "2.1.0"})
    assert found(tmp_path, text) == {"critical": 2}


def test_rules_of_an_extension_rate_too(tmp_path: Path) -> None:
    tool = {"driver": {"name": "a"}, "extensions": [{"name": "b", "rules": RULES}]}
    by_index = {"rule": {"index": 0, "toolComponent": {"index": 0}}}
    text = sarif({"ruleId": "scored"}, by_index, tool=tool)
    assert found(tmp_path, text) == {"critical": 2}


def test_a_suppression_counts_where_it_was_accepted_and_not_too_often(tmp_path: Path) -> None:
    text = sarif(suppressed("accepted"), suppressed("accepted", "accepted"))
    assert found(tmp_path, text, max_suppressed=2) == {"suppressed": 2}
    assert found(tmp_path, text, max_suppressed=1) == {"critical": 2}
    evidence = read_text("sarif", tmp_path, text)
    assert evidence.notes == ("2 suppressed, and 0 may be: they count as findings",)
    assert values(evidence)["critical_findings"] == 2


@pytest.mark.parametrize("statuses", [(None,), ("underReview",), ("accepted", "rejected")])
def test_a_suppression_that_nobody_accepted_is_none(
    tmp_path: Path, statuses: tuple[str | None, ...]
) -> None:
    evidence = read_text("sarif", tmp_path, sarif(suppressed(*statuses)), max_suppressed=9)
    assert values(evidence)["critical_findings"] == 1
    computed = evidence.metrics["security.critical_findings"]["computed"]
    assert computed["excluded"] == {"not understood: suppressions that nobody accepted": 1}


def test_no_run_or_a_run_without_results_is_no_pass(tmp_path: Path) -> None:
    tool = {"driver": {"name": "scan"}}
    for runs in ([], [{"tool": tool}], [{"tool": tool, "results": None}]):
        text = json.dumps({"version": "2.1.0", "runs": runs})
        assert set(found(tmp_path, text).values()) == {"insufficient_data"}
    assert found(tmp_path, sarif()) == {}


def test_errors_that_the_tool_met_are_told(tmp_path: Path) -> None:
    notice = [{"level": "error", "message": {"text": "cannot parse"}}]
    call = {"executionSuccessful": True, "toolExecutionNotifications": notice}
    evidence = read_text("sarif", tmp_path, sarif(invocations=[call]))
    assert evidence.notes == ("report: the tool met 1 errors while it ran",)


BIG = '{"a": ' * 200 + "1" + "}" * 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (sarif({})[:-2], "is no whole JSON"),
        (sarif({}) + sarif({}), "is no whole JSON"),
        (sarif({"level": float("nan")}), "is no whole JSON"),
        ("\ufeff" + sarif({"a": "b"}).replace('"a": "b"', '"a": 1, "a": 2'), "/runs/0/results/0: below it the key 'a' stands twice"),
        (sarif({}).replace('"version"', '"runs": [], "version"'), "/runs: a key stands there twice"),
        (sarif({}).encode("utf-16"), "is not UTF-8"),
        (sarif({"ruleId": "\xe9"}).replace("\\u00e9", "\xe9").encode("latin-1"), "is no whole JSON"),
        ("<!DOCTYPE html><html>502</html>", "is no JSON, but a page of HTML or XML"),
        ("", "is empty"),
        ("502 Bad Gateway", "is no whole JSON"),
        (sarif({}).replace("2.1.0", "2.0.0"), "/version: version '2.0.0' where 2.1.0 is read"),
        (json.dumps({"version": "2.1.0", "runs": [{"results": []}]}), "/runs/0/tool/driver: a run names no tool"),
        (json.dumps({"version": "2.1.0", "runs": {"a": {"tool": {}}}}), "/runs: is no list of runs"),
        (sarif(3), "/runs/0/results/0: a result is no object"),
        (sarif(invocations=[{"executionSuccessful": False}]), "/runs/0/invocations/0/executionSuccessful: nothing says"),
        (sarif(invocations=[{}]), "nothing says that the tool came to its end"),
        (sarif(invocations={}), "is no list"),
        (sarif(externalPropertyFileReferences={"results": [{"location": {}}]}), "its results are in another file"),
        (sarif({}).replace("{}", BIG), "nested more than 100 deep"),
        (sarif(other=json.loads(BIG)), "nested more than 100 deep"),
    ],
)  # fmt: skip
def test_a_report_that_is_not_whole_is_an_error_with_its_place(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(GovernanceError) as caught:
        read_text("sarif", tmp_path, text)
    assert message in caught.value.message
    assert caught.value.exit_code == 2
