"""The real ledger and ``tla/Ledger.tla`` do the same, step by step, crashes and all."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.specs.conform import cover, graph
from engine.specs.conform.graph import Edge, Graph, key
from tests.ledger.crashing import EDITS, World, processes_may_die


@pytest.fixture(autouse=True)
def _die() -> Iterator[None]:
    with processes_may_die():
        yield


MODELS: dict[str, dict[str, Any]] = {
    "ledger": {},
    "ledger-host": {"names": ("p1",), "restores": 0, "edits": 1},
}
"""The constants of the runs of ``tla/manifest.toml`` that make the graphs."""


@pytest.fixture(params=MODELS)
def spec(request: pytest.FixtureRequest) -> Graph:
    return graph.load(request.param)


def world(spec: Graph, folder: Path, numbers: Iterator[int]) -> World:
    return World(folder / str(next(numbers)), **MODELS[spec.name])


def test_the_ledger_follows_the_spec_along_every_edge(spec: Graph, tmp_path: Path) -> None:
    """INV-LEDGER-1, INV-LEDGER-6, LIVE-LEDGER-1: the code does what the spec allows, as it says."""
    numbers, states = count(), spec.states
    for path in cover.paths(spec):
        ledger_world = world(spec, tmp_path, numbers)
        assert key(ledger_world.state()) == key(states[path[0].source])
        for edge in path:
            _take(spec, ledger_world, edge)
        ledger_world.close()


def _take(spec: Graph, ledger_world: World, edge: Edge) -> None:
    """Do what ``edge`` says; the process and the kind of failure follow from where it leads."""
    before, after = spec.states[edge.source], spec.states[edge.target]
    what = edge.action if edge.action in _CHOSEN else None
    (moved,) = [name for name in before["pc"] if before["pc"][name] != after["pc"][name]] or [""]
    if edge.action == "Restore":
        moved = str(len(after["log"]))
    if edge.action in EDITS:
        moved = json.dumps(after["log"])
    if edge.action == "Fail":
        there = before["log"] != after["log"]
        what = "Fail, and yet it is there" if there else "Fail"
    name = ledger_world.do(what or "go", moved)
    assert (name, ledger_world.state()) == (edge.action, after), (before, edge.action, moved)


_CHOSEN = {"Open", "Ask", "Crash", "Restore", *EDITS}
"""What happens by whose choice it is, and not as the next step of a process."""


def test_the_code_does_nothing_that_the_spec_does_not_allow(spec: Graph, tmp_path: Path) -> None:
    """INV-LEDGER-3, INV-LEDGER-4, INV-LEDGER-6: the reachable graphs are the same, both ways."""
    found = _explored(spec, tmp_path)

    allowed = {(key(spec.states[a]), action, key(spec.states[b])) for a, action, b in spec.edges}
    assert found - allowed == set(), "the code does what the spec forbids"
    assert allowed - found == set(), "the spec allows what the code cannot do"


def _explored(spec: Graph, folder: Path) -> set[tuple[bytes, str, bytes]]:
    """Every step of the code, by taking each choice of each state that it gets into."""
    numbers = count()
    untried: dict[bytes, list[tuple[str, str]]] = {}
    ways: dict[bytes, list[tuple[tuple[str, str], bytes]]] = {}
    found: set[tuple[bytes, str, bytes]] = set()
    while True:
        ledger_world = world(spec, folder, numbers)
        here = key(ledger_world.state())
        untried.setdefault(here, ledger_world.choices())
        way = _way(here, untried, ways)
        if way is None:
            ledger_world.close()
            return found
        while way is not None:
            for choice in way:
                action = ledger_world.do(*choice)
                after = key(ledger_world.state())
                if choice in untried[here]:
                    untried[here].remove(choice)
                    ways.setdefault(here, []).append((choice, after))
                    if (action, here) != ("Open", after):  # one that is refused is no step
                        found.add((here, action, after))
                untried.setdefault(after, ledger_world.choices())
                here = after
            way = _way(here, untried, ways)
        ledger_world.close()


def _way(
    here: bytes,
    untried: dict[bytes, list[tuple[str, str]]],
    ways: dict[bytes, list[tuple[tuple[str, str], bytes]]],
) -> list[tuple[str, str]] | None:
    """The choices that lead to the nearest one that was never taken; None if none is near."""
    came: dict[bytes, list[tuple[str, str]]] = {here: []}
    queue = deque([here])
    while queue:
        state = queue.popleft()
        if untried[state]:
            return [*came[state], untried[state][0]]
        for choice, after in ways.get(state, ()):
            if after not in came:
                came[after] = [*came[state], choice]
                queue.append(after)
    return None
