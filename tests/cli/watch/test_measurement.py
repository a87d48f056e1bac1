"""What the sources of a watched subject measured together: nothing counts that two of them give."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.cli.watch.measurement import Measurement, World, measure
from engine.evidence.sources import SOURCES, Evidence, SourceRequest
from engine.policy.bundle import shipped_bundle, shipped_schema
from engine.settings.table import Table

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def read(request: SourceRequest) -> Evidence:
    """This module is a source: it gives one metric, as its table says."""
    name = request.table.text("metric")
    return Evidence({name: {"value": request.table.whole("value", 0), "n": 100}})


def measured(monkeypatch: pytest.MonkeyPatch, *given: tuple[str, int]) -> Measurement:
    """What sources measure that each give one metric."""
    monkeypatch.setitem(SOURCES, "given", __name__)
    text = "".join(
        f'[[source]]\nkind = "given"\nmetric = "{name}"\nvalue = {value}\n' for name, value in given
    )
    tables = Table("watch.toml", text, tomllib.loads(text)).tables("source")
    world = World(Path(), {}, shipped_bundle().catalogue(), shipped_schema("metrics.schema.json"))
    return measure({"name": "scoring-model"}, tuple(tables), NOW, world)


def test_each_source_adds_its_own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(monkeypatch, ("slo.dec_p95_ms", 512), ("data.schema_drift", 0))

    assert {name: metric["value"] for name, metric in found.metrics.items()} == {
        "slo.dec_p95_ms": 512,
        "data.schema_drift": 0,
    }
    assert found.failures == []


@pytest.mark.parametrize("sources", [2, 3, 4])
def test_a_metric_that_several_sources_give_counts_from_none(
    monkeypatch: pytest.MonkeyPatch, sources: int
) -> None:
    given = [("slo.dec_p95_ms", value) for value in (1000, 2000, 1, 2)[:sources]]

    found = measured(monkeypatch, *given, ("data.schema_drift", 0))

    assert set(found.metrics) == {"data.schema_drift"}
    assert found.failures == [
        f"watch.toml:{1 + 4 * place}: slo.dec_p95_ms is measured by the source at line 1, too; "
        "neither counts"
        for place in range(1, sources)
    ]


def test_what_is_wrong_in_a_metrics_file_is_named_in_that_file(tmp_path: Path) -> None:
    text = '{"subject": {"name": "m"},\n"observed_at": "2026-11-20T12:00:00Z",\n"metrics": %s}'
    (tmp_path / "m.json").write_text(text % '{"slo.dec_p95ms": 5}')
    table = Table("watch.toml", "", {"kind": "metrics", "path": "m.json"})
    world = World(tmp_path, {}, shipped_bundle().catalogue(), shipped_schema("metrics.schema.json"))

    (failure,) = measure({"name": "m"}, (table,), NOW, world).failures

    assert failure.startswith(f"{tmp_path}/m.json:3:30: /metrics/slo.dec_p95ms: ")
