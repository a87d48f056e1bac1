"""``engine explain --controls``: which checks speak to which control, and to which none does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from engine.formats.columns import wrapped
from engine.model import Json
from engine.policy.bundle import SOURCES
from engine.policy.sources import DATA
from engine.policy.tables.controls import controls
from engine.policy.tables.nodes import read

if TYPE_CHECKING:
    from engine.policy.bundle import PolicyBundle

_PATH = f"controls/{DATA}"


def page(bundle: PolicyBundle, profile: str) -> dict[str, Json]:
    """Return the controls of ``bundle``, sorted by id with numbers as such, each with its checks.

    Args:
        bundle: The policies.
        profile: Whose severities are given: a check that is off there speaks to nothing now.

    Raises:
        ConfigError: No such profile.
    """
    rows = bundle.profile(profile)["checks"]
    known = controls(
        read(_PATH, bundle.file(f"{SOURCES}{_PATH}")) if _PATH in bundle.source_digests else None
    )
    found: dict[str, list[Json]] = {name: [] for name in known}
    in_gates = {name for gate in bundle.gates() for name in gate.checks}
    for check in bundle.checks():
        if check.id not in in_gates:
            continue
        severity = rows.get(check.id, {}).get("severity", "off")
        for name in check.controls or ():
            found[name].append({"id": check.id, "severity": severity})
    return {
        "policy": bundle.digest,
        "profile": profile,
        "controls": [
            {"id": name, **known[name], "checks": found[name]} for name in sorted(known, key=_parts)
        ],
        "without_checks": [name for name in sorted(found, key=_parts) if not found[name]],
    }


def lines(page: Mapping[str, Json], width: int) -> Iterator[str]:
    """Yield the page for a terminal of ``width`` columns."""
    for framework, rows in groupby(page["controls"], key=lambda row: row["framework"]):
        yield str(framework)
        for row in rows:
            named = ", ".join(map(_named, row["checks"])) or "no check speaks to it"
            yield from wrapped(f"{row['title']}: {named}", width, f"  {row['id']:<26} ")
    count, without = len(page["controls"]), len(page["without_checks"])
    profile = page["profile"]
    yield f"{count} controls known; to {without} of them no check speaks (profile {profile})"


def _parts(name: str) -> list[tuple[int, str]]:
    """What orders an id: 9 stands before 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _named(check: Json) -> str:
    return f"{check['id']} (off)" if check["severity"] == "off" else str(check["id"])
