"""What ends a call, as an annotation where ``--format github`` was asked for: it is seen there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from engine.errors import GovernanceError

FORMAT = "github"


def print_annotation(argv: Sequence[str], error: GovernanceError) -> None:
    """Print ``error`` for GitHub to standard output, where the call asks for that format.

    What is wrong with one input of several is in the report, and does not end the call.

    Args:
        argv: Of the call, whatever is wrong with it.
        error: What ends it.
    """
    if not asks_for_annotations(argv):
        return
    from engine.cli.console.shell import current_shell
    from engine.report import ReportOptions
    from engine.report.github import GithubWriter

    options = ReportOptions()
    with suppress(GovernanceError):  # the working folder is gone
        shell = current_shell()
        options = ReportOptions(folder=str(shell.here), root=str(shell.repository))
    with suppress(OSError):  # the exit code tells it as well
        print(GithubWriter(options).failed("", error), end="", flush=True)


def asks_for_annotations(argv: Sequence[str]) -> bool:
    """Whether a call asks for the format on standard output."""
    pairs = pairwise(argv)
    return ("--format", FORMAT) in pairs or f"--format={FORMAT}" in argv
