"""How much a verb tells, and how wide: what its flags, the terminal and the CI say of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from engine.cli.console.colour import write
from engine.cli.console.shell import Shell
from engine.formats.columns import rows, wrapped
from engine.formats.printable import plain
from engine.report import ReportOptions


def report_options(
    args: argparse.Namespace, shell: Shell, *, several: bool = False, explain: bool = False
) -> ReportOptions:
    """Return how decisions are to be written.

    Args:
        args: Of a verb that has flags of :func:`engine.cli.arguments.detail_arguments`.
        shell: The world around.
        several: Whether there may be more than one decision.
        explain: Whether checks are explained, passing ones too.
    """
    verbose = getattr(args, "verbose", False)
    return ReportOptions(
        several,
        explain,
        shell.width,
        str(shell.here),
        str(shell.repository),
        terminal=shell.stdout.isatty(),
        signs=shell.has_signs,
        quiet=getattr(args, "quiet", False),
        verbose=verbose,
        passes=getattr(args, "all", False),
        failures_only=getattr(args, "failures_only", False),
        checkpoint=shows_note(args, shell),
    )


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
