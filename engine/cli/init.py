"""``engine init``: set up a folder so that the next command decides."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from engine.cli import workspace
from engine.cli.shell import Shell
from engine.config import FILE_NAME
from engine.documents import read
from engine.errors import UsageError
from engine.files import write_whole
from engine.model import Json
from engine.policy.bundle import PolicyBundle, shipped_bundle, shipped_schema
from engine.times import write_time

DESCRIPTION = (
    "Set up this folder: engine.toml, a signing key and a ledger. With a metrics file, also a\n"
    "profile that blocks on the checks whose metrics are in it and turns the rest off."
)
EXAMPLE = "  engine init metrics.json"

NOT_MEASURED = "not measured yet"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("metrics", nargs="?", metavar="METRICS", help="metrics file to fit")
    parser.add_argument("--profile", metavar="NAME", default="own", help="profile to write (own)")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Write what is not there yet; nothing is overwritten."""
    target = shell.here / FILE_NAME
    if target.exists():
        raise UsageError(f"{target}: there is one already", "edit it, or remove it first")
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", args.profile):
        raise UsageError(f"profile {args.profile!r} is not a name", "such as own or my-service")
    bundle = shipped_bundle()
    settings = {"gate": "promotion", "profile": "default", "stage": "candidate"}
    if args.metrics:
        settings |= {"profile": args.profile, "policies": "policies"}
        _write_profile(args, bundle, shell)
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    write_whole(target, ("\n".join(lines) + "\n").encode())
    shell.say(f"engine: wrote {FILE_NAME}")
    config = workspace.settings(argparse.Namespace(), shell)
    workspace.ensure_workspace(config, shell, asked=True)
    with workspace.open_ledger_to_write(config, shell, asked=True) as (ledger, _signer):
        shell.say(f"engine: ledger {ledger.id} at {workspace.ledger_url(config)}")
    following = args.metrics or "- < metrics.json"
    if not args.metrics:
        following = "metrics.json     (or: engine example promote | engine decide -)"
    print(f"next: engine decide {following}", file=shell.stdout)
    return 0


def _write_profile(args: argparse.Namespace, bundle: PolicyBundle, shell: Shell) -> None:
    from engine.evidence import CLAIMS
    from engine.metrics_file import Refused, expand

    document = read(args.metrics, stdin=shell.stdin)
    schema = shipped_schema("metrics.schema.json")
    try:
        given = expand(document.value, bundle.catalogue(), shell.now(), schema)
    except Refused as refused:
        raise document.refused(refused.pointer, refused.reason, refused.hint) from None
    if claim := next((claim for claim in CLAIMS if claim in document.value), None):
        shell.say(f"engine: {args.metrics} says its own {claim}; the caller's counts")
    text = _profile(bundle, set(given), args.metrics, write_time(shell.now()))
    target = shell.here / "policies" / "limits" / args.profile / "data.yaml"
    if target.exists():
        raise UsageError(f"{target}: there is one already", "name another with --profile")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, text.encode())
    shell.say(f"engine: wrote {target.relative_to(shell.here)}")


def _profile(bundle: PolicyBundle, measured: set[str], source: str, at: str) -> str:
    rows = bundle.profile("default")["checks"]
    checks: dict[str, Json] = {}
    for name in bundle.gate("promotion").checks:
        is_off = rows.get(name, {}).get("severity") == "off"
        if bundle.check(name).metric not in measured:
            checks[name] = {"severity": "off", "reason": NOT_MEASURED}
        elif is_off:
            checks[name] = {"severity": "block"}
    lines = [
        f"# Fitted to {Path(source).name} on {at} by `engine init`: what is measured blocks.",
        "# A row says only what differs from the profile it extends.",
        "# Remove rows as you measure more.",
        "extends: default",
        "checks:" if checks else "checks: {}",
    ]
    lines += [f"  {name}: {json.dumps(row)}" for name, row in sorted(checks.items())]
    return "\n".join(lines) + "\n"
