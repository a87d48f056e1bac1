"""Which day a ledger had reached when it entered one, by the instants of its signed entries.

A clock that was ahead and came back may go on with the day that it had been on, and with no day
before that: those are over, whatever a clock that was set back shows (INV-BUDGET-15).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from engine.formats.calendar import day_of
from engine.model import BUDGET_REOPENED_TYPE, Json
from engine.proof.ledger_before import instant_of

_RUN_S = 900
"""Entries of one quarter of an hour are kept as the last of them: no zone has a day begin in it."""


class ReachedDays:
    """Takes in a ledger's statements in order."""

    def __init__(self) -> None:
        self._instants: list[datetime] = []
        self._created: datetime | None = None
        self._entered: dict[str, int] = {}

    @classmethod
    def of(cls, statements: Iterable[tuple[int, Mapping[str, Json]]]) -> ReachedDays:
        """Return what the statements of a ledger's entries say, in order.

        Raises:
            LookupError, TypeError, ValueError: One is not whole.
        """
        reached = cls()
        for _, statement in statements:
            reached.take(statement)
        return reached

    def take(self, statement: Mapping[str, Json]) -> None:
        """Take in the next statement.

        Raises:
            LookupError, TypeError, ValueError: It is not whole.
        """
        predicate = statement["predicate"]
        day = predicate.get("reservation", {}).get("day")
        if statement["predicateType"] == BUDGET_REOPENED_TYPE:
            day = predicate["day"]
        if day is not None:
            self._entered.setdefault(day, len(self._instants))
        at = instant_of(predicate)
        if at is None:
            return
        self._created = self._created or at
        if self._instants and _run(self._instants[-1]) == _run(at):
            self._instants[-1] = at
        else:
            self._instants.append(at)

    def why_not(self, day: str, left: str, zones: Sequence[str]) -> str:
        """Return why ``left`` is not left for ``day``; empty where it may be.

        Args:
            day: That would count again.
            left: In the future of the clock; the newest day of the budgets.
            zones: IANA names of the time zones whose calendars count.
        """
        if self._created is None:
            return ""
        created = _furthest(self._created, zones)
        if day < created:
            return f"the ledger was begun on {created}, after {day}"
        before = self._instants[: self._entered.get(left, len(self._instants))]
        days = (_furthest(at, zones) for at in reversed(before))
        reached = next((known for known in days if known < left), created)
        return f"the ledger had reached {reached} before {left}" if day < reached else ""


def _run(at: datetime) -> int:
    return int(at.timestamp()) // _RUN_S


def _furthest(at: datetime, zones: Sequence[str]) -> str:
    return max(day_of(at, zone) for zone in zones)
