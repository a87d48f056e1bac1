from __future__ import annotations

from typing import Any

import pytest

from engine.calls.budget.spending import (
    Day,
    LeasePurpose,
    LeaseSettlement,
    OpenLease,
    Spending,
    by_day,
    fold,
)
from engine.errors import VerificationError
from engine.model import BUDGET_RELEASED_TYPE, BUDGET_SETTLED_TYPE, DECISION_TYPE, Json

FOR = {"provider": "acme", "model": "large", "team": "search", "tags": ["web"]}
ABOUT = LeasePurpose("acme", "large", "search", ("web",), ("all", "search"))


def granted(
    lease: str, usd: int, *, day: str = "2026-11-20", limit: int | None = 100, **more: Any
) -> Json:
    """A decision that granted a lease."""
    charges = [
        {
            "budget": budget,
            "limits": {"requests": None, "tokens": None, "usd_micros": limit},
            "requests": 1,
            "tokens": 10,
            "usd_micros": usd,
        }
        for budget in ("all", "search")
    ]
    said = {"charges": charges, "day": day, "for": FOR, "expired": [], **more}
    return {
        "predicateType": DECISION_TYPE,
        "predicate": {"decision_id": lease, "reservation": said},
    }


def denied(day: str = "2026-11-20") -> Json:
    return granted("never", 0, day=day, charges=[])


def settled(lease: str, usd: int, *, day: str = "2026-11-20", overrun: int = 0) -> Json:
    """A settlement."""
    amount = {"requests": 1, "tokens": 7, "usd_micros": usd}
    counted = [
        {"budget": budget, "within": amount, "overrun": {**amount, "usd_micros": over}}
        for budget, over in (("all", overrun), ("search", 0))
    ]
    said = {"at": f"{day}T12:00:00Z", "day": day, "lease": lease, "for": FOR}
    return {
        "predicateType": BUDGET_SETTLED_TYPE,
        "predicate": {**said, "used": amount, "counted": counted},
    }


def released(lease: str) -> Json:
    return {"predicateType": BUDGET_RELEASED_TYPE, "predicate": {"lease": lease}}


def folded(*statements: Json) -> Spending:
    return fold(enumerate(statements, 1))


def test_a_lease_is_held_until_it_is_settled_or_released() -> None:
    found = folded(granted("a", 40), granted("b", 30), granted("c", 20), settled("a", 35))

    assert found.held == {
        "b": OpenLease("2026-11-20", ABOUT, 30, expired=False),
        "c": OpenLease("2026-11-20", ABOUT, 20, expired=False),
    }
    assert found.settled == [
        LeaseSettlement("2026-11-20T12:00:00Z", "2026-11-20", "a", ABOUT, 1, 7, 35, 0)
    ]
    assert list(folded(granted("a", 40), released("a")).held) == []


def test_a_lease_that_expired_holds_nothing_and_may_be_settled_late() -> None:
    found = folded(granted("a", 40), denied(), granted("b", 1, expired=["a", "unknown"]))
    (day,) = by_day(found, "2026-11-20", "2026-11-20", None)

    assert found.held["a"].expired
    assert (day.held_usd_micros, day.denied) == (1, 1)
    late = folded(granted("a", 40), granted("b", 1, expired=["a"]), settled("a", 40, overrun=5))
    assert late.settled[0].overrun_usd_micros == 5
    assert list(late.held) == ["b"]


def test_other_entries_say_nothing_of_spending() -> None:
    other = {"predicateType": "urn:governance-engine:test:v1", "predicate": {}}
    decision = {"predicateType": DECISION_TYPE, "predicate": {"decision_id": "d"}}

    assert folded(other, decision) == Spending()


def test_an_entry_that_is_not_whole_is_named() -> None:
    broken = settled("a", 1)
    del broken["predicate"]["used"]

    with pytest.raises(VerificationError, match=r"entry 2: not what .*budget-settled:v1 says"):
        folded(granted("a", 1), broken)


def test_days_on_which_nothing_was_spent_are_there_too() -> None:
    found = folded(
        granted("a", 40, limit=50),
        settled("a", 30),
        granted("b", 20, day="2026-11-22", limit=None),
        settled("b", 20, day="2026-11-22"),
        denied("2026-11-22"),
    )

    assert by_day(found, "2026-11-19", "2026-11-22", "all") == [
        Day("2026-11-19"),
        Day("2026-11-20", 1, 7, 30, limit_usd_micros=50),
        Day("2026-11-21", limit_usd_micros=50),
        Day("2026-11-22", 1, 7, 20, denied=1),
    ]
    assert by_day(found, "2026-11-20", "2026-11-20", None)[0].limit_usd_micros is None


def test_a_part_can_be_asked_for() -> None:
    found = folded(granted("a", 40), settled("a", 30), granted("b", 1), denied())

    assert found.only(lambda about: about.model == "large") == found
    none = found.only(lambda about: about.model == "small")
    assert (none.settled, none.held, none.denied) == ([], {}, [])
    assert found.budgets() == ["all", "search"]
