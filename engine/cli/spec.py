"""``engine spec``: check the specs with TLC, every run against what it must say; list the runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import policy_arguments, processes
from engine.cli.console.shell import Shell
from engine.cli.inputs import specs_folder
from engine.model import Json

if TYPE_CHECKING:
    from engine.cli.console.progress_bar import Bar
    from engine.specs.checking import Result, SpecFindings
    from engine.specs.manifest import RunRow

DESCRIPTION = (
    "Check the TLA+ specs: each run of TLC against its expected outcome, states and depth.\n"
    "Mutants must be killed by the very property that is named, every action must be taken,\n"
    "and the state graphs that ledgers are checked against must be the ones that are kept.\n"
    "With --profile or --policies: whether the specs hold with the limits of other policies.\n"
    "Exit 1 names what is not as expected; 3 when there is no Java, no TLC, or it crashed."
)
EXAMPLE = "  engine spec check Breaker"
TRACE_LINES = 60


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="run TLC and compare")
    check.add_argument("names", nargs="*", metavar="NAME", help="runs or specs (all)")
    check.add_argument("--tla", metavar="DIR", help="folder of the specs (the shipped ones)")
    check.add_argument(
        "--profile", metavar="P", help="whether the specs hold with this table of limits"
    )
    policy_arguments(check)
    check.add_argument("--jobs", type=processes, default=0, metavar="N", help="JVMs at a time (2)")
    check.add_argument("--write-graphs", action="store_true", help="keep the graphs anew")
    check.add_argument(
        "--write-counts", action="store_true", help="add states and depth to rows without"
    )
    check.add_argument("--format", choices=["text", "json"], default="text", help="(text)")
    listing = actions.add_parser("list", help="show the runs and what each must say")
    listing.add_argument("--tla", metavar="DIR", help="folder of the specs (the shipped ones)")
    listing.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Check or list."""
    from engine.specs import manifest

    folder = specs_folder(args.tla, shell)
    rows = manifest.read(folder)
    if args.action == "list":
        if args.format == "json":
            shell.print_json([{"spec": row.spec, **asdict(row)} for row in rows], indent=2)
        else:
            shell.print_lines(_listed(rows))
        return exit_codes.PASS
    return _check(args, shell, folder, rows)


def _check(args: argparse.Namespace, shell: Shell, folder: Path, rows: list[RunRow]) -> int:
    from engine.specs import checking, manifest
    from engine.specs.conform import tlc

    selected = manifest.selected(rows, args.names)
    if args.profile or args.policies:
        return _check_policy(args, shell, folder, selected)
    tools = tlc.find(shell.environ, shell.here)
    began = shell.elapsed_s()
    with _progress(shell, len(selected), plain=args.format == "json") as progress:
        findings = checking.check(
            folder,
            rows,
            selected,
            tools,
            shell.elapsed_s,
            jobs=args.jobs,
            write_graphs=args.write_graphs,
            on_start=progress.started,
            on_result=progress.ended,
        )
    if args.write_counts:
        _write_counts(folder, findings)
    if args.format == "json":
        shell.print_json(_findings_document(findings), indent=2)
    else:
        from engine.specs import matrix

        for line in (*matrix.lines(folder, findings), *_tail(findings, shell.elapsed_s() - began)):
            shell.print(line)
    return exit_codes.PASS if findings.as_expected else exit_codes.FAIL


def _check_policy(args: argparse.Namespace, shell: Shell, folder: Path, rows: list[RunRow]) -> int:
    """Print whether the specs hold with the limits of other policies; mutants are not run."""
    from engine.specs import checking, limits
    from engine.specs.conform import tlc

    config = workspace.settings(args, shell)
    profile = config.text("profile")
    tables = workspace.open_policies(config, shell).data["limits"]
    if profile not in tables:
        from engine.errors import ConfigError, suggest

        raise ConfigError(f"no profile {profile!r}", suggest(profile, tables))
    text = limits.text(folder, profile, tables[profile])
    tools = tlc.find(shell.environ, shell.here)
    holds = True
    for row, outcome in checking.hold(folder, rows, text, tools):
        holds = holds and outcome.word == "ok"
        word = "holds" if outcome.word == "ok" else "FAILS"
        shell.print(f"{word}  {row.name:<24} {outcome.word}  {outcome.states} states")
        for line in outcome.report.splitlines()[:TRACE_LINES]:
            shell.print(f"         {line}")
    return exit_codes.PASS if holds else exit_codes.FAIL


def _write_counts(folder: Path, findings: SpecFindings) -> None:
    """Add what was found to the manifest, of runs whose outcome is the expected one."""
    from engine.specs import manifest
    from engine.system.files import write_whole
    from engine.system.reading import read_whole

    counts = {
        result.row.name: (result.outcome.states, result.outcome.depth)
        for result in findings.results
        if not any(fault.startswith(("expected", "TLC")) for fault in result.faults)
    }
    path = folder / manifest.FILE
    text = read_whole(path, manifest.MAX_BYTES).decode()
    write_whole(path, manifest.with_counts(text, counts).encode())


class _Progress(Protocol):
    """Receives each run as it begins and ends."""

    def started(self, row: RunRow) -> None: ...

    def ended(self, result: Result) -> None: ...


class _Plain:
    """One line for each run, as it ends."""

    def __init__(self, shell: Shell, *, quiet: bool) -> None:
        self._shell = shell
        self._quiet = quiet

    def started(self, row: RunRow) -> None:
        """Print nothing."""

    def ended(self, result: Result) -> None:
        """Print how it went."""
        if not self._quiet:
            self._shell.print_lines("\n".join(_lines(result)), flush=True)


class _Shown:
    """Each run's lines above a bar that names the runs under way."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._running: list[str] = []

    def started(self, row: RunRow) -> None:
        """Show that ``row`` is under way."""
        self._running.append(row.name)
        self._bar.describe(" ".join(self._running))

    def ended(self, result: Result) -> None:
        """Show how it went."""
        from rich.text import Text

        self._running.remove(result.row.name)
        for line in _lines(result):
            style = "bold red" if line.startswith("FAIL") else "green"
            word = (line[:4], style) if line[:1] != " " else line[:4]
            self._bar.console.print(Text.assemble(word, line[4:]))
        self._bar.advance()
        self._bar.describe(" ".join(self._running))


@contextmanager
def _progress(shell: Shell, total: int, *, plain: bool) -> Iterator[_Progress]:
    from rich.console import Console

    from engine.cli.console.colour import is_plain

    console = Console(file=shell.stdout, highlight=False, markup=False, soft_wrap=True)
    if plain or not shell.stdout.isatty() or is_plain(console):
        yield _Plain(shell, quiet=plain)
        return
    from rich.progress import TimeElapsedColumn

    from engine.cli.console.progress_bar import Bar

    with Bar(console, total, TimeElapsedColumn()) as bar:
        yield _Shown(bar)


def _lines(result: Result) -> list[str]:
    row, outcome = result.row, result.outcome
    word = "FAIL" if result.faults else "ok"
    lines = [
        f"{word:<5} {row.name:<32} {row.expect:<36} {outcome.states:>7} states  "
        f"depth {outcome.depth:>3}  {result.seconds:5.1f} s"
    ]
    lines += [f"      {fault}" for fault in result.faults]
    if any(fault.startswith(("expected", "TLC")) for fault in result.faults):
        report = [line for line in outcome.report.splitlines() if line.strip()]
        lines += [f"        {line}" for line in report[:TRACE_LINES]]
        if len(report) > TRACE_LINES:
            lines.append(f"        … {len(report) - TRACE_LINES} lines more")
    return lines


def _tail(findings: SpecFindings, seconds: float) -> Iterator[str]:
    for unproved in findings.unproved:
        yield f"UNPROVED  {unproved}"
    for action in findings.never_taken:
        yield f"VACUOUS   {action}: no ok run ever takes this action"
    failed = [result.row.name for result in findings.results if result.faults]
    if failed:
        yield f"FAILED    {', '.join(failed)}"
    good = len(findings.results) - len(failed)
    yield f"{good} of {len(findings.results)} runs as expected, in {seconds:.0f} s"


def _findings_document(findings: SpecFindings) -> Json:
    runs = [
        {
            "name": result.row.name,
            "expected": result.row.expect,
            "outcome": result.outcome.word,
            "exit_code": result.outcome.exit_code,
            "states": result.outcome.states,
            "depth": result.outcome.depth,
            "faults": list(result.faults),
            "seconds": round(result.seconds, 2),
            "told": result.outcome.report if result.faults else "",
        }
        for result in findings.results
    ]
    return {
        "as_expected": findings.as_expected,
        "unproved": list(findings.unproved),
        "never_taken": list(findings.never_taken),
        "runs": runs,
    }


def _listed(rows: Sequence[RunRow]) -> str:
    lines = []
    for row in rows:
        what = row.mutant or (f"graph {row.graph}" if row.graph else "")
        lines.append(f"{row.spec:<12} {row.name:<32} {row.expect:<36} {what}".rstrip())
    return "\n".join(lines)
