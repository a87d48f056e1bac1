"""How far a check is from its limit, and what would make it pass. Pure, exact decimal text."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

from engine.model import INVALID_INPUT, Json, is_interval, is_number
from engine.proof.verdict_rules import PRODUCER, demands_signers, is_signed, speakers

STRADDLING = "interval_straddles_limit"
"""Member of a check of a report that says what :func:`is_straddling` does."""


UNSIGNED = "unsigned"
"""Member of a check of a report that says what :func:`is_unsigned` does."""


def is_unsigned(check: Json) -> bool:
    """Whether a check lacks nothing but the signers that its profile asks for, as far as it says.

    Of a report that was read back, the report's own word.
    """
    if UNSIGNED in check:
        return bool(check[UNSIGNED])
    if check["status"] != "unknown" or check["observed"] is None or not demands_signers(check):
        return False
    return not is_signed(check, check.get("signers"))


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
        return _number(value)
    return str(value)


@lru_cache(maxsize=4096, typed=True)
def _number(value: float) -> str:
    return _plain(Decimal(repr(value)))


def margin(check: Json) -> str | None:
    """Return how much room is left before the limit, in the metric's unit.

    Negative past the limit; None where there is no distance (text, booleans, no value).
    """
    observed, limit = check["observed"], check["limit"]
    if not (is_number(observed) and is_number(limit)) or has_invalid_metric(check):
        return None
    return _distance(check["operator"], observed, limit)


def margin_number(check: Json) -> int | float | None:
    """Return :func:`margin` as a number: the double nearest to the exact distance."""
    observed, limit, side = check["observed"], check["limit"], _SIDES.get(check["operator"])
    if side is None or type(observed) not in _NUMBERS or type(limit) not in _NUMBERS:
        return None
    if check["status"] not in _COMPARED and has_invalid_metric(check):
        return None
    if type(observed) is type(limit) is int:
        whole: int = limit - observed
        return whole * side if side else -abs(whole)
    if (quick := _in_billionths(observed, limit)) is not None:
        room = quick / 1e9
    else:
        room = float(Decimal(repr(limit)) - Decimal(repr(observed)))
    room = room * side if side else -abs(room)
    return int(room) if room.is_integer() and abs(room) < 2**53 else room


def has_invalid_metric(check: Json) -> bool:
    """Whether what was observed is no value that the metric can have: it has no distance."""
    return bool(check.get("metric_status") == INVALID_INPUT)


_NUMBERS = frozenset((int, float))
_COMPARED = ("pass", "fail")
_SIDES = {"<=": 1, "<": 1, ">=": -1, ">": -1, "==": 0}
"""Which way from the limit there is room, by operator; 0 is neither."""


def _in_billionths(observed: float, limit: float) -> int | None:
    """The exact distance in units of 1e-9, where both are whole numbers of them and small.

    A decimal of at most fifteen digits is what the nearest double of it writes; so a number that
    comes back from its billionths has no more than those.
    """
    if not (-1e5 < observed < 1e5 and -1e5 < limit < 1e5):
        return None
    near, far = round(observed * 1e9), round(limit * 1e9)
    return far - near if near / 1e9 == observed and far / 1e9 == limit else None


@lru_cache(maxsize=4096)
def _distance(operator: str, observed: float, limit: float) -> str | None:
    side = _SIDES.get(operator)
    if side is None:
        return None
    room = Decimal(repr(limit)) - Decimal(repr(observed))
    return _plain(room * side if side else -abs(room))


def counterfactual(check: Json) -> str | None:
    """Return what would make ``check`` pass, as one clause; None when nothing needs to.

    Args:
        check: A check of a decision's statement, of invalid input with ``invalid_because`` where
            that is known; or of a report that was read back, which has the clause already.
    """
    if "passes_when" in check:
        clause: str | None = check["passes_when"]
        return clause
    metric = check["metric"]
    match check["status"]:
        case "pass" | "exempt" | "off":
            return None
        case "unknown":
            return (
                _when_unsigned(check, metric)
                or _when_invalid(check, metric)
                or _when_unknown(check, metric)
            )
        case "stale":
            return (
                f"passes when {metric} is measured again: it is {check['age_s']} s old, "
                f"at most {check['max_age_s']} s is accepted"
            )
        case "insufficient":
            return _when_insufficient(check, metric)
    return f"passes when {_needed(check)}; now {written(check['observed'])}"


def _needed(check: Json) -> str:
    metric, limit = check["metric"], written(check["limit"])
    if check["operator"] == "quiet":
        return f"two consecutive windows of {metric} are below {limit}"
    return f"{metric} {check['operator']} {limit}"


def _when_unsigned(check: Json, metric: str) -> str:
    if not is_unsigned(check):
        return ""
    needed, role = check.get("producers", 1), check.get("signed_by", PRODUCER)
    signers, known = check.get("signers", ()), len(speakers(check, check.get("signers")))
    keys = "a key" if needed == 1 else f"{needed} keys"
    if not signers:
        now = "nobody signed it"
    elif known:
        now = f"{known} such signed it"
    else:
        names = ", ".join(f"{signer['key_id'][:16]}…" for signer in signers)
        now = f"key {names} signed it, and may not by trust/data.yaml"
    return f"passes when {keys} of role {role!r} signed {metric}; now {now}"


def _when_invalid(check: Json, metric: str) -> str:
    if not has_invalid_metric(check) or check["observed"] is None:
        return ""
    because = check.get("invalid_because", "its source says so")
    return f"passes when {metric} is valid, and {_needed(check)}; it is not: {because}"


def _when_unknown(check: Json, metric: str) -> str:
    if check.get("kind") == "attestation" and check["limit"] is True:
        gate = metric.partition(".")[0]
        return (
            f"passes when an attestor attests that the {gate} gate lets this very artifact through"
        )
    if check["limit"] is None and check.get("kind") != "baseline":
        return f"passes when the profile gives {check['id']} a limit"
    if check.get("kind") == "baseline" and check["observed"] is not None:
        return f"passes when {metric} is given a baseline and is not below it"
    if check["observed"] is None:
        return f"passes when {metric} is measured, and {_needed(check)}"
    if (age := check.get("age_s")) is not None and age < 0:
        return f"passes when {metric} was not observed {-age} s in the future; compare the clocks"
    return f"passes when {metric} is given with status ok, and {_needed(check)}"


def _when_insufficient(check: Json, metric: str) -> str:
    needed, got = check.get("min_n"), check.get("n")
    if not _has_samples(check):
        rows = deciding_n(check) or 0
        also = f", and {written(check['limit'])} lies in its interval: about {rows:,} would decide"
        return (
            f"passes when {metric} rests on n >= {written(needed)}; now n {written(got)}"
            f"{also if rows > needed else ''}"
        )
    if check.get("compare") == "ci" and check.get("kind") == "limit":
        return _when_straddling(check, metric)
    return f"passes when {_needed(check)}; now {written(check['observed'])}"


def _when_straddling(check: Json, metric: str) -> str:
    interval, limit = written(check.get("ci")), written(check["limit"])
    if not is_straddling(check):
        return (
            f"passes when {metric} has an interval, [low, high], within the limit; now {interval}"
        )
    clause = (
        f"passes when the whole interval of {metric} is within the limit; "
        f"now {limit} lies in {interval}"
    )
    if (rows := deciding_n(check)) is None:
        return clause
    way = "pass" if _holds(check) else "fail"
    return f"{clause}; about {rows:,} rows would decide, and it would {way} if the value stays"


def is_straddling(check: Json) -> bool:
    """Whether samples are enough, and only an interval across the limit keeps ``check`` undecided.

    Args:
        check: As for :func:`counterfactual`; a report that was read back has the fact as a member.
    """
    if STRADDLING in check:
        return bool(check[STRADDLING])
    return check.get("kind") == "limit" and _has_samples(check) and _holds_limit(check)


def _has_samples(check: Json) -> bool:
    needed, got = check.get("min_n"), check.get("n")
    return not is_number(needed) or (is_number(got) and bool(got >= needed))


def _holds_limit(check: Json) -> bool:
    """Whether the limit lies within the interval that is compared with it."""
    ci, limit = check.get("ci"), check["limit"]
    return (
        check["status"] == "insufficient"
        and check.get("compare") == "ci"
        and is_interval(ci)
        and is_number(limit)
        and bool(ci[0] <= limit <= ci[1])
    )


def deciding_n(check: Json) -> int | None:
    """Return how many rows would put the limit outside of the interval, if the value stays.

    An interval's half width falls with the square root of the rows: an estimate, to two digits,
    rounded up. None where it cannot be known: no n, or a value at the limit or outside of its
    interval.
    """
    observed, n = check["observed"], check.get("n")
    if not _holds_limit(check) or not is_number(observed) or type(n) is not int or n < 1:
        return None
    low, high = check["ci"]
    limit = check["limit"]
    room, reach = abs(limit - observed), (high - observed if limit > observed else observed - low)
    if room == 0 or reach < room or not low <= observed <= high:
        return None
    rows = Decimal(n) * (Decimal(repr(reach)) / Decimal(repr(room))) ** 2
    step = max(Decimal(10) ** (rows.adjusted() - 1), Decimal(1))
    return max(int((rows / step).to_integral_value(ROUND_CEILING) * step), n + 1)


def _holds(check: Json) -> bool:
    side = _SIDES.get(check["operator"], 0)
    return bool((check["limit"] - check["observed"]) * side > 0)


def _plain(number: Decimal) -> str:
    number = number.normalize()
    text = format(number, "f") if abs(number.adjusted()) < 21 else str(number)
    return "0" if text in ("-0", "0") else text
