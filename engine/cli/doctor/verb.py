"""``engine doctor``: is everything there that a decision needs, and what to do if not."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import ledger_arguments, policy_arguments, question_arguments
from engine.cli.console.shell import Shell
from engine.cli.doctor import custody, installation
from engine.cli.doctor.findings import Diagnosis, Examination, Level, World, diagnose, failed
from engine.errors import ConfigError

DESCRIPTION = (
    "Look at everything a decision needs: versions, OPA, key, ledger, clock, disk, policies.\n"
    "Changes nothing. Exit 0 when nothing FAILs; else 4 (not genuine), 3 (cannot decide) or\n"
    "2 (something is set wrongly), whichever is worst."
)
EXAMPLE = "  engine doctor"

EXAMINATIONS: dict[str, Examination] = {
    "engine": installation.versions,
    "bytecode": installation.bytecode,
    "sqlite": installation.sqlite,
    "opa": installation.opa,
    "folder": custody.folder,
    "key": custody.key,
    "ledger": custody.ledger,
    "clock": installation.clock,
    "disk": custody.place,
    "policies": installation.policies,
    "cache": installation.cache,
}
"""Everything that is looked at, by the word that its own failure is reported under, in order."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    question_arguments(parser)
    policy_arguments(parser)
    ledger_arguments(parser)
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Examine everything, however broken; return the worst code."""
    findings = []
    for finding in _findings(args, shell):
        findings.append(finding)
        if args.format == "text":
            shell.print(f"{finding.level:<4}  {finding.about:<12}  {finding.says}")
            if finding.do:
                shell.print(f"{'':20}{finding.do}")
    code = exit_codes.worst({exit_codes.PASS} | {finding.code for finding in findings})
    if args.format == "json":
        document = {"findings": [asdict(finding) for finding in findings], "code": code}
        shell.print_json(document, indent=2)
    return code


def _findings(args: argparse.Namespace, shell: Shell) -> Iterator[Diagnosis]:
    try:
        config = workspace.settings(args, shell)
    except ConfigError as error:
        yield failed("settings", error)
        yield Diagnosis(
            Level.WARN,
            "settings",
            "what depends on them was not looked at",
            "mend engine.toml, then run it again",
        )
        return
    yield Diagnosis(Level.OK, "settings", f"{config.file or 'no engine.toml; defaults'}")
    world = World(config, shell)
    for about, examine in EXAMINATIONS.items():
        yield from diagnose(about, examine, world)
