"""From a table of counts to ethics.ece, ethics.rho_bias and ethics.fairness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import ConfigError
from engine.evidence.sources.counting import Classes, CountingPlan
from engine.metrics.bias import bias_ratio
from engine.metrics.calibration import MAX_BINS, STRATEGIES, TASKS, expected_calibration_error
from engine.metrics.counts import Cell, Counts, Tally
from engine.metrics.fairness import fairness
from engine.metrics.outcome import INVALID, ComputedMetric
from engine.metrics.reasons import in_words
from engine.model import Json
from engine.settings.table import Table

MOST_GROUPS = 200
LONGEST_GROUP = 100


@dataclass(frozen=True, slots=True)
class EthicsSettings:
    """How metrics are computed from counts.

    Attributes:
        classes: How classes are written.
        bins: See :func:`engine.metrics.calibration.expected_calibration_error`, as the others.
        strategy: ``equal_width`` or ``equal_mass``.
        min_n: Fewest rows for a calibration error.
        seed: Of the references' draws.
        groups_min_n: Fewest rows of a group that is compared.
    """

    classes: Classes
    bins: int
    strategy: str
    min_n: int
    seed: int
    groups_min_n: int

    def counting(self, roles: Iterable[str]) -> CountingPlan:
        """Return how data with ``roles`` is counted."""
        return CountingPlan(frozenset(roles), self.classes, self.bins, self.strategy)


def settings_of(table: Table) -> EthicsSettings:
    """Return what ``task``, ``positive``, ``negative``, ``ece`` and ``groups`` say."""
    ece, groups = table.table("ece"), table.table("groups")
    return EthicsSettings(
        classes=_classes(table),
        bins=ece.whole("bins", 15, least=1, most=MAX_BINS),
        strategy=ece.choice("strategy", STRATEGIES, "equal_width"),
        min_n=ece.whole("min_n", 1_000, least=1),
        seed=ece.whole("seed", 0, most=2**32 - 1),
        groups_min_n=groups.whole("min_n", 30, least=1),
    )


def _classes(table: Table) -> Classes:
    task = table.choice("task", TASKS, "binary")
    positive = table.text("positive") if table.has("positive") else None
    negative = table.text("negative") if table.has("negative") else None
    if task == "binary" and (positive is None) != (negative is None):
        lacking, there = ("negative", "positive") if negative is None else ("positive", "negative")
        raise table.refused(there, f"needs {lacking!r} beside it", "name both classes")
    if task == "multiclass" and negative is not None:
        raise table.refused("negative", "every class but the positive one is negative", "remove it")
    return Classes(task, positive, negative)


def counts_of(table: Table, rows: Sequence[Sequence[Any]]) -> Counts:
    """Return the table that ``rows`` of :data:`engine.evidence.sources.counting.COLUMNS` say.

    Raises:
        ConfigError: More groups than can be told apart, or names longer than can be told.
    """
    cells: dict[Cell, Tally] = {}
    excluded: dict[str, int] = {}
    for group, at, hit, label, prediction, flaw, n, score_sum in rows:
        if flaw is not None:
            excluded[flaw] = excluded.get(flaw, 0) + n
            continue
        cell = Cell(group, at, hit, label, prediction)
        before = cells.get(cell, Tally(0))
        cells[cell] = Tally(before.n + n, before.score_sum + score_sum)
    _require_groups(table, {cell.group for cell in cells if cell.group is not None})
    return Counts(cells, excluded)


def _require_groups(table: Table, groups: set[str]) -> None:
    if len(groups) > MOST_GROUPS:
        raise table.refused(
            "columns",
            f"the group column holds {len(groups):,} groups; at most {MOST_GROUPS} are compared",
            "is it an id? name the column that says which group somebody belongs to",
        )
    if long := [group for group in groups if len(group) > LONGEST_GROUP]:
        raise table.refused(
            "columns", f"a group has a name of {len(long[0]):,} characters", "use short names"
        )


def measured(
    counts: Counts, settings: EthicsSettings, roles: frozenset[str]
) -> dict[str, ComputedMetric]:
    """Return what can be computed of data with ``roles``, by metric id.

    Rows that could not be used make every value ``invalid_input``: what they would have said
    is not known, and evidence must not get better by losing rows.
    """
    found: dict[str, ComputedMetric] = {}
    multiclass = settings.classes.task == "multiclass"
    if {"label", "score"} <= roles and (not multiclass or "prediction" in roles):
        found["ethics.ece"] = expected_calibration_error(
            counts,
            bins=settings.bins,
            strategy=settings.strategy,
            min_n=settings.min_n,
            task=settings.classes.task,
            seed=settings.seed,
        )
    if {"prediction", "group"} <= roles and (not multiclass or settings.classes.positive):
        found["ethics.rho_bias"] = bias_ratio(counts, settings.groups_min_n)
        if "label" in roles:
            found["ethics.fairness"] = fairness(counts, settings.groups_min_n)
    unusable = sum(counts.excluded.values())
    if not unusable:
        return found
    rows = f"{unusable:,} of {unusable + counts.n:,} rows"
    because = f"{rows} cannot be used: {in_words(counts.excluded)}"
    return {
        key: replace(metric, status=INVALID, value=None, ci=None, because=because)
        for key, metric in found.items()
    }


def require_something(table: Table, roles: frozenset[str], settings: EthicsSettings) -> None:
    """Refuse a table of which nothing can be computed.

    Raises:
        ConfigError: Says which columns are lacking.
    """
    if not measured(Counts({}, {}), settings, roles):
        raise _nothing(table)


def _nothing(table: Table) -> ConfigError:
    return table.refused(
        "columns",
        "nothing can be computed of these",
        "calibration needs label and score; bias ratio prediction and group; fairness these and "
        "label\na multiclass model needs prediction for calibration, and positive for the others",
    )


def notes_of(outcomes: Mapping[str, ComputedMetric]) -> tuple[str, ...]:
    """Return one line for each metric without a value."""
    return tuple(
        f"{name}: {metric.status}: {metric.because}"
        for name, metric in outcomes.items()
        if metric.because
    )


def metrics_of(outcomes: Mapping[str, ComputedMetric], **about: Json) -> dict[str, dict[str, Json]]:
    """Return ``outcomes`` in the long form of a metrics file."""
    return {name: metric.metric("ratio", **about) for name, metric in outcomes.items()}
