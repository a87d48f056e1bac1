"""What a recorded comparison says, and which verdict follows: the policies' rules, again.

The verdict of record is OPA's. These functions read the same rules off the checks of a
statement, so that the engine refuses an answer that does not follow from itself, and a
verifier needs no policy engine. Plain comparisons of JSON values: int and float compare
exactly in Python, and a boolean is never a number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from engine.model import Json, Severity, Stage, Status, Verdict, is_interval, is_number

RELEASE_RULE = "release/v1"
ACCESS_RULE = "access/v1"

INTOLERABLE = "the profile does not tolerate: "
"""How the reason starts where a relaxation decided; its names follow."""

NOTHING_PASSED = "no blocking check passed: nothing was evaluated"
"""The reason where no blocking check stands against the verdict, and none speaks for it."""

PRODUCER = "producer"
"""Role of a key that may speak for metrics, where a check asks for no other."""

OLDEST_FUTURE_S = -300
"""Clocks of two machines may differ by this much before a time is in the future."""

# Names of this module: looking a member up in its class costs more than comparing it.
_PASS = Status.PASS
_FAIL = Status.FAIL
_UNKNOWN = Status.UNKNOWN
_STALE = Status.STALE
_INSUFFICIENT = Status.INSUFFICIENT
_EXEMPT = Status.EXEMPT
_OFF = Status.OFF
_NOT_BLOCKING = (Severity.WARN.value, Severity.OFF.value)

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
_NO_METRICS: Mapping[str, Json] = {}
_RELEASING = (_PASS, _EXEMPT)
_OF_SIGNERS = ("signed_by", "producers")


def severity_of(row: Mapping[str, Json]) -> str:
    """Return the severity that a profile's row gives its check; what is not known blocks.

    Source: spec/predicate-v1.md section 4.
    """
    severity = row.get("severity")
    return severity if severity in _NOT_BLOCKING else "block"


def recompute_status(  # noqa: PLR0911  (of every check of every decision: one flat body)
    check: Mapping[str, Json], metrics: Mapping[str, Json] = _NO_METRICS
) -> Status:
    """Return the status that follows from what ``check`` compared. Total.

    Args:
        check: A check as a statement holds it.
        metrics: The Input's metrics; only a check with ``unless`` looks there, and without
            them it is never exempt.

    Source: spec/predicate-v1.md section 5; spec/predicate-v2.md section 8.
    """
    if "signed_by" in check or "producers" in check:
        return _status_by_signers(check, metrics)
    get = check.get
    if get("severity") == "off":
        return _OFF
    kind = get("kind", "limit")
    if kind == "attestation":
        return _PASS if get("observed") is get("limit") is True else _UNKNOWN
    if "unless" in check and _exempts(check, metrics):
        return _EXEMPT
    if (metric_status := get("metric_status")) != "ok":
        return _INSUFFICIENT if metric_status == "insufficient_data" else _UNKNOWN
    age_s: Json = get("age_s")
    max_age_s: Json = get("max_age_s")
    if not (is_number(age_s) and age_s >= OLDEST_FUTURE_S and is_number(max_age_s)):
        return _UNKNOWN
    outcome = _outcome(kind, check)
    if outcome is not _UNKNOWN:  # and now, whether the evidence behind it is too old or too little
        if age_s > max_age_s:
            outcome = _STALE
        elif not _is_enough(get("n", 0), get("min_n")):
            outcome = _INSUFFICIENT
    return outcome


def _status_by_signers(check: Mapping[str, Json], metrics: Mapping[str, Json]) -> Status:
    """The status of a check that asks who measured: what it compared, if they say it."""
    bare = {name: value for name, value in check.items() if name not in _OF_SIGNERS}
    status = recompute_status(bare, metrics)
    if status is _OFF:
        return status
    signers = check.get("signers")
    if status is _EXEMPT:  # then it rests on the metric that switches it off, and no other
        switch = metrics.get(check["unless"])
        signers = switch.get("signers") if isinstance(switch, dict) else None
    return status if is_signed(check, signers) else _UNKNOWN


def demands_signers(check: Mapping[str, Json]) -> bool:
    """Whether a check, or a profile's row, asks who measured."""
    return "signed_by" in check or "producers" in check


def is_signed(check: Mapping[str, Json], signers: Json) -> bool:
    """Return whether as many keys as a check asks for spoke for a metric, in its role. Total.

    Args:
        check: ``signed_by``, a role, and ``producers``, how many keys, are read.
        signers: Of the metric, ``{"key_id", "roles"}`` each.

    Source: spec/predicate-v2.md section 8.
    """
    needed: Json = check.get("producers", 1)
    if type(needed) is not int or needed < 1:
        return False
    return len(speakers(check, signers)) >= needed


def speakers(check: Mapping[str, Json], signers: Json) -> set[str]:
    """Return the ids of the keys that speak for a metric in the role that a check asks for."""
    role = check.get("signed_by", PRODUCER)
    return {
        signer["key_id"]
        for signer in (signers if isinstance(signers, list) else ())
        if isinstance(signer, dict)
        and isinstance(signer.get("key_id"), str)
        and isinstance(roles := signer.get("roles"), list)
        and role in roles
    }


def _is_current(age_s: Json) -> bool:
    return is_number(age_s) and age_s >= OLDEST_FUTURE_S


def _is_enough(n: Json, min_n: Json) -> bool:
    return is_number(n) and (min_n is None or (is_number(min_n) and bool(n >= min_n)))


def _exempts(check: Mapping[str, Json], metrics: Mapping[str, Json]) -> bool:
    """Whether the metric that switches a check off is true, ok, and fresh enough."""
    name = check["unless"]
    switch = metrics.get(name) if isinstance(name, str) else None
    if not isinstance(switch, dict) or switch.get("value") is not True:
        return False
    if switch.get("status") != "ok" or not _is_current(switch.get("age_s")):
        return False
    max_age_s = check.get("max_age_s")
    return is_number(max_age_s) and bool(switch["age_s"] <= max_age_s)


def _outcome(kind: Json, check: Mapping[str, Json]) -> Status:
    """What the comparison says, age and sample size left aside."""
    sign = check.get("operator")
    if kind == "series":
        return _series(check.get("observed"), check.get("limit"), sign)
    if kind not in ("limit", "evidence", "baseline") or not isinstance(sign, str):
        return _UNKNOWN
    outcome = _equality(check) if sign == "==" else _order(sign, check)
    if kind == "evidence" and outcome is _FAIL:
        return _INSUFFICIENT
    return outcome


def _equality(check: Mapping[str, Json]) -> Status:
    """Numbers, booleans and texts equal their own kind only."""
    observed, limit = check.get("observed"), check.get("limit")
    if is_number(limit):
        comparable = is_number(observed)
    else:
        comparable = type(limit) in (bool, str) and type(observed) is type(limit)
    if not comparable:
        return _UNKNOWN
    return _PASS if observed == limit else _FAIL


def _order(sign: str, check: Mapping[str, Json]) -> Status:
    observed, limit = check.get("observed"), check.get("limit")
    holds = _ORDER.get(sign)
    if holds is None or not is_number(observed) or not is_number(limit):
        return _UNKNOWN
    compare = check.get("compare", "value")
    if compare == "value":
        return _PASS if holds(observed, limit) else _FAIL
    return _interval(sign, check.get("ci"), limit) if compare == "ci" else _UNKNOWN


def _interval(sign: str, ci: Json, limit: Json) -> Status:
    """The whole interval within the limit passes, the whole past it fails."""
    if not is_interval(ci) or ci[0] > ci[1]:
        return _INSUFFICIENT
    holds = _ORDER[sign]
    best, worst = ci if sign in ("<=", "<") else ci[::-1]
    if holds(worst, limit):
        return _PASS
    return _INSUFFICIENT if holds(best, limit) else _FAIL


def _series(values: Json, limit: Json, sign: Json) -> Status:
    """Two values in a row at the limit or past it trip; two in a row below it clear."""
    if sign != "quiet" or not isinstance(values, list) or not is_number(limit):
        return _UNKNOWN
    if not all(map(is_number, values)):
        return _UNKNOWN
    if len(values) < 2:
        return _INSUFFICIENT
    tripped = False
    for before, after in pairwise(values):
        if before >= limit and after >= limit:
            tripped = True
        elif before < limit and after < limit:
            tripped = False
    return _FAIL if tripped else _PASS


def recompute_verdict(
    rule: str,
    checks: Iterable[Mapping[str, Json]],
    stage: str,
    relaxations: Iterable[str],
    tolerated: Collection[str],
) -> Verdict | None:
    """Return the verdict that follows from ``checks``; None when ``rule`` is not known.

    Args:
        rule: ``release/v1`` or ``access/v1``.
        checks: Checks of a statement; ``severity``, ``status``, ``waived_by`` and
            ``in_production`` are read.
        stage: Stage the gate was asked about.
        relaxations: Names of the options that weakened the run.
        tolerated: Names of those that the profile allows.

    Source: spec/predicate-v1.md section 6.
    """
    blocking = blocking_checks(checks)
    intolerable = any(name not in tolerated for name in relaxations)
    if rule == RELEASE_RULE:
        return _release(blocking, stage, intolerable)
    if rule == ACCESS_RULE:
        return _access(blocking, intolerable)
    return None


def _release(blocking: list[Mapping[str, Json]], stage: str, intolerable: bool) -> Verdict:
    passes = lacks = fails = False
    for check in blocking:
        status = check.get("status")
        if status == _PASS:
            passes = True
        if status in _RELEASING or is_waived(check):
            continue
        if status != _FAIL:
            lacks = True
        elif stage == Stage.PRODUCTION and check.get("in_production") == "rollback":
            return Verdict.ROLLBACK
        else:
            fails = True
    if fails:
        return Verdict.BLOCK
    if lacks or intolerable or not passes or stage not in (Stage.CANDIDATE, Stage.PRODUCTION):
        return Verdict.HOLD
    return Verdict.PROMOTE


def _access(blocking: list[Mapping[str, Json]], intolerable: bool) -> Verdict:
    passes = False
    for check in blocking:
        status = check.get("status")
        if status == _PASS:
            passes = True
        elif status != _EXEMPT and not is_waived(check):
            return Verdict.DENY
    return Verdict.ALLOW if passes and not intolerable else Verdict.DENY


def blocking_checks(checks: Iterable[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    """Return those of ``checks`` that a verdict rests on."""
    return [check for check in checks if check.get("severity") not in _NOT_BLOCKING]


def stands_against(check: Mapping[str, Json]) -> bool:
    """Whether a blocking check keeps a gate from letting anything through."""
    return check.get("status") not in _RELEASING and not is_waived(check)


def is_waived(check: Mapping[str, Json]) -> bool:
    """A waiver covers a failure; missing evidence cannot be waived."""
    return check.get("waived_by") is not None and check.get("status") == _FAIL


def recompute_reason(
    verdict: str,
    checks: Iterable[Mapping[str, Json]],
    relaxations: Iterable[str],
    tolerated: Collection[str],
) -> str:
    """Return the one sentence that says what decided.

    Args:
        verdict: That follows from the rest.
        checks: Checks of a statement.
        relaxations: Names of the options that weakened the run.
        tolerated: Names of those that the profile allows.

    Source: spec/predicate-v1.md section 6.1.
    """
    blocking = blocking_checks(checks)
    against = [
        check for check in blocking if check["status"] not in _RELEASING and not is_waived(check)
    ]
    failed = [check["id"] for check in against if check["status"] == _FAIL]
    if failed:
        return f"{len(failed)} of {len(blocking)} blocking checks failed: {_listed(failed)}"
    if against:
        lacking = [f"{check['id']} ({check['status']})" for check in against]
        return (
            f"not enough evidence on {len(lacking)} of {len(blocking)} blocking checks: "
            + _listed(lacking)
        )
    if refused := [name for name in relaxations if name not in tolerated]:
        return INTOLERABLE + _listed(refused)
    if verdict in (Verdict.PROMOTE, Verdict.ALLOW):
        waived = sum(map(is_waived, blocking))
        return f"{len(blocking)} blocking checks passed" + (
            f", {waived} by waiver" if waived else ""
        )
    return NOTHING_PASSED


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
