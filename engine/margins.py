"""How far a check is from its limit, and what would make it pass. Pure, exact decimal text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from engine.model import Json, Status


def written(value: Json) -> str:
    """Return ``value`` as JSON writes it, without quotes around text; ``missing`` for null."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return (
            f"[{', '.join(map(written, value[-6:]))}]"
            if len(value) <= 6
            else (f"[… {', '.join(map(written, value[-5:]))}]")
        )
    if isinstance(value, int | float):
        return _plain(Decimal(repr(value)))
    return str(value)


def margin(check: Json) -> str | None:
    """Return how much room is left before the limit, in the metric's unit.

    Negative past the limit; None where there is no distance (text, booleans, no value).
    """
    observed, limit = check["observed"], check["limit"]
    if not (_is_number(observed) and _is_number(limit)):
        return None
    return _distance(check["operator"], observed, limit)


def margin_number(check: Json) -> int | float | None:
    """Return :func:`margin` as a number: the double nearest to the exact distance."""
    observed, limit = check["observed"], check["limit"]
    side = _SIDES.get(check["operator"])
    if side is None:
        return None
    if type(observed) is int and type(limit) is int:
        return int(side(limit - observed))
    if not (_is_number(observed) and _is_number(limit)):
        return None
    room = side(Decimal(repr(limit)) - Decimal(repr(observed)))
    number = float(room)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


_SIDES: Mapping[str, Callable[[Any], Any]] = {
    "<=": lambda room: room,
    "<": lambda room: room,
    ">=": lambda room: -room,
    ">": lambda room: -room,
    "==": lambda room: -abs(room),
}
"""Which way from the limit there is room, by operator."""


@lru_cache(maxsize=4096)
def _distance(operator: str, observed: float, limit: float) -> str | None:
    side = _SIDES.get(operator)
    return None if side is None else _plain(side(Decimal(repr(limit)) - Decimal(repr(observed))))


def counterfactual(check: Json) -> str | None:
    """Return what would make ``check`` pass, as one clause; None when nothing needs to.

    Args:
        check: A check of a decision's statement; or of a report that was read back, which has
            the clause already.
    """
    if "passes_when" in check:
        said: str | None = check["passes_when"]
        return said
    metric = check["metric"]
    match check["status"]:
        case Status.PASS | Status.EXEMPT | Status.OFF:
            return None
        case Status.UNKNOWN:
            return _when_unknown(check, metric)
        case Status.STALE:
            return (
                f"passes when {metric} is measured again: it is {check['age_s']} s old, "
                f"at most {check['max_age_s']} s is accepted"
            )
        case Status.INSUFFICIENT:
            return _when_insufficient(check, metric)
    return f"passes when {_wanted(check)}; now {written(check['observed'])}"


def _wanted(check: Json) -> str:
    metric, limit = check["metric"], written(check["limit"])
    if check["operator"] == "quiet":
        return f"two consecutive windows of {metric} are below {limit}"
    return f"{metric} {check['operator']} {limit}"


def _when_unknown(check: Json, metric: str) -> str:
    if check["limit"] is None and check.get("kind") != "baseline":
        return f"passes when the profile gives {check['id']} a limit"
    if check.get("kind") == "baseline" and check["observed"] is not None:
        return f"passes when {metric} is given a baseline and is not below it"
    if check["observed"] is None:
        return f"passes when {metric} is measured, and {_wanted(check)}"
    if (age := check.get("age_s")) is not None and age < 0:
        return f"passes when {metric} was not observed {-age} s in the future; compare the clocks"
    return f"passes when {metric} is given with status ok, and {_wanted(check)}"


def _when_insufficient(check: Json, metric: str) -> str:
    needed, got = check.get("min_n"), check.get("n")
    if needed is not None and (got is None or got < needed):
        return f"passes when {metric} rests on n >= {needed}; now n {written(got)}"
    if check.get("compare") == "ci" and check.get("kind") == "limit":
        interval = written(check.get("ci"))
        return f"passes when the whole interval of {metric} is within the limit; now {interval}"
    return f"passes when {_wanted(check)}; now {written(check['observed'])}"


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(number: Decimal) -> str:
    number = number.normalize()
    text = format(number, "f") if abs(number.adjusted()) < 21 else str(number)
    return "0" if text in ("-0", "0") else text
