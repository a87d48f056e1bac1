"""The rows that policies change, as a record says them, in words."""

from __future__ import annotations

from engine.model import Json

_SHOWN = 8


def policy_changes_line(changes: Json) -> str:
    """Return how many rows of the shipped policies are changed, and the names of the first.

    Args:
        changes: ``policy_changes`` of a record.
    """
    count, rows = changes["count"], changes["rows"]
    more = ["…"] if count > _SHOWN else []
    return f"{count:,} {'row' if count == 1 else 'rows'} of the shipped policies: " + ", ".join(
        [*rows[:_SHOWN], *more]
    )
