"""The few questions of ``engine init``, for a person at a terminal."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import Any

from engine.cli.console.dialog import NONE, dialog_at, flaw_of
from engine.cli.console.shell import Shell
from engine.cli.starter_files import CI_SYSTEMS, starter_policy
from engine.policy.bundle import PolicyBundle

_BUILT = ("dist", "build", "target", "out")


def ask(args: argparse.Namespace, ci: str, shell: Shell, bundle: PolicyBundle) -> dict[str, Any]:
    """Ask for what no flag gives; return it by the name of its field in a plan.

    A question is repeated until its answer can be used. The end of input takes defaults.
    """
    answers: dict[str, str | None] = {}
    with dialog_at(shell) as dialog:
        if not args.metrics:
            guess = "metrics.json" if (shell.here / "metrics.json").is_file() else NONE
            question = "Which file holds your metrics? JSON or YAML, or none yet"
            answers["metrics"] = dialog.maybe(question, guess, _no_file)
        metrics = args.metrics or answers.get("metrics")
        if not metrics and not args.profile:
            known = sorted(bundle.data["limits"])
            for name in known:
                row = f"  {name:<13} {bundle.data['limits'][name]['description']}"
                width = dialog.console.width
                dialog.console.print(textwrap.fill(row, width, subsequent_indent=" " * 16))
            question = "Which profile fits your service?"
            answers["profile"] = dialog.one_of(question, "default", known, shown=False)
        if metrics and not args.artifact:
            guess = built_file(shell.here) or NONE
            question = "Which file is released? Its digest goes into the record; or none"
            answers["artifact"] = dialog.maybe(question, guess, _no_file)
        if not args.ci:
            answers["ci"] = dialog.one_of("Write a CI job for", ci, CI_SYSTEMS)
        if not args.policy:
            question = "A starter policy of your own, in Rego, as a draft? Its name, or none"
            answers["policy"] = dialog.maybe(question, NONE, flaw_of(starter_policy))
    return answers


def built_file(here: Path) -> str | None:
    """Return the one file that a build left in its usual folder; None when there are several."""
    for name in _BUILT:
        folder = here / name
        files = (
            sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
        )
        if files:
            return f"{name}/{files[0].name}" if len(files) == 1 else None
    return None


def _no_file(answer: str) -> str:
    return "" if Path(answer).is_file() else f"{answer}: no such file here"
