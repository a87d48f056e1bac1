"""From paired runs to one ratio: what a noisy machine lets one say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Ratio:
    """How long one program takes, in units of another.

    Attributes:
        of_medians: Median of ours divided by median of theirs: what bars are about.
        least: Smallest ratio of two runs of one round.
        most: Largest ratio of two runs of one round.
    """

    of_medians: float
    least: float
    most: float


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Compare two programs that ran side by side.

    Args:
        ours: One figure per round, in order.
        theirs: The same of the other program.
    """
    pairs = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Ratio(median(ours) / median(theirs), min(pairs), max(pairs))
