"""Which values a metric can have: the catalogue's range, and what no measurement gives. Pure.

A document is refused where its form is wrong: syntax, keys, ids, types, units. A value of the right
type that the metric cannot have makes that metric ``invalid_input``, and no check passes on it.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import suggest
from engine.evidence.intervals import reconcile
from engine.model import Json, is_interval, is_number


def impossible(metric: Mapping[str, Json], row: Mapping[str, Json]) -> tuple[str, str] | None:
    """Return why nothing can have measured ``metric``, and what to write; None where it can be.

    Args:
        metric: ``value``, and ``n``, ``ci`` and ``baseline`` where it has them.
        row: The catalogue's: range, values, unit.
    """
    value, bounds, values = metric["value"], row.get("range"), row.get("values")
    if isinstance(value, str) and values and value not in values:
        return f"{value!r} is not one of {', '.join(map(repr, values))}", suggest(value, values)
    if bounds:
        if outside := _outside(value, bounds):
            return outside, _percentage(value, row)
        if "baseline" in metric and (outside := _outside(metric["baseline"], bounds)):
            return f"baseline {outside}", _percentage(metric["baseline"], row)
    if "n" in metric and isinstance(n := metric["n"], int) and n < 0:
        return f"n {n} is below 0, the least that can be counted", ""
    if "ci" in metric and is_interval(ci := metric["ci"]) and ci[0] > ci[1]:
        return f"ci {ci} has its lower bound above its upper one", "write [lower, upper]"
    return None


def note_on(flaw: tuple[str, str]) -> str:
    """Return what :func:`impossible` found as one clause."""
    reason, hint = flaw
    return f"{reason}: no check passes on it" + (f"; {hint}" if hint else "")


def invalid_because(metric: Mapping[str, Json], row: Mapping[str, Json]) -> str:
    """Return why ``metric`` is ``invalid_input``, as one clause.

    Args:
        metric: As for :func:`impossible`; of a record, too.
        row: The catalogue's, by which it was recorded.
    """
    if flaw := impossible(metric, row):
        return "; ".join(filter(None, flaw))
    if is_interval(metric.get("ci")):
        changes, note = reconcile({**metric, "status": "ok"}, row.get("direction", "none"))
        if "status" in changes:
            return note
    return "its source says so"


def _outside(value: Json, bounds: Json) -> str:
    low, high = bounds
    for number in value if type(value) is list else (value,):
        if not is_number(number):
            continue
        if low is not None and number < low:
            return f"{number} is below {low}, the least this metric can be"
        if high is not None and number > high:
            return f"{number} is above {high}, the most this metric can be"
    return ""


def _percentage(value: Json, row: Mapping[str, Json]) -> str:
    """The share that ``value`` per cent is; empty where it can be no percentage."""
    if row.get("unit") != "ratio" or not is_number(value) or not 1 < value <= 100:
        return ""
    from decimal import Decimal

    share = (Decimal(repr(value)) / 100).normalize()
    return f"a ratio is from 0 to 1: if {value} is a percentage, write {share:f}"
