"""Which budgets a request falls under: rows of the policy, and the daily limit of the settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.calls.budget.request import Request
from engine.errors import ConfigError
from engine.formats.money import micros
from engine.metrics.amounts import AmountLimits
from engine.model import Json

DAILY = "daily"
"""Id of the budget that the settings say; it is for every request."""


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One budget.

    Attributes:
        budget: Its id.
        limits: What it grants a day.
        match: ``provider``, ``model``, ``team``, ``tag``: all that are named must fit.
    """

    budget: str
    limits: AmountLimits
    match: tuple[tuple[str, str], ...] = ()

    def fits(self, request: Request) -> bool:
        """Whether ``request`` counts against it."""
        return all(
            wanted in request.tags if key == "tag" else getattr(request, key) == wanted
            for key, wanted in self.match
        )


def daily(usd: str | None, tokens: str | None, requests: str | None) -> AmountLimits | None:
    """Return the limits of the settings; None where they say nothing.

    Args:
        usd: US dollars a day, or ``none``; None where nobody said anything.
        tokens: Tokens a day, likewise. What is not said beside another one is no limit.
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


class Budgets:
    """All budgets of a policy, and the one of the settings.

    Args:
        rows: ``data.budgets`` of a policy bundle, checked when the bundle was made.
        daily: Limits of the settings for everything; None if they say none.

    Raises:
        ConfigError: The policy has a row that is called as the settings' budget is.
    """

    def __init__(self, rows: Iterable[Json], daily: AmountLimits | None = None) -> None:
        self.rows = [
            BudgetRow(row["id"], AmountLimits(**row["limits"]), tuple(sorted(row["match"].items())))
            for row in rows
        ]
        if daily is not None:
            if any(row.budget == DAILY for row in self.rows):
                raise ConfigError(
                    f"a budget of the policies is called {DAILY!r}, as that of the settings is",
                    "rename the row in budgets/data.yaml, or take the settings out",
                )
            self.rows.append(BudgetRow(DAILY, daily))
        self.rows.sort(key=lambda row: row.budget)
        self._found: dict[tuple[str, str, str | None, tuple[str, ...]], list[BudgetRow]] = {}

    def of(self, request: Request) -> list[BudgetRow]:
        """Return the budgets that ``request`` counts against, sorted by id."""
        key = (request.provider, request.model, request.team, request.tags)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _KEPT:
                self._found.clear()
            found = self._found[key] = [row for row in self.rows if row.fits(request)]
        return found


_KEPT = 4096
