"""What the lifecycle of a watched subject promises, and what goes into it and comes out.

After promotion somebody has to notice and act: measure → breach → page → degrade → rollback →
recover. Each is an entry in the ledger, decided by gate ``lifecycle``; each that reaches out of
the ledger is also an effect in the outbox, put there in the same transaction.

The unit of time is the minute: an instant counts as the minute it falls in, so that the same
history is a behaviour of ``tla/Promotion.tla``, whose tick is a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from engine.model import Json

GATE = "lifecycle"
"""Gate that every measurement of a subject in production is held against."""

ACTIONS = ("promote", "page", "degrade", "rollback", "recover", "escalate")
"""Actions that reach out of the ledger, and so are effects."""


class Phase(StrEnum):
    """Where a subject is in its life. The words are those of ``tla/Promotion.tla``."""

    CANDIDATE = "candidate"
    SERVING = "serving"
    BREACHED = "breached"
    ROLLED_BACK = "rolledback"


class Reading(StrEnum):
    """What one measurement says as a whole; only ``UNDER`` says that all is well."""

    UNDER = "under"
    OVER = "over"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class WatchedSubject:
    """A subject that is watched, and by what.

    Attributes:
        name: Name of the release, as decisions on it say.
        version: As decisions on it say; None when they say none.
        sha256: Digest of the artifact, 64 lowercase hex digits.
        gate: Gate whose recorded PROMOTE lets it into production.
        profile: Table of limits, of that decision and of gate ``lifecycle``.
    """

    name: str
    version: str | None
    sha256: str
    gate: str
    profile: str


@dataclass(frozen=True, slots=True)
class Effect:
    """An action that was decided and has no outcome yet.

    Attributes:
        id: Sorts in the order in which the effects were decided.
        action: One of :data:`ACTIONS`; ``recover`` lifts a degradation and closes the page.
        watched: What it is about.
        idempotency_key: The same at every attempt, also after a crash: a receiver that gets
            it twice acts once.
        requested_at: RFC 3339; instant of the entry that asked for it.
        due_at: RFC 3339; not to be attempted before.
        attempts: Attempts that were begun.
        cause: The check that asks for it; of a promotion the gate, ``<action>_failed`` of an
            escalation of an effect that failed for good.
        decision: Id of the decision behind it.
    """

    id: str
    action: str
    watched: WatchedSubject
    idempotency_key: str
    requested_at: str
    due_at: str
    attempts: int
    cause: str
    decision: str


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What one look at a watched subject came to; recorded when this is returned.

    Attributes:
        before: Phase before.
        after: Phase after.
        reading: What the measurement said; None when there was nothing to measure.
        decision: Id of the recorded decision of gate ``lifecycle``, or of the recorded failure
            to decide; None when the gate had no question.
        verdict: The gate's; None when it could not decide or had no question.
        actions: What was recorded after it, in order: ``breach``, ``page``, ….
        entries: Indexes of the entries of this cycle, in order.
        failure: Why the gate could not decide; None when it could.
    """

    before: Phase
    after: Phase
    reading: Reading | None
    decision: str | None
    verdict: str | None
    actions: tuple[str, ...]
    entries: tuple[int, ...]
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether a subject is in production now.

    Attributes:
        promoted: Whether it was promoted by this call.
        decision: Id of the decision it rests on; None when there is none.
        refusals: Why it was not promoted, one sentence each.
        index: Entry ``promoted:v1``; None when it was not promoted.
    """

    promoted: bool
    decision: str | None
    refusals: tuple[str, ...]
    index: int | None = None


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep for HOLDs did.

    Attributes:
        expired: Ids of the decisions whose HOLD expired now, each with an entry.
        behind: Entries of the ledger that no sweep has read yet.
        open: Whether HOLDs that are due were left for the next sweep.
    """

    expired: tuple[str, ...]
    behind: int
    open: bool = False


class Lifecycles(Protocol):
    """Drives watched subjects through their lives. Implemented by ``Controller``.

    Every method is one transaction on the ledger: a crash leaves all of it or nothing, and
    calling it again goes on from there.
    """

    def promote(self, watched: WatchedSubject, now: datetime) -> Promotion:
        """Put a candidate into production, if the ledger says at this instant that it may be.

        Refused while it is in production already, is rolled back and has not recovered, or no
        PROMOTE of this subject, digest, gate and profile is recorded, in force, attested where
        the profile asks for it, and decided after the last rollback.
        """

    def step(
        self, watched: WatchedSubject, metrics: Mapping[str, Json], now: datetime, ms: int
    ) -> CycleResult:
        """Measure once and record what follows.

        Args:
            watched: What is watched.
            metrics: Metrics in long form by id; what could not be measured, or is no metric of
                the catalogue, is left out. What is in it of domain ``lifecycle`` is not used.
            now: The cycle's instant, UTC, whole seconds.
            ms: Unix time in milliseconds, for the decision's id.
        """

    def sweep(self, now: datetime, most: int = 256) -> SweepResult:
        """Expire HOLDs that no decision followed in time; reads at most ``most`` entries."""

    def phase(self, watched: WatchedSubject) -> Phase:
        """Return where a subject is now."""
