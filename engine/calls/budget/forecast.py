"""What will be spent, told from what was: simple, and honest about what it rests on.

Today goes on at today's own pace. A day to come is like the days of its weekday in the last four
weeks, or like all days of those weeks while a weekday was seen less than twice. No trend, no
season, no price change: the lowest and the highest of those days say how far off it may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from engine.calls.budget.spending import Day
from engine.formats.calendar import following

WEEKS = 4
_ENOUGH = 2
_LEAST_ELAPSED = 1 / 24
"""A pace is told from an hour of the day on; before, one call says too little."""


class Pace(NamedTuple):
    """Today, if it goes on as it did; money in micro-dollars.

    Attributes:
        day: YYYY-MM-DD.
        spent: So far.
        held: Granted and not settled yet.
        limit: None where there is none.
        elapsed_ratio: Share of the day that is over.
        projected: At the day's end; None while too little of it is over.
        runs_out_at: When the limit is reached; None if it is not today.
    """

    day: str
    spent: int
    held: int
    limit: int | None
    elapsed_ratio: float
    projected: int | None
    runs_out_at: datetime | None


class ForecastDay(NamedTuple):
    """A day to come; money in micro-dollars.

    Attributes:
        day: YYYY-MM-DD.
        expected: Mean of the days it is told from.
        lowest: Of them.
        highest: Of them.
        rests_on: How many they are.
        same_weekday: Whether only days of its weekday are among them.
    """

    day: str
    expected: int
    lowest: int
    highest: int
    rests_on: int
    same_weekday: bool


def pace(today: Day, now: datetime, start: datetime, end: datetime) -> Pace:
    """Return how ``today`` goes on; ``start`` and ``end`` are the day's, in UTC."""
    length = (end - start).total_seconds()
    over = min(max((now - start).total_seconds(), 0), length)
    ratio = over / length if length else 1.0
    spent, limit = today.usd_micros, today.limit_usd_micros
    projected = round(spent / ratio) if ratio >= _LEAST_ELAPSED else None
    runs_out = None
    if limit is not None and projected is not None and spent < limit < projected:
        runs_out = start + timedelta(seconds=over * limit / spent)
    elif limit is not None and spent >= limit:
        runs_out = now
    return Pace(today.day, spent, today.held_usd_micros, limit, ratio, projected, runs_out)


class Hour(NamedTuple):
    """What is left of a budget at one instant, in micro-dollars; nothing once it is used up.

    Attributes:
        at: Beginning of an hour of the day, or now.
        left: Of the limit.
        projected: Whether it is told from today's pace, and not from what was settled.
    """

    at: datetime
    left: int
    projected: bool


def burn_down(
    today: Pace,
    settled: Sequence[tuple[datetime, int]],
    now: datetime,
    start: datetime,
    end: datetime,
) -> list[Hour]:
    """Return what is left hour by hour: until now as it was settled, then at today's pace.

    Args:
        today: Its limit counts; none gives no hours.
        settled: When, and how much, of the day's leases.
        now: An hour of its own.
        start: Of the day; 23 or 25 hours long where the clocks change.
        end: Of the day.
    """
    if today.limit is None:
        return []
    found = []
    at = start
    while at < end:
        if at <= now:
            spent = sum(amount for when, amount in settled if when <= at)
            found.append(Hour(at, max(today.limit - spent, 0), projected=False))
        at += timedelta(hours=1)
    found.append(Hour(now, max(today.limit - today.spent, 0), projected=False))
    if today.projected is None:
        return found
    rest = (end - now).total_seconds()
    at = start
    while at <= end:
        if at > now and rest > 0:
            more = (today.projected - today.spent) * (at - now).total_seconds() / rest
            left = today.limit - today.spent - round(more)
            found.append(Hour(at, max(left, 0), projected=True))
        at += timedelta(hours=1)
    return found


def coming(past: Sequence[Day], today: str, count: int) -> list[ForecastDay]:
    """Return the ``count`` days after ``today``; none where there is nothing to tell them from.

    Args:
        past: Whole days before today, in order; those before the first that anything was asked
            on are left out.
        today: YYYY-MM-DD.
        count: How many.
    """
    began = next((i for i, day in enumerate(past) if day.usd_micros or day.denied), len(past))
    known = list(past[began:])[-7 * WEEKS :]
    if not known:
        return []
    found = []
    for number in range(1, count + 1):
        day = following(today, number)
        alike = [other for other in known if _weekday(other.day) == _weekday(day)]
        same = len(alike) >= _ENOUGH
        amounts = [other.usd_micros for other in (alike if same else known)]
        mean = round(sum(amounts) / len(amounts))
        found.append(ForecastDay(day, mean, min(amounts), max(amounts), len(amounts), same))
    return found


def _weekday(day: str) -> int:
    return date.fromisoformat(day).weekday()
