"""What the caller of a verifier wants of a genuine record, and which wishes it does not meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.errors import UsageError
from engine.formats.times import age_s, write_time
from engine.model import Json, Subject, Verdict
from engine.proof.input_document import read_time
from engine.proof.verdict_rules import OLDEST_FUTURE_S


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the caller wants of a record; None and False ask for nothing.

    Attributes:
        require: The verdict. With ``now``, it must also still be valid.
        digest: SHA-256 of the artifact, lowercase hex.
        gate: Gate that decided.
        profile: Table of limits it decided by.
        stage: Stage it decided about.
        policy_digest: SHA-256 of the policy manifest, lowercase hex.
        max_age_s: Oldest decision that is accepted, in seconds; needs ``now``.
        now: The caller's instant.
        no_relaxations: Whether even a tolerated relaxation is too much.
    """

    require: Verdict | None = None
    digest: str | None = None
    gate: str | None = None
    profile: str | None = None
    stage: str | None = None
    policy_digest: str | None = None
    max_age_s: int | None = None
    now: datetime | None = None
    no_relaxations: bool = False

    def __post_init__(self) -> None:
        if self.max_age_s is not None and self.now is None:
            raise UsageError("a greatest age means nothing without the time now")
        if self.now is not None and self.now.tzinfo is None:
            raise UsageError("the time now has no zone", "pass it in UTC")

    @property
    def nothing(self) -> bool:
        """Whether nothing at all is asked for."""
        wishes = (self.require, self.digest, self.gate, self.profile, self.stage)
        return not self.no_relaxations and all(
            wish is None for wish in (*wishes, self.policy_digest, self.max_age_s)
        )


def unmet_wishes(statement: Mapping[str, Json], expect: Expectations) -> list[str]:
    """Return what the caller wants and the record is not, one sentence each.

    Args:
        statement: A decision's statement, verified.
        expect: The wishes.

    Source: spec/predicate-v1.md section 13.2.
    """
    predicate = statement["predicate"]
    wishes = (
        ("verdict", expect.require, predicate["verdict"]),
        ("gate", expect.gate, predicate["gate"]),
        ("profile", expect.profile, predicate["profile"]["name"]),
        ("stage", expect.stage, predicate["stage"]),
        ("policy digest", expect.policy_digest, predicate["policy"]["digest"]["sha256"]),
    )
    unmet = [
        f"{what} {required} is required; the record says {recorded}"
        for what, required, recorded in wishes
        if required is not None and required != recorded
    ]
    artifact = subject_of(statement).sha256
    if expect.digest is not None and expect.digest != artifact:
        recorded = "names no artifact" if artifact is None else f"is about sha256:{artifact}"
        unmet.append(f"artifact sha256:{expect.digest} is required; the record {recorded}")
    if expect.no_relaxations and predicate["relaxations"]:
        names = ", ".join(relaxation["name"] for relaxation in predicate["relaxations"])
        unmet.append(f"no relaxation is accepted; the record has {names}")
    return unmet + _too_old(predicate, expect)


def _too_old(predicate: Mapping[str, Json], expect: Expectations) -> list[str]:
    """How old the record may be, and whether its verdict may still be used."""
    if expect.now is None:
        return []
    unmet = []
    age = age_s(expect.now, read_time(predicate["decided_at"], "decided_at"))
    if expect.max_age_s is not None and not OLDEST_FUTURE_S <= age <= expect.max_age_s:
        unmet.append(
            f"an age of at most {expect.max_age_s} s is required; the record is {age} s old"
        )
    valid_until = read_time(predicate["valid_until"], "valid_until")
    if expect.require is not None and expect.now >= valid_until:
        ended, now = write_time(valid_until), write_time(expect.now)
        unmet.append(f"the verdict may be used until {ended}; it is {now}")
    return unmet


def subject_of(statement: Mapping[str, Json]) -> Subject:
    """Return what a decision is about; without a digest when no artifact was named."""
    subject = statement["subject"][0]
    annotations = subject.get("annotations", {})
    named = "digest_of" not in annotations
    digest = subject["digest"]["sha256"] if named else None
    return Subject(subject["name"], annotations.get("version"), digest)
