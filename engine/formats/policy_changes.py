"""The rows that policies change, and who approved that, as a record says them, in words."""

from __future__ import annotations

from collections.abc import Sequence

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


def policy_approvals_line(approvals: Sequence[Json]) -> str:
    """Return which keys approved the policies, when, and until when.

    Args:
        approvals: ``policy_approvals`` of a record.
    """
    words = (
        f"key {row['key_id'][:16]}… at {row['approved_at']}"
        + (f" until {row['expires_at']}" if "expires_at" in row else "")
        for row in approvals
    )
    return ", ".join(words)
