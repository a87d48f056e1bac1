"""What a range of numbers is called: open ends in words. Pure."""

from __future__ import annotations


def range_in_words(low: str | None, high: str | None) -> str:
    """Return what lies between two bounds, as one clause.

    Args:
        low: The lowest, as it is written; None where there is no bound.
        high: The highest, likewise.
    """
    if low is None:
        return "any number" if high is None else f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"
