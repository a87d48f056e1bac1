"""What to do about a verdict that lets nothing through though no blocking check stands against it.

One derivation for every format: the fix of a decision, as each check has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.model import Decision, Json, Status, Verdict
from engine.proof.verdict_rules import blocking_checks, is_waived, stands_against

_HELD = (Verdict.HOLD, Verdict.DENY)


def way_out(decision: Decision) -> str:
    """Return what to do about relaxations that the profile does not tolerate, or about a gate of
    which no blocking check passed, as clauses.

    Returns:
        ``""`` where the verdict rests on something else.
    """
    if decision.verdict not in _HELD:
        return ""
    blocking = blocking_checks(decision.checks)
    if any(map(stands_against, blocking)):
        return ""
    refused = decision.intolerable
    if not refused and any(check["status"] == Status.PASS for check in blocking):
        refused = decision.relaxations  # of a report that does not say which are not tolerated
        if not refused:
            return ""
    if not refused:
        return _to_pass(decision, blocking)
    from engine.report.relaxations import RELAXATIONS

    ways = [
        f"{name} comes from {RELAXATIONS[name].option}: {RELAXATIONS[name].instead}"
        for name in refused
        if name in RELAXATIONS
    ]
    return "; ".join([*ways, "or ask a profile that tolerates it (engine explain --all)"])


def _to_pass(decision: Decision, blocking: Sequence[Mapping[str, Json]]) -> str:
    waived = [f"{check['id']} by {check['waived_by']}" for check in blocking if is_waived(check)]
    exempt = [check["id"] for check in blocking if check["status"] == Status.EXEMPT]
    way = "let one blocking check pass, or ask a profile that has one which does"
    if waived and len(waived) == len(blocking):
        only = "the only blocking check is" if len(waived) == 1 else "every blocking check is"
        return f"{only} waived ({', '.join(waived)}), and a waiver is no pass: {way}"
    if blocking and len(waived) + len(exempt) == len(blocking):
        return f"every blocking check is exempt or waived, and neither is a pass: {way}"
    return f"no check of profile {decision.profile} blocks: give one of them the severity block"
