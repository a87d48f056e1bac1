"""Test reports are counted case by case, and what they count of themselves is never believed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine.errors import GovernanceError
from engine.model import Json
from tests.evidence.sources.reports import REAL, read, read_text, values

NAMES = ("run", "failed", "errors", "skipped", "flaky")
CASES = '<testcase classname="a" name="one"/><testcase classname="a" name="two"/>'


def suite(inside: str, **attributes: str) -> str:
    written = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<testsuite name='s'{written}>{inside}</testsuite>"


def counted(folder: Path, text: str) -> list[Json]:
    found = values(read_text("junit", folder, text))
    return [found[f"tests_{name}"] for name in NAMES]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pytest.xml", [6, 1, 1, 1, 1]),
        ("surefire.xml", [3, 1, 0, 1, 1]),
        ("go-junit-report.xml", [3, 2, 0, 1, 0]),
        ("node.xml", [2, 1, 0, 1, 0]),
        ("jest.xml", [2, 1, 0, 1, 0]),
    ],
)
def test_what_a_real_tool_wrote_is_counted(name: str, expected: list[int]) -> None:
    found = values(read("junit", REAL, name))
    assert [
        found[f"tests_{n}"] for n in ("run", "failed", "errors", "skipped", "flaky")
    ] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Gradle's, by its documented form: the runner could not be had.
        (suite("<properties/>" + CASES + "<system-out/>", tests="2", failures="0"), [2, 0, 0, 0, 0]),
        ("<testsuites>" + suite(suite(CASES, tests="2"), tests="2") * 2 + "</testsuites>", [4, 0, 0, 0, 0]),
        (suite('<testcase name="a"><failure/><error/></testcase>'), [1, 1, 0, 0, 0]),
        (suite('<testcase name="a"><error/></testcase>'), [1, 0, 1, 0, 0]),
        (suite('<testcase name="a" status="failed"/>'), [1, 1, 0, 0, 0]),
        (suite('<testcase name="a" result="Broken"/>'), [1, 1, 0, 0, 0]),
        (suite('<testcase name="a"/><testcase name="b" status="notrun"/>'), [1, 0, 0, 1, 0]),
        (suite('<testcase name="a"><flakyError/></testcase>'), [1, 0, 0, 0, 1]),
        (suite('<testcase name="a"><failure/><rerunFailure/></testcase>'), [1, 1, 0, 0, 0]),
        # Tried again under its name: it failed, whatever the last try came to.
        (suite('<testcase name="a"><failure/></testcase><testcase name="a"/>'), [2, 1, 0, 0, 1]),
        (suite(CASES + "<error message='cannot be loaded'/>"), [2, 0, 1, 0, 0]),
        (suite("<error message='cannot be loaded'/>"), [0, 0, 1, 0, 0]),
        # Three tries of one case that a suite counts once, and one that failed to the end.
        (suite('<testcase name="a"/>' * 3, tests="1"), [1, 0, 0, 0, 1]),
        (suite('<testcase name="a"/><testcase name="a"><failure/></testcase>', tests="1"), [1, 1, 0, 0, 0]),
    ],
)  # fmt: skip
def test_cases_decide_and_not_what_a_suite_says(
    tmp_path: Path, text: str, expected: list[int]
) -> None:
    assert counted(tmp_path, text) == expected


def test_no_test_that_ran_is_no_pass(tmp_path: Path) -> None:
    skipped = suite('<testcase name="a"><skipped/></testcase>', tests="1")
    for text in ("<testsuites/>", suite(""), skipped):
        assert set(counted(tmp_path, text)) == {"insufficient_data"}


def test_more_cases_than_are_counted_are_told(tmp_path: Path) -> None:
    evidence = read_text("junit", tmp_path, suite(CASES, tests="1"))
    assert evidence.notes == ("report: the suite 's' counts 1 tests, and has 2 cases",)
    assert values(evidence)["tests_run"] == 2


def test_what_is_not_known_in_a_case_is_no_pass(tmp_path: Path) -> None:
    evidence = read_text("junit", tmp_path, suite('<testcase name="a"><failed/></testcase>'))
    assert set(values(evidence).values()) == {"invalid_input"}
    assert evidence.metrics["quality.tests_run"]["computed"]["excluded"] == {
        "not understood: <failed> in a test case": 1
    }
    outside = read_text("junit", tmp_path, suite(CASES + "<weather/>"))
    assert values(outside)["tests_run"] == 2
    assert (
        "not understood: <weather>" in outside.metrics["quality.tests_run"]["computed"]["excluded"]
    )


def test_several_files_are_added_up_and_a_copy_is_not(tmp_path: Path) -> None:
    for name in ("go-junit-report.xml", "node.xml"):
        shutil.copy(REAL / name, tmp_path / name)
    shutil.copy(REAL / "node.xml", tmp_path / "node2.xml")
    evidence = read("junit", tmp_path, "*.xml")
    assert values(evidence)["tests_run"] == 5
    assert "node2.xml: the same bytes as node.xml, and counted once" in evidence.notes
    assert evidence.metrics["quality.tests_run"]["computed"]["parameters"]["files"] == 2


def test_it_is_as_old_as_its_oldest_suite_or_as_the_file(tmp_path: Path) -> None:
    old = suite(CASES, timestamp="2026-11-30T10:00:00+02:00")
    new = suite(CASES, timestamp="2026-12-01T10:00:00Z")
    evidence = read_text("junit", tmp_path, f"<testsuites>{new}{old}</testsuites>")
    metric = evidence.metrics["quality.tests_run"]
    assert metric["observed_at"] == "2026-11-30T08:00:00Z"
    assert metric["computed"]["parameters"]["time"] == "report"
    (tmp_path / "report").write_text(suite(CASES, timestamp="2026-12-01T10:00:00"))
    os.utime(tmp_path / "report", (1_700_000_000, 1_700_000_000))
    metric = read("junit", tmp_path).metrics["quality.tests_run"]
    assert metric["observed_at"] == "2023-11-14T22:13:20Z"
    assert metric["computed"]["parameters"]["time"] == "file"


BOMB = "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (suite(CASES)[:-5], "report:1:93: is no whole XML: unclosed token"),
        (suite(CASES)[:-12], "report:1:93: is no whole XML: no element found"),
        (suite(CASES) + suite(CASES), "is no whole XML: junk after document element"),
        (BOMB + suite("&b;"), "declares an entity"),
        ('<!DOCTYPE a SYSTEM "file:///etc/hostname">' + suite("&x;"), "declares an entity"),
        ('<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>' + suite(""), "an entity"),
        ("<!DOCTYPE html><html><body>502</body></html>", "its first element is <html>"),
        (b"<?xml version='1.0' encoding='utf-8'?>" + suite("<testcase name='\xe9'/>").encode("latin-1"), "not well-formed (invalid token)"),
        ("<?xml version='1.0' encoding='x-none'?><testsuite/>", "is no"),
        ("", "is empty: no tool wrote it to its end"),
        ('{"tests": 1}', "is no whole XML"),
        (suite(CASES, tests="3"), "the suite 's' counts 3 tests, and has 2 cases"),
        (suite(suite(CASES, tests="2"), tests="3"), "counts 3 tests, and has 2 cases"),
        (suite(CASES, failures="1"), "counts 1 that failed, and has 0 of them"),
        (suite(CASES, errors="1", failures="0"), "counts 1 that failed, and has 0 of them"),
        (suite(CASES, tests="-1"), "tests='-1' is no count"),
        (suite(CASES, tests="2.0"), "tests='2.0' is no count"),
        (suite('<testcase name="a" time="-1"/>'), "time='-1' is no length of time"),
        (suite('<testcase name="a" time="NaN"/>'), "time='NaN' is no length of time"),
        (suite('<testcase name="a" time="1e999"/>'), "is no length of time"),
        (suite('<testcase name="a" time="soon"/>'), "is no number of seconds"),
        ("<testcase name='a'/>", "in no <testsuite>"),
        (suite("<x>" + suite(CASES) + "</x>"), "inside of what is no suite"),
        (suite("<testcase name='a'>" + CASES + "</testcase>"), "in no <testsuite>"),
        (suite("<x>" * 300 + "</x>" * 300), "nested more than 200 deep"),
        (suite(f'<testcase name="{"a" * 20_000_000}"/>'), "a tag of more than"),
    ],
)  # fmt: skip
def test_a_report_that_is_not_whole_is_an_error_with_its_place(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(GovernanceError) as caught:
        read_text("junit", tmp_path, text)
    assert message in caught.value.message
    assert "report" in caught.value.message
    assert caught.value.exit_code == 2


def test_a_thousands_comma_is_a_duration(tmp_path: Path) -> None:
    assert counted(tmp_path, suite('<testcase name="a" time="1,234.5"/>'))[0] == 1
