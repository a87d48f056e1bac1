"""``engine spec``: what a person sees, and the exit code of each case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Engine
from tests.specs import lamp

Spec = Callable[..., Answer]


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return lamp.outputs(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lamp.specs(tmp_path)


@pytest.fixture
def spec(engine: Engine, folder: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """``engine spec`` on the lamp's folder, with a Java and a jar."""
    tools = lamp.speaking(outputs, monkeypatch)
    path = f"{tools.java.parent}:/usr/bin:/bin"

    def call(action: str, *argv: str, **environ: str) -> Answer:
        world = {"PATH": path, "ENGINE_TLC_JAR": str(tools.jar), **environ}
        return engine("spec", action, "--tla", str(folder), *argv, **world)

    return call


def test_all_as_expected_is_0_with_the_kill_matrix(spec: Spec) -> None:
    answer = spec("check")

    assert answer.code == 0, answer.out + answer.err
    assert "ok    lamp-any-switch" in answer.out
    assert "kill matrix of Lamp: 3 of 3 mutants killed" in answer.out
    assert "MaySwitch <- MutAnySwitch" in answer.out
    assert "6 of 6 runs as expected" in answer.out


def test_a_surviving_mutant_is_1_and_named(spec: Spec, outputs: Path) -> None:
    (outputs / "lamp-any-switch.txt").write_text((outputs / "lamp.txt").read_text())

    answer = spec("check", "Lamp")

    assert answer.code == 1
    assert "FAIL  lamp-any-switch" in answer.out
    assert "expected property BrokenProp, TLC said ok (exit code 0)" in answer.out
    assert "SURVIVED" in answer.out
    assert "FAILED    lamp-any-switch\n5 of 6 runs" in answer.out


def test_a_counterexample_is_shown(spec: Spec, outputs: Path) -> None:
    (outputs / "lamp.txt").write_text((outputs / "lamp-any-switch.txt").read_text())
    assert '        3: Burn\n          lamp = "broken"\n' in spec("check", "lamp").out


def test_a_parse_error_shows_where(spec: Spec, outputs: Path) -> None:
    (outputs / "lamp.txt").write_text((outputs / "broken-module.txt").read_text())

    answer = spec("check", "lamp")

    assert answer.code == 1
    assert "expected ok, TLC said parse error (exit code 150)" in answer.out
    assert 'Encountered "0" at line 13, column 37' in answer.out


def test_what_is_unproved_and_vacuous_is_1(spec: Spec, outputs: Path, folder: Path) -> None:
    with (folder / "Lamp.tla").open("a") as file:
        file.write("MayRest == TRUE\n")
    text = (outputs / "lamp.txt").read_text()
    (outputs / "lamp.txt").write_text(text.replace("module Lamp>: 2:4", "module Lamp>: 0:0"))

    answer = spec("check")

    assert answer.code == 1
    assert "UNPROVED  Lamp: Lamp.MayRest: a guard without a mutant" in answer.out
    assert "VACUOUS   Lamp: Replace: no ok run ever takes this action" in answer.out


def test_counts_are_written_on_request_only_for_the_right_outcome(
    spec: Spec, outputs: Path, folder: Path
) -> None:
    manifest = folder / "manifest.toml"
    whole = manifest.read_text()
    lines = [line for line in whole.splitlines() if not line.startswith(("states", "depth"))]
    manifest.write_text("\n".join(lines) + "\n")
    (outputs / "lamp-old.txt").write_text((outputs / "lamp.txt").read_text())

    assert spec("check", "--write-counts").code == 1
    written = manifest.read_text()

    assert written.count("states = ") == whole.count("states = ") - 1
    assert spec("check", "lamp", "lamp-unfair").code == 0


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"PATH": "/nowhere", "JAVA_HOME": "/nowhere"}, "JAVA_HOME=/nowhere: no bin/java"),
        ({"ENGINE_TLC_JAR": "/nowhere/tlc.jar"}, "no TLC: no such file or directory"),
        ({"ENGINE_TLC_JAR": "/bin/sh"}, "not the pinned TLC"),
    ],
)
def test_what_tlc_needs_is_3_and_named(spec: Spec, environ: dict[str, str], says: str) -> None:
    answer = spec("check", **environ)
    assert answer.code == 3
    assert says in answer.err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["check", "Lampe"], "did you mean 'Lamp'"),
        (["check", "--jobs", "-1"], "a number from 1"),
        (["chek"], "chek"),
        (["check", "--tla", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_a_wrong_call_is_2(spec: Spec, argv: list[str], says: str) -> None:
    answer = spec(*argv)
    assert answer.code == 2
    assert says in answer.err


def test_runs_are_listed_as_text_and_json(spec: Spec) -> None:
    assert "Lamp         lamp-unfair" in spec("list").out
    rows = spec("list", "--format", "json").json
    assert rows[2]["mutant"] == "MaySwitch <- MutAnySwitch"
    assert rows[2]["spec"] == "Lamp"


def test_findings_as_json_are_the_only_output(spec: Spec) -> None:
    document = spec("check", "--format", "json").json
    assert document["as_expected"] is True
    assert document["runs"][1]["outcome"] == "invariant NewDebugInv"


def test_the_shipped_specs_are_listed_anywhere(engine: Engine) -> None:
    assert "Breaker      breaker " in engine("spec", "list").out


def test_other_policies_are_held_against_the_specs(
    engine: Engine, folder: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "limits.toml").write_text(
        '[[limit]]\nname = "Ttl"\npolicy = "decision_ttl_s"\ndivide = 3600\n'
    )
    (outputs / "run-lamp.txt").write_text((outputs / "lamp.txt").read_text())
    tools = lamp.speaking(outputs, monkeypatch)
    world = {"PATH": f"{tools.java.parent}:/usr/bin:/bin", "ENGINE_TLC_JAR": str(tools.jar)}
    argv = ["spec", "check", "--tla", str(folder), "--profile"]

    good = engine(*argv, "strict", **world)
    (outputs / "run-lamp.txt").write_text((outputs / "lamp-empty-store.txt").read_text())
    bad = engine(*argv, "strict", **world)
    unknown = engine(*argv, "strikt", **world)

    assert (good.code, good.out) == (0, "holds  lamp                     ok  9 states\n")
    assert bad.code == 1
    assert "FAILS  lamp                     assumption" in bad.out
    assert "Assumption line" in bad.out
    assert unknown.code == 2
    assert "did you mean 'strict'" in unknown.err
