"""A ledger against every spec that it can be checked against, in one pass, entry by entry.

The same object serves ``engine conform``, which reads a whole ledger, and ``engine watch``,
which goes on with what each cycle appended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from engine.errors import VerificationError
from engine.model import OWN_TYPES, Json
from engine.specs.conform import graph, projections
from engine.specs.conform.lookup import (
    Checker,
    Contradiction,
    OutsideModel,
    Rejection,
    Report,
    Step,
)
from engine.specs.conform.projections import PROJECTIONS, ReadyProjection

Observer: TypeAlias = Callable[[str, Step], None]
"""Sees every step that was looked up, with the name of its projection."""


@dataclass(slots=True)
class _Checked:
    """A projection at work; it sees nothing more once a step was rejected or has no model."""

    projected: ReadyProjection
    checker: Checker
    rejected: Rejection | None = None
    unmodelled: OutsideModel | None = None
    contradicted: Contradiction | None = None

    @property
    def ended(self) -> bool:
        return any((self.rejected, self.unmodelled, self.contradicted))


class Conformance:
    """Checks entries as they come, by lookup in the specs' graphs: no JVM.

    Args:
        names: Projections; all when empty.
        folder: Of the graphs; the shipped ones when None.
        observer: Sees every step.

    Raises:
        UsageError: A name is no projection.
        PolicyError: A graph is damaged or missing.

    Attributes:
        entries: How many were seen.
        without_spec: Entries by type of the engine's own that no spec is about.
        unknown: Entries by type that this engine does not know: what they mean is not known.
    """

    def __init__(
        self,
        names: Sequence[str] = (),
        folder: Path | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.entries = 0
        self.without_spec: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self._specified = projections.specified()
        self._observer = observer
        self._all = [
            _Checked(projected, Checker(graph.load(projected.graph, folder)))
            for projected in map(projections.load, names or PROJECTIONS)
        ]
        self._routes: dict[str, list[_Checked]] = {}

    def feed(self, index: int, statement: Mapping[str, Json]) -> list[Rejection | Contradiction]:
        """Check one entry; entries come in order, from 0. Returns what is rejected now."""
        self.entries += 1
        kind = statement["predicateType"]
        if kind not in OWN_TYPES:
            self.unknown[kind] += 1
        elif kind not in self._specified:
            self.without_spec[kind] += 1
        route = self._routes.get(kind)
        if route is None:
            wanting = (c for c in self._all if _wants(c.projected, kind))
            route = self._routes[kind] = list(wanting)
        found: list[Rejection | Contradiction] = []
        for checked in route:
            if checked.ended:
                continue
            for step in checked.projected.projection.steps(index, statement):
                if isinstance(step, OutsideModel):
                    checked.unmodelled = step
                    break
                if isinstance(step, Contradiction):
                    checked.contradicted = step
                    found.append(step)
                    break
                if self._observer is not None:
                    self._observer(checked.projected.name, step)
                checked.rejected = checked.checker.take(step)
                if checked.rejected is not None:
                    found.append(checked.rejected)
                    break
        return found

    def reports(self) -> dict[str, Report]:
        """Return what was found so far, by projection."""
        return {
            checked.projected.name: Report(
                checked.projected.graph,
                checked.checker.steps,
                frozenset(checked.checker.taken),
                len(checked.checker.graph.edges),
                checked.rejected,
                checked.unmodelled,
                checked.contradicted,
            )
            for checked in self._all
        }


def _wants(projected: ReadyProjection, kind: str) -> bool:
    return projected.types is None or kind in projected.types


def conform(
    entries: Iterable[tuple[int, Mapping[str, Json]]], conformance: Conformance
) -> dict[str, Report]:
    """Feed all ``entries``; a projection stops at the first step that its spec does not allow.

    Raises:
        VerificationError: An entry lacks what a projection reads; names it.
    """
    for index, statement in entries:
        try:
            conformance.feed(index, statement)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise VerificationError(
                f"entry {index}: its {statement['predicateType']} lacks what a spec reads: "
                f"{type(error).__name__} {error}",
                _VERIFY,
            ) from error
    return conformance.reports()


_VERIFY = "verify the ledger: engine ledger verify "
