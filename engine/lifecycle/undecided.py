"""What is due when the gate cannot decide: the policy's rule again, without its measurements.

Nothing was measured then, so nothing recovers, and the clocks go on. A limit that cannot be
read counts as reached: without a decision, waiting is not safe. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.model import Json, Severity

_ASKS = {
    "lifecycle.over_s": ("breach", "page", "degrade"),
    "lifecycle.breached_s": ("rollback",),
    "lifecycle.unattested_s": ("rollback",),
    "lifecycle.lagging_s": ("escalate",),
}


def due(times: Mapping[str, int | bool], rows: Mapping[str, Json]) -> set[tuple[str, str]]:
    """Return the obligations that the clocks alone come to.

    Args:
        times: As :func:`engine.lifecycle.machine.times` gives them.
        rows: The profile's, by check id.
    """
    return {
        (action, check)
        for check, actions in _ASKS.items()
        if times[check] and _is_reached(times[check], rows.get(check))
        for action in actions
    }


def _is_reached(age_s: int | bool, row: Json) -> bool:
    if not isinstance(row, dict):
        return True
    if row.get("severity") == Severity.OFF:
        return False
    limit = row.get("limit")
    return not isinstance(limit, int | float) or age_s >= limit
