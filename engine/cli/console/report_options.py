"""How decisions are written: what flags, the terminal and the CI say of it."""

from __future__ import annotations

import argparse

from engine.cli.console.detail import shows_note
from engine.cli.console.shell import Shell
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
