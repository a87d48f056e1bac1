"""``engine gather reports/``: every kind is recognised, and a configuration does the same again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import engine as package
from engine.errors import UsageError
from engine.model import Json
from tests.cli.conftest import Engine
from tests.evidence.sources.reports import REAL


@pytest.fixture
def reports(engine: Engine) -> Path:
    """A folder of reports in the working folder."""
    folder = Path("reports")
    (folder / "unit").mkdir(parents=True)
    shutil.copy(REAL / "pytest.xml", folder / "unit" / "a.xml")
    shutil.copy(REAL / "node.xml", folder / "b.xml")
    return folder


def written(name: str = "metrics.json") -> Json:
    return json.loads(Path(name).read_text())


def test_a_folder_of_reports_becomes_a_metrics_file(engine: Engine, reports: Path) -> None:
    answer = engine("gather", "reports")
    assert (answer.code, answer.out) == (0, "")
    assert "reports/b.xml: junit: its first element is <testsuites>\n" in answer.err
    assert answer.err.endswith("5 metrics written to metrics.json\n")
    document = written()
    assert document["subject"] == {"name": "work"}
    metric = document["metrics"]["quality.tests_run"]
    assert (metric["value"], metric["n"]) == (8, 8)
    assert metric["source"] == "reports/b.xml, reports/unit/a.xml"
    engine("keys", "init")
    decided = engine("decide", "metrics.json", "--gate", "slo", "--dry-run")
    assert decided.code == 5


def test_files_a_subject_and_its_artifact_may_be_named(engine: Engine, reports: Path) -> None:
    Path("shop.bin").write_bytes(b"shop")
    flags = ("--subject", "shop", "--artifact", "shop.bin", "-o", "-")
    answer = engine("gather", "reports/b.xml", "reports/unit/a.xml", *flags)
    assert answer.code == 0, answer.err
    assert answer.json["subject"]["name"] == "shop"
    assert len(answer.json["subject"]["digest"]["sha256"]) == 64


def test_the_configuration_that_is_written_does_the_same(engine: Engine, reports: Path) -> None:
    assert engine("gather", "reports").code == 0
    Path("ci").mkdir()
    answer = engine("gather", "reports", "--write-config", "ci/gather.toml")
    assert answer.code == 0, answer.err
    assert answer.out == "next: engine gather ci/gather.toml -o metrics.json\n"
    text = Path("ci/gather.toml").read_text()
    assert 'path = ["../reports/b.xml", "../reports/unit/a.xml"]' in text
    again = engine("gather", "ci/gather.toml")
    assert again.code == 0, again.err
    first = written()["metrics"]
    second = again.json["metrics"]
    for metric in (*first.values(), *second.values()):
        metric.pop("source")
        metric["computed"].pop("source_sha256")  # of several files it covers their names
    assert second == first
    refused = engine("gather", "reports", "--write-config", "ci/gather.toml")
    assert (refused.code, "is there already" in refused.err) == (2, True)


def test_from_python_it_is_the_same(engine: Engine, reports: Path) -> None:
    assert engine("gather", "reports").code == 0
    assert package.gather("reports")["metrics"] == written()["metrics"]
    several = package.gather(["reports/b.xml", Path("reports/unit/a.xml")], subject="shop")
    assert several["metrics"] == written()["metrics"]
    assert several["subject"] == {"name": "shop"}
    with pytest.raises(UsageError, match="config is empty"):
        package.gather([])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reports", "page.html"), "page.html: no kind of source is recognised by the content"),
        (("reports", "missing.xml"), "missing.xml: no such file"),
        (("reports", "empty.xml"), "empty.xml: is empty"),
        (("reports", "rows.csv"), "rows.csv is a file of rows"),
        (("reports", "-"), "standard input is no report"),
        (("reports", "--sql"), "no source of this configuration counts by SQL"),
        (("gather.toml", "--subject", "a"), "--subject and --artifact are of reports"),
        (("cut.xml",), "cut.xml:8:8: is no whole XML"),
        (("reports", "-o", "reports/b.xml"), "reports/b.xml"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    engine: Engine, reports: Path, arguments: tuple[str, ...], message: str
) -> None:
    Path("page.html").write_text("<!DOCTYPE html><html><body>502</body></html>")
    Path("empty.xml").touch()
    Path("rows.csv").write_text("a,b\n1,2\n")
    Path("gather.toml").write_text(
        'subject = {name = "a"}\n[[source]]\nkind = "junit"\npath = "reports"\n'
    )
    Path("cut.xml").write_text((REAL / "node.xml").read_text()[:400])
    before = Path("reports/b.xml").read_bytes()
    answer = engine("gather", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert not Path("metrics.json").exists()
    assert Path("reports/b.xml").read_bytes() == before
