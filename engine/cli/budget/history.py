"""``engine budget history``: what was spent, day by day, from the ledger's entries."""

from __future__ import annotations

import argparse

from engine import exit_codes
from engine.cli.arguments import count
from engine.cli.budget import spending
from engine.cli.budget.chart import write
from engine.cli.console.shell import Shell
from engine.settings.config import Config

DAYS = 30


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "--days", type=count, default=DAYS, metavar="N", help=f"up to today ({DAYS})"
    )
    spending.filter_arguments(parser)


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Print the days; 0."""
    from engine.calls.budget.spending import by_day
    from engine.formats.calendar import day_of, following
    from engine.report.spending import history

    zone = config.text("budget_time_zone")
    today = day_of(shell.now(), zone)
    found, budget = spending.select(spending.read(config, shell), args)
    days = by_day(found, following(today, 1 - min(args.days, 3660)), today, budget)
    if args.format == "json":
        document = {"budget": budget, "zone": zone, "days": [day._asdict() for day in days]}
        shell.print_json(document, indent=2)
        return exit_codes.PASS
    write(history(days, budget, shell.width), shell)
    return exit_codes.PASS
