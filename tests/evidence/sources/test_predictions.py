"""Rows of every format, split and ordered in any way, are counted alike."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.evidence.sources import SOURCES, SourceRequest, source_of
from engine.evidence.sources.counting import COLUMNS, Classes, CountingPlan
from engine.evidence.sources.ethics import counts_of
from engine.metrics.bias import bias_ratio
from engine.metrics.calibration import error, expected_calibration_error
from engine.metrics.fairness import fairness
from engine.model import Json
from engine.settings.table import Table
from tests.metrics.tables import counts, equal_mass

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERYTHING = {"label": "y", "score": "p", "prediction": "yhat", "group": "g"}
Row = dict[str, Any]


def rows(n: int = 3_000, seed: int = 0) -> list[Row]:
    chance = np.random.default_rng(seed)
    score = chance.beta(2, 3, n)
    label = (chance.random(n) < score).astype(int)
    group = chance.choice(["north", "south", 'it\'s "west"'], n)
    return [
        {"id": at, "y": int(y), "p": float(p), "yhat": int(p > 0.4), "g": str(g)}
        for at, (y, p, g) in enumerate(zip(label, score, group, strict=True))
    ]


def request_of(folder: Path, path: str, columns: Json = None, **more: Json) -> SourceRequest:
    members = {"kind": "predictions", "path": path, "columns": columns or EVERYTHING, **more}
    return SourceRequest(Table("gather.toml", "", members), folder, NOW)


def read(folder: Path, path: str, columns: Json = None, **more: Json) -> dict[str, Json]:
    request = request_of(folder, path, columns, **more)
    return dict(source_of(request.table).read(request).metrics)


def without_origin(metrics: dict[str, Json]) -> Json:
    """What is said of the numbers; not what file they are from."""
    return {
        name: {
            **{key: metric[key] for key in metric if key not in ("source", "computed")},
            **{key: metric["computed"].get(key) for key in ("groups", "excluded", "reference")},
        }
        for name, metric in metrics.items()
    }


def write(file: Path, given: list[Row]) -> None:
    if file.suffix in (".csv", ".tsv"):
        with file.open("w", newline="", encoding="utf-8") as opened:
            delimiter = "\t" if file.suffix == ".tsv" else ","
            writer = csv.DictWriter(opened, list(given[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(given)
    elif file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    else:
        table = pa.Table.from_pylist(given)
        if file.suffix == ".parquet":
            pyarrow.parquet.write_table(table, file)
        else:
            pyarrow.feather.write_feather(table, file)


FORMATS = ("p.csv", "p.tsv", "p.jsonl", "p.parquet", "p.arrow")


@pytest.mark.parametrize("strategy", ["equal_width", "equal_mass"])
def test_every_format_gives_the_same_bits(tmp_path: Path, strategy: str) -> None:
    found = []
    for name in FORMATS:
        write(tmp_path / name, rows())
        found.append(without_origin(read(tmp_path, name, ece={"strategy": strategy})))
    assert all(bits == found[0] for bits in found)


def test_the_sql_counts_as_the_definition_does(tmp_path: Path) -> None:
    """The table that DuckDB gives is the one that numpy gives, and the metrics follow from it."""
    given = rows()
    write(tmp_path / "p.parquet", given)
    score, label, prediction, group = (
        np.array([r[k] for r in given]) for k in ("p", "y", "yhat", "g")
    )
    expected = counts(score, label, prediction, group)
    connection = duckdb.connect()
    connection.execute(
        "CREATE VIEW predictions AS SELECT p AS score, y AS label, yhat AS prediction, "  # noqa: S608
        f"g AS group_name FROM '{tmp_path}/p.parquet'"
    )
    counting = CountingPlan(frozenset(EVERYTHING), Classes())
    table = connection.execute(counting.statement())
    assert [column[0] for column in table.description or ()] == list(COLUMNS)
    assert counts_of(Table("", "", {}), table.fetchall()) == expected
    metrics = read(tmp_path, "p.parquet")
    assert metrics["ethics.ece"]["value"] == expected_calibration_error(expected).value
    assert metrics["ethics.rho_bias"]["value"] == bias_ratio(expected).value
    assert metrics["ethics.fairness"]["value"] == fairness(expected).value
    assert {name: metric["status"] for name, metric in metrics.items()} == dict.fromkeys(
        metrics, "ok"
    )
    assert metrics["ethics.ece"]["observed_at"] == "2026-11-20T12:00:00Z"


def test_equal_mass_bins_are_the_definitions(tmp_path: Path) -> None:
    given = [{**row, "p": round(row["p"], 2)} for row in rows()]
    write(tmp_path / "p.parquet", given)
    score, label = (np.array([row[key] for row in given]) for key in ("p", "y"))
    binned = equal_mass(score)
    expected = sum(
        abs(score[binned == at].sum() - label[binned == at].sum()) for at in np.unique(binned)
    )
    found = read(tmp_path, "p.parquet", ece={"strategy": "equal_mass"})["ethics.ece"]
    assert found["value"] == pytest.approx(expected / len(score), abs=1e-9)
    assert found["computed"]["reference"]["bins_used"] == len(np.unique(binned))


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from(["equal_width", "equal_mass"]))
def test_any_split_in_any_order_gives_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, seed: int, parts: int, strategy: str
) -> None:
    """INV-GATHER-1: neither chunks nor order are seen in the result."""
    folder = tmp_path_factory.mktemp("split")
    chance = random.Random(seed)  # noqa: S311
    given = [{**row, "p": round(row["p"], chance.choice([1, 3, 17]))} for row in rows(400)]
    write(folder / "whole.parquet", given)
    shuffled = chance.sample(given, len(given))
    (folder / "parts").mkdir()
    at = [0, *sorted(chance.sample(range(1, len(given)), parts - 1)), len(given)]
    for number, (start, stop) in enumerate(pairwise(at)):
        write(folder / "parts" / f"{number}.parquet", shuffled[start:stop])
    ece = {"strategy": strategy, "min_n": 1}
    whole = read(folder, "whole.parquet", ece=ece)
    assert without_origin(read(folder, "parts", ece=ece)) == without_origin(whole)
    assert without_origin(read(folder, "parts/*.parquet", ece=ece)) == without_origin(whole)


def test_tables_that_are_counted_apart_are_added_up(tmp_path: Path) -> None:
    """``--sql`` on two machines, ``kind = "counts"`` on a third: the same metrics."""
    given = rows()
    write(tmp_path / "p.parquet", given)
    whole = read(tmp_path, "p.parquet")
    (tmp_path / "counts").mkdir()
    statements = []
    for part, some in enumerate((given[:700], given[700:])):
        write(tmp_path / f"part{part}.parquet", some)
        request = request_of(tmp_path, f"part{part}.parquet")
        statements.append(getattr(source_of(request.table), "statement")(request))  # noqa: B009
    for part, statement in enumerate(statements):
        view, count = statement.split(";\n\n")
        connection = duckdb.connect()
        connection.execute(view)
        suffix = ("parquet", "csv")[part]
        target = tmp_path / ("counts" if part == 0 else ".") / f"c.{suffix}"
        connection.execute(f"COPY ({count.rstrip(';')}) TO '{target}'")
    duckdb.execute(f"COPY (FROM '{tmp_path}/c.csv') TO '{tmp_path}/counts/d.parquet'")
    table = Table("gather.toml", "", {"kind": "counts", "path": "counts"})
    found = source_of(table).read(SourceRequest(table, tmp_path, NOW)).metrics
    assert without_origin(dict(found)) == without_origin(whole)


def test_columns_that_are_not_there_are_metrics_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", rows())
    for columns, expected in (
        ({"label": "y", "score": "p"}, {"ethics.ece"}),
        ({"prediction": "yhat", "group": "g"}, {"ethics.rho_bias"}),
        (
            {"prediction": "yhat", "group": "g", "label": "y"},
            {"ethics.rho_bias", "ethics.fairness"},
        ),
    ):
        assert read(tmp_path, "p.csv", columns).keys() == expected
    with pytest.raises(ConfigError, match="nothing can be computed"):
        read(tmp_path, "p.csv", {"label": "y", "group": "g"})


def test_a_threshold_makes_predictions_of_scores(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", [{**row, "yhat": int(row["p"] >= 0.5)} for row in rows()])
    scored = {key: EVERYTHING[key] for key in ("label", "score", "group")}
    whole = read(tmp_path, "p.csv")
    assert without_origin(read(tmp_path, "p.csv", scored, threshold=0.5)) == without_origin(whole)


def test_classes_by_name(tmp_path: Path) -> None:
    words = {0: "no", 1: "yes"}
    write(tmp_path / "p.csv", rows())
    named = [{**row, "y": words[row["y"]], "yhat": words[row["yhat"]]} for row in rows()]
    write(tmp_path / "w.csv", named)
    write(tmp_path / "b.jsonl", [{**r, "y": bool(r["y"]), "yhat": bool(r["yhat"])} for r in rows()])
    numbers = without_origin(read(tmp_path, "p.csv"))
    assert without_origin(read(tmp_path, "w.csv", positive="yes", negative="no")) == numbers
    assert without_origin(read(tmp_path, "b.jsonl")) == numbers


def test_a_multiclass_model_is_judged_by_its_top_class(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    given: list[Row] = []
    for _ in range(3_000):
        guess, score = str(chance.choice(["cat", "dog", "owl"])), float(chance.uniform(0.4, 1))
        true = guess if chance.random() < score else "fox"
        given.append({"y": true, "yhat": guess, "p": score, "g": "ab"[chance.integers(2)]})
    write(tmp_path / "p.parquet", given)
    found = read(tmp_path, "p.parquet", task="multiclass", positive="dog")
    hit = np.array([row["y"] == row["yhat"] for row in given], dtype=int)
    expected = error(counts(np.array([row["p"] for row in given]), hit).bins())
    assert found["ethics.ece"]["value"] == pytest.approx(expected, abs=1e-12)
    assert found["ethics.ece"]["computed"]["parameters"]["score"] == "top-1 confidence"
    selected = counts(
        label=np.array([int(row["y"] == "dog") for row in given]),
        prediction=np.array([int(row["yhat"] == "dog") for row in given]),
        group=np.array([row["g"] for row in given]),
    )
    assert found["ethics.rho_bias"]["value"] == bias_ratio(selected).value
    assert found["ethics.fairness"]["value"] == fairness(selected).value
    assert read(tmp_path, "p.parquet", task="multiclass").keys() == {"ethics.ece"}


def test_every_kind_has_a_reader_with_an_example() -> None:
    import tomllib

    for kind in SOURCES:
        module = source_of(Table("", "", {"kind": kind}))
        (shown,) = tomllib.loads(module.EXAMPLE)["source"]
        assert shown["kind"] == kind
