"""Calendar days in a time zone: which day an instant is in, and when a day begins and ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from engine.errors import ConfigError, suggest


def day_of(now: datetime, zone: str) -> str:
    """Return the calendar day (YYYY-MM-DD) of an instant, as a clock on the wall there shows it.

    Args:
        now: With a time zone of its own, whichever.
        zone: IANA name, such as ``Europe/Vienna``.

    Raises:
        ConfigError: No such zone; names the nearest.
    """
    return now.astimezone(zone_of(zone)).date().isoformat()


def span(day: str, zone: str) -> tuple[datetime, datetime]:
    """Return when ``day`` begins and when the next one does, in UTC.

    23 or 25 hours apart where the clocks change by one (Lord Howe: by half of one), and 0
    where the calendar leaves a day out (Apia, 2011-12-30).

    Raises:
        ConfigError: No such zone.
        ValueError: Not a day.
    """
    first = date.fromisoformat(day)
    return _midnight(first, zone), _midnight(first + timedelta(days=1), zone)


def following(day: str, count: int = 1) -> str:
    """Return the day ``count`` days after ``day``; before it if negative."""
    return (date.fromisoformat(day) + timedelta(days=count)).isoformat()


def _midnight(day: date, zone: str) -> datetime:
    # fold=0 is the first of two midnights; in a gap it is the instant of the change itself,
    # which is when the day begins there.
    return datetime(day.year, day.month, day.day, tzinfo=zone_of(zone)).astimezone(UTC)


@lru_cache(maxsize=16)
def zone_of(name: str) -> ZoneInfo:
    """Return the time zone ``name``.

    Raises:
        ConfigError: No such zone; names the nearest.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"{name!r} is no time zone",
            suggest(name, available_timezones()) or "write an IANA name, such as Europe/Vienna",
        ) from None
