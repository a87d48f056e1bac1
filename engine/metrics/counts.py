"""The one table that calibration, bias and fairness are computed from: whole numbers that add up.

Scores are counted in millionths, so that sums are whole numbers too: sums of floats differ with
the order they are added in, these do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

MILLION = 1_000_000


class Cell(NamedTuple):
    """What the rows counted together have in common; None where nothing of the kind is known.

    Attributes:
        group: Name of the group.
        bin: Index of the bin that the score lies in.
        hit: Whether what the score is the probability of came true: for a binary model the
            label, for a multiclass one whether the predicted class is the true one; 0 or 1.
        label: The true class is the positive one, 0 or 1.
        prediction: The predicted class is the positive one, 0 or 1.
    """

    group: str | None = None
    bin: int | None = None
    hit: int | None = None
    label: int | None = None
    prediction: int | None = None


class Tally(NamedTuple):
    """How many rows a cell has, and the sum of their scores in millionths."""

    n: int
    score_sum: int = 0


class Bin(NamedTuple):
    """One bin: its place, its rows, the sum of their scores in millionths, how many hit."""

    at: int
    n: int
    score_sum: int
    hits: int


class Outcomes(NamedTuple):
    """How a group was treated: rows and selected, and both by the true class."""

    n: int = 0
    selected: int = 0
    positives: int = 0
    true_positives: int = 0
    negatives: int = 0
    false_positives: int = 0


@dataclass(frozen=True)
class Counts:
    """The table.

    Attributes:
        cells: Tally by cell.
        excluded: How many rows were left out, by reason.
    """

    cells: Mapping[Cell, Tally]
    excluded: Mapping[str, int]

    @property
    def n(self) -> int:
        """Rows that were counted."""
        return sum(tally.n for tally in self.cells.values())

    def bins(self) -> list[Bin]:
        """Return the bins that have rows with a score and an outcome, by index."""
        found: dict[int, Bin] = {}
        for cell, tally in self.cells.items():
            if cell.bin is None or cell.hit is None:
                continue
            _, n, score_sum, hits = found.get(cell.bin, (0, 0, 0, 0))
            found[cell.bin] = Bin(
                cell.bin, n + tally.n, score_sum + tally.score_sum, hits + tally.n * cell.hit
            )
        return [found[at] for at in sorted(found)]

    def groups(self) -> dict[str, Outcomes]:
        """Return what became of each group whose predictions are known, by name."""
        found: dict[str, list[int]] = {}
        for cell, tally in self.cells.items():
            if cell.group is None or cell.prediction is None:
                continue
            sums = found.setdefault(cell.group, [0] * 6)
            for at, counts in enumerate(_memberships(cell)):
                sums[at] += tally.n * counts
        return {name: Outcomes(*found[name]) for name in sorted(found)}


def _memberships(cell: Cell) -> Iterator[bool]:
    """Which members of :class:`Outcomes` a row of ``cell`` counts for."""
    selected = cell.prediction == 1
    yield True
    yield selected
    yield cell.label == 1
    yield cell.label == 1 and selected
    yield cell.label == 0
    yield cell.label == 0 and selected


def merge(tables: Iterable[Counts]) -> Counts:
    """Return the table that ``tables`` make together; their order is of no matter."""
    cells: dict[Cell, Tally] = {}
    excluded: dict[str, int] = {}
    for table in tables:
        for cell, tally in table.cells.items():
            n, score_sum = cells.get(cell, (0, 0))
            cells[cell] = Tally(n + tally.n, score_sum + tally.score_sum)
        for reason, n in table.excluded.items():
            excluded[reason] = excluded.get(reason, 0) + n
    return Counts(cells, excluded)
