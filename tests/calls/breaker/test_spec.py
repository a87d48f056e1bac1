"""The real breaker and ``tla/Breaker.tla`` allow the same: their reachable graphs are one graph.

INV-BREAKER-1 to INV-BREAKER-4: what TLC proved of every state of the spec holds of the code's.
"""

from __future__ import annotations

from collections import deque

import pytest

from engine.calls.breaker import LedgerCircuits, MemoryCircuits
from engine.ledger import Ledger
from engine.proof.envelope import open_envelope
from engine.proof.statement import parse_statement
from engine.specs.conform import cover, graph
from engine.specs.conform.graph import Edge, Graph, key
from engine.specs.conform.lookup import check
from engine.specs.conform.projections.breaker import (
    FAILURES,
    SUCCESSES,
    TICKS,
    WINDOW_CALLS,
    WINDOW_FAILURES,
    Projection,
)
from tests.calls.breaker.spec_world import SETTINGS, TICK_MS, Driver, World, steps
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import KEY
from tests.repository import ROOT


@pytest.fixture(scope="module")
def spec() -> Graph:
    return graph.load("breaker")


def test_code_and_spec_count_to_the_same_numbers() -> None:
    cfg = (ROOT / "tla" / "Breaker.cfg").read_text()
    assert f"WindowCalls = {SETTINGS.window_calls}\n" in cfg
    assert f"WindowFailures = {SETTINGS.window_failures}\n" in cfg
    assert (SETTINGS.window_calls, SETTINGS.window_failures) == (WINDOW_CALLS, WINDOW_FAILURES)
    assert SETTINGS.failure_threshold == FAILURES
    assert SETTINGS.success_threshold == SUCCESSES
    assert SETTINGS.timeout_ms == SETTINGS.lease_ms == TICKS * TICK_MS


def test_the_reachable_graphs_are_the_same(spec: Graph) -> None:
    numbers = spec.numbers
    first = World()
    seen = {key(first.view): first}
    queue = deque([first])
    edges: set[Edge] = set()
    while queue:
        world = queue.popleft()
        for action, after in steps(world):
            target = key(after.view)
            assert target in numbers, f"the spec cannot be in {after.view}, after {action}"
            edges.add(Edge(numbers[key(world.view)], action, numbers[target]))
            if target not in seen:
                seen[target] = after
                queue.append(after)

    assert sorted(edges - set(spec.edges)) == [], "the code does what the spec forbids"
    assert sorted(set(spec.edges) - edges) == [], "the spec allows what the code cannot do"
    assert len(seen) == len(spec.states)


def drive(path: list[Edge], spec: Graph, driver: Driver) -> None:
    """Take the steps of ``path``; after each, the code must be where the spec is."""
    for edge in path:
        here = driver.world
        assert key(here.view) == key(spec.states[edge.source])
        goal = key(spec.states[edge.target])
        move = next(
            (
                move
                for move in driver.moves()
                if any(
                    action == edge.action and key(after.view) == goal
                    for action, after in _tried(here, move)
                )
            ),
            None,
        )
        assert move is not None, f"the code cannot do {edge.action} in {here.view}"
        assert driver.take(*move) == edge.action
        assert key(driver.world.view) == goal


def _tried(world: World, move: tuple[str, int]) -> list[tuple[str, World]]:
    from tests.calls.breaker.spec_world import at

    driver = at(world)
    return [(driver.take(*move), driver.world)]


every_path = pytest.mark.parametrize(
    "stride",
    [pytest.param(1, marks=pytest.mark.soak, id="all"), pytest.param(20, id="a-twentieth")],
)
"""That each step can be taken is tested above; along paths, every twentieth in the core suite."""


@every_path
def test_the_steps_of_the_spec_are_taken_by_the_code_in_memory(spec: Graph, stride: int) -> None:
    for path in cover.paths(spec)[::stride]:
        drive(path, spec, Driver(MemoryCircuits()))


@every_path
def test_the_steps_of_the_spec_are_taken_through_a_ledger_that_conforms(
    spec: Graph, stride: int
) -> None:
    """INV-BREAKER-5: what the entries say is a behaviour of the spec too."""
    taken: set[Edge] = set()
    for path in cover.paths(spec)[::stride]:
        ledger = begun(MemoryStore())
        drive(path, spec, Driver(LedgerCircuits(ledger, KEY)))
        projection = Projection()
        report = check(
            spec,
            (step for index, said in statements(ledger) for step in projection.steps(index, said)),
        )
        assert report.conforms, "\n".join(report.rejected.lines() if report.rejected else [])
        taken |= report.taken
    assert {edge.action for edge in taken} == {
        *("Start", "Fail", "Tick", "HalfOpen", "Succeed", "Probe", "Reset", "Cancel")
    }


def statements(ledger: Ledger) -> list[tuple[int, dict[str, object]]]:
    """The statements of a ledger's entries, after its creation."""
    return [
        (index, parse_statement(open_envelope(entry).payload)) for index, entry in ledger.entries(1)
    ]
