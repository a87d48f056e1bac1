"""``engine budget verify``: exit code 4 where entries and state differ."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from engine import exit_codes
from engine.cli import workspace
from engine.cli.budget.tracker import format_argument
from engine.cli.console.shell import Shell
from engine.settings.config import Config


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    format_argument(parser)
    parser.add_argument("--key", action="append", metavar="PUB", help="public key (the own one)")


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Add up and compare; print what was compared."""
    from engine.calls.budget.verify import verify

    with workspace.open_ledger_to_read(config, shell, args.key) as ledger:
        keys = ledger.public_keys
        sums = verify(ledger, keys)
        ledger_id = ledger.id
    if args.format == "json":
        shell.print_json({"ledger": ledger_id, **asdict(sums), "keys_given": bool(keys)})
    else:
        shell.print(
            f"ledger {ledger_id}: {sums.counted} budget entries of {sums.size} add up to the "
            f"state: {sums.documents} documents"
        )
        if not keys:
            shell.print("signed by the key in entry 0, for want of another: pass --key")
    return exit_codes.PASS
