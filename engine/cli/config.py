"""``engine config show``: every setting and who said it."""

from __future__ import annotations

import argparse
import json

from engine.cli import workspace
from engine.cli.shell import Shell
from engine.config import SETTINGS

DESCRIPTION = "Show every setting, its value, and where it came from."
EXAMPLE = "  engine config show"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("action", choices=["show"], help="what to do")
    parser.add_argument("--format", choices=["text", "json"], default="text")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Print one line per setting."""
    config = workspace.settings(argparse.Namespace(), shell)
    rows = [
        (setting, config.values[setting.name].value, config.values[setting.name].origin)
        for setting in SETTINGS
    ]
    if args.format == "json":
        told = {s.name: {"value": value, "origin": origin} for s, value, origin in rows}
        print(json.dumps(told, indent=2), file=shell.stdout)
        return 0
    for setting, value, origin in rows:
        shown = "-" if value is None else value
        print(
            f"{setting.name:<15} {shown!s:<28} {origin:<12}  {setting.meaning}", file=shell.stdout
        )
    print(f"{'folder':<15} {config.folder}", file=shell.stdout)
    return 0
