"""A contest: everybody runs every round, in turn, and all must answer the same.

The engine takes part as it is; its rivals here are small programs that repeat, or twist,
what the engine itself answers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from bench import plans
from bench.contests import Contender, Contest, Result, hold
from bench.errors import BenchError
from bench.outcomes import of_engine
from bench.plans import batch, memory
from bench.scene import Scene

FILES = 6
DECIDE_AND = """
import subprocess, sys
said = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
lines = said.splitlines(keepends=True)
sys.stdout.buffer.writelines(eval(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    home = tmp_path_factory.mktemp("scene")
    (home / "user").mkdir()
    return Scene(home, conftest=Path("conftest"), opa=Path("opa")).with_files(FILES)


def against(rival: str, scene: Scene) -> Contest:
    """The engine against a program that prints what ``rival`` makes of the engine's lines."""
    engine = batch(scene).contenders[0]
    other = Contender(
        "rival",
        (sys.executable, "-c", DECIDE_AND, rival, *engine.command),
        scene.environ,
        read=of_engine,
    )
    pairs = ((engine.name, other.name),)
    return Contest("test", (engine, other), pairs, expected=scene.names, files=len(scene.names))


class Held(NamedTuple):
    """A contest of two rounds against a rival that repeats the engine, and what was heard."""

    result: Result
    heard: list[str]


@pytest.fixture(scope="module")
def held(scene: Scene) -> Held:
    heard: list[str] = []
    _, result = hold(
        scene, lambda scene: against("lines", scene), files=FILES, rounds=2, say=heard.append
    )
    return Held(result, heard)


def test_every_round_counts_but_the_one_that_warms_up(held: Held) -> None:
    counts = {name: len(runs) for name, runs in held.result.runs.items()}
    assert counts == {"engine decide DIR": 2, "rival": 2}
    assert len(held.heard) == 3


def test_the_verdicts_of_one_round_are_counted(held: Held) -> None:
    assert sum(held.result.mix.values()) == FILES


def test_each_round_starts_with_the_next_one(held: Held) -> None:
    firsts = [words.partition(": ")[2].startswith("rival") for words in held.heard]
    assert firsts == [False, True, False]


def test_a_ratio_is_about_runs_of_the_same_rounds(held: Held) -> None:
    (row,) = held.result.rows
    ours, theirs = held.result.runs[row.ours], held.result.runs[row.theirs]
    pairs = sorted(one.wall_s / other.wall_s for one, other in zip(ours, theirs, strict=True))
    assert [row.measured.least, row.measured.most] == pairs
    assert (row.files, row.at_most, row.is_missed) == (FILES, None, False)


@pytest.mark.parametrize(
    ("rival", "message"),
    [
        ("lines[1:]", "rival: no answer on"),
        ("[*lines, lines[0]]", "answered twice"),
        (
            "[each.replace(b'BLOCK', b'HOLD').replace(b'PROMOTE', b'HOLD') for each in lines]",
            "differ",
        ),
    ],
    ids=["a file left out", "a file twice", "another verdict"],
)
def test_a_rival_that_answers_otherwise_ends_the_contest(
    scene: Scene, rival: str, message: str
) -> None:
    heard: list[str] = []
    with pytest.raises(BenchError, match=message):
        hold(scene, lambda scene: against(rival, scene), files=FILES, rounds=1, say=heard.append)
    assert heard == []  # before the first round was told, let alone counted


def commands(contenders: Sequence[Contender]) -> list[str]:
    return [" ".join(map(str, contender.command)) for contender in contenders]


def test_everybody_is_given_the_inputs_of_the_same_files(scene: Scene) -> None:
    inputs = {path.name.removeprefix("metrics_") for path in (scene.home / "inputs").iterdir()}
    assert inputs == scene.names == {path.name for path in (scene.home / "metrics").iterdir()}


def test_nothing_is_left_out_of_what_ours_does(scene: Scene) -> None:
    ours, *theirs = commands(batch(scene).contenders)
    assert not {"--dry-run", "--now", "run:"} & set(ours.split())
    assert all(command.endswith(" inputs") for command in theirs)


def test_memory_is_compared_for_all_files_and_for_the_first_of_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "FEW", 2)
    everything, part = memory(scene).contenders
    few = Path(part.command[2])
    assert [path.name for path in sorted(few.iterdir())] == sorted(scene.names)[:2]
    assert everything.command[2] == "metrics"
    assert everything.command[3:] == part.command[3:]


def test_the_figure_that_is_compared_is_the_one_the_contest_is_about(scene: Scene) -> None:
    _, result = hold(
        scene,
        lambda scene: replace(against("lines", scene), measure="peak"),
        files=FILES,
        rounds=1,
        say=lambda _words: None,
    )
    (row,) = result.rows
    ours, theirs = (result.runs[name][0].peak_bytes for name in (row.ours, row.theirs))
    assert row.measured.of_medians == ours / theirs
