"""What is said of a metric whose value it cannot have, see :mod:`engine.proof.possible`. Pure.

A document is refused where its form is wrong: syntax, keys, ids, types, units. A value of the right
type that the metric cannot have makes that metric ``invalid_input``, and no check passes on it.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.evidence.intervals import reconcile
from engine.model import Json, is_interval
from engine.proof.possible import impossible


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
    if flaw := impossible(metric["value"], metric, row):
        return "; ".join(filter(None, flaw))
    if is_interval(metric.get("ci")):
        changes, note = reconcile({**metric, "status": "ok"}, row.get("direction", "none"))
        if "status" in changes:
            return note
    return "its source says so"
