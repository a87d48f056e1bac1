"""``engine budget forecast``: how today goes on, and what the days to come may cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.arguments import count
from engine.cli.budget import spending
from engine.cli.budget.chart import write
from engine.cli.console.shell import Shell
from engine.settings.config import Config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.calls.budget.forecast import ForecastDay, Hour, Pace
    from engine.model import Json

DAYS = 7


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("--days", type=count, default=DAYS, metavar="N", help=f"to come ({DAYS})")
    spending.filter_arguments(parser)


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Print it; 0."""
    from engine.calls.budget import forecast
    from engine.calls.budget.spending import by_day
    from engine.formats.calendar import day_of, following, span
    from engine.formats.times import parse_time
    from engine.report.spending import forecast as chart

    zone, now = config.text("budget_time_zone"), shell.now()
    today = day_of(now, zone)
    found, budget = spending.select(spending.read(config, shell), args)
    first = following(today, -7 * forecast.WEEKS)
    *past, current = by_day(found, first, today, budget)
    start, end = span(today, zone)
    pace = forecast.pace(current, now, start, end)
    settled = [
        (parse_time(settlement.at), settlement.usd_micros)
        for settlement in found.settled
        if settlement.day == today
    ]
    hours = forecast.burn_down(pace, settled, now, start, end)
    days = forecast.coming(past, today, min(args.days, 366))
    if args.format == "json":
        shell.print_json(_document(pace, hours, days, budget, zone), indent=2)
        return exit_codes.PASS
    write(chart(pace, hours, days, zone, shell.width), shell)
    return exit_codes.PASS


def _document(
    pace: Pace, hours: Sequence[Hour], days: Sequence[ForecastDay], budget: str | None, zone: str
) -> Json:
    from engine.formats.times import write_time

    return {
        "budget": budget,
        "zone": zone,
        "today": {
            "day": pace.day,
            "spent_usd_micros": pace.spent,
            "held_usd_micros": pace.held,
            "limit_usd_micros": pace.limit,
            "elapsed_ratio": round(pace.elapsed_ratio, 4),
            "projected_usd_micros": pace.projected,
            "runs_out_at": None if pace.runs_out_at is None else write_time(pace.runs_out_at),
            "hours": [
                {
                    "at": write_time(hour.at),
                    "left_usd_micros": hour.left,
                    "projected": hour.projected,
                }
                for hour in hours
            ],
        },
        "days": [
            {
                "day": coming.day,
                "expected_usd_micros": coming.expected,
                "lowest_usd_micros": coming.lowest,
                "highest_usd_micros": coming.highest,
                "rests_on_days": coming.rests_on,
                "same_weekday": coming.same_weekday,
            }
            for coming in days
        ],
    }
