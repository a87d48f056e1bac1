"""Who runs against whom, in what order, and on what.

Each round runs every contender once; the next round starts with the next one, so that none is
always the one that runs after a quiet moment. What a round needs is made outside its time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.bars import bar_for
from bench.outcomes import Outcomes, require_same
from bench.process import Run, measure
from bench.ratios import Ratio, ratio
from bench.scene import Scene


@dataclass(frozen=True, slots=True)
class Contender:
    """One program with its arguments.

    Attributes:
        name: As the bars call it.
        command: What is run.
        environ: All that it sees of the environment.
        cwd: Where it runs; None is a folder with a fresh key and ledger.
        codes: Exit codes that are answers.
        read: Reads its output; None where nothing is decided.
    """

    name: str
    command: tuple[str | Path, ...]
    environ: Mapping[str, str]
    cwd: Path | None = None
    codes: tuple[int, ...] = (0,)
    read: Callable[[bytes], Outcomes] | None = None


@dataclass(frozen=True, slots=True)
class Contest:
    """Programs that do the same work.

    Attributes:
        name: What it is about.
        contenders: Who takes part.
        pairs: Whom to compare: ours, theirs.
        expected: Names of the metrics files that each of them decides on.
        files: Number of files that the bars are about; None where that is not the point.
        measure: What the bars are about: ``wall`` time or ``peak`` memory.
    """

    name: str
    contenders: tuple[Contender, ...]
    pairs: tuple[tuple[str, str], ...]
    expected: frozenset[str] = frozenset()
    files: int | None = None
    measure: Literal["wall", "peak"] = "wall"


@dataclass(frozen=True, slots=True)
class Row:
    """One ratio and its bar.

    Attributes:
        ours: Contender that is ours.
        theirs: Contender that it is measured by.
        files: How many files were decided; None where that is not the point.
        measure: What the bar is about: ``wall`` time or ``peak`` memory.
        measured: Ratio of that.
        cpu: Ratio of processor times, which a busy machine disturbs less.
        at_most: The bar; None where there is none.
    """

    ours: str
    theirs: str
    files: int | None
    measure: Literal["wall", "peak"]
    measured: Ratio
    cpu: Ratio
    at_most: float | None

    @property
    def is_missed(self) -> bool:
        """Whether there is a bar and it was not reached."""
        return self.at_most is not None and self.measured.of_medians > self.at_most


@dataclass(frozen=True, slots=True)
class Result:
    """What a contest showed.

    Attributes:
        contest: Its name.
        rows: Ratios.
        runs: Every run by contender, in the order of the rounds.
        mix: How often each verdict was given in a round; empty where nothing is decided.
    """

    contest: str
    rows: tuple[Row, ...]
    runs: Mapping[str, Sequence[Run]] = field(repr=False)
    mix: Mapping[str, int]


def hold(
    scene: Scene,
    plan: Callable[[Scene], Contest],
    *,
    files: int,
    rounds: int,
    say: Callable[[str], None],
) -> tuple[Scene, Result]:
    """Run a contest and return it with the scene as it is now.

    Args:
        scene: Where.
        plan: The contest on a scene that has its files.
        files: How many metrics files the scene must have.
        rounds: How many count. One more comes first and warms up.
        say: Narrates.

    Raises:
        BenchError: A program failed, or they did not all answer the same on every file.
    """
    runs: dict[str, list[Run]] = {}
    mix: Mapping[str, int] = {}
    for number in range(rounds + 1):
        scene = scene.with_files(files)
        contest = plan(scene)
        done = _round(contest, scene, shift=number)
        mix = _agreed(contest, done)
        walls = ", ".join(f"{name} {run.wall_s:.3f} s" for name, run in done.items())
        say(f"{contest.name}, {f'round {number}' if number else 'warming up'}: {walls}")
        if number:
            for contender in contest.contenders:
                runs.setdefault(contender.name, []).append(done[contender.name])
    rows = tuple(row_of(runs, *pair, contest.measure, contest.files) for pair in contest.pairs)
    return scene, Result(contest.name, rows, runs, mix)


def _round(contest: Contest, scene: Scene, *, shift: int) -> dict[str, Run]:
    everyone = contest.contenders
    first = shift % len(everyone)
    return {
        contender.name: measure(
            contender.command,
            cwd=contender.cwd or scene.fresh_ledger(),
            environ=contender.environ,
            scratch=scene.home,
            codes=contender.codes,
        )
        for contender in (*everyone[first:], *everyone[:first])
    }


def _agreed(contest: Contest, done: Mapping[str, Run]) -> Mapping[str, int]:
    """Demand that all answers are there and the same; return how often each was given."""
    answers = {
        contender.name: contender.read(done[contender.name].output)
        for contender in contest.contenders
        if contender.read is not None
    }
    if not answers:
        return {}
    require_same(contest.expected, answers)
    return Counter(outcome.verdict for outcome in next(iter(answers.values())).values())


def row_of(
    runs: Mapping[str, Sequence[Run]],
    ours: str,
    theirs: str,
    measure: Literal["wall", "peak"] = "wall",
    files: int | None = None,
) -> Row:
    """Return the ratio of two programs, and its bar for that many files."""
    mine, other = runs[ours], runs[theirs]
    figure = _FIGURES[measure]
    measured = ratio([figure(run) for run in mine], [figure(run) for run in other])
    cpu = ratio([run.cpu_s for run in mine], [run.cpu_s for run in other])
    return Row(ours, theirs, files, measure, measured, cpu, bar_for(ours, theirs, files))


_FIGURES: Mapping[str, Callable[[Run], float]] = {
    "wall": lambda run: run.wall_s,
    "peak": lambda run: run.peak_bytes,
}
