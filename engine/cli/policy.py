"""``engine policy``: compile Rego, or list what a gate asks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from engine.cli import workspace
from engine.cli.shell import Shell
from engine.margins import written

DESCRIPTION = "Build the policy bundle from Rego (needs OPA), or list gates, checks and limits."
EXAMPLE = "  engine policy list --gate promotion --profile strict"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("action", choices=["build", "list"], help="what to do")
    workspace.question_arguments(parser)
    workspace.policy_arguments(parser)
    parser.add_argument("--out", metavar="DIR", help="build: where the bundle is written")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="list only")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Build or list."""
    return _build(args, shell) if args.action == "build" else _list(args, shell)


def _build(args: argparse.Namespace, shell: Shell) -> int:
    from engine.errors import UsageError
    from engine.policy.build import build, find_opa

    config = workspace.settings(args, shell)
    sources = config.path("policies")
    if sources is None or not args.out:
        raise UsageError(
            "what to build, and where to", "engine policy build --policies DIR --out DIR"
        )
    bundle = build(sources, Path(args.out), find_opa(shell.environ, shell.here))
    print(f"policy {bundle.digest}  {args.out}", file=shell.stdout)
    return 0


def _list(args: argparse.Namespace, shell: Shell) -> int:
    config = workspace.settings(args, shell)
    bundle = workspace.open_policies(config, shell)
    gate, profile = bundle.gate(config.text("gate")), config.text("profile")
    rows = bundle.profile(profile)["checks"]
    if args.format == "json":
        told = {
            "digest": bundle.digest,
            "gates": {each.name: each.title for each in bundle.gates()},
            "gate": gate.name,
            "profile": profile,
            "checks": {name: rows.get(name) for name in gate.checks},
        }
        print(json.dumps(told, indent=2), file=shell.stdout)
        return 0
    print(f"policy {bundle.digest}", file=shell.stdout)
    for each in bundle.gates():
        print(
            f"  gate {each.name:<12} {len(each.checks):>3} checks  {each.title}", file=shell.stdout
        )
    print(f"profiles: {', '.join(sorted(bundle.data['limits']))}", file=shell.stdout)
    print(f"\ngate {gate.name}, profile {profile}", file=shell.stdout)
    for name in gate.checks:
        row, info = rows.get(name, {}), bundle.check(name)
        unit = bundle.catalogue().get(info.metric, {}).get("unit", "")
        limit = (
            "off: " + row.get("reason", "")
            if row.get("severity") == "off"
            else (f"{row.get('severity', 'block'):<5}  {written(row.get('limit'))} {unit}")
        )
        print(f"  {name:<32} {limit:<28} {info.title}", file=shell.stdout)
    return 0
