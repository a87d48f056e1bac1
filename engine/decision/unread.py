"""Evidence that was given and that no check of the gate reads, and who would read it. Pure.

A check that the profile turns off reads nothing. What exempts from a check is read as well as what
it compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from engine.decision.margins import has_invalid_metric
from engine.errors import suggest
from engine.model import INVALID_INPUT, Decision, Json, UnreadMetric
from engine.policy.bundle import PolicyBundle
from engine.proof.input_document import OF_METRIC

_CARRIED = "x."
_MOST = 4


def unread_metrics(
    metrics: Mapping[str, Json], bundle: PolicyBundle, gate: str, profile: str
) -> tuple[UnreadMetric, ...]:
    """Return those of ``metrics`` that no check of ``gate`` reads by ``profile``, sorted.

    Args:
        metrics: All that was given, in long form, by id.
        bundle: The policies.
        gate: That was asked.
        profile: Its table of limits.

    Raises:
        UsageError: The bundle has no such gate or profile.
    """
    given = frozenset(metrics)
    unread = given - _metrics_read(bundle, gate, profile) if given else given
    found = [_unread(name, bundle, gate, profile) for name in sorted(unread)]
    return tuple(
        metric._replace(invalid_because=_invalid(metrics[metric.metric], metric.metric, bundle))
        if metrics[metric.metric].get("status") == INVALID_INPUT
        else metric
        for metric in found
    )


def explained(decision: Decision, metrics: Mapping[str, Json], bundle: PolicyBundle) -> Decision:
    """Return ``decision`` with what is to be known of its evidence besides the record.

    Args:
        decision: Recorded, or pending.
        metrics: All that was given, in long form, by id; none where that is not known any more.
        bundle: The policies by which it was made.

    Returns:
        With ``unread_metrics``, and with ``invalid_because`` in each check whose evidence is none
        that its metric can have.
    """
    if unread := unread_metrics(metrics, bundle, decision.gate, decision.profile):
        decision = replace(decision, unread_metrics=unread)
    if INVALID_INPUT not in [check.get("metric_status") for check in decision.checks]:
        return decision
    return replace(decision, checks=tuple(_with_reason(check, bundle) for check in decision.checks))


def _with_reason(check: Json, bundle: PolicyBundle) -> Json:
    if not has_invalid_metric(check):
        return check
    metric = {"value": check["observed"], **{key: check[key] for key in OF_METRIC if key in check}}
    return {**check, "invalid_because": _invalid(metric, check["metric"], bundle)}


def _invalid(metric: Mapping[str, Json], name: str, bundle: PolicyBundle) -> str:
    from engine.evidence.metric_values import invalid_because

    return invalid_because(metric, bundle.catalogue().get(name, {}))


@lru_cache(maxsize=16)
def _metrics_read(bundle: PolicyBundle, gate: str, profile: str) -> frozenset[str]:
    rows = bundle.profile(profile)["checks"]
    checks = [
        bundle.check(name)
        for name in bundle.gate(gate).checks
        if rows.get(name, {}).get("severity") != "off"
    ]
    return frozenset(name for info in checks for name in (info.metric, info.unless) if name)


@lru_cache(maxsize=4096)
def _unread(name: str, bundle: PolicyBundle, gate: str, profile: str) -> UnreadMetric:
    readers = [
        clause
        for info in sorted(bundle.gates(), key=lambda info: (info.name != gate, info.name))
        if (clause := _reader(name, bundle, info.name, gate, profile))
    ]
    if readers:
        return UnreadMetric(name, "; ".join(readers))
    if name.startswith(_CARRIED):
        hint = suggest(name.removeprefix(_CARRIED).lower(), bundle.catalogue())
        near = hint if hint.startswith("did") else ""
        return UnreadMetric(name, "ids that start with 'x.' are carried and not evaluated", near)
    return UnreadMetric(name, "no check of these policies reads it")


def _reader(name: str, bundle: PolicyBundle, reader: str, gate: str, profile: str) -> str:
    """How gate ``reader`` reads a metric, seen from ``gate`` and ``profile``; else nothing."""
    checks = [
        info.id
        for info in map(bundle.check, bundle.gate(reader).checks)
        if name in (info.metric, info.unless)
    ]
    profiles = [
        other
        for other, table in sorted(bundle.data["limits"].items())
        if any(table["checks"].get(check, {}).get("severity") != "off" for check in checks)
    ]
    if not checks:
        return ""
    if reader != gate:
        by = "" if profile in profiles else _profiles(profiles)
        return f"gate {reader} reads it{by and f' by {by}'}" if profiles else ""
    off = f"{_listed(checks)} {'is' if len(checks) == 1 else 'are'} off in profile {profile}"
    on = _profiles(profiles)
    turns = "turns" if len(profiles) == 1 else "turn"
    return f"{off}; {on} {turns} it on" if on else f"{off}, and no profile turns it on"


def _profiles(names: list[str]) -> str:
    if not names:
        return ""
    return f"{'profile' if len(names) == 1 else 'profiles'} {_listed(names)}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
