"""Load tests: percentiles of all requests or none, and errors by request.

Locust's and vegeta's reports are real ones. Of k6 the documented summary is followed: it could not
be had.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.errors import GovernanceError
from engine.model import Json
from tests.evidence.sources.reports import REAL, read, read_text, values


def k6(*, new: bool, **duration: Json) -> Json:
    times = {"avg": 9, "med": 10.5, "p(90)": 20, "p(95)": 30, **duration}
    failed = {"passes": 3, "fails": 297, "value": 0.01}
    metrics: Json = {
        "http_req_duration": times,
        "http_reqs": {"count": 300, "rate": 5},
        "http_req_failed": failed,
    }
    if not new:
        return {"root_group": {}, "metrics": metrics}
    wrapped = {name: {"type": "trend", "values": row} for name, row in metrics.items()}
    return {"root_group": {}, "metrics": wrapped, "state": {"testRunDurationMs": 60000.0}}


def vegeta(**changes: Json) -> str:
    return json.dumps(json.loads((REAL / "vegeta.json").read_text()) | changes)


def locust(**changes: Json) -> str:
    row = {
        "num_requests": 4,
        "num_none_requests": 0,
        "num_failures": 1,
        "start_time": 100.0,
        "last_request_timestamp": 104.0,
        "response_times": {"10": 3, "200": 1},
        **changes,
    }
    return json.dumps([row])


def test_a_real_report_of_vegeta() -> None:
    evidence = read("load", REAL, "vegeta.json")
    found = values(evidence)
    assert found["dec_p95_ms"] == 1027.289678
    assert (found["dec_5xx"], found["dec_error_ratio"]) == (0, 0.0)
    assert found["dec_rps"] == 147 / ((3061474034 + 865591754) / 1e9)
    assert evidence.metrics["slo.dec_p99_ms"]["n"] == 147
    assert evidence.metrics["slo.dec_p99_ms"]["observed_at"] == "2026-12-01T12:56:20Z"


def test_a_real_report_of_locust_is_one_histogram() -> None:
    found = values(read("load", REAL, "locust.json"))
    rows = json.loads((REAL / "locust.json").read_text())
    times = sorted(
        float(ms) for row in rows for ms, n in row["response_times"].items() for _ in range(n)
    )
    for percent in (50, 95, 99):
        assert found[f"dec_p{percent}_ms"] == times[-(-len(times) * percent // 100) - 1]
    failed = sum(row["num_failures"] for row in rows)
    assert found["dec_5xx"] == failed > 0
    assert found["dec_error_ratio"] == failed / len(times)


def test_histograms_of_several_workers_are_put_together(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(locust())
    (tmp_path / "b.json").write_text(locust(response_times={"900": 4}, last_request_timestamp=160))
    found = values(read("load", tmp_path, "*.json"))
    assert (found["dec_p50_ms"], found["dec_p95_ms"]) == (200.0, 900.0)
    assert (found["dec_window_min"], found["dec_rps"]) == (1.0, 0.1)


@pytest.mark.parametrize("new", [True, False])
def test_a_summary_of_k6_by_its_documented_form(tmp_path: Path, new: bool) -> None:
    evidence = read_text("load", tmp_path, json.dumps(k6(new=new)))
    assert values(evidence) == {
        "dec_p50_ms": 10.5,
        "dec_p95_ms": 30.0,
        "dec_p99_ms": "undefined",
        "dec_rps": 4.95,
        "dec_5xx": 3,
        "dec_error_ratio": 0.01,
        "dec_window_min": 1.0,
    }


def test_percentiles_are_not_averaged(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(vegeta())
    (tmp_path / "b").write_text(vegeta(wait=5))
    shutil.copy(REAL / "locust.json", tmp_path / "c")
    for paths in (["a", "b"], ["a", "c"]):
        with pytest.raises(GovernanceError, match="cannot be put together"):
            read("load", tmp_path, paths)


def test_no_request_is_no_pass(tmp_path: Path) -> None:
    none = locust(num_requests=0, num_failures=0, response_times={})
    for text in (none, vegeta(requests=0, status_codes={})):
        assert set(values(read_text("load", tmp_path, text)).values()) == {"insufficient_data"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (vegeta(requests=148), "counts 148 requests, and 147 answers"),
        (vegeta(duration=-1), "duration is '-1', and no amount"),
        (vegeta(duration=float("nan")), "is"),
        (vegeta()[:-3], "is no whole JSON"),
        (vegeta() + "{}", "is no whole JSON"),
        (locust(num_requests=5), "entry 0: counts 5 requests, and 4 times"),
        (locust(num_failures=5), "more requests failed than were sent"),
        (locust(last_request_timestamp=99), "it ended before it began"),
        (locust(response_times={"-1": 4}), "a time is '-1.0'"),
        (locust(response_times={"nan": 4}), "a time is 'nan'"),
        (locust(response_times={"10": 3.5, "20": 0.5}), "and no count"),
        (json.dumps(k6(new=False)).replace("297", "200"), "and other outcomes"),
        (json.dumps(k6(new=True, med="fast")), "med is 'fast', and no amount"),
        ("<html>502</html>", "is none of k6"),
        ("[]", "is none of k6"),
        ("", "is empty"),
    ],
)
def test_a_report_that_is_not_whole_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GovernanceError) as caught:
        read_text("load", tmp_path, text)
    assert message in caught.value.message
    assert caught.value.exit_code == 2
