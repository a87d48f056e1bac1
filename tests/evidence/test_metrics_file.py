from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.evidence.metric_values import invalid_because
from engine.evidence.metrics_file import RefusalError, expand, is_regular
from engine.model import Json
from engine.policy.bundle import shipped_bundle
from tests.examples import examples
from tests.repository import ROOT

SCHEMA = json.loads((ROOT / "schemas" / "metrics.schema.json").read_bytes())
NOW = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)
CATALOGUE: dict[str, Json] = {
    "ethics.ece": {"type": "number", "unit": "ratio", "range": [0, 1]},
    "ethics.rho_bias": {"type": "number", "unit": "ratio", "range": [0, None]},
    "data.schema_drift": {"type": "integer", "unit": "count", "range": [0, None]},
    "data.dbt_tests": {"type": "string", "values": ["pass", "fail"]},
    "ethics.consent": {"type": "boolean"},
    "market.burn_rate_4h": {"type": "series", "range": [0, None]},
}
DOCUMENT: Json = {
    "subject": {"name": "scoring-model", "version": "2.4.1", "digest": {"sha256": "ab" * 32}},
    "observed_at": "2026-11-20T12:00:00Z",
    "metrics": {
        "ethics.ece": {"value": 0.006, "n": 24000, "observed_at": "2026-11-20T13:58:00.5+02:00"},
        "ethics.rho_bias": {
            "value": 1.02,
            "computed": {
                "method": "rho/1",
                "parameters": {"min_n": 30, "strategy": "equal_width"},
                "groups": {"a": 12000},
                "excluded": {"group_too_small": 3},
                "source_sha256": "cd" * 32,
                "reference": {"pairs": 1},
            },
        },
        "data.schema_drift": 0,
        "ethics.consent": True,
        "x.note": "carried",
    },
}


def test_a_bare_value_becomes_the_long_form_with_its_age() -> None:
    metrics = expand(DOCUMENT, CATALOGUE, NOW, SCHEMA)
    assert metrics["data.schema_drift"] == {
        "value": 0,
        "status": "ok",
        "observed_at": "2026-11-20T12:00:00Z",
        "age_s": 5,
    }
    assert metrics["ethics.ece"]["age_s"] == 124  # 124.5 s, rounded down
    assert metrics["x.note"]["value"] == "carried"


def test_null_is_undefined_and_never_a_value() -> None:
    document = _with("metrics", {"ethics.ece": None})
    assert expand(document, CATALOGUE, NOW, SCHEMA)["ethics.ece"]["status"] == "undefined"


@pytest.mark.parametrize(
    ("path", "value", "pointer", "reason"),
    [
        ("metrics", {"ethics.eec": 1}, "/metrics/ethics.eec", "not in the catalogue"),
        ("metrics", {"ethics.ece": "low"}, "/metrics/ethics.ece", "the catalogue says number"),
        ("metrics", {"ethics.ece": True}, "/metrics/ethics.ece", "the catalogue says number"),
        ("metrics", {"data.schema_drift": 0.5}, "/metrics/data.schema_drift", "says integer"),
        ("metrics", {"data.dbt_tests": 1}, "/metrics/data.dbt_tests", "says string"),
        ("metrics", {"ethics.ece": [0.5]}, "/metrics/ethics.ece", "the catalogue says number"),
        ("metrics", {"market.burn_rate_4h": 2}, "/metrics/market.burn_rate_4h", "says series"),
        ("metrics", {"ethics.ece": {"value": 0.1, "n": 2.5}}, "/metrics/ethics.ece/n",
         "number where integer"),
        ("metrics", {"ethics.ece": {"value": 0.1, "ci": [1]}}, "/metrics/ethics.ece/ci",
         "at least 2 are read"),
        ("metrics", {"ethics.ece": {"value": None, "status": "ok"}}, "/metrics/ethics.ece/value",
         "null where the catalogue says number"),
        ("metrics", {"ethics.ece": {"value": 0.1, "unit": "%"}}, "/metrics/ethics.ece/value",
         "unit '%'"),
        ("metrics", {"ethics.ece": {"value": 0.1, "N": 3}}, "/metrics/ethics.ece/N", "not known"),
        ("metrics", {}, "/metrics", "non-empty"),
        ("metrics", [], "/metrics", "array where object"),
        ("observed_at", "yesterday", "/observed_at", "not written as expected"),
        ("observed_at", "2026-13-01T00:00:00Z", "/observed_at", "month must be"),
        ("observed_at", "2026-11-20T12:00:00", "/observed_at", "not written as expected"),
        ("subject", "scoring-model", "/subject", "string where object"),
        ("subject", {}, "/subject", "key 'name' is missing"),
        ("subject", {"name": "m", "digest": {"sha256": "AB" * 32}}, "/subject/digest/sha256",
         "not written as expected"),
        ("metric", {}, "/metric", "key 'metric' is not known here"),
    ],
)  # fmt: skip
def test_a_wrong_document_is_refused_where_it_is_wrong(
    path: str, value: Json, pointer: str, reason: str
) -> None:
    """INV-INPUT-3: a typo in evidence is an error that names the right place."""
    with pytest.raises(RefusalError) as refused:
        expand(_with(path, value), CATALOGUE, NOW, SCHEMA)
    assert refused.value.pointer == pointer
    assert reason in refused.value.reason


IMPOSSIBLE = [
    ("ethics.ece", 1.5, "1.5 is above 1, the most this metric can be: no check passes on it; a "
     "ratio is from 0 to 1: if 1.5 is a percentage, write 0.015"),
    ("ethics.ece", -0.01, "-0.01 is below 0, the least this metric can be: no check passes on it"),
    ("ethics.ece", {"value": 2e300, "status": "ok"}, "2e+300 is above 1, the most this metric can "
     "be: no check passes on it"),
    ("ethics.ece", {"value": 1.5, "status": "insufficient_data"}, "1.5 is above 1"),
    ("ethics.ece", {"value": 0.5, "baseline": -1}, "baseline -1 is below 0"),
    ("ethics.ece", {"value": 0.5, "n": -1}, "n -1 is below 0, the least that can be counted"),
    ("ethics.ece", {"value": 0.5, "ci": [2, 1]}, "ci [2, 1] has its lower bound above its upper"),
    ("data.schema_drift", -3, "-3 is below 0"),
    ("data.dbt_tests", "passed", "'passed' is not one of 'pass', 'fail': no check passes on it; "
     "did you mean 'pass'?"),
    ("market.burn_rate_4h", [0, -1, 2], "-1 is below 0"),
    ("x.note", {"value": 1, "n": -1}, "n -1 is below 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given_as", "note"), IMPOSSIBLE)
def test_a_value_that_the_metric_cannot_have_is_invalid_input_and_the_others_count(
    name: str, given_as: Json, note: str
) -> None:
    """INV-INPUT-9: a file is refused whole only where its form is wrong."""
    document = _with("metrics", {name: given_as, "ethics.consent": True})
    notes: list[str] = []

    metrics = expand(document, CATALOGUE, NOW, SCHEMA, notes)

    value = given_as["value"] if isinstance(given_as, dict) else given_as
    assert (metrics[name]["status"], metrics[name]["value"]) == ("invalid_input", value)
    assert metrics["ethics.consent"]["status"] == "ok"
    assert Draft202012Validator(SCHEMA).is_valid(document)
    (line,) = notes
    assert line.startswith(f"{name}: {note}")
    reason = invalid_because(metrics[name], CATALOGUE.get(name, {}))
    assert reason in line or line.replace(": no check passes on it", "").endswith(reason)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ({"value": 0.5}, "its source says so"),
        ({"value": None}, "its source says so"),
        ({"value": 0.5, "ci": [0.1, 0.2]}, "value 0.5 is outside of its interval"),
        ({"value": 0.5, "ci": ["odd", 1], "n": "many", "baseline": "x"}, "its source says so"),
        ({"value": ["odd"], "n": True}, "its source says so"),
    ],
)
def test_why_recorded_evidence_is_invalid_is_said_whatever_it_is(metric: Json, reason: str) -> None:
    assert invalid_because(metric, {"range": [0, 1]}).startswith(reason)


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        ("subject.version", 1.1, 'write it in quotes, such as "1.10"'),
        ("subject.name", True, 'write it in quotes, such as "1.10"'),
        ("metrics.ethics.ece", "0644", "write a number in ratio: 644, without zeros before it"),
        ("metrics.ethics.ece", "-010.5", "write a number in ratio: -10.5, without zeros before it"),
        ("metrics.ethics.ece", "0.01", "write a number in ratio, without quotes"),
        ("observed_at", "2026-12-31T23:59:60Z", "write a leap second as the second before it"),
    ],
)
def test_a_hint_fits_what_was_written(path: str, value: Json, hint: str) -> None:
    """YAML makes a number of 1.10 and a text of 0644."""
    document = json.loads(json.dumps(DOCUMENT))
    *above, last = path.split(".", 1)
    (document[above[0]] if above else document)[last] = value
    with pytest.raises(RefusalError) as refused:
        expand(document, CATALOGUE, NOW, SCHEMA)
    assert hint in refused.value.hint


def test_a_missing_time_shows_the_line_to_add() -> None:
    document = _with("observed_at", None)
    del document["observed_at"]
    with pytest.raises(RefusalError) as refused:
        expand(document, CATALOGUE, NOW, SCHEMA)
    assert '"observed_at": "2026-' in refused.value.hint


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(RefusalError) as refused:
        expand(_with("metrics", {"ethics.ecee": 1}), CATALOGUE, NOW, SCHEMA)
    assert "did you mean 'ethics.ece'?" in refused.value.hint


ODD = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "x", "2026-01-31T12:00:00Z", [], [1], [1, 2], ["a"], {}, "a" * 300,
     "a\n", "\x1b[31mx", "a\u202eb", "na\u00a0me", "\u00fc",
     {"value": 1}, {"method": "ece/1"}, {"a": -1}, {str(n): n for n in range(201)},
     {"a\n": 1}, {"a": "b\n"},
     {"b" * 129: 1}, {"sha256": "ab" * 32}, {"name": "m"}]
)  # fmt: skip


def test_how_a_value_was_computed_is_carried_as_it_is() -> None:
    metrics = expand(DOCUMENT, CATALOGUE, NOW, SCHEMA)
    assert (
        metrics["ethics.rho_bias"]["computed"] == DOCUMENT["metrics"]["ethics.rho_bias"]["computed"]
    )


@pytest.mark.parametrize(
    ("computed", "pointer", "reason"),
    [
        ({}, "", "key 'method' is missing"),
        ({"method": "ece"}, "/method", "not written as expected"),
        ({"method": "ece/1", "seed": 0}, "/seed", "not known here"),
        ({"method": "ece/1", "groups": {"a": 0.5}}, "/groups/a", "number where integer"),
        ({"method": "ece/1", "reference": {"mce": "high"}}, "/reference/mce", "where number"),
        ({"method": "ece/1", "parameters": {"bins": [15]}}, "/parameters/bins", "array where"),
        ({"method": "ece/1", "source_sha256": "AB"}, "/source_sha256", "not written as expected"),
    ],
)
def test_how_a_value_was_computed_is_read_as_strictly(
    computed: Json, pointer: str, reason: str
) -> None:
    document = _with("metrics", {"ethics.ece": {"value": 0.1, "computed": computed}})
    with pytest.raises(RefusalError) as refused:
        expand(document, CATALOGUE, NOW, SCHEMA)
    assert refused.value.pointer == f"/metrics/ethics.ece/computed{pointer}"
    assert reason in refused.value.reason


@settings(max_examples=examples(800))
@given(st.data())
def test_the_quick_reader_accepts_exactly_what_the_schema_accepts(data: st.DataObject) -> None:
    """INV-INPUT-4: one contract, two readers."""
    document = copy.deepcopy(DOCUMENT)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(_objects(document))))
        key = data.draw(
            st.sampled_from([*place, "value", "status", "n", "ci", "gate", "computed", "odd"])
        )
        if key in place and data.draw(st.booleans()):
            del place[key]
        else:
            place[key] = copy.deepcopy(data.draw(ODD))
    assert is_regular(document) == Draft202012Validator(SCHEMA).is_valid(document)


def _objects(value: Json) -> list[dict[str, Json]]:
    if not isinstance(value, dict):
        return []
    return [value, *(inner for member in value.values() for inner in _objects(member))]


def _with(key: str, value: Json) -> Json:
    document = copy.deepcopy(DOCUMENT)
    document[key] = value
    return document


@pytest.mark.parametrize(
    "text",
    [
        *(
            "PROMOTE\n",
            "\x1b[32mok",
            "a\u202eb",
            "\u200e",
            "a\x85b",
            "\ufeff",
            "a\u00adb",
            "a\u034fb",
        ),
        *(
            "a\u200bb",
            "a\u200cb",
            "a\u200db",
            "a\u2060b",
            "a\u180eb",
            "\u3164",
            "\u2800",
            "a\U000e0041",
        ),
        *("\u115f", "\uffa0", "a\ufe0f", "a\U000e0100"),
    ],
)
@pytest.mark.parametrize("place", ["name", "version", "unit", "source", "value"])
def test_a_text_that_looks_like_another_is_refused(text: str, place: str) -> None:
    """INV-INPUT-4: nobody writes a second line, a colour or a turned text into an answer."""
    document = copy.deepcopy(DOCUMENT)
    if place in ("name", "version"):
        document["subject"][place] = text
    else:
        document["metrics"]["x.note"] = {"value": "x", place: text}
    assert not is_regular(document)
    with pytest.raises(RefusalError, match="must not be"):
        expand(document, CATALOGUE, NOW, SCHEMA)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("p95", "'slo.dec_p95_ms'?\nof your own, carried and not evaluated: x.p95"),
        ("SLO.dec_p95_ms", "did you mean 'slo.dec_p95_ms'?\n"),
        ("audit_coverage", "did you mean 'slo.audit_coverage_ratio'?"),
        ("zebra", "`engine explain --all` names them all"),
    ],
)
def test_a_key_that_cannot_be_an_id_is_refused_at_its_own_place(name: str, hint: str) -> None:
    document = {
        "subject": {"name": "a"},
        "observed_at": "2026-11-20T12:00:00Z",
        "metrics": {"slo.dec_p95_ms": 1, name: 2},
    }
    with pytest.raises(RefusalError, match=r"ids are such as slo\.dec_p95_ms") as refused:
        expand(document, shipped_bundle().catalogue(), NOW, SCHEMA)
    assert refused.value.pointer == f"/metrics/{name}"
    assert hint in refused.value.hint
