"""The daily limits of a budget that the settings give, for everything that is spent."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.errors import ConfigError
from engine.formats.money import micros
from engine.metrics.amounts import AmountLimits


def daily(usd: str | None, tokens: str | None, requests: str | None) -> AmountLimits | None:
    """Return the limits of the settings; None where they say nothing.

    Args:
        usd: US dollars a day, or ``none``; None where nothing is set.
        tokens: Tokens a day, likewise. What is not set beside another one is no limit.
        requests: Calls a day, likewise.

    Raises:
        ConfigError: One of them is no amount.
    """
    if usd is None and tokens is None and requests is None:
        return None
    return AmountLimits(
        _read("budget_daily_requests", requests, _whole),
        _read("budget_daily_tokens", tokens, _whole),
        _read("budget_daily_usd", usd, micros),
    )


def _read(setting: str, text: str | None, read: Callable[[str], int]) -> int | None:
    if text is None or text == "none":
        return None
    try:
        return read(text)
    except ValueError as error:
        raise ConfigError(
            f"{setting}: {error}", "an amount a day such as 50, or `none`; 0 denies all"
        ) from None


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(text)
