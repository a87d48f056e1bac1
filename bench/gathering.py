"""What calibration, bias ratio and fairness of ten million rows cost, against only reading them.

Both are whole programs, as a pipeline runs them: ours reads its configuration, counts, computes,
digests the file and writes the metrics; DuckDB reads the same columns and sums each.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.bars import bar_for
from bench.contests import Result, Row
from bench.errors import BenchError
from bench.process import Run, measure
from bench.ratios import ratio

ROWS = 10_000_000
OURS, THEIRS = "engine gather", "DuckDB scan and sum"
_CONFIG = """\
subject = {name = "bench"}
[[source]]
kind = "predictions"
path = "predictions.parquet"
columns = {label = "y", score = "p", prediction = "yhat", group = "g"}
"""
_SUM = """\
import duckdb
print(duckdb.sql("SELECT sum(p), sum(y), sum(yhat), sum(length(g)) "
                 "FROM 'predictions.parquet'").fetchall())
"""


def generate(folder: Path, rows: int) -> None:
    """Write ``rows`` calibrated predictions of four groups, and how to gather them."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(
        "COPY (SELECT p, (u < p)::INTEGER AS y, (p >= 0.5)::INTEGER AS yhat, "  # noqa: S608
        "'group ' || (i % 4) AS g FROM (SELECT i, (hash(i) % 1000003) / 1000003 AS p, "
        f"(hash(i + 7000000000) % 1000003) / 1000003 AS u FROM range({rows}) t(i))) "
        f"TO '{folder / 'predictions.parquet'}' (FORMAT parquet)"
    )
    connection.close()
    (folder / "gather.toml").write_text(_CONFIG)


def gathered(folder: Path, environ: Mapping[str, str]) -> Run:
    """Return what gathering the rows in ``folder`` took.

    Raises:
        BenchError: It did not measure all three metrics.
    """
    engine = Path(sys.executable).with_name("engine")
    command = (engine, "gather", "gather.toml", "-o", "metrics.json")
    run = measure(command, cwd=folder, environ=environ, scratch=folder)
    metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
    if sorted(m["status"] for m in metrics.values()) != ["ok"] * 3:
        raise BenchError(f"not everything was measured: {metrics}")
    return run


def hold(
    home: Path, environ: Mapping[str, str], *, rows: int, rounds: int, say: Callable[[str], None]
) -> Result:
    """Measure both in turn and return the ratio.

    Args:
        home: Where the rows are written; removed again.
        environ: All that the programs see of the environment; but compiled Python is kept, as
            it is where packages are installed: the round that does not count writes it.
        rows: How many.
        rounds: How many count.
        say: Narrates.
    """
    runs: dict[str, list[Run]] = {OURS: [], THEIRS: []}
    environ = {key: text for key, text in environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    try:
        say(f"writing {rows:,} predictions")
        generate(home, rows)
        summing = (sys.executable, "-c", _SUM)
        for number in range(rounds + 1):
            for name in (OURS, THEIRS)[:: -1 if number % 2 else 1]:
                if name == OURS:
                    run = gathered(home, environ)
                else:
                    run = measure(summing, cwd=home, environ=environ, scratch=home)
                say(f"{name}, round {number}: {run.wall_s:.3f} s")
                if number:
                    runs[name].append(run)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    wall, cpu = (
        ratio(*([getattr(run, of) for run in runs[name]] for name in (OURS, THEIRS)))
        for of in ("wall_s", "cpu_s")
    )
    row = Row(OURS, THEIRS, rows, "wall", wall, cpu, bar_for(OURS, THEIRS, rows))
    return Result("gather", (row,), runs, {})


def pairs() -> tuple[tuple[str, str], ...]:
    """Return what is compared with what: ours, theirs."""
    return ((OURS, THEIRS),)
