"""``kind = "predictions"``: calibration, bias ratio and fairness of rows of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.evidence.sources import counting
from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.counting import ROLES, CountingPlan
from engine.evidence.sources.digest import FileFingerprints, sha256_of
from engine.evidence.sources.ethics import (
    MOST_GROUPS,
    EthicsSettings,
    counts_of,
    measured,
    metrics_of,
    notes_of,
    require_something,
    settings_of,
)
from engine.evidence.sources.records import line_of_row
from engine.evidence.sources.rows import Rows, connected, rows_of
from engine.formats.times import write_time
from engine.metrics.calibration import MAX_BINS
from engine.metrics.counts import Counts

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EXAMPLE = """\
[[source]]
kind = "predictions"
path = "predictions.csv"            # or .parquet, .jsonl, .arrow, a folder, a glob
columns = {label = "y", score = "p", prediction = "yhat", group = "g"}
ece = {bins = 15, strategy = "equal_width", min_n = 1000}
groups = {min_n = 30}
"""
_MOST_CELLS = (MOST_GROUPS + 1) * (MAX_BINS + 1) * 3**3
"""Ordered by group, more than these have more groups than are allowed."""


@dataclass(frozen=True)
class _Plan:
    """What one source table asks for."""

    rows: Rows
    columns: dict[str, str]
    threshold: float | None
    settings: EthicsSettings
    observed_at: str

    @property
    def roles(self) -> frozenset[str]:
        derived = () if self.threshold is None else ("prediction",)
        return frozenset((*self.columns, *derived))

    @property
    def counting(self) -> CountingPlan:
        return self.settings.counting(self.roles)

    def view(self, scan: str, *, as_texts: bool = False) -> str:
        """SQL for the rows as :class:`CountingPlan` wants them; with what is written, if asked."""
        named = {role: self.rows.column(column) for role, column in self.columns.items()}
        score = self.rows.number(self.columns["score"]) if "score" in named else "NULL"
        missing = f"{named['score']} IS NULL" if "score" in named else "true"
        prediction = named.get("prediction", "NULL")
        if self.threshold is not None:
            prediction = f"CASE WHEN {score} >= {self.threshold!r} THEN 1 ELSE 0 END"
        texts = "".join(
            f", CAST({named.get(role, 'NULL')} AS VARCHAR) AS {_as_text(role)}"
            for role in (ROLES if as_texts else ())
        )
        return (
            f"SELECT {named.get('label', 'NULL')} AS label, {score} AS score, "
            f"{missing} AS score_missing, {prediction} AS prediction, "
            f"{named.get('group', 'NULL')} AS group_name{texts}\nFROM {scan}"
        )


def read(request: SourceRequest) -> Evidence:
    """Count the rows and compute what their columns allow."""
    plan = _planned(request)
    request.table.finish()
    unchanged = FileFingerprints(plan.rows.files)
    with connected(plan.rows) as connection:
        plan.rows.require(connection, plan.columns)
        with plan.rows.worded():
            counts, places = _counted(connection, request, plan)
    sha256 = sha256_of(plan.rows.files, request.folder)
    unchanged.require()
    outcomes = measured(counts, plan.settings, plan.roles)
    metrics = metrics_of(
        outcomes,
        source=", ".join(request.table.texts("path"))[:1024],
        observed_at=plan.observed_at,
        source_sha256=sha256,
    )
    return Evidence(metrics, (*notes_of(outcomes), *places))


def statement(request: SourceRequest) -> str:
    """Return the SQL that :func:`read` runs."""
    plan = _planned(request)
    with connected(plan.rows) as connection:
        plan.rows.require(connection, plan.columns)
    return (
        "-- The rows, as DuckDB reads them; on another engine put your own table here.\n"
        f"CREATE OR REPLACE TEMPORARY VIEW predictions AS\n{plan.view(plan.rows.scan())};\n\n"
        '-- The counts, for any engine; `kind = "counts"` reads them as Parquet or CSV.\n'
        f"{plan.counting.statement()};"
    )


def _planned(request: SourceRequest) -> _Plan:
    table = request.table
    named = table.table("columns", required=True)
    columns = {role: named.text(role) for role in ROLES if named.has(role)}
    threshold = None
    if table.has("threshold"):
        threshold = table.number("threshold", least=0, most=1)
        if "prediction" in columns or "score" not in columns:
            raise table.refused(
                "threshold", "makes predictions of scores", "name a score and no prediction"
            )
    plan = _Plan(
        rows=rows_of(table, request.folder),
        columns=columns,
        threshold=threshold,
        settings=settings_of(table),
        observed_at=table.time("observed_at", write_time(request.now)),
    )
    require_something(table, plan.roles, plan.settings)
    return plan


def _counted(
    connection: DuckDBPyConnection, request: SourceRequest, plan: _Plan
) -> tuple[Counts, tuple[str, ...]]:
    """The table, and where the first unusable rows are."""
    view = plan.view(plan.rows.scan())
    connection.execute(f"CREATE TEMPORARY VIEW predictions AS {view}")
    cursor = connection.execute(plan.counting.statement())
    counts = counts_of(request.table, cursor.fetchmany(_MOST_CELLS + 1))
    if not counts.excluded:
        return counts, ()
    flaws, places = _unusable(connection, plan)
    return Counts(counts.cells, flaws), places


def _unusable(
    connection: DuckDBPyConnection, plan: _Plan
) -> tuple[dict[str, int], tuple[str, ...]]:
    """How many rows are unusable by reason; and of each the first: where, what, what to do."""
    connection.execute("SET threads = 1")
    connection.execute("SET preserve_insertion_order = true")
    together = plan.rows.kind == "arrow"
    flaws: dict[str, int] = {}
    first: dict[str, str] = {}
    texts = ", ".join(f"arg_min({_as_text(role)}, place)" for role in ROLES)
    for file in plan.rows.files[:1] if together else plan.rows.files:
        view = plan.view(plan.rows.scan([file]), as_texts=True)
        found = connection.execute(
            f"SELECT flaw, count(*), min(place), {texts} FROM "  # noqa: S608
            f"(SELECT *, {plan.counting.flaws()} AS flaw, row_number() OVER () AS place "
            f"FROM ({view})) WHERE flaw IS NOT NULL GROUP BY flaw"
        ).fetchall()
        for flaw, n, at, *values in sorted(found):
            flaws[flaw] = flaws.get(flaw, 0) + n
            role = flaw.partition("_")[0]
            value = None if flaw.endswith("_missing") else values[ROLES.index(role)]
            shown = "" if value is None else f" {value[:40]!r}"
            first.setdefault(flaw, f"{_place(plan.rows, file, at)}: {role}{shown}")
    return flaws, tuple(
        f"  {place} {counting.FLAWS[flaw].reason}{_of_several(flaws[flaw])}: "
        f"{counting.FLAWS[flaw].fix}"
        for flaw, place in sorted(first.items())
    )


def _of_several(n: int) -> str:
    return f", the first of {n:,} rows" if n > 1 else ""


def _place(rows: Rows, file: Path, row: int) -> str:
    """The file and the line of a row; of a file that has no lines its number."""
    if rows.kind not in ("csv", "jsonl"):
        return f"{file}: row {row:,}"
    return f"{file}:{line_of_row(file, row, rows.delimiter if rows.kind == 'csv' else '')}"


def _as_text(role: str) -> str:
    return f"{role}_text"
