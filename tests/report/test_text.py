"""``--format text`` at every width: no line too wide, no word cut, no finding left out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from engine.formats.columns import columns_of, rows, wrapped
from engine.formats.printable import plain
from engine.model import Status, UnreadMetric
from engine.report import Report, ReportOptions
from engine.report.findings import REPORTED, by_effect
from tests.report.cases import (
    BLOCK,
    CHECKPOINT,
    CONSENT,
    DRIFT,
    ECE,
    HOLD,
    LATENCY,
    PROMOTE,
    SOFT,
    UNREAD,
    check,
    report,
    written,
)

WIDTHS = (40, 60, 80, 120)
CJK = "校正誤差が大きいモデルの確率に基づいて行動することはできません。再校正してください。"
_OFF = [
    check(f"market.{name}", status="off", severity="off", observed=None) for name in ("a", "b", "c")
]
_WIDE = replace(
    report("BLOCK", "1 of 2 blocking checks failed: 倫理.誤差", [
        check("倫理.誤差", status="fail", observed=0.5), CONSENT,
    ]),
    texts={"倫理.誤差": {"title": "校正誤差", "why": CJK, "fix": CJK}},
)  # fmt: skip
DECISIONS: dict[str, Report] = {
    "promote": PROMOTE,
    "block": BLOCK,
    "hold": HOLD,
    "unread": UNREAD,
    "wide letters": _WIDE,
    "long id": report("BLOCK", "1 of 1 blocking checks failed", [
        check("privacy.personal_data_of_minors_in_the_training_set", status="fail", observed=3,
              limit=0, operator="==", unit="findings"),
    ]),
    "straddling": report("HOLD", "not enough evidence on 1 of 1 blocking checks: ethics.ece", [
        {**ECE, "status": "insufficient", "ci": [0.004, 0.012], "min_n": 10, "compare": "ci"},
    ]),
    "many off": report("PROMOTE", "1 blocking checks passed", [ECE, *_OFF, check(
        "market.d", status="off", severity="off", observed=None)]),
    "series": report("ROLLBACK", "1 of 1 blocking checks failed: slo.burn", [
        check("slo.burn", operator="quiet", status="fail", observed=[0.25] * 20, limit=1),
    ], stage="production"),
    "dry run": replace(PROMOTE, decision=replace(
        PROMOTE.decision, recorded=False, index=None, checkpoint=None)),
    "relaxed": report("HOLD", "the profile does not tolerate: policies_overridden, self_attested",
                      [ECE, {**SOFT, "status": "stale", "age_s": 9000}],
                      relaxations=("policies_overridden", "self_attested")),
    "denied": report("DENY", "1 of 2 blocking checks failed: data.schema_drift", [
        {**DRIFT, "status": "fail", "observed": 10**12}, {**LATENCY, "status": "exempt"},
    ], gate="spend", obligations=({"id": "ask-the-owner-of-the-data", "check": "data.drift"},),
       waivers=({"id": "W-2026-014", "status": "expired", "check": "slo.dec_p95_ms",
                 "expires_at": "2026-01-01T00:00:00Z", "reason": "until the cache is warm " * 4},)),
}  # fmt: skip


def text(shown: Report, width: int, **flags: Any) -> str:
    return written("text", [shown], ReportOptions(width=width, **flags))


def _words(shown: str) -> list[str]:
    return re.split(r"[ \n]+", shown.strip())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", DECISIONS)
def test_every_line_fits_no_word_is_cut_and_nothing_that_matters_is_left_out(
    name: str, width: int
) -> None:
    decision = DECISIONS[name].decision
    for flags in ({}, {"passes": True}, {"failures_only": True}, {"verbose": True}):
        shown = text(DECISIONS[name], width, **flags)
        for line in shown.splitlines():
            token = line.strip()
            assert columns_of(line) <= width or " " not in token, line
        effects = by_effect(decision.checks)
        for effect in REPORTED:
            for found in effects[effect]:
                assert found["id"] in _words(shown), found["id"]
        for task in decision.obligations:
            assert task["id"] in _words(shown)
        for use in decision.waivers:
            assert use["id"] in _words(shown)
        for relaxation in decision.relaxations:
            assert relaxation in shown
        assert plain(decision.reason) in " ".join(_words(shown))
        assert decision.subject.name in shown
        if decision.recorded:
            assert decision.decision_id in re.split(r"[ ,\n]+", shown)
        if not flags.get("failures_only"):
            passed = sum(check["status"] == Status.PASS for check in decision.checks)
            exempt = sum(check["status"] == Status.EXEMPT for check in decision.checks)
            assert (f"{passed} passed" in shown) == (passed + exempt > 0)
            assert all(metric.metric in shown for metric in decision.unread_metrics)


def test_what_stands_against_a_release_is_last_and_the_verdict_behind_it() -> None:
    shown = text(HOLD, 80, passes=True)
    order = ["pass    ethics.consent", "1 passed", "⚑ waived", "! warns", "… UNKNOWN", "… HOLD"]
    places = [shown.index(word) for word in order]
    assert places == sorted(places)


def test_quiet_is_the_verdict_and_failures_only_leaves_passes_out() -> None:
    assert text(BLOCK, 100, quiet=True) == "✗ BLOCK  scoring-model 2.4.2\n"
    assert text(PROMOTE, 100, quiet=True) == (
        "✓ PROMOTE  scoring-model 2.4.1, in force until 2026-11-21T12:00:00Z\n"
    )
    assert text(DECISIONS["dry run"], 100, quiet=True).startswith(
        "… PROMOTE  scoring-model 2.4.1, NOT"
    )
    shown = text(BLOCK, 100, failures_only=True)
    assert "passed" not in shown
    assert " off " not in shown
    assert "✗ FAIL    ethics.ece" in shown


def test_a_checkpoint_is_a_line_or_the_note_as_it_is_signed() -> None:
    assert "  checkpoint 4 entries, root AAAA" in text(BLOCK, 80)
    assert CHECKPOINT.splitlines()[-1] not in text(BLOCK, 80)
    note = "".join(f"    {line}".rstrip() + "\n" for line in CHECKPOINT.splitlines())
    for flags in ({"checkpoint": True}, {"verbose": True, "checkpoint": True}):
        assert note in text(BLOCK, 80, **flags)


def test_verbose_has_digests_margins_and_where_each_metric_was_given() -> None:
    shown = text(BLOCK, 120, verbose=True)
    assert "artifact  sha256:" + "b8" * 32 in shown
    found = "margin -0.021, unit ratio, 60 s old, evidence/café, 100% <b>.json:14"
    assert found in " ".join(_words(shown))
    assert "ethics.consent" in shown


def test_without_signs_letters_stand_for_them() -> None:
    shown = text(HOLD, 80, signs=False)
    assert shown.isascii()
    assert "W waived" in shown
    assert "H UNKNOWN" in shown
    assert "\nH HOLD  scoring-model" in shown


def test_too_few_samples_and_an_interval_across_the_limit_are_two_things() -> None:
    assert "… UNSURE  ethics.ece" in text(DECISIONS["straddling"], 80)
    assert "its interval is on both sides of the limit" in text(DECISIONS["straddling"], 120)
    few = report("HOLD", "x", [{**ECE, "status": "insufficient", "n": 3, "min_n": 10}])
    assert "… TOO FEW ethics.ece" in text(few, 80)


def test_at_a_terminal_the_reason_of_one_of_many_has_lines_of_its_own() -> None:
    """Elsewhere each decision is one line, for grep."""
    options = ReportOptions(several=True, width=60, terminal=True)
    shown = written("text", [BLOCK], options)
    assert [columns_of(line) <= 60 for line in shown.splitlines()] == [True] * 3
    assert written("text", [BLOCK], replace(options, terminal=False)).count("\n") == 1
    quiet = replace(options, quiet=True, failures_only=True)
    assert written("text", [PROMOTE, BLOCK], quiet) == (
        "BLOCK     evidence/café, 100% <b>.json  entry 2\n"
    )


def test_letters_that_are_wide_count_twice_and_marks_not_at_all() -> None:
    assert [columns_of(shown) for shown in ("abc", "校正", "e\u0301", "ﾊﾝ")] == [3, 4, 1, 2]
    lines = wrapped(f"why: {CJK}", 40, "    ")
    assert max(map(columns_of, lines)) <= 40
    assert "".join(line.strip() for line in lines) == f"why: {CJK}"


def test_a_word_that_is_too_wide_stands_alone_and_no_line_starts_with_a_command() -> None:
    digest = "ab" * 32
    assert wrapped(f"policy {digest} (attached)", 40, "  by  ") == [
        "  by  policy", digest, "      (attached)",
    ]  # fmt: skip
    assert wrapped("a stranger says ::error::x and ##[error]y", 16) == [
        "a stranger", "says ::error::x", "and ##[error]y",
    ]  # fmt: skip
    assert rows([("subject", digest), ("short", "a b")], 40) == [
        "  subject", digest, "  short     a b",
    ]  # fmt: skip


def test_given_and_not_asked_is_counted() -> None:
    unread = tuple(UnreadMetric(f"x.{n}", "carried and not evaluated") for n in range(2))
    decision = replace(PROMOTE.decision, unread_metrics=unread)
    shown = text(replace(PROMOTE, decision=decision), 80)
    assert "? 2 given, not asked  x.0, x.1: carried and not evaluated" in shown
