"""Policies for a selftest: data that is broken, and data that somebody made too kind. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.formats import canonical
from engine.model import Json
from engine.policy import manifest
from engine.policy.bundle import DATA_JSON, PolicyBundle
from engine.policy.sources import sha256
from engine.selftest.bad_evidence import Constraint

_FAR = 10**12


@dataclass(frozen=True, slots=True)
class WeakenedProfile:
    """A profile that was changed in one place.

    Attributes:
        what: What was changed, in words.
        table: The profile.
        constraint: Check that it is about; None for the whole profile.
        has_limit: Whether the limit is still there, so that only bad evidence must not pass.
    """

    what: str
    table: Mapping[str, Json] = field(repr=False)
    constraint: Constraint | None = None
    has_limit: bool = False


def broken(table: Mapping[str, Json], blocking: Sequence[Constraint]) -> Iterator[WeakenedProfile]:
    """Yield profiles that nobody may be let through by."""
    odd: Json
    yield WeakenedProfile("a profile without any row", {**table, "checks": {}})
    rows = table["checks"]
    for constraint in blocking:
        row = rows[constraint.id]

        def changed(
            what: str,
            row: Json,
            *,
            has_limit: bool = False,
            constraint: Constraint = constraint,
        ) -> WeakenedProfile:
            others = {key: value for key, value in rows.items() if key != constraint.id}
            checks = others if row is None else {**others, constraint.id: row}
            return WeakenedProfile(what, {**table, "checks": checks}, constraint, has_limit)

        yield changed("a profile without its row", None)
        for member in ("limit", "max_age_s"):
            if member in row:
                left = {key: value for key, value in row.items() if key != member}
                yield changed(f"a row without {member}", left)
                for odd in (None, "NaN", "", [], {}):
                    yield changed(f"{member} {odd!r}", {**row, member: odd})
        left = {key: value for key, value in row.items() if key != "severity"}
        yield changed("a row without severity", left, has_limit=True)
        for odd in ("blocks", "OFF", "", None, 0, False, []):
            yield changed(f"severity {odd!r}", {**row, "severity": odd}, has_limit=True)


def weakened(
    table: Mapping[str, Json], blocking: Sequence[Constraint]
) -> Iterator[WeakenedProfile]:
    """Yield profiles that are whole and too kind; evidence past the real limit must show them."""
    rows = table["checks"]
    for constraint in blocking:
        row = rows[constraint.id]
        others = {key: value for key, value in rows.items() if key != constraint.id}
        off = {**row, "severity": "off", "reason": "selftest"}
        yield WeakenedProfile(
            "severity off", {**table, "checks": {**others, constraint.id: off}}, constraint
        )
        far = _far_limit(constraint)
        if "limit" in row and far is not None:
            kind = {**others, constraint.id: {**row, "limit": far}}
            yield WeakenedProfile(f"limit {far}", {**table, "checks": kind}, constraint)


def _far_limit(constraint: Constraint) -> Json:
    """A limit that everything passes; None where there is no such thing."""
    return {"<=": _FAR, "<": _FAR, "quiet": _FAR, ">=": -_FAR, ">": -_FAR}.get(constraint.written)


def with_profiles(bundle: PolicyBundle, tables: Mapping[str, Json]) -> PolicyBundle:
    """Return ``bundle`` with more profiles, taken as they are: nothing here is validated."""
    limits = {**bundle.data["limits"], **tables}
    data = canonical.encode({**bundle.data, "limits": limits})
    contents = manifest.decode(bundle.manifest)
    files = {**contents.files, DATA_JSON: sha256(data)}
    changed = manifest.encode(contents._replace(files=files))
    return PolicyBundle(changed, lambda name: data if name == DATA_JSON else bundle.file(name))
