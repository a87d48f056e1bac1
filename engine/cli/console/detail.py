"""How much a verb tells, and how wide: what its flags, the terminal and the CI say of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from engine.cli.console.colour import write
from engine.cli.console.shell import Shell
from engine.formats.columns import rows, wrapped
from engine.formats.printable import plain


def shows_note(args: argparse.Namespace, shell: Shell) -> bool:
    """Whether the checkpoint is shown as it is signed: wherever it is kept, in a log or a file."""
    is_kept = shell.in_ci or not shell.stdout.isatty()
    return args.checkpoint or getattr(args, "verbose", False) or is_kept


def print_facts(
    title: str,
    unmet: Sequence[str],
    facts: Sequence[tuple[str, str]],
    args: argparse.Namespace,
    shell: Shell,
    verbatim: Sequence[str] = (),
) -> None:
    """Print what a file was verified to be, by how much ``args`` ask for.

    Args:
        title: The outcome, in a line.
        unmet: What is not as expected, a sentence each.
        facts: Labels and texts; strangers' words may be among them.
        args: Of a verb that has ``--quiet``.
        shell: The world around.
        verbatim: Lines behind them that are not wrapped, such as those of signed notes.
    """
    width = shell.line_width
    lines = wrapped(title, width, "", "  ")
    if not args.quiet:
        lines += [line for reason in unmet for line in wrapped(plain(reason), width, "  ", " " * 4)]
        lines += rows([(label, plain(text)) for label, text in facts], width)
        lines += verbatim
    write("\n".join(lines) + "\n", shell.stdout)
