from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calls.budget.forecast import ForecastDay, Hour, burn_down, coming, pace
from engine.calls.budget.spending import Day
from engine.formats.calendar import following, span

START, END = span("2026-11-20", "UTC")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def day(spent: int, limit: int | None = 1000) -> Day:
    return Day("2026-11-20", usd_micros=spent, limit_usd_micros=limit)


def test_today_goes_on_at_its_own_pace() -> None:
    today = pace(day(750), NOON, START, END)

    assert (today.elapsed_ratio, today.projected) == (0.5, 1500)
    assert today.runs_out_at == datetime(2026, 11, 20, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spent", "limit", "runs_out_at"),
    [(400, 1000, None), (500, 1000, None), (750, None, None), (1000, 1000, NOON), (0, 0, NOON)],
)
def test_a_budget_that_lasts_does_not_run_out(
    spent: int, limit: int | None, runs_out_at: datetime | None
) -> None:
    assert pace(day(spent, limit), NOON, START, END).runs_out_at == runs_out_at


def test_too_early_in_the_day_nothing_is_told() -> None:
    today = pace(day(10), START + timedelta(minutes=59), START, END)

    assert (today.projected, today.runs_out_at) == (None, None)


def test_on_the_longest_day_half_of_it_is_later() -> None:
    start, end = span("2026-10-25", "Europe/Vienna")

    assert pace(day(1), start + timedelta(hours=12.5), start, end).elapsed_ratio == 0.5


def test_what_is_left_falls_hour_by_hour() -> None:
    settled = [(START + timedelta(hours=2), 100), (START + timedelta(hours=11, minutes=30), 400)]
    now = START + timedelta(hours=12)
    today = pace(day(500), now, START, END)
    hours = burn_down(today, settled, now, START, END)

    lefts = {hour.at.hour: hour.left for hour in hours if not hour.projected}
    assert (lefts[0], lefts[1], lefts[2], lefts[11], lefts[12]) == (1000, 1000, 900, 900, 500)
    assert hours[-1] == Hour(END, 0, projected=True)
    assert len([hour for hour in hours if hour.projected]) == 12
    assert burn_down(pace(day(500, None), now, START, END), settled, now, START, END) == []


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 86_399))
def test_a_burn_down_never_rises(spent: int, limit: int, second: int) -> None:
    now = START + timedelta(seconds=second)
    today = pace(day(spent, limit), now, START, END)
    lefts = [hour.left for hour in burn_down(today, [(START, spent)], now, START, END)]

    assert lefts == sorted(lefts, reverse=True)
    assert min(lefts) >= 0  # what is used up is used up


def past(*amounts: int, before: str = "2026-11-20") -> list[Day]:
    """Whole days up to the one before ``before``."""
    count = len(amounts)
    return [
        Day(following(before, number - count), usd_micros=amount)
        for number, amount in enumerate(amounts)
    ]


def test_a_day_to_come_is_like_its_weekday() -> None:
    weeks = past(*[10, 20, 30, 40, 50, 60, 70] * 3)
    (tomorrow, *_rest) = coming(weeks, "2026-11-20", 7)

    # 2026-11-20 is a Friday, as is the first of these days; tomorrow is a Saturday.
    assert tomorrow == ForecastDay("2026-11-21", 20, 20, 20, 3, same_weekday=True)


def test_or_like_all_days_while_its_weekday_was_seen_once() -> None:
    (tomorrow,) = coming(past(10, 20, 60), "2026-11-20", 1)

    assert tomorrow == ForecastDay("2026-11-21", 30, 10, 60, 3, same_weekday=False)


def test_days_before_the_first_call_do_not_count_and_days_without_one_do() -> None:
    (tomorrow,) = coming(past(0, 0, 0, 10, 0), "2026-11-20", 1)

    assert (tomorrow.expected, tomorrow.rests_on) == (5, 2)
    assert coming(past(0, 0), "2026-11-20", 3) == []
    assert coming([], "2026-11-20", 3) == []


def test_what_is_older_than_four_weeks_does_not_count() -> None:
    (tomorrow,) = coming(past(*[1000] * 7, *[10] * 28), "2026-11-20", 1)

    assert (tomorrow.expected, tomorrow.rests_on) == (10, 4)


@given(st.lists(st.integers(0, 10**9), max_size=40), st.integers(1, 14))
def test_a_forecast_lies_between_what_was(amounts: list[int], count: int) -> None:
    for one in coming(past(*amounts), "2026-11-20", count):
        assert one.lowest <= one.expected <= one.highest
        assert {one.lowest, one.highest} <= set(amounts)
