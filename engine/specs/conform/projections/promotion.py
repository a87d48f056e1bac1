"""A ledger's entries about watched subjects, as steps of ``tla/Promotion.tla``.

Nothing is taken from the controller but what it signed: what was measured and when, and which
actions it recorded with which measurement. How old each run of measurements is follows from the
times of the entries; what is due from the obligations of the measurement's own decision; which
decision a promotion rests on from that decision's entry. So a controller or a policy that counts
wrongly, leaves out an action or promotes by something else makes a step that the spec has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from engine.formats.times import parse_time
from engine.model import (
    BREACH_TYPE,
    DECISION_FAILED_TYPE,
    DECISION_IMPORTED_TYPE,
    DECISION_TYPES,
    DEGRADE_TYPE,
    PAGE_TYPE,
    PROMOTED_TYPE,
    RECOVER_TYPE,
    ROLLBACK_TYPE,
    Json,
)
from engine.proof.attestation_rules import RequiredAttestation, attestation_types, lasts_until
from engine.proof.recomputed import decided_in
from engine.specs.conform.lookup import Contradiction, OutsideModel, Projected, Step

GRAPH = "promotion"

CONFIRM, STILL, DEADLINE, CALM = 10, 5, 10, 10
"""The constants of the model that the graph is of, in ticks."""

TICK_S = 60

_GATE = "lifecycle"
_LAPSE = "lifecycle.unattested_s"
_MODELLED = {
    "lifecycle.over_s": CONFIRM,
    "lifecycle.still_over_s": STILL,
    "lifecycle.breached_s": DEADLINE,
    "lifecycle.calm_s": CALM,
}
_ACTIONS = {
    BREACH_TYPE: "Breach",
    PAGE_TYPE: "Page",
    DEGRADE_TYPE: "Degrade",
    ROLLBACK_TYPE: "Rollback",
    RECOVER_TYPE: "Recover",
}
_FINE = ("pass", "exempt", "off")
_VARIABLES = (
    *("phase", "decision", "fresh", "over", "calm", "age", "paged", "degraded", "missed"),
    *("loop", "todo"),
)

TYPES = frozenset(
    {*_ACTIONS, PROMOTED_TYPE, *DECISION_TYPES, DECISION_FAILED_TYPE, DECISION_IMPORTED_TYPE}
)
SETS: tuple[str, ...] = ()

Values = dict[str, Any]


class _Decided(NamedTuple):
    """What a decision says that a promotion may rest on."""

    about: tuple[Json, ...]
    verdict: str
    decided_at: datetime
    valid_until: datetime
    attested_until: datetime | None
    attested: bool


@dataclass
class _Subject:
    """One watched subject's behaviour so far.

    Attributes:
        trace: What it is called.
        state: Of the spec.
        minute: In which it was measured last.
        rolled_back_at: When it was rolled back last.
        breached: Whether the last measurement has been recorded as a breach.
    """

    trace: str
    state: Values
    minute: int | None = None
    rolled_back_at: datetime | None = None
    breached: bool = False


class Projection:
    """The steps of every watched subject of one ledger; each subject is a trace of its own."""

    def __init__(self) -> None:
        self._subjects: dict[str, _Subject] = {}
        self._decided: dict[str, _Decided] = {}
        self._states: dict[tuple[Any, ...], Values] = {}

    def steps(self, index: int, statement: Mapping[str, Json]) -> Iterator[Projected]:
        """Yield what an entry means."""
        kind, predicate = statement["predicateType"], statement["predicate"]
        if kind == DECISION_IMPORTED_TYPE:
            statement, _ = decided_in(statement, b"")
            self._decided[predicate["decision_id"]] = _decided(statement)
        elif kind in DECISION_TYPES and predicate["gate"] != _GATE:
            self._decided[predicate["decision_id"]] = _decided(statement)
        elif kind in DECISION_TYPES and (other := _other_limit(predicate["checks"])):
            yield OutsideModel(index, other)
        elif (trace := _trace(kind, statement)) is not None:
            if trace not in self._subjects:
                self._subjects[trace] = _Subject(trace, _INITIAL)
            yield from self._stepped(self._subjects[trace], index, kind, predicate)

    def _stepped(
        self, subject: _Subject, index: int, kind: str, predicate: Mapping[str, Json]
    ) -> Iterator[Projected]:
        if kind == PROMOTED_TYPE:
            text = f"promoted by decision {predicate['decision']}"
            found = self._decided.get(predicate["decision"])
            if found is not None and (wrong := _misdated(predicate, found)):
                yield Contradiction(index, "INV-PROMO-1", wrong)
                return
            for name, changes in _promoted(subject, predicate, found):
                yield self._step(subject, name, index, text, changes)
        elif kind not in _ACTIONS:
            text = f"{_GATE} says {predicate.get('verdict', 'nothing: it could not decide')}"
            for name, changes in _measured(subject, kind, predicate):
                yield self._step(subject, name, index, text, changes)
        elif not (kind == PAGE_TYPE and predicate["cause"] == _LAPSE and not subject.breached):
            # a page about the attestation alone is tla/Ethics.tla's
            name, changes = _acted(subject, kind, predicate)
            yield self._step(subject, name, index, f"{name.lower()}, {predicate['cause']}", changes)

    def _step(self, subject: _Subject, action: str, index: int, text: str, changes: Values) -> Step:
        before = subject.state
        after = {**before, **changes}
        known = tuple(str(after[name]) for name in _VARIABLES)
        subject.state = self._states.setdefault(known, after)
        return Step(action, before, subject.state, index, text, subject.trace)


_INITIAL: Values = {
    "phase": "candidate",
    "decision": "none",
    "fresh": False,
    "over": -1,
    "calm": -1,
    "age": 0,
    "paged": False,
    "degraded": False,
    "missed": False,
    "loop": "ran",
    "todo": [],
}
_CALM: Values = {"over": -1, "calm": -1, "age": 0, "missed": False}
_EFFECTS: Mapping[str, Values] = {
    "Breach": {**_CALM, "phase": "breached", "over": 0},
    "Page": {"paged": True},
    "Degrade": {"degraded": True},
    "Rollback": {**_CALM, "phase": "rolledback", "decision": "old", "fresh": False},
    "Recover": {**_CALM, "paged": False, "degraded": False},
}


def _decided(statement: Mapping[str, Json]) -> _Decided:
    predicate, about = statement["predicate"], statement["subject"][0]
    digest = about["digest"]["sha256"]
    required = [
        RequiredAttestation(attestation_types(check["metric"]), check["max_age_s"], "block")
        for check in predicate["checks"]
        if check["kind"] == "attestation" and check["severity"] == "block"
    ]
    named = [relaxation["name"] for relaxation in predicate["relaxations"]]
    until = lasts_until(required, predicate["attestations"], digest, named) if required else None
    return _Decided(
        about=(about["name"], digest, predicate["gate"], predicate["profile"]["name"]),
        verdict=predicate["verdict"],
        decided_at=parse_time(predicate["decided_at"]),
        valid_until=parse_time(predicate["valid_until"]),
        attested_until=None if until is None else parse_time(until),
        attested=not required or until is not None,
    )


def _trace(kind: str, statement: Mapping[str, Json]) -> str | None:
    """Which subject an entry is about; None where it is about no watched one."""
    predicate = statement["predicate"]
    if kind in DECISION_TYPES:
        about = statement["subject"][0]
        digest, profile = about["digest"]["sha256"], predicate["profile"]["name"]
        return f"{about['name']} sha256:{digest} by {profile}"
    watched = predicate.get("subject")
    known = kind in _ACTIONS or kind in (PROMOTED_TYPE, DECISION_FAILED_TYPE)
    if not known or not isinstance(watched, dict):
        return None
    return f"{watched['name']} sha256:{watched['sha256']} by {watched['profile']}"


Changes = tuple[str, Values]
"""An action of the spec, and what it changes."""


def _promoted(
    subject: _Subject, predicate: Mapping[str, Json], found: _Decided | None
) -> Iterator[Changes]:
    """What was decided, what became of it, and the promotion that rests on it."""
    watched, now = predicate["subject"], parse_time(predicate["at"])
    subject.minute = _minute(now)
    yield from _grounds(subject, found, watched, now)
    yield "Promote", {"phase": "serving", "loop": "ran"}


def _misdated(predicate: Mapping[str, Json], found: _Decided) -> str:
    """Which time of a promotion does not follow from the decision that it rests on; empty if none.

    Whose attestation no longer counted when it was promoted may have lasted for less.
    """
    now, stated = parse_time(predicate["at"]), predicate["attested_until"]
    if now < found.decided_at:
        return f"it was promoted at {predicate['at']}, before the decision that it rests on"
    until = None if stated is None else parse_time(stated)
    if (until is None) != (found.attested_until is None):
        return f"it says attested until {stated}, and its decision says otherwise"
    if until is not None and found.attested_until is not None and until > found.attested_until:
        return f"it says attested until {stated}; by its decision's attestations that is too long"
    return ""


def _grounds(
    subject: _Subject, found: _Decided | None, watched: Mapping[str, Json], now: datetime
) -> list[Changes]:
    """The steps that lead to the decision that a promotion names."""
    if found is None:
        return []
    if subject.rolled_back_at is not None and found.decided_at <= subject.rolled_back_at:
        return []
    about = (watched["name"], watched["sha256"], watched["gate"], watched["profile"])
    kind = "good" if found.verdict == "PROMOTE" else "blocked"
    if found.about != about:
        kind = "other"
    leading: list[Changes] = [("Decide", {"decision": kind, "fresh": True})]
    if kind == "good" and now >= found.valid_until:
        leading.append(("Expire", {"decision": "expired"}))
    elif kind == "good" and not _is_attested(found, now):
        leading.append(("Expire", {"decision": "unattested"}))
    return leading


def _is_attested(found: _Decided, now: datetime) -> bool:
    return found.attested and (found.attested_until is None or now < found.attested_until)


def _measured(subject: _Subject, kind: str, predicate: Mapping[str, Json]) -> Iterator[Changes]:
    """The minutes since the last measurement, and this one with what it finds due."""
    failed = kind == DECISION_FAILED_TYPE
    now = parse_time(predicate["failed_at"] if failed else predicate["decided_at"])
    yield from _passed(subject, _minute(now))
    reading = _reading(predicate["checks"]) if not failed else "None"
    if failed and {"id": "rollback", "check": _LAPSE} in predicate["obligations"]:
        reading = "Lapsed"
    state, changes = subject.state, Values(loop="ran")
    if reading == "Under":
        recovering = state["phase"] != "serving"
        changes |= {"over": -1, "calm": max(state["calm"], 0) if recovering else -1}
    elif reading != "Lapsed":
        in_production = state["phase"] in ("serving", "breached")
        changes |= {"over": max(state["over"], 0) if in_production else -1, "calm": -1}
    subject.breached = False
    due = [task["id"] for task in predicate["obligations"]]
    yield f"Measure{reading}", {**changes, "todo": _todo(state["phase"], due)}


def _todo(phase: str, due: Iterable[str]) -> list[str]:
    """What is due, as actions in the order of the spec; what does not fit the phase is not."""
    obligations = set(due)
    if phase == "serving":
        if "rollback" in obligations:
            return ["breach", "page", "rollback"]
        if "breach" in obligations:
            return [action for action in ("breach", "page", "degrade") if action in obligations]
        return []
    if "rollback" in obligations and phase == "breached":
        return ["rollback"]
    return ["recover"] if "recover" in obligations else []


def _reading(checks: Iterable[Mapping[str, Json]]) -> str:
    """What a decision's checks say as a whole."""
    passed, left = False, set()
    for check in checks:
        if check["id"] == _LAPSE and check["status"] == "fail":
            return "Lapsed"
        if check["metric"].startswith(f"{_GATE}.") or check["severity"] != "block":
            continue
        passed |= check["status"] == "pass"
        if check["status"] not in _FINE and check["waived_by"] is None:
            left.add(check["status"])
    if "fail" in left:
        return "Over"
    return "Under" if passed and not left else "None"


def _other_limit(checks: Iterable[Mapping[str, Json]]) -> str:
    """Which check was held against another limit than the model's, or none; empty if none was."""
    limited = {check["id"]: check for check in checks if check["id"] in _MODELLED}
    for name, check in limited.items():
        limit_s = _MODELLED[name] * TICK_S
        if check["severity"] != "off" and check["limit"] != limit_s:
            return f"{name} was held against {check['limit']} s, and the model has {limit_s}"
    for name, ticks in _MODELLED.items():
        if name not in limited or limited[name]["severity"] == "off":
            return f"{name} is turned off, and the model has {ticks * TICK_S} s"
    return ""


def _passed(subject: _Subject, minute: int) -> Iterator[Changes]:
    """The ticks from the last measurement to this one; none where the clock was set back."""
    last = minute if subject.minute is None else subject.minute
    subject.minute = minute
    for _ in range(minute - last):
        state, missed = subject.state, subject.state["loop"] == "due"
        breached = state["phase"] == "breached"
        changes: Values = {
            "over": _older(state["over"], STILL if breached else CONFIRM),
            "calm": -1 if missed else _older(state["calm"], CALM),
            "age": _older(state["age"], DEADLINE + 1) if breached else state["age"],
            "missed": breached if missed else state["missed"],
            "loop": "due",
        }
        if {**state, **changes} == state:
            return
        yield "Miss" if missed else "Tick", changes


def _older(clock: int, most: int) -> int:
    return clock if clock in (-1, most) else clock + 1


def _acted(subject: _Subject, kind: str, predicate: Mapping[str, Json]) -> Changes:
    """An action; one that is not the next that is due leaves what is due as it is."""
    name, todo = _ACTIONS[kind], subject.state["todo"]
    changes = {**_EFFECTS[name], "todo": todo[1:] if todo[:1] == [name.lower()] else todo}
    if name == "Breach":
        subject.breached = True
    if name == "Rollback":
        subject.rolled_back_at = parse_time(predicate["at"])
    if name == "Recover":
        changes["phase"] = "serving" if subject.state["phase"] == "breached" else "candidate"
    return name, changes


def _minute(instant: datetime) -> int:
    return int(instant.timestamp()) // TICK_S
