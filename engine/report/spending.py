"""Spending as lines of text with bars. Plain; ``engine.cli`` colours them on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.calls.budget.forecast import ForecastDay, Hour, Pace
from engine.calls.budget.spending import Day
from engine.formats.money import dollars

FULL, SHADE, SPACE = "█", "░", " "
_ASCII = {FULL: "#", SHADE: ".", SPACE: " "}
_LEAST_BAR = 10
_SOFT = 0.95


class Line(NamedTuple):
    """One line and how serious it is: ``""``, ``dim``, ``soft`` or ``hard``."""

    text: str
    style: str = ""


def bar(amount: int, whole: int, width: int, fill: str = FULL) -> str:
    """Return a bar of ``width`` places, filled by the share of ``amount`` in ``whole``.

    What is more than nothing shows; nothing does not.
    """
    share = 0 if whole <= 0 or amount <= 0 else min(max(round(width * amount / whole), 1), width)
    return (fill * share).ljust(width, SPACE)


def plain(text: str, encoding: str | None) -> str:
    """Return ``text`` with bars that ``encoding`` can write."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "".join(_ASCII.get(letter, letter) for letter in text)
    return text


def history(days: Sequence[Day], budget: str | None, width: int) -> list[Line]:
    """Return one line a day, with a bar up to the budget's limit or the dearest day."""
    whole = max((max(day.usd_micros, day.limit_usd_micros or 0) for day in days), default=0)
    rows = [(day, _day_text(day)) for day in days]
    room = max(width - 14 - max((len(text) for _, text in rows), default=0), _LEAST_BAR)
    lines = [Line(f"spent a day{f', budget {budget}' if budget else ''}", "dim")]
    lines += [
        Line(f"{day.day}  {bar(day.usd_micros, whole, room)}  {text}", _style(day))
        for day, text in rows
    ]
    total = sum(day.usd_micros for day in days)
    requests, tokens = sum(day.requests for day in days), sum(day.tokens for day in days)
    text = ", ".join(
        (f"{dollars(total)} USD", _number(requests, "request"), _number(tokens, "token"))
    )
    return [*lines, Line(f"{_number(len(days), 'day')}: {text}", "dim")]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _about(amount: int) -> str:
    """A projection, to the cent: it is not known any better."""
    return dollars(round(amount, -4)) if abs(amount) >= 10_000 else dollars(amount)


def _day_text(day: Day) -> str:
    limit = "" if day.limit_usd_micros is None else f" of {dollars(day.limit_usd_micros)}"
    parts = [f"{dollars(day.usd_micros)}{limit} USD"]
    if day.requests:
        parts.append(_number(day.requests, "request"))
    if day.tokens:
        parts.append(_number(day.tokens, "token"))
    if day.held_usd_micros:
        parts.append(f"{dollars(day.held_usd_micros)} held")
    if day.denied:
        parts.append(f"{day.denied:,} denied")
    if day.overrun_usd_micros:
        parts.append(f"{dollars(day.overrun_usd_micros)} past what was left")
    return ", ".join(parts)


def _style(day: Day) -> str:
    limit = day.limit_usd_micros
    if day.overrun_usd_micros or (limit is not None and day.usd_micros >= limit > 0):
        return "hard"
    return "soft" if limit and day.usd_micros >= _SOFT * limit else ""


def forecast(
    today: Pace, hours: Sequence[Hour], days: Sequence[ForecastDay], zone: str, width: int
) -> list[Line]:
    """Return today's pace, its burn-down hour by hour, and the days to come."""
    lines = [*_pace(today, zone)]
    if today.limit is not None and hours:
        lines += [Line(""), Line("left of the budget, hour by hour", "dim")]
        lines += _burn_down(hours, today.limit, zone, width)
    lines.append(Line(""))
    if not days:
        return [*lines, Line("the days to come: nothing to tell them from yet", "dim")]
    lines.append(Line("the days to come, if they are like those before", "dim"))
    for day in days:
        name = date.fromisoformat(day.day).strftime("%a")
        alike = f"{name} before" if day.same_weekday else "days before, of any weekday"
        lines.append(
            Line(
                f"{day.day} {name}  {_about(day.expected)} USD  "
                f"({_about(day.lowest)} to {_about(day.highest)}, {day.rests_on} {alike})"
            )
        )
    total = sum(day.expected for day in days)
    return [*lines, Line(f"{_number(len(days), 'day')}: {_about(total)} USD", "dim")]


def _pace(today: Pace, zone: str) -> list[Line]:
    limit = "" if today.limit is None else f" of {dollars(today.limit)}"
    held = f", {dollars(today.held)} held" if today.held else ""
    lines = [
        Line(
            f"{today.day}: {dollars(today.spent)}{limit} USD spent{held}; "
            f"{today.elapsed_ratio:.0%} of the day is over"
        )
    ]
    if today.projected is None:
        return [*lines, Line("  too early in the day to tell how it goes on", "dim")]
    lines.append(Line(f"  at this pace {_about(today.projected)} USD at the end of the day"))
    if today.runs_out_at is not None:
        when = today.runs_out_at.astimezone(ZoneInfo(zone)).strftime("%H:%M")
        over = today.limit is not None and today.spent >= today.limit
        text = "the budget is used up" if over else f"the budget runs out at {when} ({zone})"
        lines.append(Line(f"  {text}", "hard"))
    return lines


def _burn_down(hours: Sequence[Hour], limit: int, zone: str, width: int) -> list[Line]:
    room = max(width - 40, _LEAST_BAR)
    return [
        Line(
            f"{'24:00' if number and _clock(hour.at, zone) == '00:00' else _clock(hour.at, zone)}  "
            f"{bar(hour.left, limit, room, SHADE if hour.projected else FULL)}  "
            + (f"{_about(hour.left)}  at this pace" if hour.projected else dollars(hour.left)),
            "hard" if hour.left <= 0 else "dim" if hour.projected else "",
        )
        for number, hour in enumerate(hours)
    ]


def _clock(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%H:%M")
