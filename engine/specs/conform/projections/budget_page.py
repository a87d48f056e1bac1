"""Every day of every budget, in each unit, as ``tla/BudgetPage.tla`` has them.

One trace per page: a budget, a day and a unit. Amounts are added up from the entries, and the
spec sees what they come to: below the soft limit, at it, at the budget, or past it; a unit
without a limit stays below. Whether a request was warned of the soft limit stands in its
entry; whether it had to be follows from the pages. That an entry's amounts are the right
ones is for ``engine budget verify``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from engine.metrics.budget_book import fits, share
from engine.model import (
    BUDGET_EXPIRED_TYPE,
    BUDGET_RELEASED_TYPE,
    BUDGET_REOPENED_TYPE,
    BUDGET_SETTLED_TYPE,
    BUDGET_TYPES,
    DECISION_TYPES,
    Json,
    Verdict,
)
from engine.specs.conform.graph import State
from engine.specs.conform.lookup import Contradiction, Projected, Step

GRAPH = "budget-page"
TYPES = frozenset({*DECISION_TYPES, *BUDGET_TYPES})

UNITS = {"requests": "requests", "tokens": "tokens", "usd_micros": "usd"}
"""Units as entries call them, and as the checks of gate ``spend`` do."""

SOFT = "SOFT_LIMIT_EXCEEDED"


@dataclass
class _Page:
    """One unit of one budget on one day: its amounts, and its state in the spec.

    Attributes:
        trace: Its name.
        limit: The budget; None is no limit.
        soft: Share in use from which requests are warned of the soft limit; None for never.
    """

    trace: str
    within: int = 0
    overrun: int = 0
    reserved: int = 0
    limit: int | None = None
    soft: float | None = None
    opened: int = 0
    changed: bool = False
    when: str = "now"
    reopened: bool = False
    gave: str = "nothing"

    @property
    def share(self) -> float:
        """Share in use, as the gate sees it."""
        if self.limit is None:
            return 0.0
        return (self.within + self.overrun + self.reserved) / self.limit if self.limit else 1.0

    @property
    def level(self) -> str:
        """What the share comes to."""
        used = self.within + self.overrun + self.reserved
        if self.limit is not None and used >= self.limit:
            return "past" if used > self.limit else "hard"
        return "below" if self.soft is None or self.share < self.soft else "soft"

    @property
    def state(self) -> State:
        """The variables of the spec."""
        counted = self.opened, self.level, self.overrun > 0, self.changed
        return _state(*counted, self.when, self.reopened, self.gave)


@cache
def _state(
    opened: int, level: str, overran: bool, changed: bool, when: str, reopened: bool, gave: str
) -> State:
    return {
        "opened": opened,
        "level": level,
        "overran": overran,
        "changed": changed,
        "when": when,
        "reopened": reopened,
        "gave": gave,
    }


class _Lease(NamedTuple):
    """What a lease holds: on which day, in which budgets, how much of each unit."""

    day: str
    budgets: tuple[str, ...]
    amounts: Mapping[str, int]


_NOTHING = _Lease("", (), dict.fromkeys(UNITS, 0))


@dataclass
class Projection:
    """See :mod:`engine.specs.conform.projections`."""

    _pages: dict[tuple[str, str], dict[str, _Page]] = field(default_factory=dict)
    _held: dict[str, _Lease] = field(default_factory=dict)
    _swept: dict[str, _Lease] = field(default_factory=dict)
    _newest: str = ""

    def steps(self, index: int, statement: Mapping[str, Json]) -> Iterator[Projected]:
        """Return what entry ``index`` does to pages."""
        kind, predicate = statement["predicateType"], statement["predicate"]
        if kind == BUDGET_SETTLED_TYPE:
            yield from self._settled(predicate, index)
        elif kind == BUDGET_RELEASED_TYPE:
            yield from self._returned(predicate["lease"], index, "release lease")
        elif kind == BUDGET_EXPIRED_TYPE:
            yield from self._swept_leases(predicate["leases"], index)
        elif kind == BUDGET_REOPENED_TYPE:
            yield from self._reopened(predicate, index)
        elif "reservation" in predicate:
            yield from self._requested(predicate, index)

    def _requested(self, predicate: Mapping[str, Json], index: int) -> Iterator[Projected]:
        reservation, name = predicate["reservation"], predicate["decision_id"]
        day, charges = reservation["day"], reservation["charges"]
        yield from self._rolled_over(day, index)
        yield from self._swept_leases(reservation["expired"], index)
        if predicate["verdict"] != Verdict.ALLOW:
            return
        checks = {check["id"]: check for check in predicate["checks"]}
        wrong: list[str] = []
        for unit, short in UNITS.items():
            check = checks.get(f"spend.{short}_soft", {})
            given = []
            for charge in charges:
                page = self._page(day, charge["budget"])[unit]
                opens = charge["budget"] in reservation["opened"]
                yield from _limited(page, charge["limits"][unit], _soft(check), opens, index)
                given.append((page, charge[unit]))
            wrong += _miscounted(checks, short, given)
            warned = _is_soft(check) and (
                reservation["reason"] == SOFT or check["waived_by"] is not None
            )
            yield from _given(given, warned, index, f"reserve: lease {name}")
        amounts = {unit: charges[0][unit] for unit in UNITS}
        yield from (Contradiction(index, "INV-BUDGET-3", reason) for reason in wrong[:1])
        self._held[name] = _Lease(day, tuple(charge["budget"] for charge in charges), amounts)

    def _swept_leases(self, leases: Iterable[str], index: int) -> Iterator[Step]:
        for lease in leases:
            self._swept[lease] = self._held.get(lease, _NOTHING)
            yield from self._returned(lease, index, "reserve: swept lease")

    def _page(self, day: str, budget: str) -> dict[str, _Page]:
        """The units of a budget on a day."""
        found = self._pages.get((day, budget))
        if found is None:
            when = "over" if day < self._newest else "now"
            found = {unit: _Page(f"{budget} {day} {unit}", when=when) for unit in UNITS}
            self._pages[day, budget] = found
        return found

    def _rolled_over(self, day: str, index: int) -> Iterator[Step]:
        """Earlier pages are over once a request is answered on a later day, and its own count."""
        if day <= self._newest:
            return
        self._newest = day
        for known, page in self._with_days():
            if known < day and page.when != "over":
                yield _step(page, "Later", index, f"a request on {day}", when="over")
            elif known == day and page.when == "ahead":
                yield _step(page, "Come", index, f"a request on {day}", when="now")

    def _reopened(self, predicate: Mapping[str, Json], index: int) -> Iterator[Projected]:
        """The clock's own day counts again, and later ones do not until the clock comes there."""
        left, day = predicate["from"], predicate["day"]
        if left != self._newest:
            reason = f"it leaves {left}; the entries before it say {self._newest or 'no day'}"
            yield Contradiction(index, "INV-BUDGET-15", reason)
        self._newest, text = day, f"reopen: {left} is left for {day}"
        for known, page in self._with_days():
            if known == day:
                yield _step(page, "Reopen", index, text, when="now", reopened=True)
            elif known > day and page.when != "ahead":
                yield _step(page, "Leave", index, text, when="ahead", reopened=True)
        for name in predicate.get("held_again", ()):
            self._held[name] = again = self._swept.pop(name, _NOTHING)
            text = f"reopen: holds again, lease {name}"
            for budget in again.budgets:
                for unit, page in self._page(again.day, budget).items():
                    more = page.reserved + again.amounts[unit]
                    yield _step(page, "HoldAgain", index, text, reserved=more, reopened=True)

    def _with_days(self) -> Iterator[tuple[str, _Page]]:
        """Every page with its day."""
        for (day, _), units in self._pages.items():
            for page in units.values():
                yield day, page

    def _returned(self, name: str, index: int, text: str) -> Iterator[Step]:
        """What a lease held is given back."""
        held = self._held.pop(name, _NOTHING)
        for budget in held.budgets:
            for unit, page in self._page(held.day, budget).items():
                left = page.reserved - held.amounts[unit]
                yield _step(page, "Return", index, f"{text} {name}", reserved=left)

    def _settled(self, predicate: Mapping[str, Json], index: int) -> Iterator[Step]:
        """A usage is counted, whatever the lease still holds."""
        name = predicate["lease"]
        self._swept.pop(name, None)
        held = self._held.pop(name, _NOTHING)
        for counted in predicate["counted"]:
            for unit, page in self._page(predicate["day"], counted["budget"]).items():
                beyond = counted["overrun"][unit]
                yield _step(
                    page,
                    "Overrun" if beyond else "Settle",
                    index,
                    f"settle lease {name}",
                    reserved=page.reserved - held.amounts[unit],
                    within=page.within + counted["within"][unit],
                    overrun=page.overrun + beyond,
                )


def _limited(
    page: _Page, limit: int | None, soft: float | None, opens: bool, index: int
) -> Iterator[Step]:
    """The page as this request finds it: opened by it, or under another limit than before."""
    if opens and not page.opened:
        page.limit, page.soft = limit, soft
    if opens:
        yield _step(page, "Open", index, "the page is opened", opened=page.opened + 1)
    elif (page.limit, page.soft) != (limit, soft):
        text = f"a budget of {limit} instead of {page.limit}, softly {soft}"
        yield _step(page, "Change", index, text, limit=limit, soft=soft, changed=True)


def _miscounted(
    checks: Mapping[str, Mapping[str, Json]], short: str, given: list[tuple[_Page, int]]
) -> Iterator[str]:
    """What a grant says of its budgets, before it, that its own limits and the entries do not."""
    used = [(page.within + page.overrun + page.reserved, page.limit, more) for page, more in given]
    figures = {
        "hard": max(share(there, limit) for there, limit, _ in used),
        "soft": max(share(there, limit) for there, limit, _ in used),
        "fits": all(limit is None or fits(there, more, limit) for there, limit, more in used),
    }
    for kind, figure in figures.items():
        check = checks.get(f"spend.{short}_{kind}")
        if check is not None and check["status"] != "off" and check["observed"] != figure:
            yield f"{check['id']} saw {check['observed']}; the entries before it say {figure}"


def _given(pages: list[tuple[_Page, int]], warned: bool, index: int, text: str) -> Iterator[Step]:
    """The amount is reserved on each page. The gate warns of the page nearest its limit."""
    nearest = max(pages, key=lambda pair: pair[0].share)[0]
    for page, amount in pages:
        soft = warned if page is nearest else page.level == "soft"
        reserved, gave = page.reserved + amount, page.level
        action = "GiveSoft" if soft else "Give"
        yield _step(page, action, index, text, reserved=reserved, gave=gave)


def _step(page: _Page, action: str, index: int, text: str, **changes: Json) -> Step:
    before = page.state
    page.gave, page.reopened = "nothing", False
    for name, value in changes.items():
        setattr(page, name, value)
    return Step(action, before, page.state, index, text, page.trace)


def _soft(check: Mapping[str, Json]) -> float | None:
    """The soft limit that a check compared with; None when the profile turned it off."""
    return None if check.get("status", "off") == "off" else check["limit"]


def _is_soft(check: Mapping[str, Json]) -> bool:
    """Whether a check saw the soft limit reached."""
    return _soft(check) is not None and check["observed"] >= check["limit"]
