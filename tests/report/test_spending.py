from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.calls.budget.forecast import burn_down, coming, pace
from engine.calls.budget.spending import Day
from engine.formats.calendar import span
from engine.report.spending import bar, forecast, history, plain

DAYS = [
    Day("2026-11-18", 1, 1, 500_000, limit_usd_micros=1_000_000),
    Day("2026-11-19", limit_usd_micros=1_000_000),
    Day("2026-11-20", 12, 3456, 1_100_000, 100_000, 50_000, 3, 1_000_000),
]


@given(st.integers(-10, 10**9), st.integers(0, 10**9), st.integers(1, 200))
def test_a_bar_has_its_width_and_shows_what_is_more_than_nothing(
    amount: int, whole: int, width: int
) -> None:
    drawn = bar(amount, whole, width)

    assert len(drawn) == width
    assert ("█" in drawn) == (amount > 0 and whole > 0)
    assert (drawn == "█" * width) >= (amount >= whole > 0)


def test_history_is_a_line_a_day() -> None:
    lines = history(DAYS, "all", 80)

    assert [(line.text.rstrip(), line.style) for line in lines] == [
        ("spent a day, budget all", "dim"),
        ("2026-11-18  █████       0.50 of 1.00 USD, 1 request, 1 token", ""),
        ("2026-11-19              0.00 of 1.00 USD", ""),
        (
            "2026-11-20  ██████████  1.10 of 1.00 USD, 12 requests, 3,456 tokens, 0.05 held, "
            "3 denied, 0.10 past what was left",
            "hard",
        ),
        ("3 days: 1.60 USD, 13 requests, 3,457 tokens", "dim"),
    ]


def test_a_day_near_its_limit_looks_like_it() -> None:
    (_, line, _) = history([DAYS[0]._replace(usd_micros=950_000)], None, 80)

    assert line.style == "soft"


def test_a_forecast_says_when_the_budget_runs_out_and_what_it_rests_on() -> None:
    start, end = span("2026-11-20", "Europe/Vienna")
    now = datetime(2026, 11, 20, 11, tzinfo=UTC)
    today = Day("2026-11-20", usd_micros=750_000, held_usd_micros=1, limit_usd_micros=1_000_000)
    rate = pace(today, now, start, end)
    hours = burn_down(rate, [(datetime(2026, 11, 20, 8, tzinfo=UTC), 750_000)], now, start, end)
    days = coming(DAYS[:2], "2026-11-20", 1)
    texts = [line.text.rstrip() for line in forecast(rate, hours, days, "Europe/Vienna", 60)]

    assert texts[:3] == [
        "2026-11-20: 0.75 of 1.00 USD spent, 0.000001 held; 50% of the day is over",
        "  at this pace 1.50 USD at the end of the day",
        "  the budget runs out at 16:00 (Europe/Vienna)",
    ]
    assert "00:00  ████████████████████  1.00" in texts
    assert "09:00  █████                 0.25" in texts
    assert "12:00  █████                 0.25" in texts
    assert "13:00  ░░░░                  0.19  at this pace" in texts
    assert "24:00                        0.00  at this pace" in texts
    assert texts[-2:] == [
        "2026-11-21 Sat  0.25 USD  (0.00 to 0.50, 2 days before, of any weekday)",
        "1 day: 0.25 USD",
    ]


def test_where_nothing_is_known_it_says_so() -> None:
    start, end = span("2026-11-20", "UTC")
    today = pace(Day("2026-11-20"), start, start, end)
    texts = [line.text for line in forecast(today, [], [], "UTC", 60)]

    assert texts == [
        "2026-11-20: 0.00 USD spent; 0% of the day is over",
        "  too early in the day to tell how it goes on",
        "",
        "the days to come: nothing to tell them from yet",
    ]


def test_a_terminal_without_blocks_gets_other_bars() -> None:
    assert plain("██░░ 1", "ascii") == "##.. 1"
    assert plain("██░░ 1", "utf-8") == "██░░ 1"
    assert plain("1", None) == "1"
