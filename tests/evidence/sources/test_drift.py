"""The columns of data that differ from the schema declared for a row, whatever the file."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from engine.errors import GovernanceError
from engine.evidence.sources import Evidence, SourceRequest
from engine.evidence.sources.drift import read
from engine.model import Json
from engine.settings.table import Table

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROW: Json = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "amount": {"type": ["number", "null"]},
        "paid": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "at": {"type": "object", "required": ["x"], "properties": {"x": {"type": "number"}}},
    },
}
GOOD: list[dict[str, Json]] = [
    {"id": 1, "name": "a", "amount": 2.5, "paid": True, "tags": ["x"], "at": {"x": 1.5}},
    {"id": 2, "name": "b", "amount": None, "paid": False, "tags": [], "at": {"x": 2}},
]


def measured(path: Path, declared: Json = ROW, **keys: str) -> Evidence:
    (path.parent / "row.json").write_text(json.dumps(declared))
    table = {"path": path.name, "schema": "row.json", **keys}
    return read(SourceRequest(Table("gather.toml", "source", table), path.parent, NOW))


def drift(path: Path, schema: Json = ROW) -> tuple[Json, list[str]]:
    evidence = measured(path, schema)
    found = [note.removeprefix("data.schema_drift: ") for note in evidence.notes]
    return evidence.metrics["data.schema_drift"]["value"], found


def written(folder: Path, form: str, rows: list[dict[str, Json]], name: str = "data") -> Path:
    path = folder / f"{name}.{form}"
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if form == "jsonl":
        path.write_text(lines)
    elif form == "csv":
        names = list(dict.fromkeys(key for row in rows for key in row))
        with path.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, names)
            writer.writeheader()
            writer.writerows(
                {key: "" if cell is None else cell for key, cell in row.items()} for row in rows
            )
    else:
        (folder / "rows.ndjson").write_text(lines)
        scan = f"read_json('{folder / 'rows.ndjson'}', format = 'newline_delimited')"
        duckdb.sql(f"COPY (SELECT * FROM {scan}) TO '{path}' (FORMAT parquet)")  # noqa: S608
    return path


FORMS = ("parquet", "jsonl", "csv")


def flat(rows: list[dict[str, Json]]) -> list[dict[str, Json]]:
    return [{key: row[key] for key in ("id", "name", "amount", "paid")} for row in rows]


@pytest.mark.parametrize("form", FORMS)
def test_data_that_is_as_declared_does_not_drift(tmp_path: Path, form: str) -> None:
    """INV-DATA-5."""
    rows = flat(GOOD) if form == "csv" else GOOD
    evidence = measured(written(tmp_path, form, rows))
    metric = evidence.metrics["data.schema_drift"]
    assert (metric["value"], metric["n"], evidence.notes) == (0, 2, ())


CHANGES: dict[str, tuple[dict[str, Json], str]] = {
    "an added column": ({"extra": "x"}, "extra: is not declared"),
    "a text for a number": ({"amount": "much"}, "amount: has a value"),
    "a fraction for an integer": ({"id": 1.5}, "id: has a value"),
    "a number for a boolean": ({"paid": 3}, "paid: has a value"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_column_that_differs_counts_once_and_is_named(
    tmp_path: Path, form: str, change: str
) -> None:
    changed, says = CHANGES[change]
    rows = [{**row, **changed} for row in (flat(GOOD) if form == "csv" else GOOD)]
    count, notes = drift(written(tmp_path, form, rows))
    assert count == 1
    assert notes[0].startswith(says)


@pytest.mark.parametrize("form", FORMS)
def test_a_required_column_that_is_missing_counts(tmp_path: Path, form: str) -> None:
    rows = [{key: cell for key, cell in row.items() if key != "name"} for row in flat(GOOD)]
    assert drift(written(tmp_path, form, rows)) == (1, ["name: is required, and missing"])
    some = [*flat(GOOD), {**flat(GOOD)[0], "name": None}]
    count, (note,) = drift(written(tmp_path, form, some))
    assert (count, note.partition(":")[0]) == (1, "name")


def test_a_column_that_only_some_files_have_counts(tmp_path: Path) -> None:
    written(tmp_path, "csv", flat(GOOD), "one")
    less = [{"id": 3, "name": "c"}]
    written(tmp_path, "csv", less, "two")
    (tmp_path / "row.json").write_text(json.dumps(ROW))
    table = {"path": "*.csv", "schema": "row.json"}
    found = read(SourceRequest(Table("g", "source", table), tmp_path, NOW))
    assert found.metrics["data.schema_drift"]["value"] == 2
    assert "data.schema_drift: paid: is in some files only" in found.notes


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"tags": ["x", 1.5]}, "tags"), ({"at": {"y": 1}}, "at"), ({"at": {"x": "1"}}, "at"),
        ({"at": {"x": 1, "z": 1}}, "at"), ({"tags": {"x": "y"}}, "tags"),
    ],
)  # fmt: skip
def test_what_is_inside_a_column_counts(
    tmp_path: Path, form: str, changed: dict[str, Json], column: str
) -> None:
    rows = [{**row, **changed} for row in GOOD]
    if form == "parquet" and changed == {"tags": ["x", 1.5]}:
        rows = [{**row, "tags": [1.5]} for row in GOOD]
    count, (note,) = drift(written(tmp_path, form, rows))
    assert (count, note.partition(":")[0]) == (1, column)


def test_a_schema_that_is_open_takes_what_it_does_not_name(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", [{**row, "more": 1} for row in flat(GOOD)])
    assert drift(path)[0] == 1
    assert drift(path, {**ROW, "additionalProperties": True})[0] == 0
    assert drift(path, {**ROW, "patternProperties": {"^m": {"type": "integer"}}})[0] == 0


def test_what_cannot_be_said_is_no_number(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", flat(GOOD))
    for schema, says in (
        ({"anyOf": [ROW, {"type": "object"}]}, "no one set of columns"),
        ({"$ref": "other.json"}, "not among the schemas"),
        ({"type": "array"}, "that of an object"),
    ):
        evidence = measured(path, schema)
        metric = evidence.metrics["data.schema_drift"]
        assert (metric["value"], metric["status"]) == (None, "undefined")
        assert says in evidence.notes[0]
    (tmp_path / "none.csv").write_text("id,name\n")
    assert measured(tmp_path / "none.csv").metrics["data.schema_drift"]["status"] == (
        "insufficient_data"
    )


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"schema": "nope.json"}, "no such file"),
        ({"schema": "."}, "is a folder"),
        ({"draft": "8"}, "2020-12"),
        ({"shema": "row.json"}, "shema"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, keys: dict[str, str], says: str) -> None:
    with pytest.raises(GovernanceError) as refused:
        measured(written(tmp_path, "csv", flat(GOOD)), **keys)
    assert says in f"{refused.value} {getattr(refused.value, 'hint', '')}"
