"""The real tracker and ``tla/Budget.tla`` do the same: state by state, step by step.

The states and steps that TLC found are kept in ``tla/graph``. The tracker is tried everywhere it
can get to, and driven along every step of the spec; what one does and the other does not, fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import cast

import pytest

from engine.formats.times import write_time
from engine.ledger import Ledger
from engine.specs.conform import cover, graph
from engine.specs.conform.graph import Edge, Graph, State, key
from tests.calls.budget.world import (
    BEGIN,
    DAY_TICKS,
    HARD,
    TTL,
    Books,
    ModelOf,
    Move,
    World,
    tracker,
)
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import open_at

pytestmark = pytest.mark.no_cover  # the same lines many times over: measured elsewhere

MODELS = {
    "budget": ModelOf(
        {"l1": "batch", "l2": None}, asks=(1, 19, 21), usages=(1, 20), last_ask=1, end=3, backs=0
    ),
    "budget-days": ModelOf(
        {"l1": "batch"}, asks=(1, 19, 21), usages=(0, 1, 20), last_ask=4, end=6, backs=1
    ),
}
"""The constants of the runs of ``tla/manifest.toml`` that make the graphs."""

EVERY = 20
"""Of the paths of a cover, the share that the dearer tests take: the others go the same ways."""


@pytest.fixture(params=MODELS)
def spec(request: pytest.FixtureRequest) -> Graph:
    return graph.load(request.param)


Step = tuple[bytes, str, bytes]


def test_what_the_tracker_can_do_is_what_the_spec_allows(spec: Graph) -> None:
    """INV-BUDGET-3 to 12 and 15: the reachable states and steps of both are the same.

    INV-BUDGET-6 INV-BUDGET-7 INV-BUDGET-8 INV-BUDGET-9 INV-BUDGET-10 INV-BUDGET-11 INV-BUDGET-12
    INV-BUDGET-15
    """
    allowed = {
        (key(spec.states[edge.source]), edge.action, key(spec.states[edge.target]))
        for edge in spec.edges
    }
    done = set()
    for step in _steps(MODELS[spec.name]):
        assert step in allowed, f"the tracker does what the spec forbids: {step}"
        done.add(step)
    assert not allowed - done, f"the spec allows what it cannot do: {min(allowed - done)}"


def _steps(model: ModelOf) -> Iterator[Step]:
    """Every step of the tracker from every state that it gets to, whoever tries whatever."""
    books = Books()
    world = World(model, [tracker(cast(Ledger, books))])
    begin = key(world.view())
    moments = {begin: (dict(books.documents), world.kept())}
    queue = deque([begin])
    while queue:
        before = queue.popleft()
        documents, kept = moments[before]
        world.back(kept)
        for move in list(world.moves()):
            books.documents = dict(documents)
            world.back(kept)
            action = world.do(move)
            after = key(world.view())
            if action is None:
                assert after == before, f"{move} was refused, and changed something"
                continue
            yield before, action, after
            if after not in moments:
                moments[after] = (dict(books.documents), world.kept())
                queue.append(after)


def test_time_and_a_request_end_every_lease_and_bring_a_budget_again(spec: Graph) -> None:
    """LIVE-BUDGET-1 LIVE-BUDGET-2: wherever the tracker is left, with all that it holds."""
    for path in cover.paths(spec)[::EVERY]:
        with closing(begun(MemoryStore(), created_at=write_time(BEGIN))) as ledger:
            world = follow(spec, path, [ledger])
            for _ in range(TTL + DAY_TICKS):
                world.do(Move("tick"))
            assert world.do(Move("reserve", "l1", HARD + 1)) == "Refuse"
            assert "held" not in {lease["phase"] for lease in world.view()["lease"].values()}
            assert world.do(Move("reserve", "l1", HARD)) == "Reserve"


def test_the_tracker_follows_every_path_of_the_spec(spec: Graph) -> None:
    """INV-BUDGET-3: an edge cover, over a whole ledger in memory."""
    for path in cover.paths(spec):
        with closing(begun(MemoryStore(), created_at=write_time(BEGIN))) as ledger:
            follow(spec, path, [ledger])


def test_processes_that_share_a_ledger_follow_the_spec(tmp_path: Path) -> None:
    """INV-BUDGET-3: each step is another process's, all on one SQLite ledger."""
    spec = graph.load("budget")
    longest = sorted(cover.paths(spec), key=len)[-3:]
    for number, path in enumerate(longest):
        folder = tmp_path / str(number)
        folder.mkdir()
        with ExitStack() as opened:
            begin = write_time(BEGIN)
            handles = [
                opened.enter_context(closing(open_at(folder, created_at=begin))) for _ in range(3)
            ]
            follow(spec, path, handles)


def follow(spec: Graph, path: Sequence[Edge], handles: Sequence[Ledger]) -> World:
    """Drive the tracker along ``path`` and hold its state against the spec's after each step."""
    world = World(MODELS[spec.name], [tracker(handle) for handle in handles])
    assert world.view() == spec.states[path[0].source]
    for edge in path:
        before, after = spec.states[edge.source], spec.states[edge.target]
        assert world.do(_move(edge.action, before, after)) == edge.action
        assert world.view() == after
    return world


def _move(action: str, before: State, after: State) -> Move:
    """What somebody tries so that this step of the spec is taken."""
    if action in ("Tick", "SetBack"):
        return Move("tick" if action == "Tick" else "set back")
    if action == "Reopen":
        return Move("reopen")
    if action == "Refuse":
        return Move("reserve", min(before["lease"]), 21)
    phase = {"Reserve": "held", "Settle": "settled", "Release": "released"}[action]
    (name,) = (
        name
        for name, lease in after["lease"].items()
        if lease["phase"] == phase != before["lease"][name]["phase"]
    )
    lease = after["lease"][name]
    what = {"Reserve": "reserve", "Settle": "settle", "Release": "release"}[action]
    return Move(what, name, lease["amount"] if action == "Reserve" else lease["spent"])
