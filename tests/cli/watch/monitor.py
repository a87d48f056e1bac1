"""Whether a simulated month was as promised, judged from the ledger's entries and the world's truth
alone: nothing of the engine's lifecycle is asked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.formats.times import parse_time
from engine.ledger import Ledger
from engine.proof.envelope import open_envelope
from engine.proof.statement import parse_statement
from engine.specs.conform.conformance import Conformance, conform
from tests.cli.watch.simulated import World
from tests.ledger.scribe import KEY

CONFIRM = CALM = 10
ROLLBACK_AT_LATEST = 10
"""Minutes, of the issue that asked for all this; not read from the policies."""

REACHING_OUT = ("promoted", "page", "degrade", "rollback", "recover", "escalate")


def minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


@dataclass
class Seen:
    """What a run came to.

    Attributes:
        wrong: What was not as promised, one line each.
        counts: Entries by kind, and whatever else is counted.
        latest: The longest it took, by what; minutes.
    """

    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    latest: dict[str, float] = field(default_factory=dict)

    def took(self, what: str, minutes: float) -> None:
        self.latest[what] = max(minutes, self.latest.get(what, 0.0))

    def table(self) -> str:
        """For people: what happened, and how long it took at most."""
        lines = [f"{what:<34} {count:>9,}" for what, count in sorted(self.counts.items())]
        lines += [f"{what:<34} {took:>9.1f} min at most" for what, took in self.latest.items()]
        return "\n".join(lines)


def entries_of(ledger: Ledger) -> list[tuple[int, str, dict[str, Any]]]:
    """Index, type and predicate of every entry."""
    found = []
    for index, entry in ledger.entries():
        statement = parse_statement(open_envelope(entry).payload)
        found.append((index, statement["predicateType"].split(":")[2], statement["predicate"]))
    return found


def inspected(world: World) -> Seen:
    """Look at everything that happened in ``world``."""
    seen = Seen()
    with world.ledger() as ledger:
        entries = entries_of(ledger)
        ledger.verify(signatures=True, public_keys=[KEY.public_key])
        for name, report in conform(ledger.signed_entries().read(), Conformance()).items():
            seen.counts[f"steps of the spec: {name}"] = report.steps
            if report.rejected is not None:
                seen.wrong += report.rejected.lines()
        for index, entry in world.acknowledged.items():
            if index >= ledger.size() or ledger.entry(index) != entry:
                seen.wrong.append(f"entry {index} was acknowledged and is lost")
    seen.counts.update(f"entries: {kind}" for _, kind, _ in entries)
    _judge_cycles(_cycles(entries), world, seen)
    _judge_effects(entries, world, seen)
    seen.counts.update({f"deaths: {place}": count for place, count in world.deaths.items()})
    return seen


@dataclass
class Look:
    """One cycle as recorded: when, what the truth was, and what was recorded with it."""

    at: datetime
    actions: list[str]


def _cycles(entries: list[tuple[int, str, dict[str, Any]]]) -> list[Look]:
    """Promotions, and measurements with what was recorded in the same cycle, in order."""
    looks: list[Look] = []
    for _, kind, predicate in entries:
        if kind == "promoted":
            looks.append(Look(parse_time(predicate["at"]), ["promoted"]))
        elif kind == "decision" and predicate["gate"] == "lifecycle":
            looks.append(Look(parse_time(predicate["decided_at"]), []))
        elif kind == "decision-failed":
            looks.append(Look(parse_time(predicate["failed_at"]), []))
        elif kind in ("breach", *REACHING_OUT) and not str(predicate["cause"]).endswith("_failed"):
            looks[-1].actions.append(kind)
    return looks


class _PromisedLifecycle:
    """The life of the subject as the promises have it, minute by minute."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self.phase = "candidate"
        self._bad_since: int | None = None
        self._calm_since: int | None = None
        self._last_calm: int | None = None
        self._breach_at = 0
        self._good_since_breach = False
        self._paged = False

    def measured(self, truth: str, now: int) -> None:
        """Take in what was true at a cycle."""
        self._seen.counts[f"cycles: {truth}"] += 1
        good, watched = truth == "under", self.phase in ("breached", "rolledback")
        if not good or not watched or self._last_calm is None or now - self._last_calm > 1:
            self._calm_since = now if good and watched else None
        self._last_calm = now if good and watched else None
        self._good_since_breach |= good
        self._bad_since = None if good else now if self._bad_since is None else self._bad_since

    def acted(self, action: str, look: Look) -> None:
        """Hold an action against what was promised of it."""
        now = minute(look.at)
        wrong = {
            "promoted": self._promoted,
            "breach": self._breach,
            "degrade": self._mitigated,
            "rollback": self._rollback,
            "recover": self._recover,
        }.get(action, self._page)(now)
        self._seen.wrong += [f"{look.at}: {action}: {fault}" for fault in wrong]

    def required(self, look: Look) -> None:
        """Hold what was left undone at a cycle against what was promised."""
        now, wrong = minute(look.at), []
        bad_for = 0 if self._bad_since is None else now - self._bad_since
        if self.phase == "serving" and bad_for >= CONFIRM:
            wrong.append(f"not within limits for {bad_for} min, and no breach")
        late = now - self._breach_at >= ROLLBACK_AT_LATEST
        if self.phase == "breached" and self._bad_since is not None and late:
            wrong.append(f"{now - self._breach_at} min after the breach, and no rollback")
        if self.phase in ("breached", "rolledback") and not self._paged:
            wrong.append("nobody was paged")
        self._seen.wrong += [f"{look.at}: {fault}" for fault in wrong]

    def _promoted(self, _now: int) -> list[str]:
        wrong = [] if self.phase == "candidate" else [f"while {self.phase}"]
        self.phase, self._bad_since = "serving", None
        return wrong

    def _breach(self, now: int) -> list[str]:
        wrong = [] if self.phase == "serving" else [f"while {self.phase}"]
        bad_for = 0 if self._bad_since is None else now - self._bad_since
        if bad_for < CONFIRM:
            wrong.append(f"after {bad_for} min")
        self._seen.took("breach confirmed", bad_for)
        self.phase, self._breach_at, self._paged = "breached", now, False
        self._good_since_breach = False
        return wrong

    def _page(self, _now: int) -> list[str]:
        self._paged = True
        return []

    def _mitigated(self, _now: int) -> list[str]:
        return [] if self._paged else ["before a page"]

    def _rollback(self, now: int) -> list[str]:
        how = "that came back" if self._good_since_breach else "that went on"
        self._seen.took(f"rollback after a breach {how}", now - self._breach_at)
        self.phase = "rolledback"
        return self._mitigated(now)

    def _recover(self, now: int) -> list[str]:
        calm_for = 0 if self._calm_since is None else now - self._calm_since
        self.phase = "candidate" if self.phase == "rolledback" else "serving"
        self._calm_since = None
        return [] if calm_for >= CALM else [f"after {calm_for} calm min"]


def _judge_cycles(looks: list[Look], world: World, seen: Seen) -> None:
    life = _PromisedLifecycle(seen)
    for look in looks:
        if look.actions != ["promoted"]:
            truth = world.truth.get(look.at)
            if truth is None:
                seen.wrong.append(f"{look.at}: a cycle that nobody measured")
                continue
            life.measured(truth, minute(look.at))
        for action in look.actions:
            life.acted(action, look)
        life.required(look)


def _judge_effects(
    entries: list[tuple[int, str, dict[str, Any]]], world: World, seen: Seen
) -> None:
    """Every intent has one effect at the receiver, however often it was delivered."""
    intended = sum(kind in REACHING_OUT for _, kind, _ in entries)
    outcomes = [predicate for _, kind, predicate in entries if kind == "effect"]
    requested = _requested(entries)
    for effect in outcomes:
        key, action = effect["idempotency_key"], effect["action"]
        first = world.service.applied.get(key)
        if not effect["ok"]:
            seen.counts[f"effects not done: {action}"] += 1
        elif first is None:
            seen.wrong.append(f"{key} is recorded as done, and never came")
        elif (action, effect["decision"]) in requested:
            length = first[1] - requested[action, effect["decision"]]
            seen.took(f"{action} at its receiver", max(0.0, length.total_seconds() / 60))
    for key, times in Counter(effect["idempotency_key"] for effect in outcomes).items():
        if times != 1:
            seen.wrong.append(f"{key} has {times} outcomes")
    if intended != len(outcomes):
        seen.wrong.append(f"{intended} effects intended, {len(outcomes)} have an outcome")
    undone = sum(not effect["ok"] for effect in outcomes)
    applied, delivered = world.service.applied, world.service.delivered
    if not intended - undone <= len(applied) <= intended:
        seen.wrong.append(f"{intended} effects intended, {len(applied)} applied")
    seen.counts["effects: intended"] = intended
    seen.counts["effects: distinct at receiver"] = len(applied)
    seen.counts["effects: deliveries"] = sum(delivered.values())
    seen.counts["effects: repeats, same key"] = sum(delivered.values()) - len(delivered)


def _requested(
    entries: list[tuple[int, str, dict[str, Any]]],
) -> dict[tuple[str, str], datetime]:
    """When what was recorded, by action and decision."""
    return {
        ("promote" if kind == "promoted" else kind, predicate["decision"]): parse_time(
            predicate["at"]
        )
        for _, kind, predicate in entries
        if kind in REACHING_OUT
    }
