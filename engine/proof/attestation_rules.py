"""Which attestations a check may rest on: the policies' rule, again.

The verdict of record is OPA's. These functions read the same rule off the Input, so that the
engine refuses an answer that does not follow from it and a verifier needs no policy engine.
Every function is total for any JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from engine.formats.times import parse_time, write_time
from engine.model import Json, Severity, Verdict, is_number

ATTESTOR = "attestor"
"""Role of a key whose attestations count."""

NO_ROLE = "none"
"""Role of every other key."""

SELF_ATTESTED = "self_attested"
"""Relaxation: an attestation by the key that signs the decision was enough."""

MAX_ATTESTATIONS = 16
"""Most attestations that one Input holds."""


class RequiredAttestation(NamedTuple):
    """A check of kind ``attestation`` that is asked.

    Attributes:
        types: Predicate types of the attestations that it takes.
        max_age_s: Oldest attestation that it takes, in seconds; as the profile's row has it.
        severity: ``block`` or ``warn``.
    """

    types: tuple[str, ...]
    max_age_s: Json
    severity: str


def attestation_types(metric: str) -> tuple[str, ...]:
    """Return the predicate types that a check of kind ``attestation`` on ``metric`` takes.

    Source: spec/predicate-v1.md section 8.3, spec/predicate-v2.md section 3.
    """
    return tuple(
        f"urn:governance-engine:{metric.partition('.')[0]}-attestation:v{version}"
        for version in (1, 2)
    )


def is_attested(
    check: Mapping[str, Json],
    subject: Mapping[str, Json],
    attestations: Iterable[Json],
    relaxations: Collection[Json],
) -> bool:
    """Return whether some attestation is one that ``check`` may rest on.

    Args:
        check: A check of kind ``attestation``; ``metric`` and ``max_age_s`` are read.
        subject: The Input's subject.
        attestations: The Input's.
        relaxations: The Input's names of options that weakened the run.

    Source: spec/predicate-v1.md section 8.3.
    """
    required = RequiredAttestation(
        attestation_types(str(check.get("metric"))), check.get("max_age_s"), ""
    )
    sha256 = _digest_of(subject)
    ways = (ways_to_count(attestation, required, sha256) for attestation in attestations)
    return any(needed is not None and needed <= set(relaxations) for needed in ways)


def ways_to_count(
    attestation: Json, required: RequiredAttestation, sha256: Json
) -> frozenset[str] | None:
    """Return the relaxations that must be named for ``attestation`` to count; None if none help.

    Args:
        attestation: A member of the Input's ``attestations``.
        required: What is asked for.
        sha256: Digest of the artifact that is decided on.
    """
    if not isinstance(attestation, dict) or not isinstance(sha256, str):
        return None
    get = attestation.get
    named: Json = get("relaxations")
    remaining_s: Json = get("remaining_s")
    if (
        get("type") not in required.types
        or get("verdict") != Verdict.PROMOTE
        or get("subject_sha256") != sha256
        or not _is_between(0, get("age_s"), required.max_age_s)
        or not (is_number(remaining_s) and remaining_s > 0)
        or not isinstance(named, list)
        or not all(isinstance(name, str) for name in named)
    ):
        return None
    if get("self") is True:
        return frozenset((*named, SELF_ATTESTED))
    return frozenset(named) if get("self") is False and get("role") == ATTESTOR else None


def lasts_until(
    required: Sequence[RequiredAttestation],
    attestations: Iterable[Json],
    sha256: str,
    tolerated: Iterable[str],
) -> str | None:
    """Return until when ``attestations`` are what the gate asks for; None when they are not.

    Of each check the attestation that lasts longest, and of these the first to expire. A
    check's greatest age counts as much as the attestation's own expiry.

    Args:
        required: What the gate asks for, by this profile; not empty.
        attestations: As an Input holds them, with age and role.
        sha256: Digest of the artifact.
        tolerated: Names of the relaxations that they may need.
    """
    named, given = set(tolerated), list(attestations)
    ends: list[datetime] = []
    for rule in required:
        ways = [(facts, ways_to_count(facts, rule, sha256)) for facts in given]
        lasting = [_end(facts, rule) for facts, way in ways if way is not None and way <= named]
        if not lasting:
            return None
        ends.append(max(lasting))
    return write_time(min(ends))


def _end(facts: Mapping[str, Json], rule: RequiredAttestation) -> datetime:
    issued = parse_time(facts["issued_at"])
    return min(parse_time(facts["expires_at"]), issued + timedelta(seconds=int(rule.max_age_s)))


def relaxations_for(
    requirements: Iterable[RequiredAttestation],
    attestations: Sequence[Json],
    sha256: str | None,
    tolerated: Collection[str],
) -> set[str]:
    """Return what a decision has to name, so that it may rest on ``attestations``.

    Of several ways the one that needs the least is taken, tolerated names first. A check that
    only warns takes none that the profile does not tolerate: a warning never changes a verdict.
    """
    named: set[str] = set()
    for required in requirements:
        ways = [ways_to_count(attestation, required, sha256) for attestation in attestations]
        open_ways = [way for way in ways if way is not None]
        if not open_ways:
            continue
        least = min(open_ways, key=lambda way: (len(way.difference(tolerated)), sorted(way)))
        if required.severity == Severity.BLOCK or least <= set(tolerated):
            named |= least
    return named


def longest_s(checks: Mapping[str, Json], rows: Mapping[str, Json], gate: str) -> int | None:
    """Return for how many seconds an attestation of ``gate`` may last; None when for none.

    That is the greatest age that the profile accepts of one.

    Args:
        checks: ``kind`` and ``metric`` by check id.
        rows: The profile's, by check id.
        gate: The gate whose answer is attested.
    """
    longest: int | None = None
    for name, check in checks.items():
        row = rows.get(name)
        if not isinstance(check, dict) or not isinstance(row, dict):
            continue
        asks = check.get("kind") == "attestation"
        if asks and str(check.get("metric")).partition(".")[0] == gate:
            age_s = row.get("max_age_s")
            if type(age_s) is int and 0 < age_s < 2**32:
                longest = max(longest or 0, age_s)
    return longest


def _digest_of(subject: Mapping[str, Json]) -> Json:
    digest = subject.get("digest")
    return digest.get("sha256") if isinstance(digest, dict) else None


def _is_between(low: int, value: Json, high: Json) -> bool:
    return is_number(value) and is_number(high) and bool(low <= value <= high)
