"""The real breaker, driven step by step as ``tla/Breaker.tla`` names its actions.

Each of two processes has a breaker of its own on the same circuits and at most one call under
way. What the spec's variables are is read from the circuit that is kept and from the tickets
that the processes were given; nothing is tracked beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from engine.calls.breaker import Breaker, CallOutcome, Circuit, Circuits, Phase, Settings, Ticket
from engine.calls.breaker.circuits import MemoryCircuits, key_of
from engine.errors import CircuitOpenError
from engine.specs.conform.projections.breaker import WINDOW_CALLS, WINDOW_FAILURES

CALLS = ("c1", "c2")
TICK_MS = 30_000
SETTINGS = Settings(window_calls=WINDOW_CALLS, window_failures=WINDOW_FAILURES)
START_MS = 1_000_000
OUTCOMES = {
    "Fail": CallOutcome.FAILURE,
    "Succeed": CallOutcome.SUCCESS,
    "Cancel": CallOutcome.NEUTRAL,
}


@dataclass(frozen=True)
class Under:
    """What a process knows of its call; ``gone`` once it died."""

    ticket: Ticket
    gone: bool = False


@dataclass(frozen=True)
class World:
    """Everything there is, as a value: circuit, clock, calls."""

    circuit: Circuit = field(default_factory=Circuit)
    now_ms: int = START_MS
    calls: tuple[Under | None, ...] = (None, None)

    @property
    def view(self) -> dict[str, Any]:
        """The spec's variables."""
        circuit = self.circuit
        opened = circuit.phase is Phase.OPEN
        return {
            "phase": str(circuit.phase),
            "failures": circuit.failures,
            "window": [int(outcome) for outcome in circuit.window],
            "successes": circuit.successes,
            "openAge": self._ticks(circuit.since_ms, SETTINGS.timeout_ms) if opened else 0,
            "probe": circuit.probe or "None",
            "leaseAge": (self._ticks(circuit.leased_ms, SETTINGS.lease_ms) if circuit.probe else 0),
            "call": {
                name: self._call(name, under) for name, under in zip(CALLS, self.calls, strict=True)
            },
        }

    def _ticks(self, since_ms: int, most_ms: int) -> int:
        return min(self.now_ms - since_ms, most_ms) // TICK_MS

    def _call(self, name: str, under: Under | None) -> str:
        circuit = self.circuit
        if under is None:
            return "idle"
        holds = circuit.probe == name and under.ticket.turn == circuit.turn
        if under.gone:
            return "gone" if holds else "idle"
        counts = under.ticket.turn == circuit.turn and (circuit.phase is Phase.CLOSED or holds)
        return "current" if counts else "stale"


class Driver:
    """Takes the spec's steps with the real breaker on ``circuits``."""

    def __init__(self, circuits: Circuits, world: World | None = None) -> None:
        self.circuits = circuits
        self.world = world or World()
        self.breakers = [
            Breaker(
                circuits,
                "acme",
                "large",
                clock=lambda: self.world.now_ms,
                call_ids=lambda name=name: name,  # type: ignore[misc]
                settings=SETTINGS,
                max_age_ms=0,
            )
            for name in CALLS
        ]

    def moves(self) -> list[tuple[str, int]]:
        """Everything that could be tried now: what, and by which process."""
        found = [("Tick", 0), ("Reset", 0)]
        for number, name in enumerate(CALLS):
            if self.world.view["call"][name] == "idle":
                found.append(("Ask", number))
            elif self.world.view["call"][name] != "gone":
                found += [(what, number) for what in (*OUTCOMES, "Crash")]
        return found

    def take(self, what: str, number: int) -> str:
        """Do it with the real breaker; return what the spec calls it."""
        if what == "Tick":
            self.world = replace(self.world, now_ms=self.world.now_ms + TICK_MS)
        elif what == "Reset":
            self.breakers[number].reset("because")
            self.world = replace(self.world, circuit=self.circuits.look("acme", "large"))
        elif what == "Ask":
            return self._ask(number)
        elif what == "Crash":
            under = self.world.calls[number]
            assert under is not None
            self._set(number, replace(under, gone=True))
        else:
            under = self.world.calls[number]
            assert under is not None
            assert self.breakers[number].reported(under.ticket, OUTCOMES[what])
            self._set(number, None)
        return what

    def _ask(self, number: int) -> str:
        before = self.world.circuit
        try:
            ticket = self.breakers[number].admit()
        except CircuitOpenError:
            return "Refuse"
        self._set(number, Under(ticket))
        if before.phase is Phase.HALF_OPEN:
            return "Probe" if before.probe is None else "TakeOver"
        return "Start" if before.phase is Phase.CLOSED else "HalfOpen"

    def _set(self, number: int, under: Under | None) -> None:
        calls = list(self.world.calls)
        calls[number] = under
        circuit = self.circuits.look("acme", "large")
        self.world = replace(self.world, circuit=circuit, calls=tuple(calls))


def at(world: World) -> Driver:
    """A driver that goes on from ``world``, with circuits in memory."""
    circuits = MemoryCircuits()
    circuits._kept[key_of("acme", "large")] = world.circuit
    return Driver(circuits, world)


def steps(world: World) -> Iterator[tuple[str, World]]:
    """Every step that the real breaker can take from ``world`` and that changes something."""
    for what, number in at(world).moves():
        driver = at(world)
        action = driver.take(what, number)
        if driver.world.view != world.view:
            yield action, driver.world
