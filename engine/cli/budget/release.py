"""``engine budget release``: a lease that was not used."""

from __future__ import annotations

import argparse

from engine import exit_codes
from engine.cli.budget.lease_end import print_lease_end
from engine.cli.budget.tracker import format_argument, lease_of, open_tracker, policy_arguments
from engine.cli.console.shell import Shell
from engine.settings.config import Config


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("lease", metavar="LEASE", help="as reserve printed it, or its beginning")
    format_argument(parser)
    policy_arguments(parser)


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Give it back."""
    with open_tracker(config, shell) as (tracker, session):
        end = tracker.release(lease_of(session, args.lease), shell.now())
    with shell.answering(f"{end.state}: {end.lease}"):
        print_lease_end(end, args.format, shell)
    return exit_codes.PASS
