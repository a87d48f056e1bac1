"""``engine scan``: personal data and secrets in logs; reports type and place, never the value."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.arguments import count, limit_arguments
from engine.cli.console.shell import Shell
from engine.cli.inputs import KEY_VARIABLE, digest_key
from engine.cli.metrics_output import metrics_arguments, require_subject, write_metrics

if TYPE_CHECKING:
    from engine.evidence.sources.pii import LocatedFinding, Totals
    from engine.model import Json

DESCRIPTION = (
    "Look for personal data and secrets in logs: plain, JSON lines, gz, bz2, xz; files, folders,\n"
    "globs, or - for standard input. Says type, file, line, byte offset and a keyed digest, which\n"
    "is the same wherever the same value stands; the value itself is never shown. Exit code 0\n"
    "nothing found, 1 something found, 5 not everything could be read."
)
EXAMPLE = "  engine scan logs --metrics privacy.json --subject shop@2.4.1"

LISTED = 1_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("paths", metavar="PATH", nargs="+", help="file, folder, glob, or -")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="text or json (text)"
    )
    metrics_arguments(parser)
    parser.add_argument(
        "--list", type=count, default=LISTED, metavar="N",
        help=f"findings to list; all are counted ({LISTED})",
    )  # fmt: skip
    parser.add_argument(
        "--digest-key", metavar="FILE",
        help=f"key of the digests, to compare runs ({KEY_VARIABLE}; else one per run)",
    )  # fmt: skip
    limit_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Scan everything; 0 nothing found, 1 found, 5 nothing found in what could be read."""
    from engine.evidence.sources import pii
    from engine.evidence.sources.streams import ReadLimits, expand

    files = list(dict.fromkeys(expand(args.paths, Path(), shell.say)))
    require_subject(args, "scan", [*files, args.digest_key], shell)
    key = digest_key(args.digest_key, shell)
    limits = ReadLimits(args.max_bytes, args.max_ratio)
    totals = pii.Totals()
    places = pii.scan(files, totals, key=key, limits=limits, stdin=shell.stdin)
    listed = _show(args, shell, places)
    _conclude(args, shell, totals, listed)
    if args.metrics:
        write_metrics(args, shell, pii.metrics(totals, ", ".join(args.paths)))
    if totals.types:
        return exit_codes.FAIL
    incomplete = totals.truncated or not totals.scanned_bytes
    return exit_codes.HOLD if incomplete else exit_codes.PASS


def _show(args: argparse.Namespace, shell: Shell, places: Iterator[LocatedFinding]) -> list[Json]:
    """Print each finding as text, or keep it for json; then let the rest only be counted."""
    kept: list[Json] = []
    for place in islice(places, args.list):
        found = place.finding
        if args.format == "json":
            kept.append(_as_json(place))
        else:
            shell.print(
                f"{place.file}:{found.line}: {found.type} ({found.kind}), "
                f"offset {found.offset}, digest {found.digest}"
            )
    for _ in places:
        pass
    return kept


def _as_json(place: LocatedFinding) -> Json:
    found = place.finding
    return {
        "type": found.type,
        "kind": found.kind,
        "file": place.file,
        "line": found.line,
        "offset": found.offset,
        "digest": found.digest,
    }


def _conclude(args: argparse.Namespace, shell: Shell, totals: Totals, listed: list[Json]) -> None:
    if args.format == "json":
        shell.print_json(_document(totals, listed), indent=2)
        return
    found = totals.types.total()
    if found > args.list:
        shell.print(f"… and {found - args.list:,} more (--list N)")
    for note in totals.notes():
        shell.print(note)
    types = ", ".join(f"{count:,} {name}" for name, count in sorted(totals.types.items()))
    shell.print(
        f"{found:,} found{f' ({types})' if types else ''} in {totals.scanned_bytes:,} bytes of "
        f"{len(totals.streams):,} {'file' if len(totals.streams) == 1 else 'files'}"
    )


def _document(totals: Totals, listed: list[Json]) -> Json:
    return {
        "found": totals.types.total(),
        "types": dict(sorted(totals.types.items())),
        "personal": totals.kinds["personal"],
        "secret": totals.kinds["secret"],
        "scanned_bytes": totals.scanned_bytes,
        "truncated": totals.truncated,
        "files": [
            {
                "file": stream.name,
                "bytes": stream.size,
                "packing": stream.packing or None,
                "encoding": stream.encoding or None,
                "truncated": stream.truncated or None,
            }
            for stream in totals.streams
        ],
        "findings": listed,
    }
