"""Paths through a graph that take every step at least once, for tests to drive code along."""

from __future__ import annotations

from collections import deque
from itertools import islice

from engine.specs.conform.graph import Edge, Graph

LONGEST = 100
NEAR = 200
"""How many states a path looks at for an edge that is still to be taken, before it ends."""


def paths(graph: Graph, longest: int = LONGEST) -> list[list[Edge]]:
    """Return paths that begin in an initial state and together take every edge of ``graph``.

    A path goes the shortest way to the first state that has an edge left, and from there on to
    the nearest such edge, until none is near or it is ``longest`` long; so a path may be a
    little longer than that. The same graph gives the same paths.
    """
    cover = _Cover(graph)
    found: list[list[Edge]] = []
    for number in cover.reached:
        while cover.left[number]:
            path = cover.way_to(number)
            path += cover.onward(path, number)
            while len(path) < longest and (piece := cover.onward(path, number)):
                path += piece
            found.append(path)
    return found


class _Cover:
    """Which edges are still to be taken, and the shortest way to each state."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._came: dict[int, Edge | None] = dict.fromkeys(graph.initial)
        queue = deque(graph.initial)
        while queue:
            for edge in graph.out[queue.popleft()]:
                if edge.target not in self._came:
                    self._came[edge.target] = edge
                    queue.append(edge.target)
        self.reached = tuple(self._came)
        self.left = [list(reversed(edges)) for edges in graph.out]

    def way_to(self, number: int) -> list[Edge]:
        """Return the shortest path from an initial state, and take its edges."""
        way = _back(self._came, number)
        for edge in way:
            self._take(edge)
        return way

    def onward(self, path: list[Edge], start: int) -> list[Edge]:
        """Return how to go on to the nearest edge left, and take it; empty if none is near."""
        here = path[-1].target if path else start
        came: dict[int, Edge | None] = {here: None}
        queue = deque([here])
        for node in islice(iter(queue.popleft, None), NEAR):
            if self.left[node]:
                way = [*_back(came, node), self.left[node][-1]]
                self._take(way[-1])
                return way
            for edge in self._graph.out[node]:
                if edge.target not in came:
                    came[edge.target] = edge
                    queue.append(edge.target)
            if not queue:
                break
        return []

    def _take(self, edge: Edge) -> None:
        if edge in self.left[edge.source]:
            self.left[edge.source].remove(edge)


def _back(came: dict[int, Edge | None], number: int) -> list[Edge]:
    way: list[Edge] = []
    while (edge := came[number]) is not None:
        way.append(edge)
        number = edge.source
    return way[::-1]
