"""The life of one subject as a value: what a measurement does to its clocks, and what is due.

Pure. Policies compare and decide; this module keeps the clocks that they compare, and the order
in which what they oblige to is done. Every function names its action in ``tla/Promotion.tla``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from engine.formats import canonical
from engine.lifecycle.contract import Phase, Reading
from engine.model import Json, Severity, Status

TICK_S = 60
"""Seconds of the unit in which clocks count: an instant counts as the minute it falls in."""

LAG_CHECK = "lifecycle.cdc_lag_p95_s"
"""The check that has to be back within its limit in time after a mitigation."""

_OWN = "lifecycle."
_FINE = (Status.PASS, Status.EXEMPT, Status.OFF)

Due = Collection[tuple[str, str]]
"""Obligations of gate ``lifecycle``: pairs of an action and the check that asks for it."""


@dataclass(frozen=True, slots=True)
class LifecycleState:
    """Where a subject is. Clocks are the minute (Unix time) in which they began, None if stopped.

    Attributes:
        phase: See :class:`Phase`.
        tick: Minute of the last cycle; None before the first.
        seen: Greatest instant that was ever given, Unix seconds. What expires, expires by it:
            a clock that is set back makes nothing valid again.
        over: Since when no measurement was within the limits.
        calm: Since when every minute was measured within the limits, after a breach.
        breached: When the breach was confirmed.
        mitigated: When it was mitigated, until change-data lag is back or was escalated.
        paged: Whether somebody was paged about this breach.
        degraded: Whether a degradation is in force.
        decision: Id of the decision that it was promoted by; None when it is not in production.
        attested_until: RFC 3339; when its attestation expires. None when none is asked for.
        attestation: Index of the newest attestation that was looked at.
        lapsed: When its attestation expired.
        lapse_paged: The ``attested_until`` about which somebody was paged.
        rolled_back_at: RFC 3339; only what was decided after it may promote again.
    """

    phase: Phase = Phase.CANDIDATE
    tick: int | None = None
    seen: int = 0
    over: int | None = None
    calm: int | None = None
    breached: int | None = None
    mitigated: int | None = None
    paged: bool = False
    degraded: bool = False
    decision: str | None = None
    attested_until: str | None = None
    attestation: int | None = None
    lapsed: int | None = None
    lapse_paged: str | None = None
    rolled_back_at: str | None = None

    @property
    def in_production(self) -> bool:
        """Whether this very subject serves."""
        return self.phase in (Phase.SERVING, Phase.BREACHED)


def encode(life: LifecycleState) -> bytes:
    """Return ``life`` as it is kept in the ledger's state, canonical JSON."""
    return canonical.encode(asdict(life))


def decode(body: bytes | None) -> LifecycleState:
    """Return the life that :func:`encode` wrote; a new one for None."""
    if body is None:
        return LifecycleState()
    members = json.loads(body)
    return LifecycleState(**{**members, "phase": Phase(members["phase"])})


def minute_of(instant: datetime) -> int:
    """Return the minute that ``instant`` falls in, counted from 1970."""
    return int(instant.timestamp()) // TICK_S


def reading_of(checks: Iterable[Mapping[str, Json]]) -> Reading:
    """Return what the gate's checks on measured metrics say as a whole.

    A failure that nobody waived is ``OVER``; else anything that was not measured, is stale or
    too little is ``NONE``, and so is nothing measured at all.
    """
    blocking = [check for check in checks if not str(check.get("metric")).startswith(_OWN)]
    blocking = [check for check in blocking if check["severity"] == Severity.BLOCK]
    left = [check for check in blocking if check["status"] not in _FINE]
    left = [check for check in left if check["waived_by"] is None]
    if any(check["status"] == Status.FAIL for check in left):
        return Reading.OVER
    passed = any(check["status"] == Status.PASS for check in blocking)
    return Reading.NONE if left or not passed else Reading.UNDER


def is_lagging(checks: Iterable[Mapping[str, Json]]) -> bool:
    """Return whether change-data lag is not shown to be within its limit."""
    return any(
        check["id"] == LAG_CHECK and check["status"] not in _FINE and check["waived_by"] is None
        for check in checks
    )


def at(life: LifecycleState, now: datetime) -> LifecycleState:
    """Return ``life`` once its clock has come to ``now``.  TLA+: Tick.

    Set back, the clocks keep the ages they had: no time is known to have passed, and none is
    taken back. Set forward, they have aged; but minutes that nobody measured are not calm.
    """
    minute = minute_of(now)
    life = replace(life, seen=max(life.seen, int(now.timestamp())))
    if life.tick is not None and minute < life.tick:
        return _shifted(life, minute - life.tick)
    if life.tick is not None and minute - life.tick > 1:
        life = replace(life, calm=None)
    return replace(life, tick=minute)


def _shifted(life: LifecycleState, by: int) -> LifecycleState:
    def moved(clock: int | None) -> int | None:
        return None if clock is None else clock + by

    return replace(
        life,
        tick=moved(life.tick),
        over=moved(life.over),
        calm=moved(life.calm),
        breached=moved(life.breached),
        mitigated=moved(life.mitigated),
        lapsed=moved(life.lapsed),
    )


def measured(life: LifecycleState, reading: Reading, *, lagging: bool) -> LifecycleState:
    """Return ``life`` after a measurement at its minute.  TLA+: Measure.

    Only ``UNDER`` stops the clock of what is over: no data is no recovery.
    """
    if not lagging:
        life = replace(life, mitigated=None)
    if reading is Reading.UNDER:
        recovering = life.phase in (Phase.BREACHED, Phase.ROLLED_BACK)
        return replace(life, over=None, calm=_since(life.calm, life) if recovering else None)
    return replace(life, calm=None, over=_since(life.over, life) if life.in_production else None)


def _since(clock: int | None, life: LifecycleState) -> int | None:
    return life.tick if clock is None else clock


def times(life: LifecycleState, reading: Reading) -> dict[str, int | bool]:
    """Return the metrics of domain ``lifecycle`` at the life's minute, by id, in seconds."""

    def age_s(clock: int | None) -> int:
        return 0 if clock is None or life.tick is None else (life.tick - clock) * TICK_S

    serving, broken = life.phase is Phase.SERVING, life.phase is Phase.BREACHED
    still_over = None if life.over is None else max(life.over, life.breached or 0)
    return {
        "lifecycle.over_s": age_s(life.over) if serving else 0,
        "lifecycle.still_over_s": age_s(still_over) if broken and reading is Reading.OVER else 0,
        "lifecycle.breached_s": age_s(life.breached) if reading is not Reading.UNDER else 0,
        "lifecycle.calm_s": age_s(life.calm),
        "lifecycle.lagging_s": age_s(life.mitigated),
        "lifecycle.unattested_s": age_s(life.lapsed),
        "lifecycle.unbroken": serving,
    }


def plan(life: LifecycleState, due: Due) -> list[str]:
    """Return the actions that ``due`` comes to in this phase, in order.

    Nobody rolls back or degrades what nobody was paged about, and nobody recovers what is
    rolled back at the same time. What was done already is not done again.
    """
    obligations = {action for action, _ in due}
    actions: list[str] = []
    if life.phase is Phase.SERVING and obligations & {"breach", "rollback"}:
        last = "rollback" if "rollback" in obligations else "degrade"  # not both in one breath
        actions = ["breach", "page", *({last} & obligations)]
    elif life.phase is Phase.BREACHED and "rollback" in obligations:
        actions = ["rollback"] if life.paged else ["page", "rollback"]
    elif life.phase in (Phase.BREACHED, Phase.ROLLED_BACK) and "recover" in obligations:
        actions = ["recover"]
    if "escalate" in obligations and life.mitigated is not None:
        actions.append("escalate")
    return actions


def acted(life: LifecycleState, action: str, now: datetime) -> LifecycleState:
    """Return ``life`` after an action.  TLA+: Breach, Page, Degrade, Rollback, Recover."""
    return _ACTIONS[action](life, now)


def _breach(life: LifecycleState, _now: datetime) -> LifecycleState:
    return replace(life, phase=Phase.BREACHED, breached=life.tick, calm=None)


def _page(life: LifecycleState, _now: datetime) -> LifecycleState:
    return replace(life, paged=True)


def _degrade(life: LifecycleState, _now: datetime) -> LifecycleState:
    return replace(life, degraded=True, mitigated=life.tick)


def _rollback(life: LifecycleState, now: datetime) -> LifecycleState:
    """What is rolled back rests on nothing any more: neither decision nor attestation."""
    return replace(
        life,
        phase=Phase.ROLLED_BACK,
        over=None,
        calm=None,
        breached=None,
        mitigated=_since(life.mitigated, life),
        decision=None,
        attested_until=None,
        lapsed=None,
        rolled_back_at=_text(max(int(now.timestamp()), life.seen)),
    )


def _recover(life: LifecycleState, _now: datetime) -> LifecycleState:
    """A breach that was not rolled back ends in serving; a rollback ends in a candidate."""
    phase = Phase.SERVING if life.phase is Phase.BREACHED else Phase.CANDIDATE
    return replace(
        life, phase=phase, over=None, calm=None, breached=None, paged=False, degraded=False
    )


def _escalate(life: LifecycleState, _now: datetime) -> LifecycleState:
    return replace(life, mitigated=None)


_ACTIONS = {
    "breach": _breach,
    "page": _page,
    "degrade": _degrade,
    "rollback": _rollback,
    "recover": _recover,
    "escalate": _escalate,
}


def promoted(
    life: LifecycleState, decision: str, attested_until: str | None, attestation: int | None
) -> LifecycleState:
    """Return ``life`` in production, from its minute on.  TLA+: Promote."""
    return replace(
        life,
        phase=Phase.SERVING,
        decision=decision,
        attested_until=attested_until,
        attestation=attestation,
        lapsed=None,
        lapse_paged=None,
    )


def _text(seconds: int) -> str:
    from datetime import UTC

    from engine.formats.times import write_time

    return write_time(datetime.fromtimestamp(seconds, UTC))
