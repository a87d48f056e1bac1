"""Instants as RFC 3339 writes them; what is none has words that fit."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from engine.cli.arguments import duration
from engine.errors import ConfigError
from engine.formats.times import parse_time, read_span
from engine.settings.table import Table


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-12-31T23:59:60Z", "write a leap second as the second before it, which ends with"),
        ("2026-02-30T00:00:00Z", "day is out of range for month; such as 2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00+24:00", "is not an RFC 3339 time such as 2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00-99:00", "is not an RFC 3339 time such as 2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00", "is not an RFC 3339 time such as 2026-01-31T12:00:00Z"),
    ],
)
def test_a_time_that_is_none_is_refused_in_its_own_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="2026") as refused:
        parse_time(text)
    assert words in str(refused.value)
    assert "timedelta" not in str(refused.value)


@pytest.mark.parametrize("offset", ["Z", "+00:00", "-23:59", "+14:00"])
def test_every_offset_of_less_than_a_day_is_read(offset: str) -> None:
    assert parse_time(f"2026-01-31T12:00:00{offset}").tzinfo is not None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("90s", 90), ("15m", 900), ("12h", 43_200), ("400d", 34_560_000)],
)
def test_a_length_of_time_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert read_span(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "12", "1.5h", "-1s", "1 d", "1w", "90s\n", "\uff19s", "401d", "999999999d"]
)
def test_a_length_of_time_that_is_none_is_refused_at_every_door(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|longer than 400d"):
        read_span(text)
    with pytest.raises(ArgumentTypeError, match=r"not a duration|longer than 400d"):
        duration(text)
    with pytest.raises(ConfigError, match="a length of time"):
        Table("c.toml", "", {"ttl": text}).seconds("ttl")
