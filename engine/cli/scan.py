"""``engine scan``: personal data and secrets in logs; reports type and place, never the value."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.arguments import count, limit_arguments, policy_arguments
from engine.cli.console.shell import Shell
from engine.cli.inputs import KEY_VARIABLE, digest_key
from engine.cli.metrics_output import metrics_arguments, require_subject, write_metrics
from engine.model import RECOGNISERS_OFF

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


class _Rules(argparse.Action):
    """A flag that is a question by itself: with it no PATH is due."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, default=False, help=help)

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *_: object
                 ) -> None:  # fmt: skip
        setattr(namespace, self.dest, True)
        for action in parser._actions:
            if action.dest == "paths":
                action.required = False


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
    parser.add_argument(
        "--also", metavar="FAMILY", nargs="+", action="extend", default=[],
        help="look for a family that is looked for only where asked: birth_date, ip_address",
    )  # fmt: skip
    parser.add_argument(
        "--rules", action=_Rules, help="list the table of recognisers, and read nothing"
    )
    parser.add_argument(
        "--profile", metavar="P", help="leave out the families that this profile switches off"
    )
    policy_arguments(parser)
    limit_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Scan everything; 0 nothing found, 1 found, 5 nothing found in what could be read."""
    from engine.evidence.sources import pii
    from engine.evidence.sources.streams import ReadLimits, expand
    from engine.privacy.selection import select

    if args.rules:
        return _show_rules(args, shell)
    off = _switched_off(args, shell)
    rules = select(args.also, off)
    for family, reason in sorted(off.items()):
        shell.say(f"not looked for: {family} ({args.profile}: {reason})")
    files = list(dict.fromkeys(expand(args.paths, Path(), shell.say)))
    require_subject(args, "scan", [*files, args.digest_key], shell)
    key = digest_key(args.digest_key, shell)
    limits = ReadLimits(args.max_bytes, args.max_ratio)
    totals = pii.Totals()
    places = pii.scan(files, totals, key=key, limits=limits, stdin=shell.stdin, rules=rules)
    listed = _show(args, shell, places)
    _conclude(args, shell, totals, listed)
    if args.metrics:
        source = ", ".join(args.paths)
        write_metrics(args, shell, pii.metrics(totals, source, also=args.also, off=off))
    if totals.types:
        return exit_codes.FAIL
    incomplete = totals.truncated or not totals.scanned_bytes
    return exit_codes.HOLD if incomplete else exit_codes.PASS


def _switched_off(args: argparse.Namespace, shell: Shell) -> dict[str, str]:
    """Return the families that the profile switches off, with its reasons."""
    if args.profile is None and args.policies is None:
        return {}
    from engine.cli import workspace

    config = workspace.settings(args, shell)
    args.profile = config.text("profile")
    found: dict[str, str] = (
        workspace.open_policies(config, shell).profile(args.profile).get(RECOGNISERS_OFF, {})
    )
    return found


def _show_rules(args: argparse.Namespace, shell: Shell) -> int:
    """Print the table of recognisers."""
    from engine.privacy import FAMILIES, RULES, TABLE

    if args.format == "json":
        rows = [rule.row() for rule in RULES]
        shell.print_json({"table": TABLE, "families": len(FAMILIES), "rows": rows}, indent=2)
        return exit_codes.PASS
    for rule in RULES:
        facts = (
            rule.kind, rule.since, f"behind its {rule.context}" if rule.context else "",
            rule.checksum, "only where asked" if rule.on_request else "", rule.source,
        )  # fmt: skip
        shell.print(f"{rule.name}: {'; '.join(filter(None, facts))}")
    shell.print(f"table of {TABLE}: {len(RULES):,} rows, {len(FAMILIES):,} families")
    return exit_codes.PASS


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
    from engine.privacy import TABLE

    return {
        "found": totals.types.total(),
        "types": dict(sorted(totals.types.items())),
        "personal": totals.kinds["personal"],
        "secret": totals.kinds["secret"],
        "table": TABLE,
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
