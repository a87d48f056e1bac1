"""``kind = "counts"``: the same metrics, of counts that the SQL of ``--sql`` made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.counting import COLUMNS
from engine.evidence.sources.digest import FileFingerprints, sha256_of
from engine.evidence.sources.ethics import (
    EthicsSettings,
    counts_of,
    measured,
    metrics_of,
    notes_of,
    require_something,
    settings_of,
)
from engine.evidence.sources.rows import Rows, connected, rows_of
from engine.formats.times import write_time
from engine.metrics.counts import MILLION
from engine.settings.table import Table

EXAMPLE = """\
[[source]]
kind = "counts"
path = "counts/"                    # Parquet or CSV, as the SQL of `engine gather --sql` gives it
ece = {bins = 15, strategy = "equal_width", min_n = 1000}
groups = {min_n = 30}
"""
_MOST_ROWS = 1_000_000
_ROLE_OF = {"group_name": "group", "bin": "score", "label": "label", "prediction": "prediction"}


def read(request: SourceRequest) -> Evidence:
    """Add the tables up and compute what they allow."""
    table = request.table
    rows = rows_of(table, request.folder)
    settings = settings_of(table)
    observed_at = table.time("observed_at", write_time(request.now))
    table.finish()
    unchanged = FileFingerprints(rows.files)
    cells = _cells(rows, table)
    for cell in cells:
        _require_cell(table, cell, settings)
    counts = counts_of(table, cells)
    roles = frozenset(
        role
        for column, role in _ROLE_OF.items()
        if any(cell[COLUMNS.index(column)] is not None for cell in cells)
    )
    if settings.classes.task == "multiclass" and any(cell[2] is not None for cell in cells):
        roles |= {"label", "prediction"}
    if cells and not counts.excluded:
        require_something(table, roles, settings)
    every = frozenset(_ROLE_OF.values())
    outcomes = measured(counts, settings, roles if counts.cells else every)
    sha256 = sha256_of(rows.files, request.folder)
    unchanged.require()
    source = ", ".join(table.texts("path"))[:1024]
    about = {"source": source, "observed_at": observed_at, "source_sha256": sha256}
    return Evidence(metrics_of(outcomes, **about), notes_of(outcomes))


def _cells(rows: Rows, table: Table) -> Sequence[Sequence[Any]]:
    columns = [rows.column(column) for column in COLUMNS]
    numbers = (f"TRY_CAST({column} AS BIGINT)" for column in columns)
    # A number that is none must not pass for NULL: its text is looked at, too.
    wrong = " OR ".join(
        f"({column} IS NOT NULL AND TRY_CAST({column} AS BIGINT) IS NULL)"
        for column, name in zip(columns, COLUMNS, strict=True)
        if name not in ("group_name", "flaw")
    )
    chosen = [
        f"CAST({column} AS VARCHAR)" if name in ("group_name", "flaw") else number
        for column, name, number in zip(columns, COLUMNS, numbers, strict=True)
    ]
    with connected(rows) as connection:
        rows.require(connection, {"path": COLUMNS[0]} | {f"path.{c}": c for c in COLUMNS[1:]})
        with rows.worded():
            found = connection.execute(
                f"SELECT {', '.join(chosen)}, {wrong} FROM {rows.scan()} LIMIT {_MOST_ROWS + 1}"  # noqa: S608
            ).fetchall()
    if len(found) > _MOST_ROWS:
        raise table.refused("path", f"more than {_MOST_ROWS:,} rows", "are these counts?")
    for cell in found:
        if cell[-1]:
            raise table.refused("path", f"a row holds what is no whole number: {cell[:-1]}")
    return [cell[:-1] for cell in found]


def _require_cell(table: Table, cell: Sequence[Any], settings: EthicsSettings) -> None:
    """Refuse counts that no rows can have given."""
    _group, at, hit, label, prediction, _flaw, n, score_sum = cell
    reason = ""
    if n is None or n < 0 or score_sum is None or not 0 <= score_sum <= n * MILLION:
        reason = "n or score_sum is out of range"
    elif any(value not in (None, 0, 1) for value in (hit, label, prediction)):
        reason = "hit, label and prediction are 0, 1 or NULL"
    elif at is not None and not 0 <= at < settings.bins:
        reason = f"bin {at} where there are {settings.bins}"
    elif at is not None and n and settings.strategy == "equal_width":
        low, high = at / settings.bins, (at + 1) / settings.bins
        if not low - 1e-6 <= score_sum / n / MILLION <= high + 1e-6:
            reason = f"the mean score lies outside of bin {at} of {settings.bins}"
    if reason:
        raise table.refused("path", f"{reason}: {tuple(cell)}", "count with the SQL of --sql")
