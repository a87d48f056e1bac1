"""``engine budget status``: what each budget has left today."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import calendar_day
from engine.cli.budget.tracker import (
    budgets_of,
    format_argument,
    policy_arguments,
    require_lasting,
)
from engine.cli.console.shell import Shell
from engine.errors import NotRecordedError, UsageError
from engine.settings.config import Config

if TYPE_CHECKING:
    from engine.calls.budget.limits import Budgets
    from engine.calls.budget.state import BudgetDocuments
    from engine.metrics.budget_book import Book


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "--day", type=calendar_day, metavar="D", help="another day, such as 2026-01-31"
    )
    format_argument(parser)
    policy_arguments(parser)


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Print one row per budget; those of the policies also where nothing was granted yet."""
    from engine.calls.budget.state import BudgetDocuments
    from engine.decision.workspace import record_to
    from engine.formats.calendar import day_of
    from engine.metrics.budget_book import Book

    require_lasting(config)
    bundle = workspace.open_policies(config, shell)
    bundle.profile(config.text("profile"))
    budgets = budgets_of(config, bundle)
    today = day_of(shell.now(), config.text("budget_time_zone"))
    try:
        with workspace.open_ledger_to_read(config, shell) as ledger:
            documents = BudgetDocuments(ledger.state())
            day = args.day or max(today, documents.day())
            rows = _rows(documents, day, budgets, today=args.day is None)
            leases = sum(1 for _ in documents.open_leases())
            fix = documents.ahead(shell.now(), config.text("budget_time_zone"), ledger)
    except UsageError:
        if args.ledger is not None or record_to(config, shell).exists():
            raise
        # Before the first use nothing is spent; a ledger that was here and is gone is an error.
        day, leases, fix = args.day or today, 0, ""
        rows = [(row.budget, Book(row.limits)) for row in budgets.rows]
    if not rows:
        raise NotRecordedError(
            f"no budget has anything on {day}",
            "set limits in policies/budgets/data.yaml, or set ENGINE_BUDGET_DAILY_USD",
        )
    if args.format == "json":
        shown = [_as_json(*row) for row in rows]
        document = {"day": day, "open_leases": leases, "budgets": shown, "fix": fix or None}
        shell.print_json(document, indent=2)
        return exit_codes.PASS
    shell.print(f"{day}, {leases} open leases")
    if fix:
        shell.print(f"  {fix}")
    for name, book in rows:
        for line in _lines(name, book):
            shell.print(line)
    return exit_codes.PASS


def _rows(
    documents: BudgetDocuments, day: str, budgets: Budgets, *, today: bool
) -> list[tuple[str, Book]]:
    from engine.metrics.budget_book import Book

    found = {name: book for _, name, book in documents.books(day, day)}
    for row in budgets.rows if today else ():
        there = found.get(row.budget)
        limits = row.limits_beside(there)
        found[row.budget] = Book(limits) if there is None else there._replace(limits=limits)
    return sorted(found.items())


def _as_json(name: str, book: Book) -> dict[str, object]:
    left = {
        unit: None if limit is None else max(0, limit - used)
        for unit, limit, used in zip(book.limits._fields, book.limits, book.used, strict=True)
    }
    return {
        "budget": name,
        "limits": book.limits.members,
        "within": book.within.members,
        "overrun": book.overrun.members,
        "reserved": book.reserved.members,
        "left": left,
    }


def _lines(name: str, book: Book) -> list[str]:
    from engine.formats.money import dollars

    lines = []
    for place, unit in enumerate(("requests", "tokens", "USD")):
        limit, used = book.limits[place], book.used[place]
        if limit is None and not used:
            continue
        show = dollars if unit == "USD" else str
        of = "no limit" if limit is None else f"of {show(limit)}"
        share = "" if not limit else f" ({used * 100 // limit} %)"
        parts = f"settled {show(book.within[place] + book.overrun[place])}"
        parts += f", held {show(book.reserved[place])}"
        if book.overrun[place]:
            parts += f", overrun {show(book.overrun[place])}"
        lines.append(f"  {name:<20} {unit:<8} {show(used)} {of}{share}: {parts}")
    return lines or [f"  {name:<20} no limit, nothing used"]
