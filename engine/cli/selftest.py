"""``engine selftest``: known-bad evidence and weakened policies against the policies in use."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import files_argument, policy_arguments
from engine.cli.console.shell import Shell
from engine.model import Json

if TYPE_CHECKING:
    from engine.policy.bundle import PolicyBundle
    from engine.policy.evaluator import Evaluator
    from engine.selftest.run import SelftestResult

DESCRIPTION = (
    "Hold the policies in use against evidence and policies that must not get through.\n"
    "Exit code 1 names what did; 3 when the selftest itself could not be run. Needs no OPA."
)
EXAMPLE = "  engine selftest --gate promotion --profile strict --policies policies"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("--gate", metavar="G", help="policy package that is asked (promotion)")
    parser.add_argument("--profile", metavar="P", help="table of limits (default)")
    policy_arguments(parser)
    files_argument(parser)
    parser.add_argument("--all", action="store_true", help="every gate under every profile")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Test, print, and return 1 when something got through."""
    from engine.errors import UsageError
    from engine.policy.bundle import shipped_schema
    from engine.selftest.run import selftest

    if args.all and (args.gate or args.profile):
        raise UsageError("--all is every gate under every profile", "leave out --gate, --profile")
    config = workspace.settings(args, shell)
    workspace.require_in_use(args.files, config)
    bundle = workspace.open_policies(config, shell)
    pairs = [(bundle.gate(config.text("gate")).name, config.text("profile"))]
    if args.all:
        profiles = sorted(bundle.data["limits"])
        pairs = [(gate.name, profile) for gate in bundle.gates() for profile in profiles]
    schema, now = shipped_schema("metrics.schema.json"), shell.now()
    # The compiled policy is shared by all evaluators of this run, and by nobody else.
    with tempfile.TemporaryDirectory(prefix="engine-selftest-") as folder:

        def opened(policies: PolicyBundle) -> Evaluator:
            from engine.policy.evaluator import EvaluatorOptions
            from engine.policy.evaluators import EVALUATORS

            cache = Path(folder) / "modules"
            return EVALUATORS["wasm"](policies, EvaluatorOptions(cache=cache))

        outcomes = [selftest(gate, profile, now, bundle, opened, schema) for gate, profile in pairs]
    if args.format == "json":
        shell.print_json(_document(outcomes), indent=2)
    else:
        shell.print_lines(_text(outcomes))
    sound = all(outcome.is_sound for outcome in outcomes)
    return exit_codes.PASS if sound else exit_codes.FAIL


def _document(outcomes: Sequence[SelftestResult]) -> Json:
    return [{**asdict(outcome), "is_sound": outcome.is_sound} for outcome in outcomes]


def _text(outcomes: Sequence[SelftestResult]) -> str:
    return "\n".join(line for outcome in outcomes for line in _lines(outcome))


def _lines(outcome: SelftestResult) -> list[str]:
    about = f"gate {outcome.gate}, profile {outcome.profile}"
    lines = [
        f"LET THROUGH  {about}: {finding.check or 'the document'}: {finding.what}"
        for finding in outcome.let_through
    ]
    lines += [
        f"UNNOTICED    {about}: {finding.check}: {finding.what}; no known-bad evidence shows it"
        for finding in outcome.unnoticed
    ]
    lines += [
        f"note         {about}: {check}: no value that the catalogue allows is past its limit"
        for check in outcome.toothless
    ]
    if outcome.never:
        lines.append(f"note         {about}: never lets anything through: {outcome.never}")
    elif outcome.is_sound:
        lines.append(
            f"held         {about}: {outcome.documents} bad documents and "
            f"{outcome.policies} broken or weakened policies"
        )
    return lines
