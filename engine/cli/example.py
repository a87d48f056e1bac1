"""``engine example``: a document to start from, fresh as of now."""

from __future__ import annotations

import argparse
import json

from engine import exit_codes
from engine.cli.console.shell import Shell
from engine.errors import UsageError, suggest
from engine.formats.times import write_time
from engine.policy.bundle import shipped_folder

DESCRIPTION = "Print an example metrics file, observed now: promote, hold, block or rollback."
EXAMPLE = "  engine example promote | engine decide -"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("name", metavar="NAME", help="promote, hold, block or rollback")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Print the document; nothing is written or recorded."""
    folder = shipped_folder("examples")
    known = sorted(path.stem for path in folder.glob("*.json"))
    if args.name not in known:
        raise UsageError(f"example {args.name!r} is not known", suggest(args.name, known))
    document = json.loads((folder / f"{args.name}.json").read_bytes())
    fresh = {"subject": document.pop("subject"), "observed_at": write_time(shell.now()), **document}
    shell.print_json(fresh, indent=2)
    return exit_codes.PASS
