"""``engine budget settle``: what a lease turned out to use."""

from __future__ import annotations

import argparse

from engine import exit_codes
from engine.cli.budget.amounts import usd, whole
from engine.cli.budget.lease_end import print_lease_end
from engine.cli.budget.tracker import format_argument, lease_of, open_tracker, policy_arguments
from engine.cli.console.shell import Shell
from engine.errors import UsageError
from engine.settings.config import Config


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("lease", metavar="LEASE", help="as reserve printed it, or its beginning")
    parser.add_argument("--usd", type=usd, metavar="X", help="what it cost")
    parser.add_argument("--tokens", type=whole, metavar="N", help="tokens it used, all kinds")
    parser.add_argument("--requests", type=whole, metavar="N", help="calls that were made")
    parser.add_argument("--usage", metavar="FILE", help="the provider's `usage` object, or -")
    format_argument(parser)
    policy_arguments(parser)


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Record it; the same again is no more."""
    from engine.calls.budget import usage_forms
    from engine.calls.budget.usage import Usage
    from engine.evidence.documents import read

    usage = None
    if args.usage is not None:
        document = read(args.usage, stdin=shell.stdin, max_bytes=65_536).value
        usage = usage_forms.read(document if isinstance(document, dict) else {})
    if usage is None and args.usd is None and args.tokens is None:
        raise UsageError(
            "settle: what was used is missing",
            "give --usd, --tokens or --usage; where nothing was used: engine budget release",
        )
    spent = Usage(args.usd, usage, args.tokens, args.requests)
    with open_tracker(config, shell) as (tracker, session):
        end = tracker.settle(lease_of(session, args.lease), spent, shell.now())
    with shell.answering(f"{end.state}: {end.lease}"):
        print_lease_end(end, args.format, shell)
    return exit_codes.PASS
