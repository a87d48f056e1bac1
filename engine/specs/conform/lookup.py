"""Whether what happened is a behaviour of a spec, by looking each step up in its graph.

A trace is a behaviour of the spec's model when it begins in an initial state, each step begins
where the one before it ended, and each step is an edge of the graph. No JVM, and each distinct
step is looked up once, so that a long ledger costs little more than reading it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from engine.specs.conform.graph import Edge, Graph, State, key

SHOWN = 12
MOST_KNOWN = 65_536
"""Most steps that a checker knows by the identity of their states."""


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
        lines += ["  state before", *_lines_of(step.before, "    ")]
        lines += ["  what was done", *_changes(step.before, step.after)]
        if self.allowed:
            lines.append("  the spec would have allowed")
        for action, after in self.allowed[:SHOWN]:
            lines += [f"    {action}", *(f"  {line}" for line in _changes(step.before, after))]
        if len(self.allowed) > SHOWN:
            lines.append(f"    and {len(self.allowed) - SHOWN} more")
        return lines


class OutsideModel(NamedTuple):
    """What a projection says in place of a step where the graph is of another model.

    Attributes:
        entry: Index of the ledger's entry.
        reason: What differs, in one clause.
    """

    entry: int
    reason: str


class Contradiction(NamedTuple):
    """An entry that says of itself what does not follow from what is signed.

    A projection says so in place of a step.

    Attributes:
        entry: Index of the ledger's entry.
        promise: Id of the promise that it breaks.
        reason: What does not follow, in one clause.
    """

    entry: int
    promise: str
    reason: str

    def lines(self) -> list[str]:
        """Return it in words."""
        return [f"entry {self.entry}: {self.reason} ({self.promise})"]


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        graph: Name of the graph.
        steps: Steps that were checked, the rejected one too.
        taken: The graph's edges that were seen.
        edges: How many edges the graph has.
        rejected: The first step that the spec does not allow; None when all are.
        unmodelled: Where the check ended, because the graph is not of what was recorded.
        contradicted: Where the check ended, because an entry says of itself what is not so.
    """

    graph: str
    steps: int
    taken: frozenset[Edge] = field(repr=False)
    edges: int
    rejected: Rejection | None = None
    unmodelled: OutsideModel | None = None
    contradicted: Contradiction | None = None

    @property
    def conforms(self) -> bool:
        """Whether every step was looked up and is one of the spec's."""
        return not self.refused and self.unmodelled is None

    @property
    def refused(self) -> bool:
        """Whether what was recorded is no behaviour of the spec."""
        return self.rejected is not None or self.contradicted is not None


class Checker:
    """Checks steps one by one, as they come; keeps what it must know of each open trace.

    A trace that is back where every behaviour begins is forgotten, so that memory grows with
    what is under way, not with what was ever seen.

    Attributes:
        steps: How many were taken, a rejected one too.
        taken: The graph's edges that were seen.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.steps = 0
        self.taken: set[Edge] = set()
        self._numbers = graph.numbers
        self._begins = frozenset(graph.initial)
        self._only_begin = graph.initial[0] if len(graph.initial) == 1 else None
        self._edges = frozenset(graph.edges)
        self._ends: dict[str, int] = {}
        self._known: dict[tuple[str, int, int], tuple[Edge, State, State]] = {}

    def take(self, step: Step) -> Rejection | None:
        """Return why the spec does not allow ``step``, which is not taken then; None if it does."""
        self.steps += 1
        action, before, after, _, _, trace = step
        found = self._known.get((action, id(before), id(after)))
        edge = self._edge(step) if found is None else found[0]
        end = self._ends.get(trace)
        if end != edge.source if end is not None else edge.source not in self._begins:
            return _unchained(self.graph, step, end)
        if found is None:
            if edge not in self._edges:
                return _refused(self.graph, step, edge)
            self.taken.add(edge)
            self._remember(step, edge)
        if edge.target == self._only_begin:
            self._ends.pop(trace, None)
        else:
            self._ends[trace] = edge.target
        return None

    def _edge(self, step: Step) -> Edge:
        before, after = (self._numbers.get(key(state), -1) for state in (step.before, step.after))
        return Edge(before, step.action, after)

    def _remember(self, step: Step, edge: Edge) -> None:
        """Know the step again by the identity of its states, which are kept for that."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[step.action, id(step.before), id(step.after)] = edge, step.before, step.after


Projected: TypeAlias = Step | OutsideModel | Contradiction
"""What a projection makes of an entry."""


def check(graph: Graph, steps: Iterable[Projected]) -> Report:
    """Check ``steps`` in their order, up to the first that the spec does not allow or model."""
    checker = Checker(graph)
    rejected = unmodelled = contradicted = None
    for step in steps:
        if isinstance(step, OutsideModel):
            unmodelled = step
            break
        if isinstance(step, Contradiction):
            contradicted = step
            break
        if (rejected := checker.take(step)) is not None:
            break
    taken = frozenset(checker.taken)
    ended = rejected, unmodelled, contradicted
    return Report(graph.name, checker.steps, taken, len(graph.edges), *ended)


def _unchained(graph: Graph, step: Step, end: int | None) -> Rejection:
    if end is None:
        return Rejection(step, "a behaviour of the spec does not begin in this state")
    last = graph.states[end]
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


def _lines_of(state: State, indent: str) -> list[str]:
    return [f"{indent}{name} = {key(state[name]).decode()}" for name in sorted(state)]


def _changes(before: State, after: State) -> list[str]:
    changed = [name for name in sorted(after) if name not in before or before[name] != after[name]]
    lines = [
        f"    {name}: {key(before.get(name)).decode()} -> {key(after[name]).decode()}"
        for name in changed
    ]
    return lines or ["    nothing changed"]
