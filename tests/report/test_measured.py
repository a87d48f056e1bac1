"""The page of measured evidence: all of it, escaped, and nothing that runs or loads."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from engine.metrics.bias import bias_ratio
from engine.metrics.calibration import expected_calibration_error
from engine.metrics.fairness import fairness
from engine.model import Json
from engine.report.diagrams import BinShown, GroupShown, rates, reliability
from engine.report.measured import page
from tests.metrics.tables import counts

HOSTILE = "<script>alert(1)</script>\"'&"


def document(group: str = "north") -> Json:
    chance = np.random.default_rng(0)
    score = chance.beta(2, 3, 4_000)
    label = (chance.random(4_000) < score).astype(int)
    group_of = chance.choice([group, "south"], 4_000)
    table = counts(score, label, (score > 0.4).astype(int), group_of)
    found = {
        "ethics.ece": expected_calibration_error(table),
        "ethics.rho_bias": bias_ratio(table),
        "ethics.fairness": fairness(table),
    }
    metrics = {name: metric.metric(source=HOSTILE) for name, metric in found.items()}
    return {
        "subject": {"name": HOSTILE, "version": "1"},
        "observed_at": "2026-11-20T12:00:00Z",
        "metrics": {**metrics, "data.schema_drift": 0},
    }


def test_every_metric_is_listed_and_drawn() -> None:
    given = document()
    shown = page(given)
    for name in given["metrics"]:
        assert f"<h2>{name}</h2>" in shown
    assert shown.count("<svg") == 4
    assert "Selection rate by group, with 95 % intervals" in shown
    assert "n 0" in shown


def test_whatever_comes_from_evidence_is_escaped() -> None:
    shown = page(document(HOSTILE))
    assert "<script" not in shown
    assert HOSTILE not in shown
    assert not re.search(r"(src|href)=|url\(|@import", shown)
    assert "default-src 'none'" in shown


def test_a_page_without_a_value_says_why_not() -> None:
    metric = {"value": None, "status": "undefined", "computed": {"method": "rho/1"}}
    shown = page({**document(), "metrics": {"ethics.rho_bias": metric}})
    assert "undefined" in shown
    assert "<svg" not in shown


@pytest.mark.parametrize("n", [0, 1, 1_500, 2_000_000, 3 * 10**9])
def test_a_reliability_diagram_has_a_point_and_a_column_for_each_bin(n: int) -> None:
    bins = [BinShown(n, 0.1, 0.0), BinShown(7, 0.95, 1.0)]
    drawn = ET.fromstring(reliability(bins))  # noqa: S314
    points = [element for element in drawn.iter() if element.get("class") == "point"]
    assert [(element.get("cx"), element.get("cy")) for element in points] == [
        ("76.0", "312.0"),
        ("331.0", "12.0"),
    ]
    assert len([element for element in drawn.iter() if element.get("class") == "count"]) == 2
    assert f"n {n:,}" in (drawn.findtext("desc") or "")


def test_a_rate_without_an_interval_has_no_whiskers() -> None:
    groups = [GroupShown("a", 10, 0.5, 0.2, 0.8), GroupShown("b" * 40, 10, 0.5, 0.5, 0.5)]
    drawn = ET.fromstring(rates("Rates", groups))  # noqa: S314
    spans = [element for element in drawn.iter() if element.get("class") == "span"]
    assert len(spans) == 3
    assert "…" in "".join(drawn.itertext())
