"""``engine export``: one decision's proof as one file."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import ledger_arguments, output
from engine.cli.console.shell import STAYS, Shell

DESCRIPTION = (
    "Write the proof of a recorded decision or attestation: the signed entry, its place in the\n"
    "ledger, the input and the policy. `engine verify` checks it anywhere, with one public key."
)
EXAMPLE = "  engine export 0193f2a0 -o proof.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("decision", metavar="DECISION", help="id, or its first 8 characters")
    parser.add_argument(
        "-o", "--out", type=output, required=True, metavar="FILE",
        help="file to write; - is standard output",
    )  # fmt: skip
    parser.add_argument("--no-policy", action="store_true", help="leave the policy bundle out")
    ledger_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Export, whole or not at all."""
    from engine.decision.export import export
    from engine.system.files import is_stream, write_whole

    config = workspace.settings(args, shell)
    workspace.require_output(Path(args.out), config, shell)
    with workspace.open_ledger_to_read(config, shell) as ledger:
        bundle = export(ledger, args.decision, with_policy=not args.no_policy)
    write_whole(Path(args.out), bundle.encode())
    if not is_stream(Path(args.out)):
        with shell.answering(f"{args.out} is written", STAYS):
            shell.print(args.out)
    return exit_codes.PASS
