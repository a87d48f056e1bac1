"""A month in which everything goes wrong at times, and the budget holds. INV-BUDGET-3."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from engine.calls.budget.verify import verify
from engine.formats.calendar import span
from engine.specs.conform import graph
from engine.specs.conform.lookup import check
from engine.specs.conform.projections.breaker import Projection
from tests.calls.budget.month import FIRST, LIMIT, ZONE, Month
from tests.ledger.scribe import open_at

pytestmark = pytest.mark.no_cover  # the same lines many times over: measured elsewhere

DIED = {
    *(
        f"{when} the commit of {step}"
        for when in ("before", "after")
        for step in ("reserve", "settle")
    ),
    *(f"{when} the commit of release" for when in ("before", "after")),
    *(f"{when} the commit of the breaker" for when in ("before", "after")),
    "between reserve and the call",
    "between the call and settle",
}


def lived(folder: Path, *, first: str, days: int, a_day: int, seed: int) -> Month:
    """A month that was lived through; every step has looked at the books already."""
    month = Month(folder, seed=seed, first=first, days=days, a_day=a_day)
    month.run()
    _require_the_same_in_all_books(month)
    _require_days_began_once(month)
    _require_the_breaker_conforms(month)
    return month


def _require_the_same_in_all_books(month: Month) -> None:
    ledger = open_at(month.folder, signer=None)
    try:
        assert verify(ledger).counted > 0
        ledger.verify()
    finally:
        ledger.close()
    usd: Counter[tuple[str, str, str]] = Counter()
    tokens: Counter[tuple[str, str, str]] = Counter()
    for one in month.spending().settled:
        usd[one.day, one.about.provider, one.about.model] += one.usd_micros
        tokens[one.day, one.about.provider, one.about.model] += one.tokens
    assert usd == month.account.billed, "the ledger has what the provider billed, each lease once"
    assert tokens == month.account.tokens
    assert month.journal == {}
    for day in month.by_day():
        assert day.usd_micros <= LIMIT
        assert day.overrun_usd_micros == 0


def _require_days_began_once(month: Month) -> None:
    began: Counter[tuple[str, str]] = Counter()
    newest = ""
    for _, statement in month.statements():
        said = statement["predicate"].get("reservation")
        if said is not None:
            assert said["day"] >= newest, "a day that is over does not come back"
            newest = said["day"]
            began.update((said["day"], budget) for budget in said["opened"])
    assert set(began.values()) == {1}


def _require_the_breaker_conforms(month: Month) -> None:
    projection = Projection()
    steps = (
        step
        for index, statement in month.statements()
        if statement["predicateType"].endswith(":breaker-changed:v1")
        for step in projection.steps(index, statement)
    )
    report = check(graph.load("breaker"), steps)
    assert report.conforms, report.rejected


def test_some_days_around_the_longest_one(tmp_path: Path) -> None:
    start, end = span("2026-10-25", ZONE)
    assert (end - start).total_seconds() == 25 * 3600
    month = lived(tmp_path, first="2026-10-24", days=3, a_day=36, seed=1)

    account = month.account
    assert sum(account.deaths.values()) >= 5
    assert {"OK", "HARD_LIMIT_EXCEEDED", "UNKNOWN_PRICE", "settled"} <= set(account.events)
    chart = month.chart()
    assert [line[:10] for line in chart[1:4]] == ["2026-10-24", "2026-10-25", "2026-10-26"]
    assert all("█" in line for line in chart[1:4])


@pytest.mark.soak
def test_a_month(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    month = lived(tmp_path, first=FIRST, days=31, a_day=120, seed=2026)

    account = month.account
    assert set(account.deaths) == DIED
    assert {"outage", "clock set back", "CircuitOpenError", "settled before"} <= set(account.events)
    assert {"SOFT_LIMIT_EXCEEDED", "HARD_LIMIT_EXCEEDED", "UNKNOWN_PRICE"} <= set(account.events)
    with capsys.disabled():
        print("", *month.chart(), sep="\n")
