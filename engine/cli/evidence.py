"""``engine evidence``: sign a metrics file, or say who signed one and what for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import output, policy_arguments
from engine.cli.console.shell import Shell

if TYPE_CHECKING:
    from engine.evidence.documents import Document

DESCRIPTION = (
    "Sign a metrics file as the one who measured, or say who signed one, when, and what the\n"
    "trust list of the policies lets that key speak for. `engine decide` takes a signed file\n"
    "where it takes any; a profile's row may ask for signers: signed_by, producers."
)
EXAMPLE = (
    "  engine evidence sign metrics.json -o metrics.signed.json\n"
    "  engine evidence show metrics.signed.json"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("action", choices=["sign", "show"], help="what to do")
    parser.add_argument("file", metavar="FILE", help="metrics file; signed, for show; or -")
    parser.add_argument(
        "-o", "--out", type=output, metavar="FILE", default="-", help="sign: file to write (-)"
    )
    parser.add_argument(
        "--tool", metavar="NAME", help="sign: what measured, as consumers will read it"
    )
    parser.add_argument("--key-file", metavar="PEM", help="sign: private key, mode 0600")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="show: (text)")
    policy_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Sign or show."""
    return _sign(args, shell) if args.action == "sign" else _show(args, shell)


def _sign(args: argparse.Namespace, shell: Shell) -> int:
    from engine.cli.metrics_output import write_signed
    from engine.decision.evidence_signing import ENGINE, signed
    from engine.decision.workspace import open_signer
    from engine.errors import UsageError
    from engine.formats.printable import is_seen
    from engine.policy.bundle import shipped_schema
    from engine.proof.signed_evidence import LONGEST_TOOL

    tool = ENGINE if args.tool is None else args.tool
    if not (0 < len(tool) <= LONGEST_TOOL and is_seen(tool)):
        raise UsageError(
            f"--tool {tool[:40]!r} is no name",
            f"1 to {LONGEST_TOOL} characters that can be seen, such as 'pytest 8.4'",
        )
    config = workspace.settings(args, shell)
    if args.out != "-":
        workspace.require_apart([Path(args.out)], [args.file], config, shell)
        workspace.require_output(Path(args.out), config, shell)
    document = _read(args.file, shell)
    signer = open_signer(config, shell)
    data = signed(document, shipped_schema("metrics.schema.json"), signer, shell.now(), tool)
    write_signed(args.out, data, shell)
    shell.say(f"signed by key {signer.key_id}")
    return exit_codes.PASS


def _read(name: str, shell: Shell) -> Document:
    from engine.evidence.documents import read

    return read(name, stdin=shell.stdin)


def _show(args: argparse.Namespace, shell: Shell) -> int:
    from engine.errors import UsageError
    from engine.formats.printable import plain
    from engine.formats.times import write_time
    from engine.proof.trust import roles_for

    if args.out != "-" or args.tool is not None or args.key_file is not None:
        raise UsageError("-o, --tool and --key-file are for sign", "engine evidence show FILE")
    document = _read(args.file, shell)
    evidence = document.signed
    if evidence is None:
        raise document.refused(
            "", "is not signed", "whoever measured signs it: engine evidence sign FILE"
        )
    config = workspace.settings(args, shell)
    trust, now = workspace.open_policies(config, shell).data["trust"], shell.now()
    roles = {
        name: roles_for(trust, evidence.key_id, name, evidence.signed_at, now)
        for name in sorted(evidence.document["metrics"])
    }
    if args.format == "json":
        shell.print_json(
            {
                **evidence.row(),
                "tool": evidence.tool,
                "subject": evidence.document["subject"],
                "observed_at": evidence.document["observed_at"],
                "metrics": {name: {"roles": found} for name, found in roles.items()},
            },
            indent=2,
        )
        return exit_codes.PASS
    subject = evidence.document["subject"]
    digest = subject.get("digest", {}).get("sha256")
    lines = (
        ("signer", f"key {evidence.key_id}"),
        ("at", write_time(evidence.signed_at)),
        ("tool", evidence.tool),
        ("about", " ".join(filter(None, (subject["name"], subject.get("version"))))),
        ("artifact", f"sha256:{digest}" if digest else "none was named"),
        ("observed", evidence.document["observed_at"]),
    )
    for label, text in lines:
        shell.print(f"{label:<8} {plain(str(text))}")
    shell.print(f"{'metrics':<8} in the roles that trust/data.yaml gives this key for each:")
    for name, found in roles.items():
        shell.print(f"  {name:<32} {', '.join(found) or 'none'}")
    return exit_codes.PASS
