"""A metric's value against its own confidence interval. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.model import INVALID_INPUT, Json, is_number

_WORSE_BELOW, _WORSE_ABOVE = "higher", "lower"
"""The catalogue's direction of a metric that is worse below its interval, and above it."""


def reconcile(metric: Mapping[str, Any], direction: str) -> tuple[dict[str, Json], str]:
    """Return what to change in ``metric`` so that no check passes on its better half.

    A value that is better than all of its interval contradicts it: the metric becomes
    ``invalid_input``. A value that is worse than all of it, as a debiased calibration error's may
    be, widens the interval, so that the worse of value and bound is what is compared. Where the
    catalogue names no better direction, a value outside of its interval is ``invalid_input``.

    Args:
        metric: In long form, with a ``ci`` that is in order.
        direction: The catalogue's: ``lower``, ``higher`` or ``none``.

    Returns:
        Members to replace, and one clause that says so; both empty where the interval holds the
        value or there is none.
    """
    value, (low, high) = metric["value"], metric["ci"]
    if metric["status"] != "ok" or not is_number(value) or low <= value <= high:
        return {}, ""
    outside = f"value {value} is outside of its interval [{low}, {high}]"
    if direction == (_WORSE_BELOW if value < low else _WORSE_ABOVE):
        low, high = min(low, value), max(high, value)
        return {"ci": [low, high]}, f"{outside} and worse: compared as [{low}, {high}]"
    return {"status": INVALID_INPUT}, f"{outside}: no check passes on it"
