"""What was given and nobody asks, and what to do about a verdict that no check explains."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.decision.unread import unread_metrics
from engine.model import Json, UnreadMetric, Verdict
from engine.policy.bundle import shipped_bundle
from engine.proof.verdict_rules import INTOLERABLE, NOTHING_PASSED
from engine.report import FORMATS, Report
from engine.report.findings import VerdictEffect, effect_of, off_lines, unread_lines
from engine.report.reading import read
from engine.report.relaxations import RELAXATIONS
from engine.report.way_out import way_out
from tests.report.cases import ATTESTED, CONSENT, ECE, check, report, written
from tests.repository import ROOT

CARRIED = "ids that start with 'x.' are carried and not evaluated"


@pytest.mark.parametrize(
    ("metric", "gate", "profile", "readers", "nearest"),
    [
        ("slo.dec_p95_ms", "promotion", "service", None, ""),
        ("ethics.ece", "promotion", "default", None, ""),
        ("market.frozen", "promotion", "pre-ga", None, ""),
        ("ethics.ece", "promotion", "service", "ethics.ece is off in profile service; profiles "
         "default, model, pre-ga, strict turn it on; gate ethics reads it by profiles default, "
         "model, pre-ga, strict", ""),
        ("slo.dec_p95_ms", "ethics", "default", "gate lifecycle reads it; gate "
         "promotion reads it; gate slo reads it", ""),
        ("x.ethics.eec", "promotion", "default", CARRIED, "did you mean 'ethics.ece'?"),
        ("x.SLO.dec_p95_ms", "promotion", "default", CARRIED, "did you mean 'slo.dec_p95_ms'?"),
        ("x.zebra", "promotion", "default", CARRIED, ""),
        ("odd.one", "promotion", "default", "no check of these policies reads it", ""),
    ],
)  # fmt: skip
def test_a_metric_that_nobody_asks_is_named_with_what_would_ask_it(
    metric: str, gate: str, profile: str, readers: str | None, nearest: str
) -> None:
    """INV-REPORT-3."""
    unread = unread_metrics({metric: {"value": 1, "status": "ok"}}, shipped_bundle(), gate, profile)

    assert unread == (() if readers is None else (UnreadMetric(metric, readers, nearest),))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("several", [False, True])
def test_every_format_names_what_nobody_asks_and_what_is_off_with_its_reason(
    name: str, *, several: bool
) -> None:
    """INV-REPORT-3."""
    unread = (UnreadMetric("x.spare", "whoever needs it", "did you mean this?"),)
    shown = report("PROMOTE", "1 blocking checks passed", [ECE, ATTESTED], unread=unread)

    text = " ".join(written(name, [shown, shown] if several else [shown]).split())

    if name == "text" and several:
        return  # one line each; --explain has the whole
    off = () if name == "gitlab" else ("ethics.attestation", "no attestor configured")
    for part in ("x.spare", "whoever needs it", *off):
        assert part in text.replace("\\_", "_").replace("<wbr>", "")
    assert "did you mean this?" in text


def test_the_page_names_every_member_of_an_unread_metric() -> None:
    page = " ".join((ROOT / "docs" / "reports.md").read_text().split())
    *names, last = (f"`{name}`" for name in UnreadMetric._fields)
    assert f"`unread_metrics`: a list of {', '.join(names)} and {last}" in page


def test_names_of_one_reason_stand_in_one_line() -> None:
    unread = (UnreadMetric("x.a", "r"), UnreadMetric("x.b", "r", "n?"), UnreadMetric("y", "s"))
    shown = report("PROMOTE", "", [ECE, ATTESTED, {**CONSENT, "status": "off"}], unread=unread)

    assert unread_lines(shown) == ["given, not asked: x.a, x.b (n?): r", "given, not asked: y: s"]
    assert off_lines(shown) == [
        "off: ethics.attestation: no attestor configured",
        "off: ethics.consent",
    ]


def _held(reason: str, checks: list[Json], verdict: str = "HOLD") -> Report:
    return report(verdict, reason, checks, relaxations=tuple(RELAXATIONS))


FAILED = {**ECE, "status": "fail", "waived_by": "W-1"}
EXEMPT = {**CONSENT, "status": "exempt"}


@pytest.mark.parametrize(
    ("reason", "checks", "fix"),
    [
        *((INTOLERABLE + name, [ECE], f"{name} comes from {row.option}: {row.instead}")
          for name, row in RELAXATIONS.items()),
        (INTOLERABLE + "one_of_tomorrow", [ECE], "or ask a profile that tolerates it"),
        (NOTHING_PASSED, [FAILED], "the only blocking check is waived (ethics.ece by W-1), and a "
         "waiver is no pass"),
        (NOTHING_PASSED, [FAILED, {**FAILED, "id": "a.b"}], "every blocking check is waived (a.b "
         "by W-1, ethics.ece by W-1)"),
        (NOTHING_PASSED, [FAILED, EXEMPT], "every blocking check is exempt or waived"),
        (NOTHING_PASSED, [EXEMPT], "every blocking check is exempt or waived"),
        (NOTHING_PASSED, [ATTESTED, check("a.b", severity="warn")], "no check of profile default "
         "blocks"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", FORMATS)
def test_a_hold_that_no_check_explains_has_a_fix_in_every_format(
    name: str, reason: str, checks: list[Json], fix: str
) -> None:
    """INV-REPORT-3."""
    for verdict in (Verdict.HOLD, Verdict.DENY):
        shown = _held(reason, checks, verdict)
        assert fix in way_out(shown.decision)

        text = written(name, [shown])

        for sign in "\\`":
            text = text.replace(sign, "")
        words = fix.partition("(")[0].replace(">", "&gt;" if name in ("html", "junit") else ">")
        assert words.strip() in " ".join(text.split())


def test_only_the_relaxations_that_are_not_tolerated_are_explained() -> None:
    shown = report("HOLD", "whatever it says", [ECE], relaxations=tuple(RELAXATIONS))
    refused = replace(shown.decision, intolerable=("self_attested",))
    assert way_out(refused).count(" comes from ") == 1
    assert way_out(shown.decision).count(" comes from ") == len(RELAXATIONS)
    assert way_out(replace(shown.decision, relaxations=())) == ""
    again = read(json.loads(written("json", [replace(shown, decision=refused)])))
    assert isinstance(again, Report)
    assert again.decision.intolerable == ("self_attested",)
    assert "intolerable" not in json.loads(written("json", [shown]))


UNWAIVED = {**ECE, "status": "unknown", "waived_by": "W-1"}


def test_only_a_failure_is_waived_whatever_a_report_that_is_read_back_claims() -> None:
    """INV-WAIVER-2: missing evidence cannot be waived; a claim that it was is no mitigation."""
    assert effect_of(FAILED) is VerdictEffect.WAIVED
    assert effect_of(UNWAIVED) is VerdictEffect.AGAINST
    assert "waived" not in way_out(_held(NOTHING_PASSED, [UNWAIVED]).decision)
    shown = _held(f"not enough evidence on 1 of 1 blocking checks: {ECE['id']}", [UNWAIVED])
    (finding,) = json.loads(written("gitlab", [shown]))
    assert finding["severity"] == "critical"
    for name in ("markdown", "html"):
        assert "waived by" not in written(name, [shown]).lower()


def test_a_verdict_that_its_checks_explain_or_that_lets_through_has_no_fix_of_its_own() -> None:
    failed = report("BLOCK", "1 of 1 blocking checks failed: ethics.ece", [FAILED])
    passed = report("PROMOTE", NOTHING_PASSED, [ECE])

    assert way_out(failed.decision) == way_out(passed.decision) == ""
    assert json.loads(written("json", [failed]))["fix"] is None
    assert json.loads(written("json", [replace(passed)]))["fix"] is None
