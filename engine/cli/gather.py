"""``engine gather``: measure what a configuration names, or reports say, write a metrics file."""

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
    "Reports of other tools (JUnit XML, coverage, SARIF, …) need no CONFIG: name them, or the\n"
    "folder; the kind of every file is recognised by what stands in it.\n"
    "With --write-config a configuration is written that does the same again; also for predictions."
)
EXAMPLE = (
    "  engine gather gather.toml -o metrics.json && engine decide metrics.json\n"
    "  engine gather reports/ --artifact dist/shop.tar.gz && engine decide metrics.json"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "paths", metavar="CONFIG|PATH", nargs="+",
        help="TOML, one [[source]] table per source; or reports and folders of them",
    )  # fmt: skip
    parser.add_argument(
        "-o",
        "--out",
        type=output,
        metavar="FILE",
        help="file to write (-; for reports metrics.json)",
    )
    parser.add_argument("--subject", metavar="NAME", help="with reports: what is released")
    parser.add_argument("--artifact", metavar="FILE", help="with reports: its file, for the digest")
    parser.add_argument(
        "--report", type=output, metavar="FILE", help="also write a page with diagrams, HTML"
    )
    parser.add_argument("--sql", action="store_true", help="print the SQL that counts, and stop")
    parser.add_argument(
        "--write-config", type=output, metavar="FILE", nargs="?", const="gather.toml",
        help="write a configuration for PATH, and stop (gather.toml)",
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
    from engine.errors import UsageError
    from engine.evidence.detect import is_configuration
    from engine.evidence.gather import gather
    from engine.policy.bundle import shipped_schema
    from engine.system.files import require_writable

    is_config = len(args.paths) == 1 and is_configuration(args.paths[0])
    if args.write_config:
        return (_write_config if is_config else _write_detected)(args, shell)
    args.out = args.out or ("-" if is_config else "metrics.json")
    _require_no_rows(args.paths)
    _require_signable(args)
    if is_config and (args.subject is not None or args.artifact is not None):
        raise UsageError("--subject and --artifact are of reports", "a configuration has subject")
    outputs = [Path(target) for target in (args.out, args.report) if target not in (None, "-")]
    for target in outputs:
        require_writable(target)
    plan = (_plan_of if is_config else _detected_plan)(args, shell)
    config = workspace.settings(args, shell)
    if outputs:
        workspace.require_apart(outputs, [*args.paths, *plan.reads(outputs)], config, shell)
    if args.sql:
        return _print_sql(plan, shell)
    signer = open_signer(config, shell) if args.sign else None
    bundle = workspace.open_policies(config, shell)
    schema = shipped_schema("metrics.schema.json")
    gathered = gather(args.paths[0], plan, bundle.catalogue(), schema)
    if args.now is not None:
        gathered.name_instant()
    if signer is not None:
        _write_signed(args, gathered, signer, schema, shell)
    else:
        _write(args, gathered, shell)
    return exit_codes.PASS


def _plan_of(args: argparse.Namespace, shell: Shell) -> Plan:
    from engine.evidence.documents import read_bytes
    from engine.evidence.gather import read_plan
    from engine.settings.table import MAX_BYTES

    (name,) = args.paths
    data = read_bytes(name, stdin=shell.stdin, max_bytes=MAX_BYTES)
    folder = Path() if name == "-" else Path(name).parent
    return read_plan(name, data, folder, args.now or shell.now(), shell.environ)


def _detected_plan(args: argparse.Namespace, shell: Shell) -> Plan:
    """The plan that the configuration of ``--write-config`` has, for reports that are given."""
    from engine.evidence.detect import DETECTED, detect
    from engine.evidence.gather import read_plan

    detection = detect(args.paths)
    for line in detection.lines:
        shell.say(line)
    text = detection.configuration(_subject(args))
    return read_plan(DETECTED, text.encode(), Path(), args.now or shell.now(), shell.environ)


def _subject(args: argparse.Namespace) -> dict[str, str]:
    from engine.evidence.detect import subject_of_reports

    return subject_of_reports(args.subject, args.artifact)


def _write_detected(args: argparse.Namespace, shell: Shell) -> int:
    from engine.evidence.detect import detect
    from engine.system.files import require_writable, write_whole

    target = Path(args.write_config)
    _require_only_config(args)
    require_writable(target)
    detection = detect(args.paths)
    names = [file.name for file in detection.files]
    workspace.require_apart([target], names, workspace.settings(args, shell), shell)
    text = detection.configuration(_subject(args), target.parent)
    write_whole(target, text.encode())
    shell.say(*detection.lines, f"written to {target}")
    shell.print(f"next: {shlex.join(['engine', 'gather', str(target), '-o', 'metrics.json'])}")
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


def _require_no_rows(paths: list[str]) -> None:
    """Refuse a file of predictions where a configuration or a report is asked for."""
    from engine.errors import UsageError
    from engine.evidence.sources.rows import SUFFIXES

    for config in paths:
        if Path(config).suffix.lower() not in SUFFIXES or Path(config).is_dir():
            continue
        raise UsageError(
            f"{config} is a file of rows, and gather takes a configuration that names it",
            f"to write one from its columns: engine gather {shlex.quote(config)} --write-config",
        )


def _write_config(args: argparse.Namespace, shell: Shell) -> int:
    from engine.evidence.draft import draft
    from engine.system.files import require_writable, write_whole

    target = Path(args.write_config)
    _require_only_config(args)
    require_writable(target)
    workspace.require_apart([target], args.paths, workspace.settings(args, shell), shell)
    written = draft(Path(args.paths[0]), target)
    write_whole(target, written.text.encode())
    shell.say(*written.guesses, f"written to {target}")
    shell.print(f"next: {shlex.join(['engine', 'gather', str(target), '-o', 'metrics.json'])}")
    return exit_codes.PASS


def _require_only_config(args: argparse.Namespace) -> None:
    from engine.errors import UsageError

    is_more = args.sql or args.sign or args.report or args.out not in (None, "-")
    if is_more or "-" in (*args.paths, args.write_config):
        raise UsageError(
            "--write-config writes a configuration from predictions or reports, and no more",
            "engine gather reports/ --write-config",
        )
    target = Path(args.write_config)
    if target.exists():
        raise UsageError(f"{target}: is there already", "name another file for --write-config")


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
