"""The manifest: rows are whole, and a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.specs import config, manifest

ROW = '[[run]]\nname = "a"\nmodule = "MCLamp"\ncfg = "Lamp"\n'


def test_a_row_knows_its_spec_and_its_mutant(folder: Path) -> None:
    rows = {row.name: row for row in manifest.read(folder)}

    mutant = rows["lamp-any-switch"]
    assert (mutant.spec, mutant.mutated, mutant.replacement) == (
        "Lamp",
        "MaySwitch",
        "MutAnySwitch",
    )
    assert mutant.violated == "BrokenProp"
    assert (rows["lamp-empty-store"].mutated, rows["lamp-empty-store"].replacement) == ("Most", "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing but"),
        ("x = 1\n" + ROW + 'expect = "ok"', "nothing but"),
        ("[[run]\n", "manifest.toml: "),
        (ROW, r"run 1 \(a\): expect is missing"),
        (ROW + 'expect = "fails"', "expect is 'fails'"),
        (ROW + 'expect = "ok"\nstaets = 3', "did you mean 'states'"),
        (ROW + 'expect = "ok"\nstates = "3"', "states is no whole number"),
        (ROW + 'expect = "ok"\nmutant = "MayX"', "mutant is 'MayX'"),
        (ROW + 'expect = "deadlock"\ngraph = "lamp"', "a graph of a run that must fail"),
        (ROW + 'expect = "ok"\nconstants = {Most = 3}', "constants are not all texts"),
        (ROW + 'expect = "ok"\n' + ROW + 'expect = "ok"', "two runs are named 'a'"),
    ],
)
def test_a_wrong_manifest_is_refused(folder: Path, text: str, says: str) -> None:
    (folder / "manifest.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        manifest.read(folder)


def test_rows_are_chosen_by_their_name_or_their_spec(folder: Path) -> None:
    rows = manifest.read(folder)

    assert manifest.selected(rows, []) == rows
    assert manifest.selected(rows, ["Lamp"]) == rows
    assert [row.name for row in manifest.selected(rows, ["lamp-old"])] == ["lamp-old"]
    with pytest.raises(ConfigError, match=r"'lampe' is neither.*\n.*'lamp'"):
        manifest.selected(rows, ["lampe"])


def test_counts_are_added_only_where_a_row_says_none() -> None:
    text = ROW + 'expect = "ok"\n\n' + ROW.replace('"a"', '"b"') + 'expect = "ok"\nstates = 1\n'

    written = manifest.with_counts(text, {"a": (5, 6), "b": (7, 8)})

    assert written.count("states = 5\ndepth = 6\n") == 1
    assert "states = 7" not in written


def test_a_run_that_must_fail_checks_only_what_must(folder: Path) -> None:
    rows = {row.name: row for row in manifest.read(folder)}

    text = config.derived(folder, rows["lamp-any-switch"])

    assert text == (
        "SPECIFICATION\n    Spec\n"
        "CONSTANT\n    Most = 2\n    MaySwitch <- MutAnySwitch\n"
        "CHECK_DEADLOCK\n    FALSE\n"
        "PROPERTY\n    BrokenProp\n"
    )
    assert "CHECK_DEADLOCK\n    TRUE\n" in config.derived(folder, rows["lamp-runs-out"])
    assert "CONSTANT\n    Most = 1\nCHECK" in config.derived(folder, rows["lamp-empty-store"])


def test_constants_on_one_line_are_told_apart(folder: Path) -> None:
    (folder / "Lamp.cfg").write_text("CONSTANTS A = {a, b} B <- C (* no\n D = 3 *) E = 4\n")
    assert config.read(folder, "Lamp") == {"CONSTANT": ["A = {a, b}", "B <- C", "E = 4"]}


@pytest.mark.parametrize(("text", "says"), [("Most = 2", "begins no section"), (None, "no such")])
def test_a_wrong_base_is_refused(folder: Path, text: str | None, says: str) -> None:
    (folder / "Lamp.cfg").unlink()
    if text is not None:
        (folder / "Lamp.cfg").write_text(text)
    with pytest.raises(ConfigError, match=says):
        config.read(folder, "Lamp")
