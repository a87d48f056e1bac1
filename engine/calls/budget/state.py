"""Where books and leases are in a ledger's state, and the newest day that was seen.

| kind | key | document |
|---|---|---|
| ``budget`` | ``day`` | the newest day that a decision was made on, as a JSON text |
| ``budget-zones`` | ``day`` | time zones whose budgets have counted on that day, as a JSON list |
| ``budget`` | ``<day>/<budget>`` | :class:`engine.metrics.budget_book.Book` |
| ``budget-matches`` | ``<day>/<budget>`` | matches that it has counted for, a JSON list |
| ``lease`` | ``<lease>`` | :class:`engine.calls.budget.lease.Lease` |
| ``lease-due`` | ``<expires_at>/<lease>`` | ``1``: the leases that are open, by when they expire |
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from engine.calls.budget import lease
from engine.calls.budget.lease import Lease
from engine.evidence.budget_figures import MATCHES, ZONES, BudgetBooks
from engine.evidence.input import BUDGET, DAY
from engine.formats.calendar import day_of
from engine.ledger import Ledger, State
from engine.metrics.budget_book import Book, Match
from engine.specs.conform.reached_days import ReachedDays

LEASE, DUE = "lease", "lease-due"
_LAST = "~"
"""Sorts after every key."""
_AT_ONCE = 256


class BudgetDocuments(BudgetBooks):
    """Reads what the budgets keep in a ledger's state."""

    def clocks_day(self, now: datetime, zone: str) -> tuple[str, list[str]]:
        """Return the furthest day that the clock shows in any zone that counts, and those zones.

        Args:
            now: What the clock shows.
            zone: IANA name of the own zone; the others are those of the newest day.
        """
        zones = sorted({*self.zones(), zone})
        return max(day_of(now, counting) for counting in zones), zones

    def ahead(self, now: datetime, zone: str, ledger: Ledger | None = None) -> str:
        """Return what to do about a newest day in the future of the clock; empty if it is not.

        Nothing is granted from any other day until the clock has come to it.

        Args:
            now: What the clock shows.
            zone: IANA name of the own zone.
            ledger: Whose entries tell a clock that was ahead from one that is behind; without it
                they are not read, and the advice is for both.
        """
        newest, (shown, zones) = self.day(), self.clocks_day(now, zone)
        if newest <= shown:
            return ""
        text = f"budgets count on {newest} and the clock shows {shown}"
        reopen = "engine budget reopen --reason TEXT lets its own day count again"
        if ledger is None:
            return f"{text}: set it right if it is behind; if it had been ahead, {reopen}"
        if why := ReachedDays.of(ledger.signed_entries().read()).why_not(shown, newest, zones):
            return f"{text}, but {why}: the clock is behind, set it right (docs/spending.md)"
        return f"{text}: if it had been ahead, {reopen}; if it is behind, set it right"

    def lease(self, lease_id: str) -> Lease | None:
        """Return a lease; None if there is none of that id."""
        body = self._view.get(LEASE, lease_id)
        return None if body is None else lease.decode(body)

    def due(self, now: str, most: int) -> list[str]:
        """Return the ids of open leases that expire at ``now`` or before, the oldest first."""
        found = self._view.scan(DUE, "", f"{now}/{_LAST}", most)
        return [key.rpartition("/")[2] for key, _ in found]

    def leases(self) -> Iterator[tuple[str, Lease]]:
        """Yield every lease with its id, in the order of the ids."""
        for lease_id, body in self._rows(LEASE):
            yield lease_id, lease.decode(body)

    def open_leases(self) -> Iterator[tuple[str, str]]:
        """Yield ``(expires_at, lease)`` of the open leases, the first to expire first."""
        for key, _ in self._rows(DUE):
            expires_at, _, lease_id = key.rpartition("/")
            yield expires_at, lease_id

    def _rows(self, kind: str) -> Iterator[tuple[str, bytes]]:
        start = ""
        while rows := self._view.scan(kind, start, _LAST, _AT_ONCE):
            yield from rows
            start = rows[-1][0] + "\0"


class BudgetState(BudgetDocuments):
    """Reads and writes them, inside a transaction."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._state = state

    def put_day(self, day: str) -> None:
        """Remember the newest day."""
        self._state.put(BUDGET, DAY, json.dumps(day).encode())

    def put_zones(self, zones: list[str]) -> None:
        """Remember in which time zones the newest day is counted."""
        self._state.put(ZONES, DAY, json.dumps(zones).encode())

    def put_book(self, day: str, budget: str, book: Book) -> None:
        """Keep a book."""
        self._state.put(BUDGET, f"{day}/{budget}", book.encode())

    def put_match(self, day: str, budget: str, match: Match) -> None:
        """Remember for what requests a budget counts on a day, beside what was remembered."""
        key = f"{day}/{budget}"
        body = self._state.get(MATCHES, key)
        known = [] if body is None else json.loads(body)
        if match not in known:
            self._state.put(MATCHES, key, json.dumps([*known, match]).encode())

    def put_lease(self, lease_id: str, document: Lease) -> None:
        """Keep a lease; open ones are found again by when they expire."""
        self._state.put(LEASE, lease_id, document.encode())
        due = b"1" if document.state == lease.OPEN else None
        self._state.put(DUE, f"{document.expires_at}/{lease_id}", due)
