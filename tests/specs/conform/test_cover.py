"""Edge cover: every step is taken, from an initial state, without a gap."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.specs.conform import cover
from engine.specs.conform.graph import Edge, Graph, build


def assert_covers(graph: Graph, longest: int) -> None:
    paths = cover.paths(graph, longest)
    assert {edge for path in paths for edge in path} == set(graph.edges)
    for path in paths:
        assert path[0].source in graph.initial
        assert all(a.target == b.source for a, b in pairwise(path))


def test_a_small_graph_is_covered_by_one_path(lamp: Graph) -> None:
    assert cover.paths(lamp) == [
        [
            Edge(0, "Switch", 1),
            Edge(1, "Burn", 2),
            Edge(2, "Replace", 0),
            Edge(0, "Wait", 0),
            Edge(0, "Switch", 1),
            Edge(1, "Switch", 0),
        ]
    ]


@given(
    edges=st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.integers(0, 9))),
    initial=st.sets(st.integers(0, 9), min_size=1),
    longest=st.integers(1, 30),
)
def test_every_reachable_edge_of_any_graph_is_taken(
    edges: list[tuple[int, str, int]], initial: set[int], longest: int
) -> None:
    graph = build(
        "any",
        {str(n): {"n": n} for n in range(10)},
        map(str, initial),
        [(str(a), action, str(b)) for a, action, b in edges],
    )

    assert_covers(graph, longest)
