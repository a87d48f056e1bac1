"""Which budgets a request falls under: rows of the policy, and the daily limit of the settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.calls.budget.request import Request
from engine.errors import ConfigError
from engine.metrics.amounts import AmountLimits
from engine.metrics.budget_book import DAILY, Book, covers
from engine.model import Json


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One budget.

    Attributes:
        budget: Its id.
        limits: What it grants a day.
        match: ``provider``, ``model``, ``team``, ``tag``: all that are named must fit.
        by_caller: Whether the call, or a setting, said the limits, and not the policy.
    """

    budget: str
    limits: AmountLimits
    match: tuple[tuple[str, str], ...] = ()
    by_caller: bool = False

    def limits_beside(self, book: Book | None) -> AmountLimits:
        """Return the limits that count on a day with this book of the budget. INV-BUDGET-14.

        Who asks does not raise the limit of a day that has begun: a higher one counts from the
        next day on. The policy may.
        """
        return self.limits.stricter(book.limits) if book and self.by_caller else self.limits

    def fits(self, request: Request) -> bool:
        """Whether ``request`` counts against it."""
        return covers(dict(self.match), request.about)


class Budgets:
    """All budgets of a policy, and the one of the settings.

    Args:
        rows: ``data.budgets`` of a policy bundle, checked when the bundle was made.
        daily: Limits of the settings for everything; None if they say none.
        by_caller: Whether the call itself chose the policy.

    Raises:
        ConfigError: The policy has a row that is called as the settings' budget is.
    """

    def __init__(
        self, rows: Iterable[Json], daily: AmountLimits | None = None, *, by_caller: bool = False
    ) -> None:
        self.rows = [
            BudgetRow(
                row["id"],
                AmountLimits(**row["limits"]),
                tuple(sorted(row["match"].items())),
                by_caller or row["id"] == DAILY,
            )
            for row in rows
        ]
        if daily is not None:
            if any(row.budget == DAILY for row in self.rows):
                raise ConfigError(
                    f"a budget of the policies is called {DAILY!r}, as that of the settings is",
                    "rename the row in budgets/data.yaml, or take the settings out",
                )
            self.rows.append(BudgetRow(DAILY, daily, by_caller=True))
        self.rows.sort(key=lambda row: row.budget)
        self._found: dict[tuple[str, str, str | None, tuple[str, ...]], list[BudgetRow]] = {}

    def named(self, budget: str) -> BudgetRow | None:
        """Return the row of that id, whatever it is for; None if there is none any more."""
        return next((row for row in self.rows if row.budget == budget), None)

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
