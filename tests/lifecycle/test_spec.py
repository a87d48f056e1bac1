"""The real controller and ``tla/Promotion.tla`` do the same, step by step, both ways.

Ticks are minutes of an injected clock. What a path of the spec asks for is done to a real
controller over a ledger in memory; the ledger that it wrote is then read as steps of the spec,
and these must be the path.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from engine.formats.times import write_time
from engine.lifecycle.contract import Phase
from engine.lifecycle.machine import LifecycleState, minute_of
from engine.policy.bundle import PolicyBundle
from engine.specs.conform import graph
from engine.specs.conform.graph import Edge, Graph
from engine.specs.conform.lookup import Step
from engine.specs.conform.projections import promotion
from tests.lifecycle.driver import (
    ATTESTED,
    BUNDLE,
    SHORT,
    SOON_S,
    World,
    bundle_with,
    projected,
)

Values = dict[str, Any]
READINGS = {"MeasureUnder": "under", "MeasureOver": "over", "MeasureNone": "none"}
RECORDED = ("Breach", "Page", "Degrade", "Rollback", "Recover")


@cache
def spec() -> Graph:
    return graph.load("promotion")


def attesting() -> PolicyBundle:
    return bundle_with(ATTESTED)


# -- spec → code -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Reached:
    """A state of the spec, and the world that is in it.

    Attributes:
        world: Controller, ledger and clock.
        read: Reads the ledger; has read all of it.
        ahead: Steps that the ledger holds already: the rest of a transaction.
        passed: Ticks that the ledger will show with the next measurement.
    """

    world: World
    read: promotion.Projection
    ahead: tuple[Step, ...] = ()
    passed: tuple[tuple[str, Values], ...] = ()


def test_the_controller_follows_the_spec_along_every_edge() -> None:
    """INV-PROMO-1, INV-PROMO-2, INV-PROMO-3, INV-PROMO-4, INV-PROMO-5, INV-PROMO-6.

    And so what the spec promises of every behaviour: LIVE-PROMO-1, LIVE-PROMO-2, LIVE-PROMO-3.
    Every edge of the spec is taken by a real controller from a world that is in its source;
    what its ledger says then is the edge.
    """
    (initial,) = spec().initial
    reached = {initial: Reached(World(attesting()), promotion.Projection())}
    queue, taken = deque([initial]), 0
    while queue:
        source = queue.popleft()
        for edge in spec().out[source]:
            after = _taken(reached[source], edge)
            taken += 1
            if edge.target not in reached:
                reached[edge.target] = after
                queue.append(edge.target)
    assert taken == len(spec().edges)


def _taken(here: Reached, edge: Edge) -> Reached:
    """Take an edge; says where that led."""
    after = dict(spec().states[edge.target])
    event = _event(edge.action, after)
    if edge.action in RECORDED:
        step, *ahead = here.ahead
        assert _event(step.action, dict(step.after)) == event
        return replace(here, ahead=tuple(ahead))
    if edge.action in ("Tick", "Miss"):
        world = copy(here.world)  # its ledger stays as it is
        world.now = world.now.replace(second=0) + timedelta(minutes=1)
        shows = edge.source != edge.target
        return replace(here, world=world, passed=(*here.passed, *([event] if shows else [])))
    world, read = here.world.copy(), _fork(here.read)
    start = world.ledger.size()
    _do(world, edge.action, after)
    steps = projected(world.ledger, start, read)
    if edge.action in ("Decide", "Expire"):
        assert steps == []
        assert after["decision"] == "good" or not world.promote().promoted, after
        return replace(here, world=world, read=read)
    shown = [step for step in steps if step.action not in ("Decide", "Expire")]
    expected = [*here.passed, event]
    assert [_event(s.action, dict(s.after)) for s in shown[: len(expected)]] == expected
    return Reached(world, read, tuple(shown[len(expected) :]))


def _fork(read: promotion.Projection) -> promotion.Projection:
    other = copy(read)
    other._subjects = {trace: copy(subject) for trace, subject in read._subjects.items()}
    other._decided = dict(read._decided)
    return other


def _do(world: World, action: str, after: Values) -> None:
    if action == "Decide":
        _decide(world, str(after["decision"]))
    elif action == "Expire":  # the newest decision is one whose time is up
        _decide(world, str(after["decision"]))
        world.now += timedelta(seconds=SOON_S)
    elif action == "Promote":
        assert world.promote().promoted
    elif action == "MeasureLapsed":
        world.lapse(10)
        world.measure("over")
    else:
        world.measure(READINGS[action])


def _decide(world: World, kind: str) -> None:
    rolled_back = world.life.rolled_back_at
    if rolled_back is not None and rolled_back >= write_time(world.now):
        world.now += timedelta(seconds=1)
    if kind == "unattested":
        world.decide("good", attest_s=SOON_S)
    elif kind == "expired":
        world.decide("good", by=bundle_with(ATTESTED, SHORT))
    else:
        world.decide(kind)


def _event(action: str, state: Values) -> tuple[str, Values]:
    """A step as a ledger shows it: what was decided shows with the promotion only."""
    return action, {k: v for k, v in state.items() if k not in ("decision", "fresh")}


# -- code → spec -----------------------------------------------------------------------------


def test_the_controller_does_nothing_that_the_spec_does_not_allow() -> None:
    """Every life that the code can come to is a state of the spec, and the other way round.

    Read off the controller's own state, not off its ledger; whether a tick was missed since the
    breach and what a promotion would rest on are not part of it.
    """
    steps = {
        (_shown(spec().states[a]), action, _shown(spec().states[b]))
        for a, action, b in spec().edges
    }
    watched = {
        _shown(state)
        for state in spec().states
        if state["phase"] != "candidate" and state["todo"] == []
    }
    found: set[tuple[tuple[str, Any], ...]] = set()
    for before, action, actions, after in _explored():
        found |= {before, after}
        state = before
        for name, following in _chain(action, actions, before, after):
            assert (state, name, following) in steps or following is None, (state, name, after)
            state = following or state
    assert {state for state in found if dict(state)["phase"] != "candidate"} == watched


def _chain(
    action: str, actions: Sequence[str], before: Any, after: Any
) -> Iterator[tuple[str, Any]]:
    """A cycle's measurement and its recorded actions, through the spec to where the code ended."""
    ways: list[tuple[Any, list[tuple[str, Any]]]] = [(before, [])]
    for name in (action, *(name.capitalize() for name in actions)):
        ways = [
            (_shown(spec().states[edge.target]), [*way, (name, _shown(spec().states[edge.target]))])
            for state, way in ways
            for edge in _leaving(state)
            if edge.action == name
        ]
    ending = [way for state, way in ways if state == after]
    assert ending, (dict(before), action, actions, dict(after))
    yield from ending[0]


@cache
def _numbers() -> dict[Any, list[int]]:
    numbers: dict[Any, list[int]] = {}
    for number, state in enumerate(spec().states):
        numbers.setdefault(_shown(state), []).append(number)
    return numbers


def _leaving(state: Any) -> list[Edge]:
    return [edge for number in _numbers()[state] for edge in spec().out[number]]


def _shown(state: Any) -> tuple[tuple[str, Any], ...]:
    hidden = ("decision", "fresh", "missed")
    return tuple(
        sorted(
            (name, tuple(value) if isinstance(value, list) else value)
            for name, value in state.items()
            if name not in hidden
        )
    )


def _explored() -> Iterator[tuple[Any, str, list[str], Any]]:
    """Every step of the code from a promotion on: state, action, what was recorded, state."""
    world = World(BUNDLE)
    world.decide("good")
    world.promote()
    queue, seen = [(world.life, 0)], {_shown(_abstract(world.life, 0))}
    while queue:
        life, waited = queue.pop()
        before = _abstract(life, waited)
        nexts: list[tuple[str, list[str], LifecycleState, int]] = []
        for action in ("MeasureUnder", "MeasureOver", "MeasureNone", "MeasureLapsed"):
            if action != "MeasureLapsed" or life.in_production:
                actions, after = _cycle(world, life, waited, action)
                nexts.append((action, actions, after, 0))
        if waited < 12:
            nexts.append(("Tick" if waited == 0 else "Miss", [], life, waited + 1))
        for action, actions, after, later in nexts:
            shown = _shown(_abstract(after, later))
            yield _shown(before), action, actions, shown
            if shown not in seen and after.phase is not Phase.CANDIDATE:
                seen.add(shown)
                queue.append((after, later))


def _cycle(
    world: World, life: LifecycleState, waited: int, action: str
) -> tuple[list[str], LifecycleState]:
    """One cycle of the controller from a life that is put into its ledger's state."""
    assert life.tick is not None
    fresh = World(BUNDLE, watched=world.watched)
    fresh.now = world.now + timedelta(minutes=life.tick + waited - minute_of(world.now))
    fresh.put(replace(life, attested_until=None, lapsed=None))
    if action == "MeasureLapsed":
        fresh.lapse(10)
    cycle = fresh.measure(READINGS.get(action, "over"))
    return list(cycle.actions), replace(fresh.life, attested_until=None, lapse_paged=None)


def _abstract(life: LifecycleState, waited: int) -> Values:
    """The state of the spec that a life is, so many minutes after its last cycle."""
    assert life.tick is not None
    now = life.tick + waited

    def age(clock: int | None, most: int) -> int:
        return -1 if clock is None else min(now - clock, most)

    breached = life.phase is Phase.BREACHED
    run = life.over if not breached or life.over is None else max(life.over, life.breached or 0)
    return {
        "phase": str(life.phase),
        "over": age(run, promotion.STILL if breached else promotion.CONFIRM),
        "calm": -1 if waited > 1 else age(life.calm, promotion.CALM),
        "age": age(life.breached, promotion.DEADLINE + 1) if breached else 0,
        "paged": life.paged,
        "degraded": life.degraded,
        "loop": "due" if waited and life.phase is not Phase.CANDIDATE else "ran",
        "todo": [],
    }


def test_the_model_has_the_shipped_limits() -> None:
    rows = BUNDLE.profile("default")["checks"]
    ticks = {name: rows[name]["limit"] // promotion.TICK_S for name in promotion._MODELLED}
    assert ticks == dict(promotion._MODELLED)
    text = (graph.shipped().parent / "Limits.tla").read_text()
    for name in ("Confirm", "Still", "Deadline", "Calm"):
        assert f"Lifecycle{name}Ticks == {getattr(promotion, name.upper())}\n" in text
