"""Hours of life with crashes in between: what the ledger then says is a behaviour of the spec.

INV-PROMO-8: nothing is lost and nothing repeated, wherever the process died.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import CommitError
from engine.ledger import Ledger
from engine.lifecycle import Phase, outbox
from engine.specs.conform import graph
from engine.specs.conform.graph import Graph
from engine.specs.conform.lookup import Report, check
from engine.specs.conform.projections import promotion
from tests.ledger.scribe import KEY
from tests.lifecycle.driver import ATTESTED, World, bundle_with, projected, serving

EFFECTS = {"promoted": "promote"} | {
    name: name for name in ("page", "degrade", "rollback", "recover", "escalate")
}
NO_SHRINKING = (hypothesis.Phase.reuse, hypothesis.Phase.generate)
"""What fails is told at once: making a day of it smaller takes minutes."""

RUNS = st.tuples(
    st.sampled_from(["under", "under", "over", "over", "none", "down"]),
    st.integers(1, 14),
    st.sampled_from(["", "", "before", "after", "performed", "set back", "decide"]),
)


@cache
def spec() -> Graph:
    return graph.load("promotion")


def conforms(ledger: Ledger) -> Report:
    return check(spec(), projected(ledger, 0, promotion.Projection()))


class Receiver:
    """Somebody out there who does what it is told once per key."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.done: dict[str, str] = {}

    def perform(self, world: World, *, dies: bool) -> None:
        """Perform what is pending; or die after the first effect, before its outcome is kept."""
        for effect in outbox.pending(world.ledger, world.now):
            outbox.started(world.ledger, effect.id)
            self.requests.append((effect.idempotency_key, effect.action))
            self.done.setdefault(effect.idempotency_key, effect.action)
            if dies:
                world.restart()
                return
            outbox.done(world.ledger, KEY, effect.id, ok=True, detail="", now=world.now)


def live(world: World, receiver: Receiver, reading: str, crash: str) -> None:
    """A minute: one cycle, with a crash somewhere in it or after it."""
    world.tick()
    if reading == "down":
        return
    if crash in ("before", "after") and world.life.phase is not Phase.CANDIDATE:
        world.store.fail_commit = crash
        with pytest.raises(CommitError):
            world.measure(reading)
        world.store.fail_commit = ""
        world.restart()
        if crash == "before":
            world.measure(reading)
    elif world.measure(reading).entries == ():
        world.promote()
    receiver.perform(world, dies=crash == "performed")


def examined(runs: list[tuple[str, int, str]]) -> None:
    world, receiver = serving(World(bundle_with(ATTESTED))), Receiver()
    for reading, minutes, crash in runs:
        if crash == "decide":
            world.decide("good")
        if crash == "set back":
            world.tick(-30)
        for minute in range(minutes):
            live(world, receiver, reading, "" if minute else crash)
    receiver.perform(world, dies=False)
    report = conforms(world.ledger)
    assert report.conforms, report.rejected and report.rejected.lines()
    recorded = [EFFECTS[kind] for kind in world.actions() if kind in EFFECTS]
    assert list(receiver.done.values()) == recorded
    outcomes = [event["idempotency_key"] for kind, event in world.events() if kind == "effect"]
    assert sorted(outcomes) == sorted(receiver.done)


@given(runs=st.lists(RUNS, min_size=4, max_size=8))
@settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=NO_SHRINKING
)
def test_whatever_happens_is_a_behaviour_of_the_spec(runs: list[tuple[str, int, str]]) -> None:
    examined(runs)


@pytest.mark.soak
@given(runs=st.lists(RUNS, min_size=20, max_size=60))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_and_so_are_days_of_it(runs: list[tuple[str, int, str]]) -> None:
    examined(runs)


def test_the_runs_reach_what_they_are_about() -> None:
    """A day of fixed life takes every recording action of the spec."""
    world, receiver = serving(), Receiver()
    for reading, minutes in (("over", 12), ("under", 12), ("none", 25), ("under", 13)):
        for _ in range(minutes):
            live(world, receiver, reading, "")
    taken = {edge.action for edge in conforms(world.ledger).taken}
    assert taken >= {"Promote", "Breach", "Page", "Degrade", "Rollback", "Recover", "Tick"}


def rejected(world: World) -> tuple[str, str]:
    found = conforms(world.ledger).rejected
    assert found is not None
    return found.step.action, found.reason


def test_a_ledger_that_skips_the_page_is_rejected(monkeypatch: Any) -> None:
    from engine.lifecycle import machine

    plan = machine.plan
    monkeypatch.setattr(machine, "plan", lambda *a: [x for x in plan(*a) if x != "page"])
    world = serving()
    world.measure("over")
    world.cycles("over", 10)
    assert rejected(world)[0] == "Degrade"
