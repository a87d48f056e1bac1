"""Each rule can fail: one report that breaks it, for each way to break it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from engine.report import FORMATS, junit
from tests.consumers import azure, github, gitlab, jenkins, people, sarif
from tests.consumers.rules import RULES, Rule, broken, complaints
from tests.report.cases import CASES, GOLDEN, PROMOTE, SUFFIXES, written

Change = Callable[[str], str]


def put(old: str, new: str) -> Change:
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return change


def before_end(new: str) -> Change:
    return lambda text: text + new


def instead(new: str) -> Change:
    return lambda _: new


def many(count: int, kind: str) -> str:
    return "".join(f"::{kind}::{number}\n" for number in range(count))


RESULT = '{"ruleId": "budget.usd_soft"'
TAGS = '"tags": ["governance", "budget"]'
CASE = '<testcase classname="promotion" name="budget.usd_soft" time="0">'
PASSED = '<testcase classname="promotion" name="ethics.consent" time="0"/>'
NOISE = random.Random(7).randbytes(10_100_000).decode("latin-1")  # noqa: S311

BROKEN: list[tuple[str, Rule, Change]] = [
    *(("text", people.is_seen, before_end(odd)) for odd in ("\x1b", "\x9b", "\u202e", "\u2028", "\ufeff")),
    ("text", people.obeys_nothing, before_end("a\n  ::error::x")),
    ("json", people.obeys_nothing, before_end('"##vso[task.setvariable variable=x]y"')),
    ("github", people.has_no_marked_command, before_end("::error::##teamcity[x]\n")),
    ("json", people.is_json, before_end("]")),
    ("json", people.is_json, instead("\ufeff[]")),
    ("json", people.is_json, instead("NaN")),
    ("jsonl", people.is_json_per_line, before_end("{\n}")),
    ("markdown", people.is_tame, before_end("<script>")),
    ("markdown", people.is_tame, before_end("[x](y)")),
    ("markdown", people.is_tame, before_end("see https://evil.example")),
    ("markdown", people.is_tame, before_end("by @team")),
    ("html", people.is_one_page, before_end("<script>")),
    ("html", people.is_one_page, put("</table>", "</tbody>")),
    ("html", people.is_one_page, put("<table", "<table onload='x'")),
    ("html", people.is_one_page, put("<table", "<!-- x --><table")),
    ("html", people.is_one_page, before_end("<main></main>")),
    ("github", github.obeys_annotations_only, before_end("::set-output name=v::PROMOTE\n")),
    ("github", github.obeys_annotations_only, before_end("  ::error x\n")),
    ("github", github.obeys_annotations_only, before_end("::error fine=x::y\n")),
    ("github", github.obeys_annotations_only, before_end("a ##[error]x\n")),
    *(("github", github.shows_every_annotation, instead(many(11, kind))) for kind in ("error", "notice")),
    ("github", github.shows_whole_annotations, before_end(f"::error title=a::{'x' * 4097}\n")),
    ("github", github.shows_whole_annotations, before_end(f"::error title={'x' * 256}::a\n")),
    ("github", github.shows_whole_annotations, before_end("::error title=a::\n")),
    ("github", github.finds_the_line, before_end("::error file=a,line=0::x\n")),
    ("github", github.finds_the_line, before_end("::error line=4::x\n")),
    ("github", github.finds_the_line, before_end("::error file=::x\n")),
    ("sarif", sarif.uploads_it, before_end(NOISE)),
    ("sarif", sarif.is_within_limits, put(RESULT, f"{RESULT}}}, {', '.join(['{}'] * 5000)}, {RESULT}")),
    ("sarif", sarif.is_within_limits, put(TAGS, f'"tags": {["x"] * 11}'.replace("'", '"'))),
    ("sarif", sarif.shows_the_rule, put('"shortDescription": {"text": "', '"shortDescription": {"no": "')),
    ("sarif", sarif.shows_the_rule, put('"fullDescription": {"text": "', f'"fullDescription": {{"text": "{"x" * 1025}')),
    ("sarif", sarif.shows_the_rule, put('"name": "BudgetUsdSoft"', f'"name": "{"x" * 256}"')),
    ("sarif", sarif.knows_the_rule, put('"ruleIndex": 0', '"ruleIndex": 1')),
    ("sarif", sarif.knows_the_rule, put('{"id": "ethics.ece"', '{"id": "ethics.consent"')),
    ("sarif", sarif.ranks_the_finding, put('"level": "warning"', '"level": "none"')),
    ("sarif", sarif.ranks_the_finding, put('"defaultConfiguration": {"level": "warning"', '"defaultConfiguration": {"level": "none"')),
    ("sarif", sarif.ranks_the_finding, put(TAGS, '"security-severity": "0.0"')),
    ("sarif", sarif.shows_the_finding, put('"message": {"text": "', '"message": {"no": "')),
    ("sarif", sarif.shows_the_finding, put('"partialFingerprints": {"checkOfSubject/v1": "', '"partialFingerprints": {"checkOfSubject/v1": "", "x": "')),
    ("sarif", sarif.shows_the_finding, put('"locations": [', '"locations": [], "others": [')),
    ("sarif", sarif.finds_the_file, put('"uri": "evidence', '"uri": "/evidence')),
    ("sarif", sarif.finds_the_file, put('"uri": "evidence', '"uri": "./evidence')),
    ("sarif", sarif.finds_the_file, put('"uri": "evidence', '"uri": "https:evidence')),
    ("sarif", sarif.finds_the_file, put('"uri": "evidence/m', '"uri": "evidence m')),
    ("sarif", sarif.finds_the_file, put('"startLine": 10', '"startLine": 0')),
    ("sarif", sarif.has_no_link_of_a_stranger, put('"message": {"text": "', '"message": {"text": "[x](y)')),
    ("sarif", jenkins.finds_the_place, put('"ruleId": "budget.usd_soft"', '"ruleId": ""')),
    ("junit", gitlab.takes_the_file, before_end("<x>")),
    ("junit", gitlab.takes_the_file, before_end(f"<!--{NOISE * 2}-->")),
    ("junit", gitlab.shows_every_case, put(PASSED, PASSED + PASSED)),
    ("junit", gitlab.shows_every_case, put('classname="promotion"', 'classname=""')),
    ("junit", gitlab.attaches_nothing, put("Warning only.", "[[ATTACHMENT|/etc/passwd]]")),
    ("junit", jenkins.is_valid_by_the_xsd, put(CASE, CASE.replace(" time", ' line="3" time'))),
    ("junit", jenkins.is_valid_by_the_xsd, put(PASSED, f"{PASSED}<flaky/>")),
    ("junit", jenkins.is_valid_by_the_xsd, put(PASSED, PASSED.replace('name="ethics.consent" ', ""))),
    ("junit", jenkins.is_valid_by_the_xsd, put('time="0"', 'time="-1"')),
    ("junit", jenkins.is_valid_by_the_xsd, instead("<report/>")),
    ("junit", jenkins.counts_right, put('failures="', 'failures="1')),
    ("junit", jenkins.shows_whole_outputs, put("Warning only.", "x" * 1001)),
    ("junit", azure.publishes_every_case, put('name="ethics.consent"', 'name=""')),
    ("junit", azure.publishes_every_case, put(PASSED, f"<testsuite>{PASSED}</testsuite>")),
    ("junit", azure.knows_the_times, put('timestamp="2026', 'timestamp="26')),
    ("junit", azure.knows_the_times, put('time="0"', 'time="nan"')),
    ("junit", azure.says_why, put('<skipped message="', '<skipped message="" no="')),
    ("junit", azure.says_why, put("<skipped", '<error message="x"/><skipped')),
    ("gitlab", gitlab.reads_every_finding, put('"check_name": "ethics.ece"', '"check_name": ""')),
    ("gitlab", gitlab.reads_every_finding, put('"description": "', '"content": "')),
    ("gitlab", gitlab.reads_every_finding, instead("\ufeff[]")),
    ("gitlab", gitlab.ranks_the_finding, put('"severity": "critical"', '"severity": "high"')),
    ("gitlab", gitlab.shows_every_finding, instead('[{"fingerprint": "a"}, {"fingerprint": "a"}]')),
    ("gitlab", gitlab.finds_the_file, put('"path": "', '"path": "./')),
    ("gitlab", gitlab.finds_the_file, put('"path": "', '"path": "/')),
    ("gitlab", gitlab.finds_the_file, put('"begin": 9', '"begin": "9"')),
    ("gitlab", gitlab.finds_the_file, put('"begin": 9', '"begin": 0')),
]  # fmt: skip
SUMMARIES: list[tuple[Rule, str]] = [
    (github.keeps_the_summary, "x" * (1024 * 1024 + 1)),
    (github.reads_the_outputs, f"a={'x' * 1024 * 1024}\n"),
    (github.reads_the_outputs, "verdict<<end\nPROMOTE\n"),
    (github.reads_the_outputs, "verdict\n"),
    (github.reads_the_outputs, "a=b\x1b\n"),
]


def good(name: str) -> str:
    return (GOLDEN / f"hold.{SUFFIXES.get(name, name)}").read_text()


def understood(rule: Rule, text: str) -> bool:
    """Whether ``text`` breaks ``rule``, and not only the form that the rule takes for granted."""
    found = broken(rule, text)
    return bool(found) and not any("cannot be read" in complaint for complaint in found)


@pytest.mark.parametrize("name", FORMATS)
def test_what_the_engine_writes_breaks_no_rule(name: str) -> None:
    """INV-REPORT-4, as every test that makes a report holds it."""
    assert [complaints(name, written(name, results)) for results in CASES.values()] == [
        [] for _ in CASES
    ]


def test_each_rule_is_broken_by_a_report_that_it_is_about() -> None:
    unbroken = [
        (number, rule.__name__)
        for number, (name, rule, change) in enumerate(BROKEN)
        if broken(rule, good(name)) or not understood(rule, change(good(name)))
    ]
    assert unbroken == []
    assert [rule.__name__ for rule, text in SUMMARIES if not understood(rule, text)] == []


def test_no_rule_is_left_that_nothing_breaks() -> None:
    tried = {rule for _, rule, _ in BROKEN}
    assert {rule for rules in RULES.values() for rule in rules} == tried
    assert RULES.keys() == FORMATS.keys()


def test_every_rule_says_where_it_comes_from() -> None:
    for rules in RULES.values():
        for rule in rules:
            module = __import__(rule.__module__, fromlist=["x"])
            source = f"{rule.__doc__} {module.__doc__}"
            assert "Source" in source, rule


def test_a_test_that_makes_a_bad_report_hears_of_it(
    complaints_of_consumers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(junit, "_once", lambda *_: "same")
    written("junit", [PROMOTE])
    assert any("shows_every_case" in complaint for complaint in complaints_of_consumers)
    complaints_of_consumers.clear()
