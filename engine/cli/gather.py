"""``engine gather``: measure what a configuration names, write a metrics file."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import instant, output, policy_arguments
from engine.cli.console.shell import Shell

if TYPE_CHECKING:
    from engine.evidence.gather import GatheredEvidence, Plan
    from engine.model import Json
    from engine.signers import Signer

DESCRIPTION = (
    "Compute metrics from predictions, counts, consent records and other real outputs, and write\n"
    "them as a metrics file that `engine decide` takes as it is. Paths in CONFIG are relative to\n"
    "it. A metric that cannot be computed is written with the status that says why.\n"
    "With --write-config, CONFIG is a file of predictions: a configuration is written for it."
)
EXAMPLE = "  engine gather gather.toml -o metrics.json && engine decide metrics.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("config", metavar="CONFIG", help="TOML, one [[source]] table per source")
    parser.add_argument(
        "-o", "--out", type=output, metavar="FILE", default="-", help="file to write (-)"
    )
    parser.add_argument(
        "--report", type=output, metavar="FILE", help="also write a page with diagrams, HTML"
    )
    parser.add_argument("--sql", action="store_true", help="print the SQL that counts, and stop")
    parser.add_argument(
        "--write-config", type=output, metavar="FILE", nargs="?", const="gather.toml",
        help="write a configuration for the predictions in CONFIG, and stop (gather.toml)",
    )  # fmt: skip
    parser.add_argument(
        "--sign", action="store_true", help="sign what is written, as the one who measured"
    )
    parser.add_argument("--key-file", metavar="PEM", help="with --sign: private key, mode 0600")
    parser.add_argument("--now", metavar="T", type=instant, help="gather as of T, RFC 3339")
    policy_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Measure everything, then write it: whole or not at all."""
    from engine.decision.workspace import open_signer
    from engine.evidence.documents import read_bytes
    from engine.evidence.gather import gather, read_plan
    from engine.policy.bundle import shipped_schema
    from engine.settings.table import MAX_BYTES
    from engine.system.files import require_writable

    if args.write_config:
        return _write_config(args, shell)
    _require_no_rows(args.config)
    _require_signable(args)
    outputs = [Path(target) for target in (args.out, args.report) if target not in (None, "-")]
    for target in outputs:
        require_writable(target)
    data = read_bytes(args.config, stdin=shell.stdin, max_bytes=MAX_BYTES)
    folder = Path() if args.config == "-" else Path(args.config).parent
    plan = read_plan(args.config, data, folder, args.now or shell.now(), shell.environ)
    config = workspace.settings(args, shell)
    if outputs:
        workspace.require_apart(outputs, [args.config, *plan.reads(outputs)], config, shell)
    if args.sql:
        return _print_sql(plan, shell)
    signer = open_signer(config, shell) if args.sign else None
    bundle = workspace.open_policies(config, shell)
    schema = shipped_schema("metrics.schema.json")
    gathered = gather(args.config, plan, bundle.catalogue(), schema)
    if args.now is not None:
        gathered.name_instant()
    if signer is not None:
        _write_signed(args, gathered, signer, schema, shell)
    else:
        _write(args, gathered, shell)
    return exit_codes.PASS


def _require_signable(args: argparse.Namespace) -> None:
    from engine.errors import UsageError

    if args.key_file is not None and not args.sign:
        raise UsageError("--key-file without --sign", "add --sign to sign what is written")
    if args.sign and (args.sql or args.now is not None):
        raise UsageError(
            "--sign says when and what was measured, by the clock of this machine",
            "leave out --sql and --now",
        )


def _write_signed(
    args: argparse.Namespace, gathered: GatheredEvidence, signer: Signer, schema: Json, shell: Shell
) -> None:
    import json

    from engine.cli.metrics_output import write_signed
    from engine.decision.evidence_signing import ENGINE, signed
    from engine.evidence.documents import parse
    from engine.report.measured import page
    from engine.system.files import write_whole

    text = json.dumps(gathered.document, ensure_ascii=False, allow_nan=False)
    data = signed(parse(args.out, text.encode()), schema, signer, shell.now(), f"{ENGINE} gather")
    for line in (*gathered.accounts, *gathered.notes):
        shell.say(line)
    if args.report:
        write_whole(Path(args.report), page(gathered.document).encode())
    write_signed(args.out, data, shell)
    shell.say(f"{len(gathered.document['metrics']):,} metrics, signed by key {signer.key_id}")


def _require_no_rows(config: str) -> None:
    """Refuse a file of predictions where a configuration is asked for."""
    from engine.errors import UsageError
    from engine.evidence.sources.rows import SUFFIXES

    if Path(config).suffix.lower() in SUFFIXES:
        raise UsageError(
            f"{config} is a file of rows, and gather takes a configuration that names it",
            f"to write one from its columns: engine gather {shlex.quote(config)} --write-config",
        )


def _write_config(args: argparse.Namespace, shell: Shell) -> int:
    from engine.errors import UsageError
    from engine.evidence.draft import draft
    from engine.system.files import require_writable, write_whole

    target = Path(args.write_config)
    if (
        args.sql
        or args.sign
        or args.report
        or args.out != "-"
        or "-" in (args.config, args.write_config)
    ):
        raise UsageError(
            "--write-config writes a configuration from a file of predictions, and no more",
            "engine gather preds.parquet --write-config",
        )
    if target.exists():
        raise UsageError(f"{target}: is there already", "name another file for --write-config")
    require_writable(target)
    workspace.require_apart([target], [args.config], workspace.settings(args, shell), shell)
    written = draft(Path(args.config), target)
    write_whole(target, written.text.encode())
    shell.say(*written.guesses, f"written to {target}")
    shell.print(f"next: {shlex.join(['engine', 'gather', str(target), '-o', 'metrics.json'])}")
    return exit_codes.PASS


def _write(args: argparse.Namespace, gathered: GatheredEvidence, shell: Shell) -> None:
    import json

    from engine.system.files import write_whole

    for line in (*gathered.accounts, *gathered.notes):
        shell.say(line)
    if args.report:
        from engine.report.measured import page

        write_whole(Path(args.report), page(gathered.document).encode())
    count = len(gathered.document["metrics"])
    written = f"{count:,} {'metric' if count == 1 else 'metrics'} written to "
    if args.out == "-":
        shell.print_json(gathered.document, indent=2)
        shell.say(written + "standard output")
        return
    text = json.dumps(gathered.document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(Path(args.out), text.encode())
    shell.say(f"{written}{args.out}" + (f", a page to {args.report}" if args.report else ""))


def _print_sql(plan: Plan, shell: Shell) -> int:
    from engine.errors import UsageError
    from engine.evidence.sources import source_of

    counting = [
        (request, statement)
        for request in plan.requests
        if (statement := getattr(source_of(request.table), "statement", None)) is not None
    ]
    if not counting:
        raise UsageError("no source of this configuration counts by SQL", "predictions do")
    for request, statement in counting:
        text = statement(request)
        request.table.finish()
        shell.print_lines(text)
    return exit_codes.PASS
