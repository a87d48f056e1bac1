"""What is not decided, and how much is looked at before that is said."""

from __future__ import annotations

MOST_WORK = 150_000
"""Small steps that a comparison of one pair of documents may take in one direction.

Each takes a few microseconds, so that a pair is decided or not well within two seconds.
"""
PROOF_WORK = 40_000
"""Further ones for holding what was found against both sides."""


class Doubt(Exception):  # noqa: N818  (an outcome: it cannot be decided, and why)
    """Something whose meaning is not known here.

    Args:
        pointer: Where.
        reason: What, in one clause.
    """

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer
        self.reason = reason


class Work:
    """Counts small steps, so that no schema, pattern or instance keeps a comparison for ever.

    Args:
        most: How many steps there are.
    """

    def __init__(self, most: int = MOST_WORK) -> None:
        self._most = most
        self._left = most

    @property
    def taken(self) -> int:
        """How many steps were taken."""
        return self._most - self._left

    def spend(self, steps: int = 1) -> None:
        """Take so many steps.

        Raises:
            Doubt: There are none left; so it is from then on.
        """
        self._left -= steps
        if self._left < 0:
            raise Doubt("", f"takes more than {self._most:,} steps of work")

    def restart(self, most: int = MOST_WORK) -> None:
        """Begin to count anew."""
        self._most = self._left = most
