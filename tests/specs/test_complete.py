"""What is left unproved is found: each kind of gap, and none where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.specs import complete, manifest, source


def complaints(folder: Path) -> list[str]:
    rows = manifest.read(folder)
    return complete.complaints(folder, rows, {row.spec for row in rows})


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def without_row(folder: Path, name: str) -> None:
    rows = (folder / "manifest.toml").read_text().split("\n\n")
    (folder / "manifest.toml").write_text("\n\n".join(r for r in rows if f'"{name}"' not in r))


def test_a_whole_spec_leaves_nothing_unproved(folder: Path) -> None:
    assert complaints(folder) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lamp-any-switch", "Lamp: Lamp.MaySwitch: a guard without a mutant"),
        ("lamp-any-switch", "Lamp: MCLamp.MutAnySwitch: no run puts this mutant in"),
        ("lamp-any-switch", "Lamp: Lamp.BrokenProp: no mutant kills it, so nothing shows that"),
        ("lamp-unfair", "Lamp: Lamp.ReplaceFair: a fairness conjunct without a mutant"),
        ("lamp-old", "Lamp: Lamp.NewDebugInv: no run expects it to fail"),
        ("lamp", "Lamp: no run of it is expected to be ok"),
        ("lamp", "graph lamp: no run makes it"),
    ],
)
def test_a_run_that_is_taken_away_is_missed(folder: Path, name: str, says: str) -> None:
    without_row(folder, name)
    assert any(says in complaint for complaint in complaints(folder))


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("Lamp.tla", "NewDebugInv ==", "MayNot == 1\nNewDebugInv ==", "MayNot: a guard without"),
        ("Lamp.tla", "ReplaceFair\n", "WF_vars(Burn)\n", "Lamp.Spec: give each WF_ and SF_"),
        ("Lamp.tla", "(Replace)", "(Replace) /\\ SF_vars(Burn)", "ReplaceFair: give each WF_"),
        ("Lamp.tla", "NewDebugInv ==", "OldInv == TRUE\nNewDebugInv ==", "OldInv: no run checks"),
        (
            "Lamp.tla",
            "specs.conform.graph.write",
            "specs.conform.graph.rite",
            "engine.specs.conform.graph.rite does",
        ),
        (
            "Lamp.tla",
            "Graph.actions",
            "Graph.action",
            "engine.specs.conform.graph.Graph.action does",
        ),
        ("Lamp.cfg", "    LitProp\n", "", "no ok run of Lamp.cfg shows that LitProp holds"),
        ("manifest.toml", "<- MutUnfair", "<- MutNone", "MutNone is not defined"),
        ("manifest.toml", '"MaySwitch', '"MayWitch', "MayWitch is not defined"),
        ("manifest.toml", "property LitProp", "property LtProp", "LtProp is not defined"),
        ("manifest.toml", '"deadlock"', '"ok"\nmutant = "Most = 3"', "a mutant that nothing kills"),
    ],
)
def test_a_gap_is_named(folder: Path, file: str, old: str, new: str, says: str) -> None:
    edit(folder / file, old, new)
    found = complaints(folder)
    assert any(says in complaint for complaint in found), found


def test_limits_that_policy_and_code_do_not_say_are_told(folder: Path) -> None:
    (folder / "limits.toml").write_text(
        '[[limit]]\nname = "Soft"\npolicy = "checks/budget.usd_soft/limit"\nmultiply = 100\n'
    )
    (folder / "Limits.tla").write_text("Soft == 90\nOld == 1\n")

    assert complaints(folder) == [
        "Limits.tla: Old is 1, but policy and code say None; "
        "write it anew: python tools/spec_docs.py",
        "Limits.tla: Soft is 90, but policy and code say 95; "
        "write it anew: python tools/spec_docs.py",
    ]


def test_comments_are_no_definitions_and_belong_to_what_is_below(folder: Path) -> None:
    defined = source.read(folder, "MCLamp")

    assert "be" not in defined
    assert defined["BrokenProp"].ids == ("INV-TOY-1",)
    assert defined["Switch"].code == (
        "specs.conform.graph.build",
        "specs.conform.graph.Graph.actions",
    )
    assert defined["MutUnfair"].module == "MCLamp"
    assert defined["Next"].body == "Switch \\/ Burn \\/ Replace"
    assert defined["ReplaceFair"].fairness == 1
