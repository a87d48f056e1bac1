"""This tree against another revision of it: the same commands, interleaved, in processor time.

``python -m bench --against REV`` makes a worktree of REV with an environment of its own from its
own lock, and runs both trees in turn: a batch of files, one cold decision after another, and the
check of a ledger. Only what both command lines share is used. Of each pair of runs the ratio of
processor times counts; its mean (of the logarithms) has a 95 % interval by the bootstrap. A contest
is worse where that whole interval lies above :data:`BAR`.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import fmean

from bench import corpus
from bench.errors import BenchError
from bench.process import measure

ROOT = Path(__file__).resolve().parents[1]
UV = ROOT / ".tools" / "uv" / "bin" / "uv"
ROUNDS = 15
BAR = 1.05
FILES = 1_000
COLD_STARTS = 6
"""Decisions of one file in a round of the contest ``cold start``."""
RESAMPLES = 10_000
DECIDED = (0, 1, 5, 6)
"""Exit codes of verdicts."""

Timer = Callable[[Path], float]
"""``timer(tree)`` runs a contest once with the engine of a tree; returns its seconds."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio of processor times, this tree's divided by the other's, and where it may lie.

    Attributes:
        mean: Geometric mean of the rounds' ratios.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    mean: float
    low: float
    high: float

    @property
    def is_worse(self) -> bool:
        """Whether all of the interval lies above the bar."""
        return self.low > BAR


def interval(ours: Sequence[float], theirs: Sequence[float], *, seed: int = 1) -> Interval:
    """Return the ratio of paired runs with its 95 % interval.

    Args:
        ours: Seconds of each round, in order.
        theirs: The same of the other tree.
        seed: Of the bootstrap, so that the same figures give the same interval.

    Source: Efron, percentile bootstrap of the mean of the logarithms.
    """
    logarithms = [math.log(mine / other) for mine, other in zip(ours, theirs, strict=True)]
    random = Random(seed)  # noqa: S311  (no secret)
    means = sorted(fmean(random.choices(logarithms, k=len(logarithms))) for _ in range(RESAMPLES))
    low, high = means[RESAMPLES // 40], means[-RESAMPLES // 40 - 1]
    return Interval(math.exp(fmean(logarithms)), math.exp(low), math.exp(high))


def interleaved(
    timer: Timer, ours: Path, theirs: Path, rounds: int
) -> tuple[list[float], list[float]]:
    """Run both trees once to warm up, then ``rounds`` times; who is first alternates."""
    seconds: dict[Path, list[float]] = {ours: [], theirs: []}
    for number in range(rounds + 1):
        order = (ours, theirs) if number % 2 else (theirs, ours)
        for tree in order:
            took_s = timer(tree)
            if number > 0:
                seconds[tree].append(took_s)
    return seconds[ours], seconds[theirs]


def hold(revision: str, scratch: Path, *, rounds: int, say: Callable[[str], None]) -> int:
    """Compare this tree with ``revision`` and print a table; 1 where a contest is worse.

    Raises:
        BenchError: No such revision, or a command ended in no verdict.
    """
    rows: dict[str, Interval] = {}
    with other_tree(revision, scratch) as theirs:
        for name, timer in _contests(scratch, theirs).items():
            say(f"bench: {name}, {rounds} rounds against {revision}")
            rows[name] = interval(*interleaved(timer, ROOT, theirs, rounds))
    print(table(rows, revision, rounds))
    record = {
        "against": revision,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": rounds,
        "ratios": {name: [row.mean, row.low, row.high] for name, row in rows.items()},
    }
    out = scratch.parent / f"against-{revision}.json"
    out.write_text(json.dumps(record, indent=2) + "\n")
    return 1 if any(row.is_worse for row in rows.values()) else 0


def table(rows: Mapping[str, Interval], revision: str, rounds: int) -> str:
    """Return the ratios as lines: this tree's processor time divided by the other's."""
    lines = [f"processor time, this tree / {revision}, {rounds} interleaved rounds"]
    for name, row in rows.items():
        verdict = "WORSE" if row.is_worse else "ok"
        lines.append(
            f"  {name:<14} {row.mean:.3f}  95 % {row.low:.3f} to {row.high:.3f}  {verdict}"
        )
    return "\n".join(lines)


@contextmanager
def other_tree(revision: str, scratch: Path) -> Iterator[Path]:
    """Yield a worktree of ``revision`` with the environment that its own lock describes."""
    tree = scratch / "other"
    _run(["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], ROOT)
    try:
        _run(
            [
                *(str(UV), "sync", "--quiet", "--frozen", "--compile-bytecode"),
                *("--python", sys.executable),
            ],
            tree,
        )
        yield tree
    finally:
        _run(["git", "worktree", "remove", "--force", str(tree)], ROOT)


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")


def _contests(scratch: Path, theirs: Path) -> dict[str, Timer]:
    """Each contest, ready to be run: both trees get the same files, each has a home of its own."""
    corpus.write(scratch / "metrics", FILES, datetime.now(UTC).replace(microsecond=0))
    files = str(scratch / "metrics")
    file = str(sorted((scratch / "metrics").iterdir())[0])
    homes = {ROOT: scratch / "ours", theirs: scratch / "theirs"}
    kept = scratch / "kept"
    for home in (*homes.values(), kept):
        home.mkdir()
    for tree, home in ((theirs, kept), *homes.items()):
        _engine(tree, home, "init", "--yes", codes=(0,))
    _engine(theirs, kept, "decide", files, "--format", "jsonl")

    def batch(tree: Path) -> float:
        home = homes[tree]
        shutil.rmtree(home / ".engine")
        shutil.rmtree(home / ".local", ignore_errors=True)  # signed heads, else it went backwards
        _engine(tree, home, "init", "--force", "--yes", codes=(0,))
        return _engine(tree, home, "decide", files, "--format", "jsonl")

    def cold(tree: Path) -> float:
        return sum(_engine(tree, homes[tree], "decide", file) for _ in range(COLD_STARTS))

    def verify(tree: Path) -> float:
        # Older trees verify signatures only when asked: the same work, or as near as it can be.
        return _engine(tree, kept, "ledger", "verify", "--signatures", codes=(0,))

    return {"batch": batch, "cold start": cold, "ledger verify": verify}


def _engine(tree: Path, home: Path, *argv: str, codes: Sequence[int] = DECIDED) -> float:
    """Run a verb of the engine of ``tree`` in the folder ``home``; return its processor time."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
    command = [str(tree / ".venv" / "bin" / "engine"), *argv]
    return measure(command, cwd=home, environ=environ, scratch=home.parent, codes=codes).cpu_s
