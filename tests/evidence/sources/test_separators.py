"""CSV as it is written where the comma is in the number: read right, or refused, never misread."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.errors import GovernanceError
from engine.evidence.sources import SourceRequest, source_of
from engine.settings.table import Table

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
COLUMNS = {"label": "y", "score": "p", "group": "g", "prediction": "yhat"}
CELLS = [(i % 2, (i % 50) / 50 + 0.005, "ab"[i % 3 == 0], i % 4 == 0) for i in range(2000)]


def write(folder: Path, name: str, mark: str, decimal: str) -> None:
    rows = [("y", "p", "g", "yhat")] + [
        (y, str(p).replace(".", decimal), g, int(yhat)) for y, p, g, yhat in CELLS
    ]
    text = "\n".join(mark.join(map(str, row)) for row in rows)
    (folder / name).write_text(text + "\n", encoding="utf-8-sig")


def measured(folder: Path, name: str, **more: Any) -> dict[str, Any]:
    members = {"kind": "predictions", "path": name, "columns": COLUMNS, **more}
    table = Table("gather.toml", "", members)
    found = source_of(table).read(SourceRequest(table, folder, NOW)).metrics
    return {
        name: (metric["value"], metric["status"], metric["n"]) for name, metric in found.items()
    }


@pytest.mark.parametrize(("mark", "decimal"), [(";", ","), (";", "."), ("\t", ","), ("|", ".")])
def test_what_parts_the_header_is_what_parts_the_cells(
    tmp_path: Path, mark: str, decimal: str
) -> None:
    write(tmp_path, "plain.csv", ",", ".")
    write(tmp_path, "theirs.csv", mark, decimal)
    expected = measured(tmp_path, "plain.csv")
    assert expected["ethics.ece"][1] == "ok"
    assert measured(tmp_path, "theirs.csv") == expected
    assert measured(tmp_path, "theirs.csv", delimiter=mark) == expected


@pytest.mark.parametrize(
    ("header", "more"), [("y;p,x;g;yhat", {}), ("y;p;g;yhat", {"delimiter": ","})]
)
def test_a_header_that_says_two_things_is_refused(
    tmp_path: Path, header: str, more: dict[str, str]
) -> None:
    (tmp_path / "p.csv").write_text(f"{header}\n1;0,5;a;1\n")
    with pytest.raises(GovernanceError, match="has no column 'y'"):
        measured(tmp_path, "p.csv", **more)


@pytest.mark.parametrize("score", ["1.000,5", "0,5,5", "5 000,1", "12,5", "0;5", "0,5 %"])
def test_a_number_that_could_be_something_else_is_no_score(tmp_path: Path, score: str) -> None:
    (tmp_path / "p.csv").write_text(f'y;p;g;yhat\n1;"{score}";a;1\n0;0,5;b;0\n')
    found = measured(tmp_path, "p.csv")
    assert found["ethics.ece"][:2] == (None, "invalid_input")


def test_records_of_consent_are_read_with_semicolons(tmp_path: Path) -> None:
    """Joined to the subjects of the predictions: who of them has no record is counted."""
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "consent.csv").write_text(
        "subject;purpose;decision;issued\n"
        + "".join(f"{n};scoring;granted;2026-01-01T00:00:00Z\n" for n in range(97))
    )
    rows = pyarrow.table({"id": [n % 100 for n in range(400)], "p": [0.5] * 400})
    pyarrow.parquet.write_table(rows, tmp_path / "predictions.parquet")
    members = {
        "kind": "consent",
        "path": "consent.csv",
        "purpose": "scoring",
        "subjects": {"path": "predictions.parquet", "column": "id"},
    }
    table = Table("gather.toml", "", members)
    found = source_of(table).read(SourceRequest(table, tmp_path, NOW))
    metric = found.metrics["ethics.consent"]
    assert (metric["value"], metric["n"]) == (False, 100)
    assert metric["computed"]["excluded"] == {"no_record": 3}
    assert found.notes == ("ethics.consent: 3 of 100 are not covered: 3 without a record",)
    members["subjects"] = {"path": "predictions.parquet", "column": "idd"}
    table = Table("gather.toml", "", members)
    with pytest.raises(GovernanceError, match="no column 'idd'"):
        source_of(table).read(SourceRequest(table, tmp_path, NOW))
