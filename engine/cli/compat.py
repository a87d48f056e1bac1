"""``engine compat``: whether schemas are compatible, and an instance that shows where not."""

from __future__ import annotations

import argparse
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.console.shell import Shell
from engine.cli.metrics_output import metrics_arguments, require_subject, write_metrics
from engine.formats.printable import on_one_line
from engine.system.walk import files_below, remarks

if TYPE_CHECKING:
    from engine.compat import Comparison, CompatibilityFinding
    from engine.evidence.sources.schemas import Side
    from engine.model import Json

DESCRIPTION = (
    "Compare JSON Schemas, old against new: files, folders, or REVISION:PATH of a git repository.\n"
    "output: a reader by OLD can read what is written by NEW. input: NEW accepts what was\n"
    "written by OLD. Each break comes with an instance that shows it, wherever one was found.\n"
    "--metrics writes data.schema_compatible, and data.schema_changes: columns that differ.\n"
    'How data differs from its schema is data.schema_drift: engine gather, kind = "drift".\n'
    "Exit code 0 compatible, 1 not, 5 could not be decided: then nothing is promised."
)
EXAMPLE = "  engine compat HEAD~1:schemas schemas --direction output"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("old", metavar="OLD", help="file, folder, or REVISION:PATH")
    parser.add_argument("new", metavar="NEW", help="file, folder, or REVISION:PATH")
    parser.add_argument(
        "--direction", choices=("output", "input", "both"), default="output",
        help="output, input or both (output)",
    )  # fmt: skip
    parser.add_argument(
        "--draft", choices=("4", "6", "7", "2019-09", "2020-12"),
        help="draft of schemas without $schema (the newest that has all their keywords)",
    )  # fmt: skip
    parser.add_argument(
        "--annotation", action="append", default=[], metavar="KEYWORD",
        help="a further keyword that says nothing about instances, such as x-owner",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="text or json (text)"
    )
    metrics_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Compare; 0 compatible, 1 not, 5 undecided."""
    from engine.evidence.sources import schemas

    tops = [args.old, args.new]
    below = (files_below(top).files for top in tops if Path(top).is_dir())
    require_subject(args, "compat", [*tops, *chain.from_iterable(below)], shell)
    old, new = (
        schemas.read_side(name, Path(), shell.environ, args.draft) for name in (args.old, args.new)
    )
    for side in (old, new):
        for line in [*remarks(side.name, side.left_out), *schemas.assumptions(side)]:
            shell.say(line)
    comparison = schemas.compare_sides(old, new, args.direction, frozenset(args.annotation))
    if args.format == "json":
        shell.print_json(_document(args, comparison), indent=2)
    else:
        _print(args, comparison, old, new, shell)
    if args.metrics:
        measured = schemas.metrics(comparison, f"{args.old} → {args.new}", args.direction)
        write_metrics(args, shell, measured)
    return {"compatible": 0, "incompatible": 1, "undecided": 5}[comparison.verdict]


def _print(
    args: argparse.Namespace, comparison: Comparison, old: Side, new: Side, shell: Shell
) -> None:
    for finding in comparison.findings:
        shell.print_lines(_line(finding, old, new))
    documents = "schema" if comparison.documents == 1 else "schemas"
    changes = comparison.changes
    columns = f"{changes:,} columns differ" if changes is not None else "columns not counted"
    columns = "1 column differs" if changes == 1 else columns
    shell.print(
        f"{comparison.verdict} ({args.direction}): {comparison.documents:,} {documents}, {columns}"
    )


def _line(finding: CompatibilityFinding, old: Side, new: Side) -> str:

    from engine.compat.outcome import Break
    from engine.formats.json_writing import written

    found = finding.problem
    side = old if finding.side == "old" else new
    place = side.name if side.is_file else f"{side.name}/{found.document}"
    head = on_one_line(f"{finding.direction}: {place}: {found.pointer or '/'}")
    if not isinstance(found, Break):
        return f"{head}: undecided: {found.reason}"
    shown = written(found.witness) if found.has_witness else "no witness"
    if len(shown) > 200:
        shown = f"{shown[:200]}… (--format json)"
    return f"{head}: {found.rule}: {found.reason}\n  such as {shown}".replace(
        "such as no witness", "no witness"
    )


def _document(args: argparse.Namespace, comparison: Comparison) -> Json:
    return {
        "verdict": comparison.verdict,
        "direction": args.direction,
        "documents": comparison.documents,
        "changes": comparison.changes,
        "drift": comparison.changes,  # its name until 2.0
        "findings": [_as_json(finding) for finding in comparison.findings],
    }


def _as_json(finding: CompatibilityFinding) -> Json:
    from engine.compat.outcome import Break

    found = finding.problem
    about: dict[str, Json] = {
        "kind": "break" if isinstance(found, Break) else "question",
        "direction": finding.direction,
        "side": finding.side,
        "document": found.document,
        "pointer": found.pointer,
        "reason": found.reason,
    }
    if isinstance(found, Break):
        about |= {"rule": found.rule, "has_witness": found.has_witness}
        about |= {"witness": found.witness} if found.has_witness else {}
    return about
