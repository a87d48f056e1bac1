"""What was spent, from the ledger's entries, and the part of it that flags select."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from engine.cli import workspace
from engine.cli.console.shell import Shell
from engine.errors import UsageError, suggest
from engine.metrics.budget_book import DAILY
from engine.settings.config import Config

if TYPE_CHECKING:
    from engine.calls.budget.spending import Spending


def filter_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that select spending."""
    parser.add_argument("--budget", metavar="ID", help="of this budget (the only one, or daily)")
    parser.add_argument("--provider", metavar="P", help="of this provider")
    parser.add_argument("--model", metavar="M", help="of this model")
    parser.add_argument("--team", metavar="T", help="of this team")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def read(config: Config, shell: Shell) -> Spending:
    """Return what the entries of the ledger add up to."""
    from engine.calls.budget.spending import fold
    from engine.specs.conform.claims import Claims

    with workspace.open_ledger_to_read(config, shell) as ledger:
        return fold(Claims(ledger, only_budgets=True).require())


def select(found: Spending, args: argparse.Namespace) -> tuple[Spending, str | None]:
    """Return the part of ``found`` that ``args`` select, and the budget whose limit counts.

    Raises:
        UsageError: Nothing was ever granted from that budget.
    """
    budgets = found.budgets()
    budget = args.budget
    if budget is None:
        budget = budgets[0] if len(budgets) == 1 else DAILY if DAILY in budgets else None
    elif budget not in budgets:
        raise UsageError(
            f"the ledger has no grant from a budget {budget!r}",
            suggest(budget, budgets) or "nothing was granted yet",
        )
    words = {name: getattr(args, name) for name in ("provider", "model", "team")}
    filters = {name: word for name, word in words.items() if word is not None}
    alone = len(budgets) < 2
    return found.only(
        lambda about: (
            all(getattr(about, name) == word for name, word in filters.items())
            # What was denied was charged to no budget; where there is one only, it was that.
            and (budget is None or budget in about.budgets or (alone and not about.budgets))
        )
    ), budget
