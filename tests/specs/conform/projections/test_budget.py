"""Ledgers of the real tracker are behaviours of the specs; ledgers that were tampered with are not.

Every ledger here is written by the tracker. What is refused was changed afterwards, entry by
entry, as a bug of the tracker would have written it; the entry that is at fault is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calls.budget.request import Request
from engine.calls.budget.transitions import MOST_EXPIRED
from engine.calls.budget.usage import Usage
from engine.errors import CommitError, UsageError
from engine.formats.times import write_time
from engine.ledger.ledger import Ledger
from engine.metrics.amounts import NOTHING, UNITS, Amount
from engine.model import Json
from engine.specs.conform import cover, graph, projections
from engine.specs.conform.graph import Edge
from engine.specs.conform.lookup import Report, check
from engine.specs.conform.projections import budget_lease, budget_page
from tests.calls.budget.test_conformance import EVERY, MODELS, follow
from tests.calls.budget.world import BEGIN, tracker
from tests.examples import examples
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import KEY

Entries = Sequence[tuple[int, dict[str, Json]]]
SPECS = ("budget-lease", "budget-page")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


_graph = cache(graph.load)


def _reports(entries: Iterable[tuple[int, dict[str, Json]]]) -> dict[str, Report]:
    """What :func:`conform` says of the entries; the graphs are read once for all ledgers."""
    kept = list(entries)
    return {name: _report(name, kept) for name in SPECS}


def _report(name: str, entries: Entries) -> Report:
    projected = projections.load(name)
    types = projected.types or frozenset()
    steps = (
        step
        for index, statement in entries
        if statement["predicateType"] in types
        for step in projected.projection.steps(index, statement)
    )
    return check(_graph(projected.graph), steps)


def _accepted(entries: Iterable[tuple[int, dict[str, Json]]]) -> dict[str, Report]:
    reports = _reports(entries)
    for name, report in reports.items():
        lines = report.rejected.lines() if report.rejected else []
        assert report.conforms, "\n".join([name, *lines])
    return reports


def test_the_projection_sweeps_as_much_as_the_tracker() -> None:
    """INV-BUDGET-12"""
    assert budget_lease.MOST_SWEPT == MOST_EXPIRED
    assert tuple(budget_page.UNITS) == UNITS


def test_what_the_tracker_records_along_the_spec_conforms() -> None:
    """INV-BUDGET-8 INV-BUDGET-10 INV-BUDGET-12: Budget's steps, as entries, are those of a lease.

    And every step that a lease may take is taken by some of them.
    """
    taken: set[Edge] = set()
    for name in MODELS:
        spec = graph.load(name)
        for path in cover.paths(spec)[::EVERY]:
            with closing(begun(MemoryStore(), created_at=write_time(BEGIN))) as ledger:
                follow(spec, path, [ledger])
                taken |= _accepted(ledger.signed_entries().read())["budget-lease"].taken
    assert taken == set(_graph("budget-lease").edges)


ROWS: list[dict[str, Any]] = [
    {"id": "all", "match": {}, "limits": {"requests": 6, "tokens": None, "usd_micros": 40}},
    {"id": "ml", "match": {"team": "ml"}, "limits": dict.fromkeys(UNITS, 20)},
    {"id": "nothing", "match": {"tag": "stop"}, "limits": dict.fromkeys(UNITS, 0)},
]
"""Budgets that overlap, in all units."""

OTHER_ROWS: list[dict[str, Any]] = [
    {**row, "limits": {**row["limits"], "usd_micros": 30}} for row in ROWS[:2]
]
"""The same, after the policies were changed."""

amounts = st.sampled_from([0, 1, 5, 19, 20, 25])
steps_of_a_month = st.one_of(
    st.tuples(
        st.just("reserve"),
        amounts,
        st.sampled_from([None, "ml"]),
        st.sampled_from([None, "batch"]),
        st.sampled_from([60, 3600, 7 * 86_400]),
    ),
    st.tuples(st.just("settle"), st.integers(0, 9), amounts),
    st.tuples(st.just("release"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from([1, 3600, 43_200, 86_400, 9 * 86_400, -7200])),
    st.tuples(st.just("wait"), st.sampled_from([1500 * 86_400, -1500 * 86_400, -43_200])),
    st.tuples(st.just("reopen")),
    st.tuples(st.just("crash"), st.sampled_from(["before", "after"])),
    st.tuples(st.just("policies")),
)


class World:
    """Whatever happens to a tracker: requests, crashes in the commit, outages, other policies."""

    def __init__(self, zone: str, now: datetime) -> None:
        self.store = MemoryStore()
        self.zone, self.now, self.rows = zone, now, ROWS
        self.leases: list[str] = []
        self.ledger = begun(self.store, created_at=write_time(now))
        self.tracker = tracker(self.ledger, self.rows, zone=zone)

    def restart(self) -> None:
        """Another process takes over."""
        self.store.fail_commit = ""
        self.ledger = Ledger(self.store, self.ledger.id, KEY, None)
        self.tracker = tracker(self.ledger, self.rows, zone=self.zone)

    def given(self) -> list[str]:
        """Every lease that the ledger says was given, also where its caller never heard of it."""
        predicates = [
            statement["predicate"] for _, statement in self.ledger.signed_entries().read()
        ]
        return [
            predicate["decision_id"]
            for predicate in predicates
            if predicate.get("verdict") == "ALLOW"
        ]

    def do(self, step: Sequence[Any]) -> None:
        what, *arguments = step
        if what == "wait":
            self.now += timedelta(seconds=arguments[0])
        elif what == "crash":
            self.store.fail_commit = arguments[0]
        elif what == "policies":
            self.rows = OTHER_ROWS if self.rows is ROWS else ROWS
            self.restart()
        else:
            try:
                self._call(what, *arguments)
            except UsageError:
                return
            except CommitError:
                self.restart()

    def _call(self, what: str, *arguments: Any) -> None:
        if what == "reserve":
            usd, team, route, ttl_s = arguments
            request = Request("any", "model", usd_micros=usd, tokens=usd, team=team, route=route)
            milliseconds = int(self.now.timestamp() * 1000)
            answer = self.tracker.reserve(request, self.now, milliseconds, ttl_s=ttl_s)
            self.leases += [answer.lease] if answer.allowed else []
        elif what == "reopen":
            self.tracker.reopen("the clock was ahead", self.now)
        elif self.leases:
            lease = self.leases[arguments[0] % len(self.leases)]
            if what == "settle":
                self.tracker.settle(
                    lease, Usage(usd_micros=arguments[1], tokens=arguments[1]), self.now
                )
            else:
                self.tracker.release(lease, self.now)


@settings(max_examples=examples(150))
@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    st.sampled_from([NOON, datetime(2026, 3, 28, 22, tzinfo=UTC)]),
    st.lists(steps_of_a_month, max_size=40),
)
def test_ledgers_of_the_tracker_conform(zone: str, now: datetime, steps: list[Any]) -> None:
    """INV-BUDGET-3 INV-BUDGET-5 INV-BUDGET-6 INV-BUDGET-7 INV-BUDGET-9 INV-BUDGET-15: whatever
    happens, also around the days when clocks change or leap by years, what is recorded is a
    behaviour of the specs, and the books are what the leases come to."""
    world = World(zone, now)
    for step in steps:
        world.do(step)
    _accepted(world.ledger.signed_entries().read())
    for day, budget, book in world.tracker.documents().books():
        assert (book.within.plus(book.overrun), book.reserved) == _sums(world, day, budget)


def _sums(world: World, day: str, budget: str) -> tuple[Amount, Amount]:
    """What leases come to on a page: spent, and held."""
    spent, held = NOTHING, NOTHING
    for name in world.given():
        lease = world.tracker.documents().lease(name)
        assert lease is not None
        if lease.day == day and budget in lease.budgets:
            spent, held = spent.plus(lease.used or NOTHING), held.plus(lease.held)
    return spent, held


@cache
def _history() -> Entries:
    """A ledger in which every kind of entry is.

    1 gives a lease, 2 settles it; 3 gives another, 4 sweeps that and gives a third, 5 settles the
    swept one, 6 gives the third back; 7 is denied; 8 gives on the next day; 9 settles that past
    its budget.
    """
    world = World("UTC", NOON)
    for step in (
        ("reserve", 19, "ml", None, 60),
        ("settle", 0, 5),
        ("reserve", 5, None, None, 60),
        ("wait", 3600),
        ("reserve", 1, "ml", None, 60),
        ("settle", 1, 5),
        ("release", 2),
        ("reserve", 25, "ml", None, 60),
        ("wait", 86_400),
        ("reserve", 20, "ml", None, 60),
        ("settle", 3, 25),
    ):
        world.do(step)
    entries = list(world.ledger.signed_entries().read())
    assert [index for index, _ in entries] == list(range(10))
    return entries


def test_the_untouched_ledger_conforms() -> None:
    """INV-BUDGET-9"""
    _accepted(_history())


def _again(entries: Entries, index: int) -> Entries:
    """Entry ``index`` once more at the end, under another number."""
    return [*entries, (len(entries), deepcopy(entries[index][1]))]


def _changed(entries: Entries, index: int, change: Callable[[dict[str, Any]], Any]) -> Entries:
    copied = deepcopy(entries)
    change(copied[index][1]["predicate"])
    return copied


def _without(entries: Entries, index: int) -> Entries:
    return [entry for entry in entries if entry[0] != index]


TAMPERED: dict[str, tuple[Callable[[Entries], Entries], str, int, str]] = {
    "a lease is settled twice": (lambda e: _again(e, 2), "budget-lease", 10, "Settle"),
    "a late settlement is counted twice": (lambda e: _again(e, 5), "budget-lease", 10, "Settle"),
    "a lease is released twice": (lambda e: _again(e, 6), "budget-lease", 10, "Release"),
    "a settled lease is released": (
        lambda e: [*e, (10, _of(e, 6, lease=e[1][1]["predicate"]["decision_id"]))],
        "budget-lease",
        10,
        "Release",
    ),
    "a lease that nobody gave is settled": (lambda e: _without(e, 1), "budget-lease", 2, "Settle"),
    "a lease is swept before its time": (
        lambda e: _changed(e, 4, lambda p: p.update(decided_at="2026-03-01T12:00:30Z")),
        "budget-lease",
        4,
        "Sweep",
    ),
    "a lease is swept twice": (
        lambda e: _changed(e, 7, lambda p: p["reservation"].update(expired=_swept(e))),
        "budget-lease",
        7,
        "Sweep",
    ),
    "a lease past its time is left held": (
        lambda e: _changed(e, 4, lambda p: p["reservation"].update(expired=[])),
        "budget-lease",
        4,
        "Overlook",
    ),
    "a day is opened twice": (
        lambda e: _changed(e, 3, lambda p: p["reservation"].update(opened=["all"])),
        "budget-page",
        3,
        "Open",
    ),
    "a day is never opened": (
        lambda e: _changed(e, 8, lambda p: p["reservation"].update(opened=["all"])),
        "budget-page",
        8,
        "Change",
    ),
    "the day goes back": (
        lambda e: _changed(e, 8, lambda p: p["reservation"].update(day="2026-02-28")),
        "budget-page",
        8,
        "Open",
    ),
    "a lease past the budget is given": (
        lambda e: _changed(e, 3, lambda p: p["reservation"]["charges"][0].update(requests=6)),
        "budget-page",
        3,
        "Give",
    ),
    "overrun is counted while there is room": (
        lambda e: _changed(e, 2, lambda p: p["counted"][0]["overrun"].update(usd_micros=1)),
        "budget-page",
        2,
        "Overrun",
    ),
    "overrun is hidden as spent within the budget": (
        lambda e: _changed(e, 9, _hidden),
        "budget-page",
        9,
        "Settle",
    ),
}


def _hidden(settled: dict[str, Any]) -> None:
    for counted in settled["counted"]:
        for unit in UNITS:
            counted["within"][unit] += counted["overrun"][unit]
            counted["overrun"][unit] = 0


def _of(entries: Entries, index: int, **changes: Json) -> dict[str, Json]:
    statement = deepcopy(entries[index][1])
    statement["predicate"].update(changes)
    return statement


def _swept(entries: Entries) -> list[str]:
    expired: list[str] = entries[4][1]["predicate"]["reservation"]["expired"]
    assert len(expired) == 1
    return expired


REOPENED: dict[str, tuple[Callable[[Entries], Entries], str, str]] = {
    "the day that is left is not the newest": (
        lambda e: _changed(e, 3, lambda p: p.update({"from": "2031-02-01"})),
        "INV-BUDGET-15",
        "it leaves 2031-02-01; the entries before it say 2031-01-01",
    ),
    "a day is left twice": (
        lambda e: _again(e, 3),
        "INV-BUDGET-15",
        "it leaves 2031-01-01; the entries before it say 2026-03-01",
    ),
    "a day that is open is reopened": (
        lambda e: [*e, (5, _of(e, 3, **{"from": "2026-03-01"}))],
        "Reopen",
        "reopen: 2026-03-01 is left for 2026-03-01",
    ),
    "a day is given from that was not reopened": (
        lambda e: _without(e, 3),
        "Give",
        "reserve: lease",
    ),
}


def _leap() -> Entries:
    """A grant, a grant in 2031 that sweeps it, a reopening that lets it hold, and a grant again."""
    world = World("UTC", NOON)
    leap = timedelta(days=1767)
    for step in (leap * 0, leap, -leap):
        world.now += step
        if step < timedelta(0):
            world.do(("reopen",))
        world.do(("reserve", 5, None, None, 60))
    return list(world.ledger.signed_entries().read())


def test_a_day_that_is_reopened_conforms() -> None:
    """INV-BUDGET-15"""
    taken = {edge.action for edge in _accepted(_leap())["budget-page"].taken}
    assert {"Later", "Reopen", "Leave", "HoldAgain"} <= taken


@pytest.mark.parametrize("name", REOPENED)
def test_a_reopening_that_a_bug_would_have_written_is_refused(name: str) -> None:
    """INV-BUDGET-15"""
    tamper, promise, words = REOPENED[name]
    report = _reports(tamper(_leap()))["budget-page"]
    if promise.startswith("INV"):
        assert report.contradicted is not None
        assert (report.contradicted.promise, report.contradicted.reason) == (promise, words)
    else:
        assert report.rejected is not None
        assert report.rejected.step.action == promise
        assert report.rejected.step.text.startswith(words)


@pytest.mark.parametrize("name", TAMPERED)
def test_a_ledger_that_a_bug_would_have_written_is_refused(name: str) -> None:
    """INV-BUDGET-3 INV-BUDGET-6 to 12: with the entry, the action, and what was allowed."""
    tamper, spec, index, action = TAMPERED[name]
    rejected = _reports(tamper(_history()))[spec].rejected
    assert rejected is not None
    assert (rejected.step.entry, rejected.step.action) == (index, action)
    assert f"entry {index}" in rejected.lines()[0]


def _seen(predicate: dict[str, Any], name: str, observed: Json) -> None:
    (check,) = (check for check in predicate["checks"] if check["id"] == name)
    check["observed"] = observed


@pytest.mark.parametrize(
    ("name", "observed", "before"),
    [
        ("spend.usd_hard", 0.0001, "0.125"),
        ("spend.usd_soft", 0.0, "0.125"),
        ("spend.requests_hard", 0, "0.16666666666666666"),
        ("spend.usd_fits", False, "True"),
    ],
)
def test_a_grant_that_saw_another_budget_than_the_entries_before_it_is_refused(
    name: str, observed: Json, before: str
) -> None:
    """INV-BUDGET-3: whoever makes room by what a grant says that it saw is named."""
    entries = _changed(_history(), 3, lambda predicate: _seen(predicate, name, observed))

    report = _reports(entries)["budget-page"]

    assert report.contradicted is not None
    assert (report.contradicted.entry, report.contradicted.promise) == (3, "INV-BUDGET-3")
    assert report.contradicted.reason == (
        f"{name} saw {observed}; the entries before it say {before}"
    )
    assert report.refused
