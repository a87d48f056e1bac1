"""``engine budget reopen``: the clock had been ahead, and its own day counts again."""

from __future__ import annotations

import argparse

from engine import exit_codes
from engine.cli.budget.tracker import (
    format_argument,
    open_tracker,
    policy_arguments,
    require_begun,
)
from engine.cli.console.shell import Shell
from engine.settings.config import Config


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "--reason", required=True, metavar="TEXT", help="why the clock was ahead; it is recorded"
    )
    format_argument(parser)
    policy_arguments(parser)


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Leave the day in the future; 0. Where the newest day is in no future: exit code 2."""
    with open_tracker(config, shell) as (tracker, session):
        require_begun(session, "no day to reopen")
        reopening = tracker.reopen(args.reason, shell.now())
    with shell.answering(f"recorded as entry {reopening.index}: {reopening.day} counts again"):
        if args.format == "json":
            shell.print_json(
                {
                    "day": reopening.day,
                    "left": reopening.left,
                    "held_again": list(reopening.held_again),
                    "not_held": reopening.missed,
                    "index": reopening.index,
                }
            )
        else:
            shell.print(
                f"{reopening.day} counts again; what was granted on {reopening.left} stays there"
            )
            if reopening.held_again or reopening.missed:
                shell.print(
                    f"leases that still run: {len(reopening.held_again)} hold again what they "
                    f"held, {reopening.missed} do not, for lack of room"
                )
    return exit_codes.PASS
