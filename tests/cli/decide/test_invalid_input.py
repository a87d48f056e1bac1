"""A value that a metric cannot have: that metric is invalid input, the others count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.model import Verdict
from engine.proof import verify as ours
from engine.proof.expectations import Expectations
from engine.proof.keys import load_public_pem
from engine.report import FORMATS
from tests.cli.conftest import Engine
from tests.independent import verifier

WHY = "99.8 is above 1, the most this metric can be"
ADVICE = "if 99.8 is a percentage, write 0.998"


@pytest.fixture
def recorded(engine: Engine) -> Engine:
    """A decision on evidence that would promote, but for one percentage and one metric to spare."""
    document = json.loads(engine("example", "promote").out)
    document["metrics"]["slo.audit_coverage_ratio"] = {"value": 99.8, "status": "ok"}
    document["metrics"]["x.slo.dec_p95"] = {
        "value": 1,
        "n": -2,
    }
    Path("m.json").write_text(json.dumps(document))
    outputs = [f"--output={name}=report.{name}" for name in FORMATS]
    answer = engine("decide", "m.json", "--export", "proof.json", *outputs)
    assert answer.code == 5, answer.err
    assert f"engine: m.json: slo.audit_coverage_ratio: {WHY}: no check passes on it" in answer.err
    assert "x.slo.dec_p95: n -2 is below 0" in answer.err
    return engine


def test_the_decision_is_made_recorded_and_says_in_every_format_which_metric_and_why(
    recorded: Engine,
) -> None:
    """INV-INPUT-9, INV-REPORT-3."""
    document = json.loads(Path("report.json").read_text())
    odd = [check for check in document["checks"] if check["status"] != "pass"]
    odd = [check for check in odd if check["severity"] == "block"]
    (check,) = odd

    assert (document["verdict"], document["recorded"]) == ("HOLD", True)
    assert (check["metric"], check["status"]) == ("slo.audit_coverage_ratio", "unknown")
    assert (check["metric_status"], check["observed"], check["margin"]) == (
        *("invalid_input", 99.8),
        None,
    )
    assert check["fix"].startswith("Correct slo.audit_coverage_ratio where it is measured")
    (unread,) = document["unread_metrics"]
    assert unread["metric"] == "x.slo.dec_p95"
    assert unread["nearest"] == "did you mean 'slo.dec_p95_ms'?"
    assert unread["invalid_because"] == "n -2 is below 0, the least that can be counted"
    for name in FORMATS:
        shown = " ".join(Path(f"report.{name}").read_text().split()).replace("\\", "")
        for part in (WHY, ADVICE, "x.slo.dec_p95", "n -2 is below 0"):
            assert part in shown, (name, part)
    for name in ("markdown", "html", "junit"):
        again = recorded("convert", "report.json", "--format", name).out
        assert WHY in again.replace("\\", "")


def test_the_record_is_genuine_to_both_verifiers_and_promotes_for_none(recorded: Engine) -> None:
    """INV-INPUT-9, INV-GATE-1."""
    data = Path("proof.json").read_bytes()
    keys = [load_public_pem(Path(".engine/keys/engine.pub.pem").read_bytes())]

    verified = ours.verify_any(data, keys, Expectations(require=Verdict.PROMOTE))
    answer = verifier.verify(data, keys, {"require": "PROMOTE"})

    assert isinstance(verified, ours.Verified)
    assert verified.failed_expectations
    assert (answer.genuine, answer.unmet) == (True, frozenset({"require"}))
    metrics = json.loads(verified.input)["metrics"]
    assert metrics["slo.audit_coverage_ratio"]["status"] == "invalid_input"
    assert recorded("replay").code == 0
    explained = recorded("explain", json.loads(Path("report.json").read_text())["decision_id"])
    text = " ".join(explained.out.split())
    assert WHY in text
    assert "1 given, not asked x.slo.dec_p95 (did you mean" in text


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", "", 'write it in quotes, such as "1.10"'),
        ("1.10", '"1.10"', "write a number in ms: 644, without zeros before it"),
        ("2026-11-30T02:00:00Z", "2016-12-31T23:59:60Z", "write a leap second as the second befor"),
        ("02:00:00Z", "02:00:00+24:00", 'such as "2026-01-31T12:00:00Z"'),
    ],
)
def test_a_wrong_form_is_refused_whole_with_a_hint_that_fits(
    engine: Engine, before: str, after: str, words: str
) -> None:
    """INV-INPUT-3: YAML makes a number of 1.10 and a text of 0644."""
    text = (
        "subject: {name: s, version: 1.10}\nobserved_at: 2026-11-30T02:00:00Z\n"
        "metrics: {slo.dec_p95_ms: 0644}\n"
    )
    quoted = text.replace("1.10", '"1.10"') if "0" in before and before != "1.10" else text
    Path("c19.yaml").write_text(quoted.replace(before, after) if before else quoted)

    answer = engine("decide", "c19.yaml", "--dry-run")

    assert answer.code == 2
    assert words in answer.err
