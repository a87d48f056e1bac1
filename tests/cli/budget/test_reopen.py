"""A clock that was years ahead for a moment: refused, named, mended, verified."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from engine.decision.runtime import SystemRuntime
from tests.cli.budget.test_verb import ASK, budget, lease_of, reserve
from tests.cli.conftest import NOON, Engine
from tests.repository import ROOT

__all__ = ["budget"]

LEAP = timedelta(days=1800)
REOPEN = ("budget", "reopen", "--reason", "the clock of a machine that woke up")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """How far the clock is ahead: the last of the list."""
    ahead = [timedelta(0)]
    monkeypatch.setattr(SystemRuntime, "now", lambda _: NOON + ahead[-1])
    monkeypatch.setattr(
        SystemRuntime, "milliseconds", lambda _: int((NOON + ahead[-1]).timestamp() * 1000)
    )
    return ahead


def test_a_budget_whose_clock_was_ahead_is_named_mended_and_verified(
    budget: Engine, clock: list[timedelta]
) -> None:
    """INV-BUDGET-15"""
    spent = lease_of(reserve(budget, "--usd", "0.40"))
    assert budget("budget", "settle", spent, "--usd", "0.40").code == 0
    clock.append(LEAP)
    lease_of(reserve(budget, "--usd", "0.90"))
    clock.append(timedelta(0))

    denied = reserve(budget, "--usd", "0.20")
    assert (denied.code, denied.json["reason"]) == (1, "HARD_LIMIT_EXCEEDED")
    assert "engine budget reopen --reason" in denied.json["fix"]
    assert "engine budget reopen --reason" in budget(*ASK, "--usd", "0.20").out
    assert "budgets count on 2031-05-06 and the clock shows 2026-06-01" in (
        budget("budget", "status").out
    )
    named = [
        finding
        for finding in budget("doctor", "--format", "json").json["findings"]
        if finding["about"] == "budgets"
    ]
    assert [(finding["level"], "reopen" in finding["do"]) for finding in named] == [("FAIL", True)]

    mended = budget(*REOPEN)
    assert (mended.code, mended.err) == (0, "")
    assert mended.out == "2026-06-01 counts again; what was granted on 2031-05-06 stays there\n"

    assert reserve(budget, "--usd", "0.61").code == 1
    lease_of(reserve(budget, "--usd", "0.60"))
    assert budget("budget", "status", "--format", "json").json["fix"] is None
    assert budget("budget", "verify").code == 0
    assert budget("ledger", "verify").code == 0
    assert budget("conform").code == 0
    assert "budget-reopened" in budget("ledger", "log").out
    schema = json.loads((ROOT / "schemas/budget-reopened.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(entry := budget("ledger", "show", "6").json)
    assert entry["predicate"]["reason"] == REOPEN[-1]
    again = budget(*REOPEN)
    assert (again.code, "no day is in the future" in again.err) == (2, True)
    about = [finding["about"] for finding in budget("doctor", "--format", "json").json["findings"]]
    assert "budgets" not in about


def test_a_clock_that_is_behind_is_not_advised_to_reopen(
    budget: Engine, clock: list[timedelta]
) -> None:
    """INV-BUDGET-15: neither where the entries show it, nor as the only way where nobody looked."""
    lease_of(reserve(budget, "--usd", "0.40"))
    clock.append(timedelta(days=-3))
    denied = reserve(budget, "--usd", "0.90").json["fix"]
    assert "set it right if it is behind; if it had been ahead, engine budget reopen" in denied
    findings = budget("doctor", "--format", "json").json["findings"]
    named = [str(finding) for finding in findings if finding["about"] == "budgets"]
    shown = [budget("budget", "status", "--format", "json").json["fix"], *named]
    assert len(shown) == 2
    for fix in shown:
        assert "the ledger was begun on 2026-06-01, after 2026-05-29" in fix
        assert "the clock is behind, set it right" in fix
        assert "reopen" not in fix


def test_what_nothing_was_reserved_in_is_not_reopened(budget: Engine) -> None:
    """Nor settled, nor released: only a reservation begins a ledger."""
    for verb in (REOPEN, ("budget", "settle", "x" * 9, "--usd", "1"), ("budget", "release", "x")):
        answer = budget(*verb)
        assert (answer.code, "there is no ledger at" in answer.err) == (2, True), answer.err
    assert not Path(".engine").exists()
    assert budget("budget", "reopen", "--reason", "").code == 2
