"""The metrics ``budget.*`` as a ledger itself knows them: its word counts, not the caller's.

A ledger in which budgets are kept has the shares in use from its own books. Evidence that claims
a lower share is refused; one that claims a higher share is noted, and the ledger's figure counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from engine.evidence.input import BUDGET, DAY, Refuse
from engine.formats.times import write_time
from engine.ledger import StateView
from engine.metrics import budget_book
from engine.metrics.amounts import AmountLimits
from engine.metrics.budget_book import DAILY, Book, Match, share
from engine.model import Json

PREFIX = "budget."
ZONES = "budget-zones"
"""Kind of the state's document that says in which time zones the newest day is counted."""
MATCHES = "budget-matches"
"""Kind of the state's documents that say for what requests a budget has counted on a day."""
_UNITS = ("requests", "tokens", "usd")
"""As the metrics call the units, in the order of :data:`~engine.metrics.amounts.UNITS`."""
_LAST = "~"
"""Sorts after every key."""
_AT_ONCE = 256
_LAST_ZONE = "Etc/GMT+12"
"""Where a day ends last: twelve hours behind UTC."""


class BudgetBooks:
    """Reads the books of budgets in a ledger's state: ``<day>/<budget>``, and the newest day."""

    def __init__(self, view: StateView) -> None:
        self._view = view

    def day(self) -> str:
        """Return the newest day that a decision was made on; empty before the first."""
        body = self._view.get(BUDGET, DAY)
        return json.loads(body) if body is not None else ""

    def zones(self) -> list[str]:
        """Return the time zones in which the newest day is counted; empty if nobody said."""
        body = self._view.get(ZONES, DAY)
        return [] if body is None else list(json.loads(body))

    def book(self, day: str, budget: str) -> Book | None:
        """Return the book of a budget on a day; None if nothing was granted there yet."""
        body = self._view.get(BUDGET, f"{day}/{budget}")
        return None if body is None else budget_book.decode(body)

    def books(self, first: str = "", last: str = _LAST) -> Iterator[tuple[str, str, Book]]:
        """Yield ``(day, budget, book)`` of the days from ``first`` to ``last``, in order."""
        start, stop = first, f"{last}/{_LAST}"
        while rows := self._view.scan(BUDGET, start, stop, _AT_ONCE):
            for key, body in rows:
                day, _, budget = key.partition("/")
                if key != DAY:
                    yield day, budget, budget_book.decode(body)
            start = rows[-1][0] + "\0"

    def matches(self, day: str) -> dict[str, list[Match]]:
        """Return what each budget of a day has counted for, as far as somebody said it."""
        found: dict[str, list[Match]] = {}
        start, stop = day, f"{day}/{_LAST}"
        while rows := self._view.scan(MATCHES, start, stop, _AT_ONCE):
            found |= {key.partition("/")[2]: json.loads(body) for key, body in rows}
            start = rows[-1][0] + "\0"
        return found


class BudgetFigures(NamedTuple):
    """Whose word counts for each metric ``budget.*``.

    Attributes:
        known: Metrics in long form that the ledger knows, by id.
        is_ephemeral: Whether the ledger is one of this run, which knows nothing: then the record
            says that the figures are the caller's.
    """

    known: Mapping[str, Json]
    is_ephemeral: bool = False

    def put_into(self, metrics: dict[str, Json], refuse: Refuse) -> tuple[str, ...]:
        """Put the ledger's figures in place of the claims; return what is to be noted.

        Args:
            metrics: In long form, by id; changed here.
            refuse: Raises the error about a claim that is lower.
        """
        if self.is_ephemeral:
            for name, metric in metrics.items():
                if name.startswith(PREFIX):
                    metric["source"] = ": ".join(filter(None, ("caller", metric.get("source"))))
            return ()
        notes = []
        for name, own in self.known.items():
            claim = metrics.get(name, {}).get("value")
            if isinstance(claim, int | float) and claim != own["value"]:
                where = f"{own['value']:.6g} by {own['source']}"
                if claim < own["value"]:
                    refuse(
                        name,
                        f"{name} is {where}, and the evidence claims {claim:.6g}",
                        "leave it out: the ledger's own figure is used",
                    )
                notes.append(f"{name} is {where}; the claim of {claim:.6g} is not used")
            metrics[name] = own
        return tuple(notes)


def figures(
    view: StateView, ledger_id: str, limits: Mapping[str, AmountLimits], now: datetime
) -> BudgetFigures:
    """Return what the ledger knows: of each unit the greatest share in use, of any budget.

    A unit that no budget limits is not known, nor is any before the first reservation.

    Args:
        view: The ledger's state.
        ledger_id: 32 hex digits.
        limits: Limits in force, by budget; where the newest grant of the day knew a stricter one,
            that one counts: the caller does not choose the limit that they are held to.
        now: Instant at which the books are read. The newest day counts until it is over in every
            time zone that has counted on it, whatever zone is set here; where the ledger does not
            say which those are, until it is over everywhere on earth.
    """
    books = BudgetBooks(view)
    newest = books.day()
    if not newest:
        return BudgetFigures({})
    from engine.formats.calendar import day_of

    day = max(newest, min(day_of(now, zone) for zone in books.zones() or [_LAST_ZONE]))
    found = {budget: book for _, budget, book in books.books(day, day)}
    for budget, limit in limits.items():
        book = found.get(budget, Book(limit))
        found[budget] = book._replace(limits=book.limits.stricter(limit))
    known = {}
    for place, unit in enumerate(_UNITS):
        limited = [
            (share(book.used[place], book.limits[place]), budget)
            for budget, book in sorted(found.items())
            if book.limits[place] is not None
        ]
        if limited:
            value, budget = max(limited, key=lambda pair: pair[0])
            known[f"{PREFIX}{unit}_ratio"] = {
                "value": value,
                "status": "ok",
                "observed_at": write_time(now),
                "age_s": 0,
                "source": f"ledger {ledger_id}, {day}, budget {budget}",
            }
    return BudgetFigures(known)


def limits_of(rows: Iterable[Json], daily: AmountLimits | None) -> dict[str, AmountLimits]:
    """Return the limits in force, by budget.

    Args:
        rows: ``data.budgets`` of a policy bundle.
        daily: Limits of the settings; None if they say none.
    """
    limits = {row["id"]: AmountLimits(**row["limits"]) for row in rows}
    return limits if daily is None else {**limits, DAILY: daily}
