"""Words that every format has for a check. Imported for every decision: no enumeration here."""

from __future__ import annotations

from decimal import Decimal

from engine.decision.margins import (
    deciding_n,
    has_invalid_metric,
    is_straddling,
    is_unsigned,
    margin,
    written,
)
from engine.model import Decision, Json, Status, Verdict, is_number
from engine.proof.verdict_rules import PRODUCER


def subject_of(decision: Decision) -> str:
    """Return name and version."""
    subject = decision.subject
    return f"{subject.name} {subject.version}" if subject.version else subject.name


def artifact_of(decision: Decision) -> str:
    """Return the artifact's digest, or that there is none."""
    digest = decision.subject.sha256
    return f"sha256:{digest}" if digest else "none was named"


def short_artifact_of(decision: Decision) -> str:
    """Return the start of the artifact's digest, for people; or that there is none."""
    digest = decision.subject.sha256
    return f"sha256:{digest[:12]}…" if digest else "no artifact was named"


def waiver_line(use: Json) -> str:
    """Return what became of a waiver, which check it covers, until when, and why."""
    return (
        f"{use['id']} {use['status']}"
        + (f" for {use['check']}" if use.get("check") else "")
        + (f", until {use['expires_at']}" if use.get("expires_at") else "")
        + (f": {use['reason']}" if use.get("reason") else "")
    )


def is_released(decision: Decision) -> bool:
    """Whether the verdict lets something through, and is recorded."""
    return decision.recorded and decision.verdict in (Verdict.PROMOTE, Verdict.ALLOW)


def checkpoint_of(note: str, *, short: bool) -> str:
    """Return size and root of a checkpoint on one line; ``short`` of the root its start."""
    _origin, size, root, *_rest = [*note.split("\n"), "", ""]
    return f"{size} entries, root {root[:12] + '…' if short else root}"


def count_of(check: Json) -> str:
    """Return the sample size; ``""`` where there is none."""
    return "" if check.get("n") is None else f"{check['n']:,}"


def limit_of(check: Json) -> str:
    """Return operator, limit and unit, such as ``<= 0.01 ratio``."""
    unit = check.get("unit")
    counted = f" {unit}" if unit and unit not in ("1", "none") else ""
    return f"{check['operator']} {written(check['limit'])}{counted}"


def observed_and_limit_of(check: Json) -> str:
    """Return what was observed, and the limit in brackets, such as ``214 ms (<= 200)``."""
    unit, limit = check.get("unit"), written(check["limit"])
    counted = f" {unit}" if unit and unit not in ("1", "none", "ratio") else ""
    demand = f"must be {limit}" if check["operator"] == "==" else f"{check['operator']} {limit}"
    if check["observed"] is None:
        return f"missing ({demand}{counted})"
    return f"{observed_of(check)}{counted} ({demand})"


def share_of(check: Json) -> Decimal | None:
    """Return the room before the limit as a share of it, negative past it; None where none is."""
    distance = margin(check)
    if distance is None or check["operator"] == "==" or not check["limit"]:
        return None
    return Decimal(distance) / abs(Decimal(repr(check["limit"])))


def distance_of(check: Json) -> str:
    """Return how far from its limit a check is, as ``7 % past`` or ``40 % room``; else ``""``."""
    if (share := share_of(check)) is None:
        distance = Decimal(0 if check["operator"] == "==" else margin(check) or 0)
        return f"{_short(str(-distance))} past" if distance < 0 else ""
    if not share:
        return "at the limit"
    percent = abs(share) * 100
    shown = f"{percent:,.0f}" if percent >= 1 else f"{percent:.1g}"
    return f"{shown} % {'room' if share > 0 else 'past'}"


def was_compared(check: Json) -> bool:
    """Whether the value was held against the limit; else it is no margin that counts."""
    return check["status"] in (Status.PASS, Status.FAIL, Status.EXEMPT)


def lacking_of(check: Json) -> str:
    """Return what evidence a check lacks, in a clause; ``""`` where its margin says all."""
    if check["status"] == Status.STALE and check.get("age_s") is not None:
        return f"{check['age_s']:,} s old"
    return "its interval is on both sides of the limit" if is_straddling(check) else ""


def is_invalid(check: Json) -> bool:
    """Whether what was observed cannot be compared because the evidence itself is invalid."""
    return (
        check["status"] == Status.UNKNOWN and has_invalid_metric(check) and not is_unsigned(check)
    )


_LACKING = (Status.UNKNOWN, Status.STALE, Status.INSUFFICIENT)
_ACCESS = (Verdict.ALLOW, Verdict.DENY)


def fix_of(check: Json, policy_fix: str, verdict: Verdict) -> str:
    """Return what to do about a check that did not pass.

    The policy knows what to do about a value past its limit. Where there is no evidence to
    compare, it is measuring that is due.

    Args:
        check: A check of a decision's statement; or of a report that was read back, whose fix was
            chosen already.
        policy_fix: What the policy says; ``""`` where it says nothing.
        verdict: Of the decision. What access gates compare the engine counts itself.
    """
    lacking = check["status"] in _LACKING and "passes_when" not in check
    if not lacking or verdict in _ACCESS or check.get("kind") == "attestation":
        return policy_fix
    metric, unit = check["metric"], check.get("unit") or "none"
    if check["limit"] is None and check.get("kind") != "baseline":
        return f"Give {check['id']} a limit in the profile."
    if check["status"] == Status.STALE:
        return f"Measure {metric} anew, in the job that asks the gate."
    if check["status"] == Status.INSUFFICIENT:
        if rows := deciding_n(check):
            return (
                f"Measure {metric} on more samples: about {rows:,} would put the limit outside of "
                f"its interval, if the value stays {observed_of(check)}. What is biased by few "
                "samples, as a calibration error is, does not stay."
            )
        return f"Measure {metric} on more samples, and give its n and ci in the metrics file."
    return _fix_of_unknown(check, metric, unit)


def _fix_of_unknown(check: Json, metric: str, unit: str) -> str:
    if is_unsigned(check):
        role = check.get("signed_by", PRODUCER)
        return (
            f"Let whoever measures {metric} sign it (engine evidence sign metrics.json), with a "
            f"key that has `roles: [{role}]` in trust/data.yaml."
        )
    if is_invalid(check) and check["observed"] is not None:
        return f"Correct {metric} where it is measured, and write what it can be."
    if (check.get("age_s") or 0) < 0:
        return f"Compare the clocks, and measure {metric} again."
    members = ["value"] + (["baseline"] if check.get("kind") == "baseline" else [])
    members += (["n"] if check.get("min_n") else []) + (["ci"] if check.get("compare") else [])
    with_unit = f" in {unit}" if unit not in ("1", "none") else ""
    return (
        f"Measure {metric} and put its {', '.join(members)}{with_unit} into the metrics file; or "
        "fit a profile to what you do measure: engine init metrics.json."
    )


def _short(number: str) -> str:
    """Return an exact decimal to six significant digits, and all before its point.

    What a double adds behind them is no room.
    """
    exact = Decimal(number)
    digits = max(6, exact.adjusted() + 1)
    return (
        number if len(exact.as_tuple().digits) <= digits else written(float(f"{exact:.{digits}g}"))
    )


def observed_of(check: Json) -> str:
    """Return what was observed, in no more digits than say on which side of the limit it is."""
    observed, limit = check["observed"], check["limit"]
    exact = written(observed)
    if type(observed) is not float:
        return exact
    short = _short(exact)
    if not is_number(limit):
        return short
    number = float(short)
    same = (number < limit, number > limit) == (observed < limit, observed > limit)
    return short if same else exact


def facts_of(check: Json) -> str:
    """Return margin, sample size and age, where they are known and matter."""
    facts = []
    if (distance := margin(check)) is not None:
        facts.append(f"margin {_short(distance)}")
    if count := count_of(check):
        facts.append(f"n {count}")
    if check["status"] == Status.STALE and check.get("age_s") is not None:
        facts.append(f"{check['age_s']:,} s old")
    return ", ".join(facts)
