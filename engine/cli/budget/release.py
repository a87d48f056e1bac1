"""``engine budget release``: a lease that was not used."""

from __future__ import annotations

import argparse

from engine import exit_codes
from engine.cli.budget.ending import tell
from engine.cli.budget.opened import format_argument, lease_of, open_tracker, policy_arguments
from engine.cli.console.shell import Shell
from engine.settings.config import Config


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("lease", metavar="LEASE", help="as reserve printed it, or its beginning")
    format_argument(parser)
    policy_arguments(parser)


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Give it back."""
    with open_tracker(config, shell) as (tracker, ledger):
        ending = tracker.release(lease_of(ledger, args.lease), shell.now())
    tell(ending, args.format, shell)
    return exit_codes.PASS
