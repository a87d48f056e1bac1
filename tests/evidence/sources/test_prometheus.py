"""Metrics from Prometheus: what has no finite number has no value, and says why."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from engine.errors import ConfigError, SourceError
from engine.evidence.sources import Evidence
from engine.metrics.burn_rate import WINDOWS_S
from engine.model import Json
from tests.evidence.sources.prometheus_world import AT, METRICS, fake, form_of, measured
from tests.loopback import Reply, ServedRequest, serving
from tests.policy.servers import fake_opa, hanging

P95 = "slo.dec_p95_ms"
_AT_S = int(AT.timestamp())
QUERY = {P95: '{query = "x"}'}


@pytest.fixture(scope="module")
def world() -> Evidence:
    """Everything that the recorded server was asked."""
    with fake() as server:
        return measured(server.url)


@pytest.mark.parametrize(
    ("name", "value", "n"),
    [
        ("slo.cdc_lag_p95_s", 30, 1),
        (P95, 750, None),  # 0.5 s + (0.95 - 0.90) / (1 - 0.90) of the half second above
        ("slo.hook_coverage_ratio", 0.05, 36_000),  # 1 in 20 of 10/s for an hour
        ("market.frozen", True, None),
        ("market.burn_rate_4h", [1, 1, 1], None),
        # 2 h of 5 % errors: 50 times the budget now, 4.2 over a day, 1.4 over three
        ("slo.burn_rate", pytest.approx(50 / 14.4), 2_592_000),
    ],
)
def test_what_is_there_is_what_was_put_there(
    world: Evidence, name: str, value: Json, n: int | None
) -> None:
    metric = world.metrics[name]
    assert (metric["value"], metric["status"], metric.get("n")) == (value, "ok", n)
    assert metric["observed_at"] == "2026-11-20T12:00:00Z"
    assert len(metric["computed"]["source_sha256"]) == 64


@pytest.mark.parametrize(
    ("name", "status", "why"),
    [
        ("slo.dec_5xx", "undefined", "NaN"),
        ("slo.dec_rps", "invalid_input", "infinite"),
        ("slo.dec_window_min", "undefined", "no sample"),  # stale for three hours
        ("slo.inp_p75_ms", "invalid_input", "2 series"),
        ("slo.audit_coverage_ratio", "undefined", "a misspelt selector"),
        ("market.twap_divergence_percent", "undefined", "2 of 3 points"),
    ],
)
def test_what_is_no_finite_number_has_no_value_and_says_why(
    world: Evidence, name: str, status: str, why: str
) -> None:
    """INV-WATCH-1"""
    assert (world.metrics[name]["value"], world.metrics[name]["status"]) == (None, status)
    (note,) = [note for note in world.notes if note.startswith(f"{name}: ")]
    assert why in note


def test_the_burn_rate_names_the_pairs_that_are_over(world: Evidence) -> None:
    (note,) = [note for note in world.notes if note.startswith("slo.burn_rate: ")]
    for factor in ("14.4", "6", "3", "1"):
        assert f"past {factor} in" in note
    rates = world.metrics["slo.burn_rate"]["computed"]["reference"]
    assert rates["rate_300s"] == pytest.approx(50)
    assert rates["rate_259200s"] == pytest.approx(7200 * 0.05 / 259_200 / 0.001)


def vector(*values: str, **more: Json) -> Json:
    result = [{"metric": {"i": str(n)}, "value": [_AT_S, value]} for n, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": result}, **more}


def saying(body: Json, status: int = 200) -> Callable[[ServedRequest], Reply]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _request: Reply(status, content)


WEAK: dict[str, tuple[Json, str]] = {
    "warnings": ({"warnings": ["store 2 timed out"]}, "store 2 timed out"),
    "infos": ({"infos": ["metric might not be a counter"]}, "metric might not be a counter"),
    "isPartial": ({"isPartial": True}, "isPartial is True"),
    "isPartial as text": ({"isPartial": "true"}, "isPartial is true"),
    "no list": ({"warnings": "a store is gone"}, "a store is gone"),
    "an error beside it": ({"error": "query timed out"}, "has 'error', which is not known"),
    "what nobody knows": ({"truncated": True}, "has 'truncated', which is not known"),
}
STRONG: dict[str, Json] = {
    "VictoriaMetrics": {"isPartial": False, "stats": {"seriesFetched": "1"}},
    "nothing to warn of": {"warnings": [], "infos": []},
}


@pytest.mark.parametrize("name", WEAK)
def test_what_weakens_an_answer_is_named_and_it_is_no_value_unless_asked_for(name: str) -> None:
    """INV-WATCH-1"""
    more, said = WEAK[name]
    with serving(saying(vector("7", **more))) as server:
        strict = measured(server.url, QUERY)
        lenient = measured(server.url, {P95: '{query = "x", allow_warnings = true}'})
    assert strict.metrics[P95]["value"] is None
    assert strict.metrics[P95]["status"] == "invalid_input"
    assert lenient.metrics[P95]["value"] == 7
    for evidence in (strict, lenient):
        (note,) = [note for note in evidence.notes if "Prometheus warns" in note]
        assert said in note


@pytest.mark.parametrize("name", STRONG)
def test_what_others_say_beside_a_whole_answer_is_no_weakness(name: str) -> None:
    with serving(saying(vector("7", **STRONG[name]))) as server:
        assert measured(server.url, QUERY).metrics[P95]["value"] == 7


@pytest.mark.parametrize("kind", ["query", "ratio", "range"])
def test_an_answer_of_an_earlier_instant_is_as_old_as_that(kind: str) -> None:
    """INV-WATCH-1: a cache, or a server that looks back (VictoriaMetrics does, by 30 s)."""
    earlier = _AT_S - 600
    result = {
        "query": {"resultType": "vector", "result": [{"metric": {}, "value": [earlier, "1"]}]},
        "ratio": {
            "resultType": "vector",
            "result": [
                {"metric": {"engine_part": name}, "value": [earlier, value]}
                for name, value in (("errors 60", "1"), ("total 60", "4"), ("newest", str(_AT_S)))
            ],
        },
        "range": {
            "resultType": "matrix",
            "result": [{"metric": {}, "values": [[earlier - 60, "1"], [earlier, "1"]]}],
        },
    }[kind]
    row = {
        "query": '{query = "x"}',
        "ratio": '{errors = "e", total = "t", window = "60s"}',
        "range": '{range = "x", window = "2m", step = "1m"}',
    }[kind]
    with serving(saying({"status": "success", "data": result})) as server:
        metric = measured(server.url, {P95: row}).metrics[P95]
    assert (metric["status"], metric["observed_at"]) == ("ok", "2026-11-20T11:50:00Z")


def test_points_that_are_not_a_step_apart_are_no_series() -> None:
    result = [{"metric": {}, "values": [[_AT_S - 90, "1"], [_AT_S, "1"]]}]
    data = {"resultType": "matrix", "result": result}
    with serving(saying({"status": "success", "data": data})) as server:
        row = '{range = "x", window = "2m", step = "1m"}'
        assert measured(server.url, {P95: row}).metrics[P95]["status"] == "undefined"


@pytest.mark.parametrize(
    ("value", "row", "expected"),
    [
        ("-Inf", '{query = "x"}', "invalid_input"),
        ("nan", '{query = "x"}', "undefined"),
        ("0.5", '{query = "x", as = "boolean"}', "invalid_input"),
        ("-3", '{query = "x", n = "count(x)"}', "invalid_input"),
        ("NaN", '{query = "x", n = "count(x)"}', "undefined"),
    ],
)
def test_odd_numbers_are_no_values(value: str, row: str, expected: str) -> None:
    """INV-WATCH-1"""
    with serving(saying(vector(value))) as server:
        metric = measured(server.url, {P95: row}).metrics[P95]
    assert (metric["value"], metric["status"]) == (None, expected)


def test_a_text_or_a_native_histogram_is_no_number() -> None:
    histogram = {"metric": {}, "histogram": [0, {"count": "1"}]}
    for data in (
        {"resultType": "string", "result": [0, "seven"]},
        {"resultType": "vector", "result": [histogram]},
    ):
        with serving(saying({"status": "success", "data": data})) as server:
            assert measured(server.url, QUERY).metrics[P95]["status"] == "invalid_input"


def counts(**parts: str) -> Json:
    result = [
        {"metric": {"engine_part": name.replace("_", " ")}, "value": [_AT_S, value]}
        for name, value in parts.items()
    ]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


NEWEST = str(int(AT.timestamp()) - 90)


@pytest.mark.parametrize(
    ("parts", "absent", "expected"),
    [
        ({"errors_60": "1", "total_60": "4", "newest": NEWEST}, "undefined", 0.25),
        ({"total_60": "4", "newest": NEWEST}, "undefined", "undefined"),
        ({"total_60": "4", "newest": NEWEST}, "zero", 0),
        ({"errors_60": "0", "total_60": "0", "newest": NEWEST}, "zero", "undefined"),
        ({"newest": NEWEST}, "zero", "undefined"),
        ({"errors_60": "1", "total_60": "4"}, "zero", "undefined"),
        ({"errors_60": "5", "total_60": "4", "newest": NEWEST}, "zero", "invalid_input"),
        ({"errors_60": "-1", "total_60": "4", "newest": NEWEST}, "zero", "invalid_input"),
        ({"errors_60": "NaN", "total_60": "4", "newest": NEWEST}, "zero", "undefined"),
        ({"errors_60": "1", "newest": NEWEST}, "zero", "invalid_input"),
        ({"errors_60": "4.000000001", "total_60": "4", "newest": NEWEST}, "zero", 1),
    ],
)
def test_a_ratio_is_of_sums_and_no_traffic_is_undefined(
    parts: dict[str, str], absent: str, expected: Json
) -> None:
    """INV-WATCH-1"""
    row = f'{{errors = "e", total = "t", window = "60s", errors_absent = "{absent}"}}'
    with serving(saying(counts(**parts))) as server:
        metric = measured(server.url, {P95: row}).metrics[P95]
    if isinstance(expected, str):
        assert (metric["value"], metric["status"]) == (None, expected)
    else:
        assert metric["value"] == expected
        assert metric["observed_at"] == "2026-11-20T11:58:30Z"  # as old as its newest sample
        assert metric["n"] == 4


def test_all_counts_of_a_metric_are_asked_at_once() -> None:
    row = '{errors = "e", total = "t", objective = 0.99}'
    with serving(saying(counts(newest=NEWEST))) as server:
        measured(server.url, {P95: row})
    (request,) = server.requests
    query = form_of(request)["query"]
    for length in WINDOWS_S:
        for name in ("errors", "total"):
            assert f'"engine_part", "{name} {length}", ""' in query
    assert form_of(request)["time"] == str(int(AT.timestamp()))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(503, b"Service Unavailable"), "HTTP 503, and no JSON"),
        (Reply(302, b"", {"Location": "/elsewhere"}), "it redirects"),
        (Reply(401, b"{}"), "refuses us with 401"),
        (Reply(200, b"<html>"), "and no JSON"),
        (Reply(200, b"[]"), "no object"),
        (Reply(200, b'{"status":"success","data":{"resultType":"matrix"}}'), "in no form"),
        (Reply(200, b'{"status":"success","status":"success"}'), "is given twice"),
        (
            Reply(422, b'{"status":"error","errorType":"execution","error":"many-to-many"}'),
            "execution: many-to-many",
        ),
        (Reply(200, b"x" * (9 << 20)), "larger than 8,388,608 bytes"),
    ],
)
def test_no_whole_answer_is_an_error_and_not_a_metric(reply: Reply, reason: str) -> None:
    with (
        serving(lambda _request: reply) as server,
        pytest.raises(SourceError, match=reason) as error,
    ):
        measured(server.url, QUERY)
    assert error.value.exit_code == 3
    assert server.url in error.value.message


def test_one_deadline_holds_for_all_queries() -> None:
    """INV-WATCH-2"""
    with fake_opa(hanging) as url, pytest.raises(SourceError, match="no whole answer") as error:
        measured(url, METRICS, "timeout_s = 0.3")
    assert "all of its queries together" in error.value.hint


def test_a_query_that_is_no_promql_is_refused_with_its_line() -> None:
    body = {"status": "error", "errorType": "bad_data", "error": "1:5: parse error: unclosed"}
    with serving(saying(body, 400)) as server, pytest.raises(ConfigError) as error:
        measured(server.url, {"x.fine": '{query = "y"}', P95: '{query = "sum("}'})
    assert "g.toml:6: key 'metrics.x.fine': Prometheus: 1:5: parse error" in str(error.value)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{}", "one of query, range, errors"),
        ('{query = "x", range = "y"}', "'query' and 'range'"),
        ('{querry = "x"}', "one of query, range, errors"),
        ('{query = "x", frsh = "y"}', "did you mean 'fresh'?"),
        ('{query = "x", as = "bool"}', "did you mean 'boolean'?"),
        ('{range = "x", window = "1h", step = "7m"}', "no whole number of steps"),
        ('{range = "x", window = "30d", step = "1m"}', "more than 1,000"),
        ('{range = "x", window = "1 hour", step = "1m"}', "a length of time"),
        ('{errors = "x", window = "1h"}', "'metrics.slo.dec_p95_ms.total': is missing"),
        ('{errors = "x", total = "y"}', "either a window"),
        ('{errors = "x", total = "y", window = "1h", objective = 0.9}', "either a window"),
        ('{errors = "x", total = "y", objective = 1}', "a number from 0 to 0.999999"),
        ('{errors = "x", total = "y", objective = 0}', "leaves nothing to burn"),
        ('{errors = "x", total = "y", window = "1h", errors_absent = "0"}', "'0' is not one of"),
    ],
)
def test_a_metric_that_makes_no_sense_is_refused_with_its_line(row: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=r"g\.toml:6: key 'metrics\.") as error:
        measured("http://127.0.0.1:9", {P95: row})
    assert reason in str(error.value)
