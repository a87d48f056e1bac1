"""Counts from arrays of rows, by numpy: what the SQL of the readers is held against."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.metrics.counts import MILLION, Cell, Counts, Tally

Array = NDArray[Any]


def millionths(score: Array) -> NDArray[np.int64]:
    return np.floor(score * MILLION + 0.5).astype(np.int64)


def equal_width(score: Array, bins: int = 15) -> NDArray[np.int64]:
    """Left-closed bins, the last closed at 1.0, exact where a score is a decimal edge."""
    return np.minimum((np.round(score * 1e12) * bins / 1e12).astype(np.int64), bins - 1)


def equal_mass(score: Array, bins: int = 15) -> NDArray[np.int64]:
    """Rows with a smaller score, as a share of all, in ``bins`` parts: ties stay together."""
    counted = millionths(score)
    ordered = np.sort(counted)
    below = np.searchsorted(ordered, counted, side="left")
    return below * bins // len(score)


def counts(
    score: Array | None = None,
    label: Array | None = None,
    prediction: Array | None = None,
    group: Array | None = None,
    bins: int = 15,
) -> Counts:
    """The table of these rows, in equal-width bins."""
    given = [column for column in (score, label, prediction, group) if column is not None]
    nothing = [None] * len(given[0])
    binned = nothing if score is None else equal_width(score, bins).tolist()
    scores = [0] * len(given[0]) if score is None else millionths(score).tolist()
    labels = nothing if label is None else label.tolist()
    predictions = nothing if prediction is None else prediction.tolist()
    groups = nothing if group is None else group.tolist()
    n: Counter[Cell] = Counter()
    sums: Counter[Cell] = Counter()
    for g, b, y, p, s in zip(groups, binned, labels, predictions, scores, strict=True):
        cell = Cell(g, b, y, y, p)
        n[cell] += 1
        sums[cell] += s
    return Counts({cell: Tally(n[cell], sums[cell]) for cell in n}, {})


def treated(**groups: tuple[int, int]) -> Counts:
    """Groups of (selected, rows)."""
    cells: dict[Cell, Tally] = {}
    for name, (selected, n) in groups.items():
        cells[Cell(name, prediction=1)] = Tally(selected)
        cells[Cell(name, prediction=0)] = Tally(n - selected)
    return Counts(cells, {})


def served(**groups: tuple[int, int, int, int]) -> Counts:
    """Groups of (true positives, positives, false positives, negatives)."""
    cells: dict[Cell, Tally] = {}
    for name, (hits, positives, alarms, negatives) in groups.items():
        cells[Cell(name, label=1, prediction=1)] = Tally(hits)
        cells[Cell(name, label=1, prediction=0)] = Tally(positives - hits)
        cells[Cell(name, label=0, prediction=1)] = Tally(alarms)
        cells[Cell(name, label=0, prediction=0)] = Tally(negatives - alarms)
    return Counts(cells, {})
