"""Lines and branches are counted by the report's lines; what it sums up is only held against them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.errors import GovernanceError
from engine.model import Json
from tests.evidence.sources.reports import REAL, read, read_text, values

LCOV = "TN:\nSF:shop.py\nDA:1,1\nDA:2,0\nBRDA:1,0,0,1\nBRDA:1,0,1,-\nLF:2\nLH:1\nend_of_record\n"


def cobertura(lines: str, name: str = "shop.py", **attributes: str) -> str:
    written = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return (
        f'<coverage version="1" line-rate="1"{written}><packages><package><classes>'
        f'<class filename="{name}"><lines>{lines}</lines></class></classes></package></packages>'
        "</coverage>"
    )


def own(**changes: Json) -> str:
    """A report in coverage.py's JSON, with other values at ``file`` or ``totals``."""
    file = {
        "executed_lines": [1],
        "missing_lines": [2],
        "summary": {"num_statements": 2},
        **changes.pop("file", {}),
    }
    totals = {"num_statements": 2}
    meta = {"version": "7"}
    return json.dumps({"meta": meta, "files": {"a.py": file}, "totals": totals, **changes})


@pytest.mark.parametrize(
    ("name", "form", "lines", "branches", "time"),
    [
        ("cobertura.xml", "Cobertura", 6 / 7, 1.0, "report"),
        ("coverage.json", "coverage.py", 6 / 7, 1.0, "file"),
        ("lcov.info", "LCOV", 6 / 7, 1.0, "file"),
        ("jacoco.xml", "JaCoCo", 1.0, 0.5, "report"),
    ],
)
def test_what_a_real_tool_wrote_is_counted(
    name: str, form: str, lines: float, branches: float, time: str
) -> None:
    evidence = read("coverage", REAL, name)
    assert values(evidence) == {"coverage_lines": lines, "coverage_branches": branches}
    parameters = evidence.metrics["quality.coverage_lines"]["computed"]["parameters"]
    assert (parameters["form"], parameters["time"]) == (form, time)


def test_a_line_that_one_of_several_reports_reaches_is_reached(tmp_path: Path) -> None:
    (tmp_path / "a.info").write_text(LCOV)
    (tmp_path / "b.xml").write_text(
        cobertura('<line number="2" hits="3"/><line number="9" hits="0"/>')
    )
    evidence = read("coverage", tmp_path, ["a.info", "b.xml"])
    assert values(evidence) == {"coverage_lines": 2 / 3, "coverage_branches": 0.5}
    assert evidence.metrics["quality.coverage_lines"]["n"] == 3


def test_no_line_of_code_is_no_pass(tmp_path: Path) -> None:
    evidence = read_text("coverage", tmp_path, cobertura(""))
    assert set(values(evidence).values()) == {"insufficient_data"}
    one = read_text("coverage", tmp_path, cobertura('<line number="1" hits="1"/>'))
    assert values(one) == {"coverage_lines": 1.0, "coverage_branches": "undefined"}


def test_branches_that_are_not_understood_are_counted(tmp_path: Path) -> None:
    line = '<line number="1" hits="1" branch="true"/>'
    evidence = read_text("coverage", tmp_path, cobertura(line))
    computed = evidence.metrics["quality.coverage_lines"]["computed"]
    assert computed["excluded"] == {"not understood: branches of a line": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (cobertura('<line number="1" hits="1"/>', lines_valid="2"), "counts 2 lines, and has 1"),
        (cobertura('<line number="1" hits="-1"/>'), "hits is '-1', and no count"),
        (cobertura('<line number="1" hits="NaN"/>'), "hits is 'NaN'"),
        (cobertura('<line number="0" hits="1"/>'), "0 is no number of a line"),
        (cobertura('<line number="99999999" hits="1"/>'), "is no number of a line"),
        (cobertura('<line number="1" hits="1" branch="true" condition-coverage="150% (3/2)"/>'), "3 of 2 branches"),
        (cobertura("<line hits='1'/>"), "number is 'None'"),
        (cobertura("")[:-9], "is no whole XML"),
        ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + cobertura("&x;"), "no"),
        ("<!DOCTYPE html><html>502</html>", "is none of Cobertura"),
        ("<coverage/>", "is none of Cobertura"),
        ("", "is empty"),
        ("all covered", "is none of Cobertura"),
        (LCOV.replace("LF:2", "LF:3"), "report:7: counts 3 lines, and has 2"),
        (LCOV.replace("DA:2,0", "DA:2,-4"), "report:4: hits is '-4'"),
        (LCOV.replace("DA:2,0", "DA:2"), "report:4: "),
        (LCOV.replace("end_of_record\n", ""), "is cut off inside of a record"),
        (LCOV + "DA:3,1\n", "report:10: DA outside of a record"),
        (LCOV.replace("shop", "sh\xf6p").encode("latin-1"), "is"),
        (own(totals={"num_statements": 9}), "/totals/num_statements: counts 9 statements, and has 2"),
        (own(file={"executed_lines": []}), "/files/a.py: is no file's coverage: it counts 2"),
        (own(file={"executed_lines": [-1]}), "a line is '-1'"),
        (own(file={"executed_lines": ["x"]}), "a line is 'x'"),
        (own(file={"summary": None}), "/files/a.py: is no file's coverage"),
        (own()[:-1], "is no whole JSON"),
        (own() + own(), "is no whole JSON"),
        (own().replace('"executed_lines": [1]', '"executed_lines": [NaN]'), "is none of"),
        (own().replace('"missing_lines"', '"executed_lines": [1, 2], "missing_lines"'), "stands twice"),
    ],
)  # fmt: skip
def test_a_report_that_is_not_whole_is_an_error_with_its_place(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(GovernanceError) as caught:
        read_text("coverage", tmp_path, text)
    assert message in caught.value.message
    assert caught.value.exit_code == 2


# Of the lines that were changed.


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose file ``src/shop.py`` had three lines, and has others since."""
    folder = tmp_path / "clone"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "shop.py").write_text("a\nb\nc\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    (folder / "src" / "shop.py").write_text("a\nB\nc\n--- x\n+++ b/other\nd\n")
    return folder


def git(folder: Path, *arguments: str) -> None:
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")


def lines(reached: int, *missed: int) -> str:
    rows = [(n, 1) for n in range(1, reached + 1)] + [(n, 0) for n in missed]
    return "".join(f'<line number="{n}" hits="{hits}"/>' for n, hits in rows)


@pytest.mark.parametrize(
    "name", ["src/shop.py", "/builds/shop/src/shop.py", "shop.py", "src\\shop.py"]
)
def test_changed_lines_are_those_of_git_and_paths_end_alike(repository: Path, name: str) -> None:
    text = cobertura(lines(3, 4, 6), name)  # line 5 is no code
    evidence = read_text("coverage", repository, text, changed_since="main")
    assert values(evidence)["coverage_changed_lines"] == 1 / 3
    assert evidence.metrics["quality.coverage_changed_lines"]["n"] == 3
    assert values(evidence)["coverage_lines"] == 3 / 5


def test_what_main_got_meanwhile_is_not_what_was_changed(repository: Path) -> None:
    git(repository, "checkout", "-qb", "work")
    commit(repository)
    git(repository, "checkout", "-q", "main")
    (repository / "src" / "other.py").write_text("x\n" * 50)
    commit(repository)
    git(repository, "checkout", "-q", "work")
    evidence = read_text("coverage", repository, cobertura(lines(3, 4, 6)), changed_since="main")
    assert evidence.metrics["quality.coverage_changed_lines"]["n"] == 3
    assert evidence.notes == ()


def test_a_changed_file_that_no_report_names_is_told(repository: Path) -> None:
    (repository / "src" / "new.py").write_text("x\n")
    (repository / "src" / "page.html").write_text("x\n")
    git(repository, "add", "-A")
    evidence = read_text("coverage", repository, cobertura(lines(3)), changed_since="main")
    assert evidence.notes == ("changed, and in no coverage report: src/new.py",)
    computed = evidence.metrics["quality.coverage_changed_lines"]["computed"]
    assert computed["excluded"] == {"not understood: changed files that no report names": 1}


def test_nothing_that_was_changed_is_no_pass(repository: Path) -> None:
    git(repository, "checkout", "-q", "--", "src")
    evidence = read_text("coverage", repository, cobertura(lines(3)), changed_since="main")
    assert values(evidence)["coverage_changed_lines"] == "undefined"


def test_no_such_revision_or_two_files_that_could_be_meant_are_errors(repository: Path) -> None:
    for revision in ("nowhere", "--output=x", "-x"):
        with pytest.raises(GovernanceError, match="key 'changed_since'"):
            read_text("coverage", repository, cobertura(lines(3)), changed_since=revision)
    assert not (repository / "x").exists()
    (repository / "two").write_text(cobertura(lines(1), "a/src/shop.py"))
    (repository / "three").write_text(cobertura(lines(2), "b/src/shop.py"))
    with pytest.raises(
        GovernanceError, match=r"names the changed file src/shop\.py more than once"
    ):
        read("coverage", repository, ["two", "three"], changed_since="main")
    shutil.rmtree(repository / ".git")
    with pytest.raises(GovernanceError, match="key 'changed_since'"):
        read("coverage", repository, "two", changed_since="main")
