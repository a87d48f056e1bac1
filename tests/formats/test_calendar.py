from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.formats.calendar import day_of, following, span

ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
SECOND = timedelta(seconds=1)

zones = st.sampled_from((*ZONES, "America/Santiago", "Africa/Cairo", "Asia/Beirut"))
instants = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(instants, zones)
def test_an_instant_lies_in_the_span_of_its_day(now: datetime, zone: str) -> None:
    start, end = span(day_of(now, zone), zone)

    assert start <= now < end


@given(st.dates(date(2024, 1, 1), date(2030, 1, 1)), zones)
def test_days_follow_each_other_without_gap_or_overlap(first: date, zone: str) -> None:
    day = first.isoformat()
    start, end = span(day, zone)

    assert span(following(day), zone)[0] == end
    assert (day_of(start, zone), day_of(end - SECOND, zone)) == (day, day)
    assert (day_of(start - SECOND, zone), day_of(end, zone)) == (following(day, -1), following(day))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Vienna", "2026-03-29", 23),
        ("Europe/Vienna", "2026-10-25", 25),
        ("Europe/Vienna", "2026-11-21", 24),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Africa/Cairo", "2026-04-24", 23),  # the clocks go forward at midnight
        ("Pacific/Apia", "2011-12-30", 0),  # left out, when the date line was moved
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(zone: str, day: str, hours: float) -> None:
    start, end = span(day, zone)

    assert end - start == timedelta(hours=hours)


def test_a_day_begins_when_a_wall_clock_there_says_so() -> None:
    assert span("2026-03-29", "Europe/Vienna") == (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )
    assert span("2026-04-24", "Africa/Cairo")[0] == datetime(2026, 4, 23, 22, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Europe/Viena", "", "../../etc/passwd", "/etc/localtime", "\0"])
def test_an_unknown_zone_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        day_of(datetime(2026, 1, 1, tzinfo=UTC), name)


def test_an_unknown_zone_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'Europe/Vienna'"):
        span("2026-01-01", "Europe/Viena")
