"""What a ledger's entries mean in each spec: one module per projection, one line in the table.

``engine.specs.conform.conformance`` enters by :func:`load`, and passes every entry once, in the
ledger's order. A projection uses signed entries alone, none of the code that wrote them: so the
two can differ, and a check finds it. A module has

- ``GRAPH``: name of the snapshot that its steps are looked up in;
- ``TYPES``: predicate types of the entries that it needs; None is all;
- ``TOLD_APART``: where that is all, the types of which a step says more than that there is one;
- ``SETS``: variables whose value is a set, ``variable`` or ``variable.*`` for one inside a
  function: in JSON they are arrays, and TLC must be given sets;
- ``Projection``: made once per ledger, with ``steps(index, statement)``.

Memory must grow with what is under way, not with entries. Equal states are best the same object:
the checker knows them again by identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import NamedTuple, Protocol

from engine.errors import UsageError, suggest
from engine.model import Json
from engine.specs.conform.lookup import Projected

PROJECTIONS: dict[str, str] = {
    "breaker": "engine.specs.conform.projections.breaker",
    "budget-lease": "engine.specs.conform.projections.budget_lease",
    "budget-page": "engine.specs.conform.projections.budget_page",
    "ethics": "engine.specs.conform.projections.ethics",
    "ledger": "engine.specs.conform.projections.ledger",
    "promotion": "engine.specs.conform.projections.promotion",
}
"""Name of a projection, and its module."""


class Projector(Protocol):
    """Turns the entries of one ledger into steps; remembers what it must between them."""

    def steps(self, index: int, statement: Mapping[str, Json]) -> Iterable[Projected]:
        """Return what entry ``index`` means, in order; called once per entry, ascending.

        An :class:`~engine.specs.conform.lookup.OutsideModel` means that the graph was made with
        other limits than the entry's; no step is requested after it, nor after a
        :class:`~engine.specs.conform.lookup.Contradiction`.
        """


class ReadyProjection(NamedTuple):
    """A projection, ready for a ledger.

    Attributes:
        name: As in :data:`PROJECTIONS`.
        graph: Name of its graph.
        types: Predicate types that it wants; None for all.
        sets: See the module.
        projection: What makes the steps.
    """

    name: str
    graph: str
    types: frozenset[str] | None
    sets: frozenset[str]
    projection: Projector


def specified() -> frozenset[str]:
    """Return the predicate types that a spec is about, by name."""
    modules = (import_module(name) for name in PROJECTIONS.values())
    return frozenset().union(*(module.TYPES or module.TOLD_APART for module in modules))


def load(name: str) -> ReadyProjection:
    """Return the projection called ``name``, fresh.

    Raises:
        UsageError: There is none; the error names the nearest.
    """
    if name not in PROJECTIONS:
        raise UsageError(
            f"{name!r} is no spec that ledgers are checked against",
            suggest(name, PROJECTIONS) or f"one of: {', '.join(PROJECTIONS)}",
        )
    module = import_module(PROJECTIONS[name])
    sets = frozenset(getattr(module, "SETS", ()))
    return ReadyProjection(name, module.GRAPH, module.TYPES, sets, module.Projection())
