"""Which groups are large enough to be compared, and what is reported about the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.metrics.counts import Counts, Outcomes
from engine.metrics.intervals import CONFIDENCE

LARGE_ENOUGH = 30
"""Rows from which on a group is compared, or nothing is."""


@dataclass(frozen=True)
class Eligible:
    """Groups with enough rows.

    Attributes:
        groups: What became of each, by name.
        all: The same of every group.
        min_n: How many rows are enough.
        excluded: Rows that were left out before, by reason.
    """

    groups: Mapping[str, Outcomes]
    all: Mapping[str, Outcomes]
    min_n: int
    excluded: Mapping[str, int]

    @property
    def n(self) -> int:
        """Rows of the groups that are compared."""
        return sum(group.n for group in self.groups.values())

    @property
    def lacking(self) -> str:
        """Why nothing can be compared; empty where it can.

        A group that is large enough for an interval is left out by no setting: evidence does not
        get better by losing rows.
        """
        for name, group in self.all.items():
            if name not in self.groups and group.n >= LARGE_ENOUGH:
                rows = f"group {name!r} has {group.n:,} rows, enough for an interval"
                return f"{rows}, and groups.min_n is {self.min_n:,}: it cannot be left out"
        if len(self.groups) >= 2:
            return ""
        found = f"{len(self.groups)} of {len(self.all)} groups"
        return f"{found} have at least {self.min_n} rows; 2 are needed"

    def about(self, interval: str) -> dict[str, Any]:
        """Return the members that every outcome has about its groups."""
        small = sum(group.n for group in self.all.values()) - self.n
        return {
            "n": self.n,
            "parameters": {
                "groups_min_n": self.min_n,
                "confidence": CONFIDENCE,
                "interval": interval,
            },
            "groups": {name: group.n for name, group in self.all.items()},
            "excluded": {**self.excluded, **({"group_too_small": small} if small else {})},
        }


def eligible(counts: Counts, min_n: int) -> Eligible:
    """Return the groups of ``counts`` that have at least ``min_n`` rows, and at least one."""
    groups = counts.groups()
    able = {name: group for name, group in groups.items() if group.n >= max(min_n, 1)}
    return Eligible(able, groups, min_n, counts.excluded)
