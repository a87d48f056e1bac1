"""Waivers: which an Input holds, and what a record reports of them. The policies' rules, again.

The report of record is OPA's (``policies/lib/waiver``). These functions read the same rules off
the Input, so that a verifier needs no policy engine. Every function is total for any JSON.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.formats import canonical
from engine.formats.json_values import same
from engine.formats.times import parse_time
from engine.model import Json, Status

_TEXTS = ("reason", "approvers", "expires_at")


def aged(waiver: Mapping[str, Json], now: datetime) -> dict[str, Json]:
    """Return a policy's waiver as the Input of that instant holds it.

    Args:
        waiver: As the policy's source writes it.
        now: The decision's instant, in UTC.

    Returns:
        The same with ``remaining_s``: whole seconds until ``expires_at``, rounded up, and 0 or
        less from that instant on; left out when the expiry cannot be read.

    Source: spec/predicate-v1.md section 7.
    """
    held: dict[str, Any] = {**waiver}
    held.pop("remaining_s", None)
    try:
        left = parse_time(str(waiver.get("expires_at"))) - now
    except (ValueError, OverflowError):
        return held
    held["remaining_s"] = math.ceil(left.total_seconds())
    return held


def is_scoped(waiver: Mapping[str, Json]) -> bool:
    """Return whether a waiver names a check and a subject, and has a name itself."""
    subject = waiver.get("subject")
    return (
        isinstance(waiver.get("id"), str)
        and isinstance(waiver.get("check"), str)
        and isinstance(subject, dict)
        and isinstance(subject.get("name"), str)
    )


def names_subject(scope: Mapping[str, Json], subject: Mapping[str, Json]) -> bool:
    """Return whether each member of a waiver's subject equals the Input's subject's."""
    return all(key in subject and same(value, subject[key]) for key, value in scope.items())


def covering(
    waivers: Iterable[Mapping[str, Json]],
    subject: Mapping[str, Json],
    decided_at: str,
    check_id: str,
) -> list[str]:
    """Return the sorted ids of the waivers that cover a failure of ``check_id`` at that time.

    Source: spec/predicate-v1.md section 7.
    """
    return sorted(
        waiver["id"]
        for waiver in waivers
        if is_scoped(waiver)
        and waiver["check"] == check_id
        and names_subject(waiver["subject"], subject)
        and _lasts(waiver, decided_at)
    )


def due_waiver(
    check: Mapping[str, Json],
    waivers: Iterable[Mapping[str, Json]],
    subject: Mapping[str, Json],
    decided_at: str,
    unwaivable: Collection[str],
) -> str | None:
    """Return the waiver that has to waive ``check``: the first of those that cover its failure.

    Args:
        check: A check of a record.
        waivers: The Input's.
        subject: The Input's.
        decided_at: RFC 3339.
        unwaivable: Ids of the checks that the profile lets nobody waive.

    Source: spec/predicate-v1.md section 7.
    """
    if check["status"] != Status.FAIL or check["id"] in unwaivable:
        return None
    return next(iter(covering(waivers, subject, decided_at, check["id"])), None)


def _lasts(waiver: Mapping[str, Json], decided_at: str) -> bool:
    """Whether it has seconds left, and its own expiry says so too."""
    remaining, expires_at = waiver.get("remaining_s"), waiver.get("expires_at")
    if type(remaining) is not int or remaining <= 0 or not isinstance(expires_at, str):
        return False
    try:
        return parse_time(decided_at) < parse_time(expires_at)
    except (ValueError, OverflowError):
        return False


def unwaivable_checks(profile: Mapping[str, Json]) -> frozenset[str]:
    """Return the ids of the checks that a profile lets nobody waive."""
    rows = profile.get("checks")
    rows = rows if isinstance(rows, dict) else {}
    return frozenset(
        name
        for name, row in rows.items()
        if isinstance(row, dict) and row.get("unwaivable", False) is not False
    )


def recompute_report(
    waivers: Sequence[Mapping[str, Json]],
    subject: Mapping[str, Json],
    checks: Iterable[Mapping[str, Json]],
    unwaivable: Collection[str],
) -> list[dict[str, Json]]:
    """Return what a record has to report of the Input's waivers, complete and in order.

    Args:
        waivers: The Input's.
        subject: The Input's.
        checks: The record's, with ``waived_by``.
        unwaivable: Ids of the checks that the profile lets nobody waive.

    Source: spec/predicate-v1.md section 7.
    """
    by_id = {check["id"]: check for check in checks}
    texts = {_key(waiver): waiver for waiver in waivers}
    uses = {}
    for waiver in waivers:
        named = by_id.get(waiver["check"]) if is_scoped(waiver) else None
        if named is not None and names_subject(waiver["subject"], subject):
            status = _status(waiver, named, unwaivable)
        elif not is_scoped(waiver):
            status = "unscoped"
        else:
            continue
        use: dict[str, Json] = {
            "check": waiver.get("check"),
            "id": waiver.get("id"),
            "status": status,
        }
        uses[order(use)] = use
    report = []
    for _, use in sorted(uses.items()):
        text = texts[_key(use)]
        report.append({**use, **{key: text[key] for key in _TEXTS if key in text}})
    return report


def _key(waiver: Mapping[str, Json]) -> bytes:
    return canonical.encode(waiver.get("id"))


def _status(
    waiver: Mapping[str, Json], check: Mapping[str, Json], unwaivable: Collection[str]
) -> str:
    remaining_s = waiver.get("remaining_s")
    if not isinstance(remaining_s, int | float) or remaining_s is True or remaining_s <= 0:
        return "expired"
    if waiver["check"] in unwaivable:
        return "unwaivable"
    return "applied" if check["waived_by"] == waiver["id"] else "unused"


def order(entry: Mapping[str, Json]) -> tuple[str, str, bytes]:
    """Return the key by which a record sorts waivers, and obligations: id, check, then the rest.

    Source: spec/predicate-v1.md section 7.
    """
    identity, check = entry.get("id"), entry.get("check")
    return (
        identity if isinstance(identity, str) else "",
        check if isinstance(check, str) else "",
        canonical.encode(entry),
    )
