"""A gate's answer: its one shape, its one byte string, and that nothing is left out of it."""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import lru_cache
from operator import itemgetter
from typing import TypeGuard

from engine.errors import PolicyError
from engine.formats import canonical
from engine.model import Json, Severity, Status, Verdict
from engine.policy.manifest import OPERATORS, GateInfo

_TOP = {"verdict", "checks", "obligations", "waivers"}
_CHECK = {"id", "status", "severity", "operator", "observed", "limit", "waived_by"}
_OPERATORS = set(OPERATORS)
_WAIVER_STATUSES = {"applied", "unused", "expired", "unscoped", "unwaivable"}
_RELEASE = {Verdict.PROMOTE, Verdict.HOLD, Verdict.BLOCK, Verdict.ROLLBACK}
_VERDICTS = {"release/v1": _RELEASE, "access/v1": {Verdict.ALLOW, Verdict.DENY}}
_STATUSES = set(Status)
_SEVERITIES = set(Severity)
_HINT = "nothing is decided on an answer that is not whole; see `<gate>/decision` in policies/"


def canonical_answer(result: Json, gate: GateInfo) -> bytes:
    """Return :func:`whole_answer` as canonical JSON: what two evaluators are compared by.

    Raises:
        PolicyError: Not whole, or without a canonical form.
    """
    try:
        return canonical.encode(whole_answer(result, gate))
    except (ValueError, RecursionError) as error:
        raise _wrong(gate, f"has no canonical form: {error}") from None


def whole_answer(result: Json, gate: GateInfo) -> dict[str, Json]:
    """Return a gate's decision object once it is whole, whoever evaluated it.

    Args:
        result: What OPA says ``<gate>/decision`` is.
        gate: The gate that was asked.

    Returns:
        The object; checks sorted by id, obligations and waivers by id and check.

    Raises:
        PolicyError: Another shape, or the ids of the checks are not exactly the gate's
            (INV-GATE-1: completeness).
    """
    if not isinstance(result, dict) or result.keys() != _TOP:
        raise _wrong(gate, "is no object of verdict, checks, obligations and waivers")
    if not _is_in(result["verdict"], _VERDICTS[gate.rule]):
        raise _wrong(gate, f"has the verdict {str(result['verdict'])[:40]!r}, not of {gate.rule}")
    checks, obligations, waivers = (result[key] for key in ("checks", "obligations", "waivers"))
    for what, entries, is_whole in (
        ("a check", checks, _is_check),
        ("an obligation", obligations, _is_obligation),
        ("a waiver", waivers, _is_waiver),
    ):
        _demand(gate, what, entries, is_whole)
    _demand_complete(gate, [check["id"] for check in checks])
    return {
        "verdict": result["verdict"],
        "checks": sorted(checks, key=itemgetter("id")),
        "obligations": _ordered(obligations),
        "waivers": _ordered(waivers),
    }


def _ordered(entries: list[dict[str, Json]]) -> list[dict[str, Json]]:
    if not entries:  # as in nearly every decision, whose start need not wait for the rules
        return entries
    from engine.proof.waivers import order

    return sorted(entries, key=order)


def _wrong(gate: GateInfo, reason: str) -> PolicyError:
    return PolicyError(f"the answer of gate {gate.name!r} {reason}", _HINT)


def _demand(gate: GateInfo, what: str, entries: Json, is_whole: Callable[[Json], bool]) -> None:
    if not isinstance(entries, list):
        raise _wrong(gate, f"has no list where {what} belongs")
    for entry in entries:
        if not is_whole(entry):
            raise _wrong(gate, f"has {what} that is not whole: {str(entry)[:200]}")


def _demand_complete(gate: GateInfo, ids: list[str]) -> None:
    if sorted(ids) == list(gate.checks):
        return
    if missing := sorted(set(gate.checks) - set(ids)):
        raise _wrong(gate, f"is incomplete: {', '.join(missing)} missing")
    if unknown := sorted(set(ids) - set(gate.checks)):
        raise _wrong(gate, f"has checks that its METADATA does not list: {', '.join(unknown)}")
    raise _wrong(gate, "has a check twice")


def _is_check(entry: Json) -> bool:
    if not isinstance(entry, dict) or entry.keys() != _CHECK:
        return False
    waived_by = entry["waived_by"]
    try:
        words = _known(entry["id"], entry["status"], entry["severity"], entry["operator"])
    except TypeError:  # a list or an object is no word
        return False
    return words and (waived_by is None or isinstance(waived_by, str))


@lru_cache(maxsize=8192)
def _known(name: Json, status: Json, severity: Json, operator: Json) -> bool:
    return (
        isinstance(name, str)
        and _is_in(status, _STATUSES)
        and _is_in(severity, _SEVERITIES)
        and _is_in(operator, _OPERATORS)
    )


def _is_obligation(entry: Json) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"id", "check"}
        and all(isinstance(value, str) for value in entry.values())
    )


def _is_waiver(entry: Json) -> bool:
    # An unscoped waiver may have anything as its id and check: it is shown as it was written.
    return (
        isinstance(entry, dict)
        and entry.keys() == {"id", "check", "status"}
        and _is_in(entry["status"], _WAIVER_STATUSES)
    )


def _is_in(value: Json, known: Set[str]) -> TypeGuard[str]:
    return isinstance(value, str) and value in known
