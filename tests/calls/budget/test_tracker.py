"""Reserve, settle, release: OPA's verdicts on real ledgers, and what the records say."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.calls.budget.prices import Price
from engine.calls.budget.question import (
    HARD,
    NO_LIMIT,
    OK,
    SOFT,
    UNKNOWN_PRICE,
    UNKNOWN_TOKENS,
    asked_for,
)
from engine.calls.budget.request import Request
from engine.calls.budget.spending import fold
from engine.calls.budget.token_usage import TokenUsage
from engine.calls.budget.verify import verify
from engine.decision.record import event
from engine.errors import NotRecordedError, PolicyError, UsageError, VerificationError
from engine.formats import canonical
from engine.formats.times import write_time
from engine.ledger import EntryDraft, Ledger, State
from engine.model import BUDGET_EXPIRED_TYPE, Json, Verdict
from engine.policy.bundle import PolicyBundle
from engine.policy.overlay import load_policies
from tests.calls.budget.shop import POLICIES, Shop, policies
from tests.ledger.memory_store import MemoryStore, begun
from tests.repository import ROOT

ROWS = policies().data["budgets"]


def test_a_lease_is_reserved_and_settled() -> None:
    shop = Shop()
    lease = shop.reserve(300_000)

    assert (lease.verdict, lease.reason, lease.remaining.usd_micros) == ("ALLOW", OK, 700_000)
    assert shop.book() == (0, 0, 300_000)
    ending = shop.settle(lease.lease, 250_000)
    assert (ending.state, ending.new, ending.overrun.usd_micros) == ("settled", True, 0)
    assert shop.book() == (250_000, 0, 0)


def test_the_record_says_what_is_held_and_is_the_decision() -> None:
    shop = Shop()
    lease = shop.reserve(300_000, team="search", tags=("b", "a"), route="chat")
    said = shop.said()

    assert (said["gate"], said["verdict"]) == ("spend", "ALLOW")
    assert shop.ledger.find(lease.lease) == lease.index
    assert said["reservation"] == {
        "asked": {"requests": 1, "tokens": 100, "usd_micros": 300_000},
        "charges": [
            {
                "budget": "daily",
                "limits": {"requests": None, "tokens": None, "usd_micros": 1_000_000},
                "requests": 1,
                "tokens": 100,
                "usd_micros": 300_000,
            }
        ],
        "day": "2026-11-20",
        "expired": [],
        "expires_at": "2026-11-20T12:05:00Z",
        "for": {
            "provider": "acme",
            "model": "large",
            "team": "search",
            "tags": ["a", "b"],
            "route": "chat",
        },
        "opened": ["daily"],
        "reason": "OK",
    }


def test_a_denial_is_recorded_and_holds_nothing() -> None:
    shop = Shop()
    denied = shop.reserve(1_000_001)

    assert (denied.verdict, denied.reason, denied.expires_at) == ("DENY", HARD, None)
    assert denied.remaining.usd_micros == 1_000_000
    assert shop.said()["reservation"]["charges"] == []
    assert shop.book() == (0, 0, 0)
    with pytest.raises(NotRecordedError, match="no lease"):
        shop.settle(denied.lease)


def test_all_of_a_budget_may_be_spent_and_no_more() -> None:
    """INV-BUDGET-3."""
    shop = Shop(profile="lenient")
    assert shop.reserve(1_000_000).allowed
    assert shop.reserve(1).reason == HARD
    assert shop.reserve(0, route="chat").reason == HARD, "nothing is free once it is used up"


def test_past_the_soft_limit_only_routes_of_the_profile_go_on() -> None:
    """INV-BUDGET-5."""
    shop = Shop(profile="lenient")
    shop.reserve(949_999)
    assert shop.reserve(1).reason == OK  # 94.9999 % were in use before
    answers = [shop.reserve(10), shop.reserve(10, route="batch"), shop.reserve(10, route="chat")]
    assert [answer.verdict for answer in answers] == ["DENY", "DENY", "ALLOW"]
    assert {answer.reason for answer in answers} == {SOFT}


def test_by_default_no_route_passes_the_soft_limit() -> None:
    shop = Shop()
    shop.reserve(950_000)
    assert shop.reserve(10, route="chat").verdict == "DENY"


def test_zero_is_a_budget() -> None:
    """INV-BUDGET-4."""
    for asked in (0, 1):
        denied = Shop(usd=0).reserve(asked)
        assert (denied.verdict, denied.reason, denied.remaining.usd_micros) == ("DENY", HARD, 0)


def test_without_a_limit_nothing_is_granted() -> None:
    """INV-BUDGET-4: what no row matches has no limit, and that is no permission."""
    shop = Shop(usd=None, rows=ROWS)
    assert shop.reserve(1, model="large", provider="acme").allowed
    denied = shop.reserve(1, provider="other", model="large")
    assert (denied.verdict, denied.reason, denied.budgets) == ("DENY", NO_LIMIT, ())


def test_an_unknown_price_is_denied_whatever_the_caller_says() -> None:
    """INV-BUDGET-4: never $0."""
    shop = Shop()
    for usd in (None, 0, 10):
        assert shop.reserve(usd, model="new").reason == UNKNOWN_PRICE


def test_where_the_profile_lets_callers_their_word_counts_but_silence_does_not() -> None:
    shop = Shop(profile="lenient")
    granted = shop.reserve(400_000, model="new")
    assert (granted.verdict, granted.granted.usd_micros) == ("ALLOW", 400_000)
    assert shop.reserve(None, model="new").reason == UNKNOWN_PRICE


def test_what_nobody_said_costs_what_the_dearest_tokens_cost() -> None:
    shop = Shop()
    assert shop.reserve(None, tokens=1_001).granted.usd_micros == 10_010
    assert shop.reserve(None, tokens=None).reason == UNKNOWN_PRICE


@pytest.mark.parametrize("dearest", ["input", "output", "cached_input", "cache_write"])
def test_no_kind_of_token_may_cost_more_than_what_was_held(dearest: str) -> None:
    """INV-BUDGET-3: also what writes to the provider's cache, which some charge most for."""
    price = Price(**{"input": 1, "output": 1, "cached_input": 1, "cache_write": 1, dearest: 7})
    request = Request("acme", "large", tokens=1_000_000)

    assert asked_for(request, price, declared_cost=False).usd_micros == 7


def test_every_budget_that_matches_counts_and_the_nearest_decides() -> None:
    shop = Shop(rows=ROWS, profile="lenient")
    lease = shop.reserve(100_000, team="search", tags=("night",), tokens=600)

    assert lease.budgets == ("daily", "large-model", "night", "search")
    assert lease.remaining == (4, 400, 400_000)
    assert shop.book("large-model") == shop.book("night") == shop.book() == (0, 0, 100_000)
    denied = shop.reserve(1, team="search", tokens=401)
    assert (denied.reason, denied.message) == (
        HARD,
        "1 of 11 blocking checks failed: spend.tokens_fits",
    )
    assert shop.reserve(400_001, tags=("night",)).reason == HARD
    assert shop.reserve(400_001).allowed


def test_requests_are_counted() -> None:
    shop = Shop(rows=ROWS, usd=None)
    answers = [shop.reserve(1, team="search", tokens=1) for _ in range(6)]
    assert [answer.allowed for answer in answers] == [True] * 5 + [False]
    assert shop.reserve(1, team="search", tokens=1, requests=5).reason == HARD


def test_tokens_that_somebody_limits_must_be_told() -> None:
    shop = Shop(rows=ROWS)
    assert shop.reserve(1, team="search", tokens=None).reason == UNKNOWN_TOKENS
    assert shop.reserve(1, team="free", tokens=None).allowed


def test_no_limit_is_one_once_somebody_said_so() -> None:
    shop = Shop(rows=ROWS, usd=None)
    free = shop.reserve(10**12, team="free", provider="acme", model="large", tags=())
    assert free.reason == HARD, "the model's own budget still counts"
    assert shop.reserve(1, team="nobody").reason == HARD


def test_a_lease_that_expired_gives_back_with_the_next_decision() -> None:
    """INV-BUDGET-12: and not a second before."""
    shop = Shop()
    lease = shop.reserve(900_000)
    shop.later(seconds=299)
    assert shop.reserve(200_000).reason == HARD
    shop.later(seconds=1)
    granted = shop.reserve(200_000)

    assert granted.allowed
    assert shop.said()["reservation"]["expired"] == [lease.lease]
    assert shop.book() == (0, 0, 200_000)


def test_a_settlement_past_the_lease_is_recorded_and_never_lost() -> None:
    """INV-BUDGET-8."""
    shop = Shop()
    lease = shop.reserve(900_000)
    shop.later(seconds=300)
    shop.reserve(200_000)
    ending = shop.settle(lease.lease, 900_000)

    assert (ending.new, ending.used and ending.used.usd_micros) == (True, 900_000)
    assert ending.overrun.usd_micros == 100_000
    assert shop.book() == (800_000, 100_000, 200_000)
    assert shop.reserve(1).reason == HARD
    said = shop.said(shop.ledger.find(lease.lease) + 2)
    assert said["held"] == {"requests": 0, "tokens": 0, "usd_micros": 0}


def test_a_lease_that_nobody_took_back_yet_still_holds() -> None:
    shop = Shop()
    lease = shop.reserve(900_000)
    shop.later(seconds=4000)
    assert shop.settle(lease.lease, 950_000).overrun.usd_micros == 0
    assert shop.book() == (950_000, 0, 0)


def test_settling_twice_is_settling_once() -> None:
    """INV-BUDGET-10."""
    shop = Shop()
    lease = shop.reserve()
    first = shop.settle(lease.lease, 70_000)
    size = shop.ledger.size()
    again = shop.settle(lease.lease, 70_000)

    assert (again.used, again.new, again.index) == (first.used, False, None)
    assert shop.ledger.size() == size
    with pytest.raises(UsageError, match=r"is settled already, with 1 requests.*0\.07 USD"):
        shop.settle(lease.lease, 70_001)
    assert shop.book() == (70_000, 0, 0)


def test_releasing_twice_is_releasing_once_and_not_after_a_settlement() -> None:
    shop = Shop()
    lease = shop.reserve()
    assert shop.release(lease.lease).new
    assert shop.book() == (0, 0, 0)
    assert not shop.release(lease.lease).new
    other = shop.reserve()
    shop.settle(other.lease)
    with pytest.raises(UsageError, match="what was spent stays spent"):
        shop.release(other.lease)


def test_what_was_released_by_mistake_can_still_be_settled() -> None:
    shop = Shop()
    lease = shop.reserve(100_000)
    shop.release(lease.lease)
    assert shop.settle(lease.lease, 100_000).new
    assert shop.book() == (100_000, 0, 0)


def test_what_is_not_told_counts_as_it_was_granted() -> None:
    shop = Shop()
    lease = shop.reserve(100_000, tokens=500)
    used = shop.settle(lease.lease, None, tokens=200).used
    assert used == (1, 200, 100_000)
    assert shop.said()["cost"] == "as granted"


def test_a_usage_costs_what_the_price_book_says_on_the_day_of_the_lease() -> None:
    shop = Shop()
    lease = shop.reserve(100_000)
    shop.later(days=1)  # the price doubles
    used = shop.settle(lease.lease, None, usage=TokenUsage(1000, 100, 400)).used
    assert used == (1, 1500, 4000)
    assert shop.said()["cost"] == "priced"
    assert shop.book() == (4000, 0, 0)


def test_a_lease_of_nobody_is_refused() -> None:
    shop = Shop()
    for end in (shop.settle, shop.release):
        with pytest.raises(NotRecordedError, match="no lease 'x'"):
            end("x")
    assert shop.ledger.size() == 1


@pytest.mark.parametrize("ttl_s", [0, -1, 7 * 86_400 + 1])
def test_a_lease_has_an_end(ttl_s: int) -> None:
    with pytest.raises(UsageError, match="1 to 604800 seconds"):
        Shop().reserve(ttl_s=ttl_s)


@pytest.mark.parametrize(
    "said",
    [
        {"provider": "a b"},
        {"model": ""},
        {"team": "x" * 201},
        {"tags": ("a", "a")},
        {"tags": tuple(map(str, range(17)))},
        {"requests": 0},
        {"requests": True},
        {"tokens": -1},
        {"tokens": 2**53},
    ],
)
def test_what_is_asked_for_must_make_sense(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Shop().reserve(1, **said)


# Days.


def test_a_day_begins_once_and_nothing_has_to_be_reset() -> None:
    """INV-BUDGET-6."""
    shop = Shop()
    shop.reserve(600_000)
    assert shop.reserve(600_000).reason == HARD
    shop.later(hours=12)
    fresh = shop.reserve(600_000)
    assert (fresh.day, fresh.allowed) == ("2026-11-21", True)
    assert shop.said()["reservation"]["opened"] == ["daily"]
    shop.reserve(1)
    assert shop.said()["reservation"]["opened"] == []
    assert shop.book(day="2026-11-20")[2] == 0  # its lease expired meanwhile


def test_after_an_outage_only_the_day_of_now_begins() -> None:
    """INV-BUDGET-6."""
    shop = Shop()
    shop.reserve(1)
    shop.later(days=30)
    assert shop.reserve(1).day == "2026-12-20"
    days = [day for day, _, _ in shop.tracker.documents().books()]
    assert days == ["2026-11-20", "2026-12-20"]


def test_a_clock_that_is_set_back_opens_no_day_again() -> None:
    """INV-BUDGET-6, INV-BUDGET-7: what was spent yesterday is not granted a second time."""
    shop = Shop()
    shop.reserve(600_000, ttl_s=604_800)
    shop.later(days=1)
    shop.reserve(600_000, ttl_s=604_800)
    shop.later(days=-1)
    back = shop.reserve(600_000)
    assert (back.day, back.reason) == ("2026-11-21", HARD)
    opened = [shop.said(at)["reservation"]["opened"] for at in (1, 2, 3)]
    assert opened == [["daily"], ["daily"], []]


def leapt() -> Shop:
    """A shop that spent 0.4 of a dollar today, and the rest of one in 2031, when its clock was."""
    shop = Shop()
    shop.settle(shop.reserve(400_000).lease, 400_000)
    shop.later(days=1600)
    assert shop.reserve(900_000, ttl_s=60).allowed
    shop.later(days=-1600)
    assert shop.reserve(200_000).reason == HARD
    return shop


def test_a_clock_that_was_years_ahead_blocks_a_budget_until_it_is_reopened() -> None:
    """INV-BUDGET-15: what was spent on either day stays counted, and nothing is spent twice."""
    shop = leapt()
    denied = shop.reserve(200_000)
    assert (denied.day, denied.allowed) == ("2031-04-08", False)
    assert "engine budget reopen --reason" in denied.fix

    done = shop.tracker.reopen("a virtual machine's clock", shop.now)

    assert (done.left, done.day) == ("2031-04-08", "2026-11-20")
    assert shop.said() == {
        "at": "2026-11-20T12:00:00Z",
        "day": "2026-11-20",
        "from": "2031-04-08",
        "held_again": [],
        "ledger": {"id": shop.ledger.id},
        "reason": "a virtual machine's clock",
        "zones": ["UTC"],
    }
    assert shop.book() == (400_000, 0, 0)
    assert shop.book(day="2031-04-08") == (0, 0, 900_000)
    granted = shop.reserve(600_000)
    assert (granted.day, granted.allowed, granted.fix) == ("2026-11-20", True, "")
    assert shop.reserve(1).reason == HARD
    assert verify(shop.ledger).counted == 8
    shop.later(days=1600)
    there = shop.reserve(100_000)
    assert (there.day, there.allowed) == ("2031-04-08", True)
    assert shop.said()["reservation"]["opened"] == []  # the page of then goes on
    assert shop.book(day="2031-04-08") == (0, 0, 1_000_000)
    assert shop.reserve(1).reason == HARD


def test_leases_that_a_clock_ahead_took_back_and_that_still_run_hold_again() -> None:
    """INV-BUDGET-15: but for those that have had their time, and those that no longer fit."""
    shop = Shop()
    short = shop.reserve(50_000, ttl_s=60)
    running = shop.reserve(100_000)
    crowded = shop.reserve(300_000)
    greedy = shop.reserve(200_000)
    shop.later(days=1600)
    shop.reserve(1)
    shop.settle(greedy.lease, 700_000)  # within: what the others held was free by then
    shop.later(days=-1600, seconds=60)

    done = shop.tracker.reopen("woke up", shop.now)

    assert (done.held_again, done.missed) == ((running.lease,), 1)
    assert shop.said()["held_again"] == [running.lease]
    assert shop.book() == (700_000, 0, 100_000)
    for ended in (short, crowded):
        assert getattr(shop.tracker.documents().lease(ended.lease), "state", None) == "expired"
    assert not shop.reserve(250_000).allowed
    assert shop.settle(running.lease, 100_000).overrun.usd_micros == 0
    assert shop.release(crowded.lease).state == "expired"
    assert verify(shop.ledger).counted == 9
    assert fold(shop.ledger.signed_entries().read()).held[short.lease].expired


def test_what_holds_again_expires_in_its_time() -> None:
    """INV-BUDGET-12"""
    shop = Shop()
    lease = shop.reserve(1_000_000).lease
    shop.later(days=1600)
    shop.reserve(1)
    shop.later(days=-1600)
    shop.tracker.reopen("woke up", shop.now)
    assert not fold(shop.ledger.signed_entries().read()).held[lease].expired
    assert not shop.reserve(1).allowed
    shop.later(seconds=300)
    assert shop.reserve(1_000_000).allowed
    assert shop.said()["reservation"]["expired"] == [lease]
    verify(shop.ledger)


@pytest.mark.parametrize("days", [0, 1, 400])
def test_a_day_that_is_not_in_the_future_is_not_reopened(days: int) -> None:
    """INV-BUDGET-15: it is no way to have a used-up budget anew."""
    shop = Shop()
    shop.reserve(1_000_000, ttl_s=604_800)
    shop.later(days=days)
    size = shop.ledger.size()
    with pytest.raises(UsageError, match="no day is in the future"):
        shop.tracker.reopen("more, please", shop.now)
    assert (shop.ledger.size(), shop.tracker.documents().day()) == (size, "2026-11-20")


def test_a_day_that_another_zone_has_reached_is_not_in_the_future() -> None:
    """INV-BUDGET-15: a caller east of here counts on tomorrow already, and rightly."""
    east = Shop(zone="Pacific/Kiritimati")
    east.reserve(1)
    west = Shop(east.ledger, zone="America/Los_Angeles")
    assert (west.reserve(1).day, west.reserve(1).fix) == ("2026-11-21", "")
    with pytest.raises(UsageError, match="the newest day is 2026-11-21, and the clock shows"):
        west.tracker.reopen("why", west.now)
    for shop in (east, west):
        shop.later(days=3)
    east.reserve(1)
    for shop in (east, west):
        shop.later(days=-3)

    done = west.tracker.reopen("the clock was ahead", west.now)

    assert (done.left, done.day) == ("2026-11-24", "2026-11-21")  # never before the newest of all
    assert west.said()["zones"] == ["America/Los_Angeles", "Pacific/Kiritimati"]


@pytest.mark.parametrize("other", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_another_zone_gives_nobody_tomorrows_budget_today(other: str) -> None:
    """INV-BUDGET-16: however often it asks; its own days count once that one is over."""
    shop = Shop()
    assert shop.reserve(1_000_000, ttl_s=604_800).allowed
    moved = Shop(shop.ledger, zone=other)
    moved.later(minutes=1)
    for _ in range(3):
        assert (moved.reserve(1).day, moved.reserve(1).reason) == ("2026-11-20", HARD)
    moved.later(days=2)
    assert moved.reserve(1).day <= "2026-11-22"
    assert moved.reserve(1).allowed
    assert verify(shop.ledger).counted == 9


@pytest.mark.parametrize("days", [1, 2, 3, 40])
def test_a_clock_that_is_set_back_brings_no_day_back_that_was_over(days: int) -> None:
    """INV-BUDGET-15: neither one before the ledger was begun, nor one that it had left."""
    shop = Shop()
    for _ in range(4):
        shop.later(days=1)
        assert shop.reserve(1_000_000, ttl_s=604_800).allowed
    shop.later(days=-days)
    size, why = shop.ledger.size(), "had reached 2026-11-23" if days < 4 else "was begun on"
    if days == 1:  # the day that the newest was entered from: what it has left, and no more
        shop.tracker.reopen("why", shop.now)
        assert shop.reserve(1).reason == HARD
        assert verify(shop.ledger).counted == 6
        shop.later(days=-1)
        size, why = shop.ledger.size(), "had reached 2026-11-22 before 2026-11-23"
        shop.later(days=-1)
    with pytest.raises(UsageError, match=f"does not count again: .*{why}"):
        shop.tracker.reopen("why", shop.now)
    assert shop.ledger.size() == size


@pytest.mark.parametrize("reason", ["", " ", "a\nb", "x" * 1025])
def test_a_reopening_has_a_reason_of_one_line(reason: str) -> None:
    shop = leapt()
    with pytest.raises(UsageError, match="the reason is"):
        shop.tracker.reopen(reason, shop.now)


def test_a_clock_that_is_set_back_brings_no_earlier_price_back() -> None:
    """INV-BUDGET-4: what counts against a day costs what that day's price is."""
    shop = Shop()
    shop.later(days=1)  # the price doubles
    shop.reserve(1)
    shop.later(days=-1)
    granted = shop.reserve(None, tokens=1_000)

    assert (granted.day, granted.granted.usd_micros) == ("2026-11-21", 20_000)


def test_a_denial_begins_the_day_too() -> None:
    shop = Shop()
    shop.later(days=1)
    assert shop.reserve(10**9).verdict == "DENY"
    shop.later(days=-1)
    assert shop.reserve(1).day == "2026-11-21"


def test_a_lease_ends_in_the_day_it_began_in() -> None:
    shop = Shop()
    lease = shop.reserve(600_000)
    shop.later(hours=12)
    assert shop.reserve(1).day == "2026-11-21"
    shop.settle(lease.lease, 700_000)
    assert shop.book(day="2026-11-20") == (700_000, 0, 0)
    assert shop.book(day="2026-11-21") == (0, 0, 1)


@pytest.mark.parametrize(
    ("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (6, 1, 24)], ids=["spring", "autumn", ""]
)
def test_days_are_those_of_the_zone_also_when_clocks_change(
    month: int, day: int, hours: int
) -> None:
    shop = Shop(zone="Europe/Vienna", profile="lenient")
    start = shop.now.replace(month=month, day=day, hour=0) - _offset(month, day)
    days = []
    for passed in (-1, 0, hours * 3600 - 1, hours * 3600):
        shop.now = start
        shop.later(seconds=passed)
        days.append(shop.reserve(1).day[8:])
    assert days == [f"{day - 1:02}" if day > 1 else "31", f"{day:02}", f"{day:02}", f"{day + 1:02}"]


def _offset(month: int, day: int) -> Any:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return datetime(2026, month, day, tzinfo=ZoneInfo("Europe/Vienna")).utcoffset()


# Limits that change, and policies that are not followed.


def test_a_limit_that_was_lowered_counts_at_once() -> None:
    ledger: Ledger = begun(MemoryStore())
    shop = Shop(ledger)
    shop.reserve(600_000)
    lowered = Shop(ledger, usd=500_000)
    lowered.random = shop.random
    assert lowered.reserve(1).reason == HARD


def test_a_settlement_counts_by_the_limits_of_the_newest_grant() -> None:
    """INV-BUDGET-8: by the limits of the day's first grant the overrun would not be seen."""
    ledger: Ledger = begun(MemoryStore())
    shop = Shop(ledger)
    shop.reserve(100_000)
    lowered = Shop(ledger, usd=500_000)
    lowered.random = shop.random
    lease = lowered.reserve(100_000)

    assert lowered.settle(lease.lease, 600_000).overrun.usd_micros == 200_000
    assert lowered.book() == (400_000, 200_000, 100_000)


class Yes:
    """An evaluator whose every check passes: what a policy that lets everything through says."""

    kind = "wasm"
    opa_version = "1.22.0"

    def __init__(self, bundle: PolicyBundle) -> None:
        self._gate = bundle.gate("spend")

    def evaluate(self, gate: str, document: bytes) -> bytes:
        return canonical.encode(self.answer(gate, document))

    def answer(self, _gate: str, _document: bytes) -> dict[str, Any]:
        checks: list[dict[str, Any]] = [
            {"id": name, "status": "off", "severity": "off", "operator": "==", "observed": None,
             "limit": None, "waived_by": None}
            for name in self._gate.checks
        ]  # fmt: skip
        passing: dict[str, Any] = {"severity": "block", "status": "pass", "operator": ">="}
        checks[0] = {**checks[0], **passing, "observed": 0, "limit": 0}
        return {"verdict": "ALLOW", "checks": checks, "obligations": [], "waivers": []}

    def close(self) -> None:
        pass


def test_an_evaluator_that_passes_everything_is_not_believed() -> None:
    """INV-GATE-2: what it says it compared is not the profile's; nothing is recorded."""
    shop = Shop(usd=10)
    shop.session.use(Yes(policies()))
    for asked in ({"usd": 11}, {"usd": None, "tokens": None}):
        with pytest.raises(PolicyError, match="was answered with limit 0; it is 1"):
            shop.reserve(**asked)
    assert shop.ledger.size() == 1
    assert shop.tracker.documents().day() == ""


def toothless(folder: Path, severity: str) -> PolicyBundle:
    """The tests' policies, in which no check of gate ``spend`` but the first blocks."""
    shutil.copytree(POLICIES, folder, dirs_exist_ok=True)
    shipped = (ROOT / "policies/limits/default/data.yaml").read_text()
    row = re.compile(r"(  spend\.(?!budgets)\w+: {limit: \S+, severity: )block(?=[,}])")
    changed, count = row.subn(rf"\1{severity}", shipped)
    assert count == len(policies().gate("spend").checks) - 1
    (folder / "limits/default").mkdir()
    (folder / "limits/default/data.yaml").write_text(changed)
    return load_policies(folder, opa=None)


@pytest.mark.parametrize("severity", ["warn", '"off", reason: a mistake'])
def test_no_policy_makes_the_tracker_grant_what_no_budget_has(
    severity: str, tmp_path: Path
) -> None:
    """INV-BUDGET-3: a gate that allows too much is an error, and nothing is recorded."""
    shop = Shop(usd=10, bundle=toothless(tmp_path, severity))
    for asked in ({"usd": 11}, {"usd": None, "tokens": None}):
        with pytest.raises(PolicyError, match="allowed by profile 'default' what no budget has"):
            shop.reserve(**asked)
    assert shop.ledger.size() == 1
    assert shop.tracker.documents().day() == ""
    assert shop.reserve(10).allowed, "what there is may be had"


def test_every_step_adds_up() -> None:
    """INV-BUDGET-13."""
    shop = Shop(rows=ROWS, profile="lenient")
    leases = [shop.reserve(90_000, team="search", tokens=10) for _ in range(3)]
    shop.settle(leases[0].lease, 95_000)
    shop.release(leases[1].lease)
    shop.later(days=1)
    assert shop.reserve(1).verdict is Verdict.ALLOW
    shop.settle(leases[2].lease, 10**9)
    shop.reserve(10**9)

    sums = verify(shop.ledger)
    assert (sums.size, sums.counted) == (9, 8)


def row(budget: str, usd: int | None, **match: str) -> Json:
    """A row of the policies, with a limit of money."""
    return {"id": budget, "match": match, "limits": {**NO_LIMITS, "usd_micros": usd}}


NO_LIMITS = {"requests": None, "tokens": None, "usd_micros": None}
TEAM: dict[str, Any] = {"team": "search", "tags": ("night",)}


@pytest.mark.parametrize(
    ("first", "then", "said", "held_to"),
    [
        ([], [row("all", 50_000_000)], {"model": "small"}, "daily"),
        ([row("a", 100_000, team="search")], [row("b", 9**9, team="search")], TEAM, "a"),
        ([row("a", 100_000, team="search")], [row("b", 9**9), row("a", 9**9, team="x")], TEAM, "a"),
        ([row("a", 100_000)], [row("b", 9**9)], {"provider": "other", **TEAM}, "a"),
        ([row("a", 100_000, tag="night")], [row("b", 9**9)], {"tags": ("x", "night")}, "a"),
        ([row("a", 100_000, model="large")], [row("b", 9**9)], {"team": "another"}, "a"),
        ([row("a", 100_000, team="search")], [row("b", 9**9)], {"team": "another"}, None),
        ([row("a", 100_000, model="large")], [row("b", 9**9)], {"model": "small"}, None),
    ],
)
def test_a_limit_counts_until_its_day_is_over_though_its_row_or_setting_is_gone(
    first: list[Json], then: list[Json], said: Json, held_to: str | None
) -> None:
    """INV-BUDGET-14: for what it counted for, and for nothing else."""
    before = Shop(usd=None if first else 100_000, rows=first, profile="lenient")
    granted = before.reserve(60_000, **TEAM)
    assert granted.allowed
    after = _next(before, None, *then)

    answer = after.reserve(60_000, **said)

    assert answer.allowed == (held_to is None)
    assert (held_to in answer.budgets) if held_to else answer.budgets == ("b",)
    if held_to:
        assert f"budget {held_to!r} counts until 2026-11-20 is over" in answer.fix
        assert "(0.10 USD)" in answer.fix
        fits = after.reserve(40_000, **said)
        assert (fits.allowed, held_to in fits.budgets, fits.fix) == (True, True, "")
        assert after.book(held_to) == (0, 0, 100_000)
    after.later(days=1)
    assert after.reserve(1_000_000, **said).budgets == (then[0]["id"],)


def test_what_no_row_and_no_setting_limits_now_is_denied_also_on_a_day_that_had_a_limit() -> None:
    """INV-BUDGET-14: a limit that goes on counting grants nothing."""
    shop = Shop()
    assert shop.reserve(1).allowed
    assert _next(shop, None).reserve(1).reason == NO_LIMIT
    added = _next(shop, 1_000_000, row("all", 0))  # a row that is new counts at once
    assert added.reserve(1).reason == HARD


def test_a_book_of_an_earlier_engine_counts_for_every_request_once_its_row_is_gone() -> None:
    """INV-BUDGET-14: what it is for was not kept."""
    shop = Shop(usd=None, rows=[row("a", 100_000, team="search")])
    assert shop.reserve(100_000, **TEAM).allowed

    def forget(state: State) -> list[EntryDraft]:
        state.put("budget-matches", "2026-11-20/a", None)
        return []

    shop.ledger.transact(forget)
    assert _next(shop, None, row("b", 9**9)).reserve(1).reason == HARD


def _next(shop: Shop, usd: int | None, *rows: Json) -> Shop:
    """Who asks next in the ledger of ``shop``, with other budgets."""
    after = Shop(shop.ledger, usd, rows=rows, profile="lenient")
    first = shop.ledger.size() << 16
    numbers = itertools.count(first)
    after.random = lambda size: next(numbers).to_bytes(size, "big")
    return after


@pytest.mark.parametrize("count", [128, 129, 180, 2_300])
def test_every_lease_that_ran_out_is_taken_back_before_the_answer(count: int) -> None:
    """INV-BUDGET-12: 180 that had expired left a request that fits denied, and then allowed."""
    shop = Shop(usd=count * 2_000)
    leases = [shop.reserve(1_000, ttl_s=60).lease for _ in range(count)]
    assert shop.reserve(count * 1_500).verdict == "DENY"
    shop.later(seconds=60)
    before = shop.ledger.size()

    assert shop.reserve(count * 1_500).verdict == "ALLOW"

    entries = list(shop.ledger.signed_entries().read())[before:]
    *early, decision = [statement for _, statement in entries]
    taken_back = [name for entry in early for name in entry["predicate"]["leases"]]
    taken_back += decision["predicate"]["reservation"]["expired"]
    assert taken_back == leases
    assert {entry["predicateType"] for entry in early} <= {BUDGET_EXPIRED_TYPE}
    assert all(len(entry["predicate"]["leases"]) <= 1_000 for entry in early)
    assert verify(shop.ledger).counted == len(list(shop.ledger.signed_entries().read())) - 1
    found = fold(shop.ledger.signed_entries().read())
    assert [name for name, lease in found.held.items() if not lease.expired] == [
        decision["predicate"]["decision_id"]
    ]


def test_a_lease_that_runs_is_not_taken_back_by_an_entry_of_its_own() -> None:
    """INV-BUDGET-12"""
    shop = Shop()
    lease = shop.reserve(1_000, ttl_s=60).lease
    taken = {"at": write_time(shop.now), "leases": [lease]}
    shop.ledger.append([event(BUDGET_EXPIRED_TYPE, "leases", taken, shop.session.signer)])
    with pytest.raises(VerificationError, match="not due"):
        verify(shop.ledger)


@pytest.mark.parametrize("leases", [[], ["a", "a"], [f"{n}" for n in range(1_001)], "a", [1]])
def test_an_entry_of_leases_that_expired_names_each_once(leases: Any) -> None:
    shop = Shop()
    taken = {"at": write_time(shop.now), "leases": leases}
    shop.ledger.append([event(BUDGET_EXPIRED_TYPE, "leases", taken, shop.session.signer)])
    with pytest.raises(VerificationError):
        verify(shop.ledger)


def test_every_budget_that_is_overrun_is_told() -> None:
    shop = Shop(usd=10_000, rows=ROWS)
    lease = shop.reserve(1_000, team="search")
    ended = shop.settle(lease.lease, 10**9)
    assert {name for name, _ in ended.overruns} == {"daily", "large-model"}
    assert all(over.usd_micros > 0 for _, over in ended.overruns)
