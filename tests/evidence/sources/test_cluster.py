"""The SQL of ``--sql`` on a cluster engine gives DuckDB's table, bit for bit. Needs Java."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from engine.evidence.sources import SourceRequest
from engine.evidence.sources.predictions import statement
from engine.settings.table import Table

pytestmark = pytest.mark.soak

SPARK = """\
import sys
from pyspark.sql import SparkSession
rows, count, ansi = sys.argv[1:]
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
         .config("spark.sql.ansi.enabled", ansi).getOrCreate())
spark.sql("CREATE OR REPLACE TEMPORARY VIEW predictions AS SELECT y AS label, p AS score, "
          f"yhat AS prediction, g AS group_name FROM parquet.`{rows}`")
for row in spark.sql(open(count).read()).collect():
    print("row", list(row))
"""


def write(file: Path) -> None:
    """Predictions, some of which cannot be used."""
    chance = np.random.default_rng(3)
    score = np.round(chance.beta(2, 3, 50_000), 4)
    label = (chance.random(50_000) < score).astype(float)
    group = chance.choice(["a", "b", "c"], 50_000).astype(object)
    score[5:9], label[10], group[11] = [np.nan, 1.5, 1.0, 0.0], np.nan, None
    scores = pa.array([None if at == 12 else float(value) for at, value in enumerate(score)])
    columns = {"y": label, "p": scores, "yhat": score > 0.4, "g": pa.array(group)}
    pyarrow.parquet.write_table(pa.table(columns), file)


@pytest.mark.parametrize("ansi", ["true", "false"])
@pytest.mark.parametrize("strategy", ["equal_width", "equal_mass"])
def test_spark_counts_what_duckdb_counts(tmp_path: Path, strategy: str, ansi: str) -> None:
    """INV-GATHER-1: another engine, the same whole numbers."""
    rows, count = tmp_path / "p.parquet", tmp_path / "count.sql"
    write(rows)
    columns = {"label": "y", "score": "p", "prediction": "yhat", "group": "g"}
    members = {"path": "p.parquet", "columns": columns, "ece": {"strategy": strategy}}
    request = SourceRequest(
        Table("gather.toml", "", members), tmp_path, datetime(2026, 1, 1, tzinfo=UTC)
    )
    view, counting = statement(request).split(";\n\n")
    count.write_text(counting.rstrip(";"))
    connection = duckdb.connect()
    connection.execute(view)
    expected = [f"row {list(row)}" for row in connection.execute(count.read_text()).fetchall()]
    found = subprocess.run(
        [sys.executable, "-c", SPARK, str(rows), str(count), ansi],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    assert sorted(found[found.index("row [") :].splitlines()) == sorted(expected)
    assert sum("unusable" in row or "missing" in row or "unknown" in row for row in expected) >= 3
