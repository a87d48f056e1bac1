"""This tree against another: how runs are paired, and what is called worse."""

from __future__ import annotations

from pathlib import Path
from random import Random

from bench.against import BAR, Interval, interleaved, interval, table

OURS, THEIRS = Path("ours"), Path("theirs")


def test_runs_are_interleaved_and_who_is_first_alternates() -> None:
    order: list[str] = []

    def timer(tree: Path) -> float:
        order.append(tree.name)
        return float(len(order))

    ours, theirs = interleaved(timer, OURS, THEIRS, 3)
    assert order == ["theirs", "ours", "ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert (ours, theirs) == ([3.0, 6.0, 7.0], [4.0, 5.0, 8.0])  # the first pair warms up


def test_a_steady_ratio_has_a_narrow_interval_around_it() -> None:
    theirs = [1.0 + number / 10 for number in range(15)]
    found = interval([1.2 * one for one in theirs], theirs)
    assert [round(end, 6) for end in (found.mean, found.low, found.high)] == [1.2, 1.2, 1.2]
    assert found.is_worse


def test_noise_around_one_is_not_called_worse() -> None:
    random = Random(7)  # noqa: S311  (no secret)
    theirs = [random.uniform(0.9, 1.1) for _ in range(15)]
    ours = [random.uniform(0.9, 1.1) for _ in range(15)]
    found = interval(ours, theirs)
    assert found.low < 1 < found.high
    assert not found.is_worse
    assert interval(ours, theirs) == found  # the same figures, the same interval


def test_an_interval_that_only_reaches_above_the_bar_is_not_worse() -> None:
    assert not Interval(BAR + 0.01, BAR - 0.01, BAR + 0.03).is_worse
    rows = {"batch": Interval(1.2, 1.1, 1.3), "cold start": Interval(1.0, 0.9, 1.1)}
    assert [line.rsplit(maxsplit=1)[-1] for line in table(rows, "abc", 15).splitlines()[1:]] == [
        "WORSE",
        "ok",
    ]
