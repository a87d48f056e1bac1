from __future__ import annotations

import errno
import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.cli.console.github_files import MOST_BYTES
from tests.cli.conftest import Answer, Engine


def outputs(text: str) -> dict[str, str]:
    """Read ``$GITHUB_OUTPUT`` as the runner does."""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        name, separator, delimiter = line.partition("<<")
        assert separator, line
        value = []
        while (line := next(lines)) != delimiter:
            value.append(line)
        found[name] = "\n".join(value)
    return found


def in_github(engine: Engine, *words: str, stdin: bytes = b"") -> Answer:
    return engine(
        *words,
        stdin=stdin,
        GITHUB_STEP_SUMMARY=str(Path("summary.md").resolve()),
        GITHUB_OUTPUT=str(Path("output").resolve()),
    )


def step_outputs() -> dict[str, str]:
    return outputs(Path("output").read_text())


def examples(engine: Engine, *names: str) -> list[str]:
    for name in names:
        Path(f"{name}.json").write_text(engine("example", name).out)
    return [f"{name}.json" for name in names]


@pytest.mark.parametrize(
    ("name", "verdict", "code"), [("promote", "PROMOTE", 0), ("block", "BLOCK", 1)]
)
def test_later_steps_learn_verdict_and_exit_code(
    engine: Engine, name: str, verdict: str, code: int
) -> None:
    examples(engine, name)
    answer = in_github(engine, "decide", f"{name}.json", "--format", "github", "--output",
                       "json=d.json")  # fmt: skip
    assert answer.code == code
    assert step_outputs() == {
        "verdict": verdict,
        "exit_code": str(code),
        "recorded": "true",
        "count": "1",
        "decision_id": json.loads(Path("d.json").read_text())["decision_id"],
    }
    assert f"{verdict}: scoring-model" in Path("summary.md").read_text()


def test_of_several_the_worst_verdict_is_written(engine: Engine) -> None:
    files = examples(engine, "promote", "hold", "block")
    in_github(engine, "decide", *files, "--format", "github")
    assert {**step_outputs(), "decision_id": ""} == {
        "verdict": "BLOCK", "exit_code": "1", "recorded": "true", "count": "3", "decision_id": "",
    }  # fmt: skip


def test_an_input_that_could_not_be_decided_on_is_worse_than_any_verdict(engine: Engine) -> None:
    """INV-REPORT-2"""
    files = examples(engine, "promote", "block")
    answer = in_github(engine, "decide", *files, "nosuch.json", "--format", "github")
    written = step_outputs()
    assert (written["verdict"], written["exit_code"], written["recorded"]) == (
        "ERROR",
        "2",
        "false",
    )
    assert answer.code == 2
    assert "::error title=not decided,file=nosuch.json,line=1,col=1::" in answer.out
    assert "NOT DECIDED (`nosuch.json`)" in Path("summary.md").read_text()


def test_a_dry_run_is_not_written_as_recorded(engine: Engine) -> None:
    examples(engine, "promote")
    in_github(engine, "decide", "promote.json", "--format", "github", "--dry-run")
    assert (step_outputs()["recorded"], step_outputs()["exit_code"]) == ("false", "5")
    assert step_outputs()["verdict"] == "ERROR"


def test_a_verdict_whose_proof_is_not_kept_lets_nothing_through(engine: Engine) -> None:
    examples(engine, "promote")
    command = ("decide", "promote.json", "--format", "github", "--output", "json=/dev/full")
    answer = in_github(engine, *command)
    assert (answer.code, step_outputs()["verdict"]) == (3, "ERROR")


def test_a_call_that_breaks_off_does_not_leave_a_pass_behind(engine: Engine) -> None:
    """INV-REPORT-2: the ledger cannot be written, and the step's outputs say so."""
    examples(engine, "promote")
    engine("decide", "promote.json")
    Path(".engine/ledger.db").write_bytes(b"this is no ledger")
    answer = in_github(engine, "decide", "promote.json", "--format", "github")
    assert answer.code != 0
    if Path("output").exists():
        assert step_outputs()["exit_code"] == str(answer.code)
        assert step_outputs()["verdict"] == "ERROR"


def test_files_are_added_to_and_nothing_is_written_for_other_formats(engine: Engine) -> None:
    examples(engine, "promote")
    Path("summary.md").write_text("before\n")
    Path("output").write_text("a=b\n")
    in_github(engine, "decide", "promote.json", "--format", "json")
    assert Path("summary.md").read_text() == "before\n"
    in_github(engine, "decide", "promote.json", "--format", "text", "--output", "github=g.txt")
    assert Path("summary.md").read_text().startswith("before\n## ✅ PROMOTE")
    assert Path("output").read_text().startswith("a=b\nverdict<<")


def test_each_value_stands_between_lines_that_nobody_knew_beforehand(engine: Engine) -> None:
    files = examples(engine, "promote")
    in_github(engine, "decide", *files, "--format", "github")
    delimiters = re.findall("<<(.*)", Path("output").read_text())
    assert len(delimiters) == len(set(delimiters)) == 5
    assert all(re.fullmatch("end-[0-9a-f]{32}", delimiter) for delimiter in delimiters)


def test_a_summary_ends_at_one_mebibyte_with_a_whole_section_and_a_count(engine: Engine) -> None:
    files = examples(engine, "block", "hold", "promote")
    before = MOST_BYTES - 2048 - 3000
    Path("summary.md").write_bytes(b"x" * before)
    in_github(engine, "decide", *files, *files, "--format", "github")
    summary = Path("summary.md").read_bytes()
    assert len(summary) <= MOST_BYTES
    added = summary[before:].decode()
    sections = len(re.findall("^### ", added, re.MULTILINE))
    assert 1 <= sections < 6
    assert added.count("Recorded as") == sections
    assert f"**{6 - sections:,} more decisions are left out:**" in added
    assert "**6 decided**" in added


def test_a_summary_that_cannot_be_written_is_no_silent_loss(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "summary.md":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, *arguments, **options)

    examples(engine, "promote")
    opened = Path.open
    monkeypatch.setattr(Path, "open", full)
    answer = in_github(engine, "decide", "promote.json", "--format", "github")
    assert answer.code == 3
    assert "recorded as " in answer.err
    assert "summary.md: no space left on device" in answer.err


@pytest.mark.parametrize("name", ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"])
@pytest.mark.parametrize(
    ("place", "reason"),
    [("/nosuch/x", "/nosuch/x: its folder does not exist"), (".", "is a folder")],
)
def test_a_file_that_cannot_be_appended_to_is_found_before_anything_is_decided(
    engine: Engine, name: str, place: str, reason: str
) -> None:
    examples(engine, "promote")
    answer = engine("decide", "promote.json", "--format", "github", **{name: place})
    assert (answer.code, answer.out.count("\n")) == (2, 1)
    assert answer.out.startswith("::error title=not decided::")
    assert f"{name}: " in answer.err
    assert reason in answer.err
    assert not Path(".engine").exists()


def test_converting_writes_a_summary_and_no_outputs(engine: Engine) -> None:
    examples(engine, "promote")
    engine("decide", "promote.json", "--output", "json=d.json")
    answer = in_github(engine, "convert", "d.json", "--format", "github")
    assert answer.code == 0
    assert Path("summary.md").exists()
    assert not Path("output").exists()
