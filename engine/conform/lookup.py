"""Whether what happened is a behaviour of a spec, by looking each step up in its graph.

A trace is a behaviour of the spec's model when it begins in an initial state, each step begins
where the one before it ended, and each step is an edge of the graph. No JVM, and each distinct
step is looked up once, so that a long ledger costs little more than reading it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.conform.graph import Edge, Graph, State, key

SHOWN = 12


class Step(NamedTuple):
    """One step of a trace, as a projection makes it from a ledger's entry.

    Attributes:
        action: The spec's name for what happened.
        before: The state before, all variables.
        after: The state after.
        entry: Index of the ledger's entry.
        text: The entry in a few words, for a person.
        trace: Whose behaviour it belongs to, where a ledger holds several (one per lease,
            per subject); each is checked by itself.
    """

    action: str
    before: State
    after: State
    entry: int
    text: str
    trace: str = ""


@dataclass(frozen=True)
class Rejection:
    """A step that the spec does not allow.

    Attributes:
        step: The step.
        reason: What is wrong with it, in one clause.
        allowed: What the spec would have allowed from the state before: action and state
            after; empty when the state before is not a state of the spec.
    """

    step: Step
    reason: str
    allowed: tuple[tuple[str, State], ...] = ()

    def lines(self) -> list[str]:
        """Return it in words: entry, action, state before, what would have been allowed."""
        step = self.step
        whose = f" ({step.trace})" if step.trace else ""
        lines = [f"entry {step.entry}{whose}: {step.text}", f"  {step.action}: {self.reason}"]
        lines += ["  state before", *_told(step.before, "    ")]
        lines += ["  what was done", *_changes(step.before, step.after)]
        if self.allowed:
            lines.append("  the spec would have allowed")
        for action, after in self.allowed[:SHOWN]:
            lines += [f"    {action}", *(f"  {line}" for line in _changes(step.before, after))]
        if len(self.allowed) > SHOWN:
            lines.append(f"    and {len(self.allowed) - SHOWN} more")
        return lines


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        graph: Name of the graph.
        steps: Steps that were checked, the rejected one too.
        taken: The graph's edges that were seen.
        edges: How many edges the graph has.
        rejected: The first step that the spec does not allow; None when all are.
    """

    graph: str
    steps: int
    taken: frozenset[Edge] = field(repr=False)
    edges: int
    rejected: Rejection | None = None

    @property
    def conforms(self) -> bool:
        """Whether every step is one of the spec's."""
        return self.rejected is None


def check(graph: Graph, steps: Iterable[Step]) -> Report:
    """Check ``steps`` in their order, up to the first that the spec does not allow."""
    numbers, begins = graph.numbers, {key(graph.states[number]) for number in graph.initial}
    edges = frozenset(graph.edges)
    seen: dict[tuple[str, bytes, bytes], Edge] = {}
    ends: dict[str, bytes] = {}
    count = 0
    for step in steps:
        count += 1
        before, after = key(step.before), key(step.after)
        end = ends.get(step.trace)
        if end != before and (end is not None or before not in begins):
            rejected = _unchained(graph, step, end)
            return Report(graph.name, count, frozenset(seen.values()), len(edges), rejected)
        triple = (step.action, before, after)
        if triple not in seen:
            edge = Edge(numbers.get(before, -1), step.action, numbers.get(after, -1))
            if edge not in edges:
                rejected = _refused(graph, step, edge)
                return Report(graph.name, count, frozenset(seen.values()), len(edges), rejected)
            seen[triple] = edge
        ends[step.trace] = after
    return Report(graph.name, count, frozenset(seen.values()), len(edges))


def _unchained(graph: Graph, step: Step, end: bytes | None) -> Rejection:
    if end is None:
        return Rejection(step, "a behaviour of the spec does not begin in this state")
    last = graph.states[graph.numbers[end]]
    changed = ", ".join(name for name in last if last[name] != step.before.get(name))
    return Rejection(step, f"does not begin where the step before it ended: {changed} changed")


def _refused(graph: Graph, step: Step, edge: Edge) -> Rejection:
    if edge.source < 0:
        return Rejection(step, "the state before is not reachable in the spec's model")
    if step.action not in graph.actions:
        return Rejection(step, "the spec has no action of this name")
    near = sorted(graph.out[edge.source], key=lambda other: other.action != step.action)
    allowed = tuple((other.action, graph.states[other.target]) for other in near)
    if all(other.action != step.action for other in near):
        return Rejection(step, "the spec does not allow this action in this state", allowed)
    return Rejection(step, "the spec's action leads to another state", allowed)


def _told(state: State, indent: str) -> list[str]:
    return [f"{indent}{name} = {key(state[name]).decode()}" for name in sorted(state)]


def _changes(before: State, after: State) -> list[str]:
    changed = [name for name in sorted(after) if name not in before or before[name] != after[name]]
    lines = [
        f"    {name}: {key(before.get(name)).decode()} -> {key(after[name]).decode()}"
        for name in changed
    ]
    return lines or ["    nothing changed"]
