"""Which values a metric can have: the catalogue's range, its own interval, and counting. Pure.

The gate makes a metric that cannot be so ``invalid_input``; a verifier derives the same again, and
takes no record whose check compared one as if it were ``ok``.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import suggest
from engine.formats.signed_json import refuse
from engine.model import Json, is_interval, is_number


def impossible(
    value: Json, metric: Mapping[str, Json], row: Mapping[str, Json]
) -> tuple[str, str] | None:
    """Return why nothing can have measured ``metric``, and what to write; None where it can be.

    Args:
        value: Its value.
        metric: It, or a check that repeats it: ``n``, ``ci`` and ``baseline`` are read.
        row: The catalogue's: range, values, unit; empty where no policy says it.

    Source: spec/predicate-v1.md section 8.
    """
    if isinstance(value, str):
        values = row.get("values")
        if isinstance(values, list) and values and value not in values:
            return f"{value!r} is not one of {', '.join(map(repr, values))}", suggest(value, values)
    bounds = row.get("range")
    if isinstance(bounds, list) and len(bounds) == 2:
        if outside := _outside(value, bounds):
            return outside, _percentage(value, row)
        if "baseline" in metric and (outside := _outside(metric["baseline"], bounds)):
            return f"baseline {outside}", _percentage(metric["baseline"], row)
    if "n" in metric and is_number(n := metric["n"]) and n < 0:
        return f"n {n} is below 0, the least that can be counted", ""
    if "ci" in metric and is_interval(ci := metric["ci"]) and ci[0] > ci[1]:
        return f"ci {ci} has its lower bound above its upper one", "write [lower, upper]"
    return None


def _outside(value: Json, bounds: Json) -> str:
    low, high = bounds
    if type(value) is list:
        return next(filter(None, (_past(number, low, high) for number in value)), "")
    return _past(value, low, high)


def _past(number: Json, low: Json, high: Json) -> str:
    if not is_number(number):
        return ""
    if low is not None and is_number(low) and number < low:
        return f"{number} is below {low}, the least this metric can be"
    if high is not None and is_number(high) and number > high:
        return f"{number} is above {high}, the most this metric can be"
    return ""


def _percentage(value: Json, row: Mapping[str, Json]) -> str:
    """The share that ``value`` per cent is; empty where it can be no percentage."""
    if row.get("unit") != "ratio" or not is_number(value) or not 1 < value <= 100:
        return ""
    from decimal import Decimal

    share = (Decimal(repr(value)) / 100).normalize()
    return f"a ratio is from 0 to 1: if {value} is a percentage, write {share:f}"


def require_possible(check: Mapping[str, Json], row: Mapping[str, Json]) -> None:
    """Verify that what ``check`` compared as ``ok`` can have been measured.

    Args:
        check: Of a record, its shape read.
        row: The catalogue's, of the check's metric; empty where no policy says it.

    Raises:
        VerificationError: It cannot.

    Source: spec/predicate-v1.md section 8.2.
    """
    if check.get("metric_status") != "ok" or check["kind"] == "attestation":
        return
    value, ci = check["observed"], check.get("ci")
    flaw = impossible(value, check, row)
    if flaw is None and is_interval(ci) and is_number(value) and not ci[0] <= value <= ci[1]:
        flaw = f"value {value} is outside of its interval {ci}", ""
    if flaw is not None:
        refuse(f"check {check['id']!r} counts evidence that is none: {flaw[0]}")
