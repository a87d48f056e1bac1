"""``engine ledger``: verify it, read it, and bring runs' decisions into it."""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import (
    count_or_none,
    detail_arguments,
    is_digits,
    ledger_arguments,
    output,
    processes,
)
from engine.cli.console.detail import shows_note
from engine.cli.console.refusals import error_text
from engine.cli.console.shell import STAYS, Shell
from engine.cli.ledger import runs
from engine.cli.ledger.answer import as_document, as_text
from engine.cli.ledger.runs import OF_ENTRY_0
from engine.decision.workspace import ledger_url
from engine.errors import (
    DocumentError,
    EquivocationError,
    OutputError,
    UsageError,
    VerificationError,
)
from engine.formats.columns import columns_of, wrapped
from engine.formats.printable import plain
from engine.model import Json
from engine.system.reading import read_whole

if TYPE_CHECKING:
    from engine.ledger import Ledger
    from engine.ledger.audit.report import LedgerReport
    from engine.ledger.audit.workers import AuditWorkers
    from engine.settings.config import Config

DESCRIPTION = "Verify the ledger, list and show its entries, print its checkpoint, import proofs."
EXAMPLE = "  engine ledger verify --since last-week.checkpoint"

_MOST_BY_DEFAULT = 4
_LONGEST_NOTE = 65_536
_WORTH_IT = {False: 64_000_000, True: 4_000_000}
"""Bytes of a ledger from which a second process saves more than it costs; with signatures too."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare one sub-command per action."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="every hash, signature, checkpoint and document")
    verify.add_argument("--since", metavar="CHECKPOINT", help="file with a checkpoint kept before")
    verify.add_argument(
        "--state", type=output, metavar="FILE", help="remembers how far each ledger came"
    )
    verify.add_argument(
        "--signatures",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="each entry's signature and what it signs (yes)",
    )
    verify.add_argument(
        "--jobs", type=processes, metavar="N",
        help=f"processes (one; up to {_MOST_BY_DEFAULT} where there is much to read)",
    )  # fmt: skip
    verify.add_argument("--key", action="append", metavar="PUB", help="public key (the own one)")
    verify.add_argument("--format", choices=["text", "json"], default="text", help="(text)")
    detail_arguments(verify, "--verbose", "--all", "--failures-only")
    log = actions.add_parser("log", help="one line per entry, newest first")
    log.add_argument("--limit", type=count_or_none, default=20, metavar="N", help="0 is all (20)")
    log.add_argument("--format", choices=["text", "jsonl"], default="text", help="(text)")
    show = actions.add_parser("show", help="one entry: its signed statement")
    show.add_argument("entry", metavar="DECISION|INDEX", help="decision id, or place from 0")
    actions.add_parser("init", help="make a ledger, and a key where there is none, on purpose")
    actions.add_parser("checkpoint", help="print the newest signed checkpoint")
    bring = actions.add_parser("import", help="append decisions of other ledgers, by their proofs")
    bring.add_argument("files", nargs="+", metavar="FILE", help="proof bundle, or -")
    bring.add_argument(
        "--key", action="append", metavar="PUB", help="key of the runs (the own one)"
    )
    compare = actions.add_parser("compare", help="whether two states of one ledger are one history")
    for name in ("a", "b"):
        compare.add_argument(
            name, metavar=name.upper(), help="ledger, proof, checkpoint, signed head or state file"
        )
    compare.add_argument(
        "-o", "--output", type=output, metavar="FILE", help="write what shows the answer"
    )
    compare.add_argument("--key", action="append", metavar="PUB", help="public key (of entry 0)")
    compare.add_argument("--format", choices=["text", "json"], default="text", help="(text)")
    runs_of = actions.add_parser("runs", help="the CI's runs, and those that left no decision")
    runs.arguments(runs_of)
    tables = actions.add_parser("tables", help="decisions and checks as a SQLite file for SQL")
    tables.add_argument("out", type=output, metavar="FILE", help="a new file")
    tables.add_argument("--key", action="append", metavar="PUB", help="public key (the own one)")
    for action in actions.choices.values():
        ledger_arguments(action)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Run the action that was typed."""
    config = workspace.settings(args, shell)
    actions = {
        "verify": _verify,
        "log": _log,
        "show": _show,
        "checkpoint": _checkpoint,
        "init": _init,
        "import": _import,
        "runs": runs.run,
        "tables": _tables,
        "compare": _compare,
    }
    return actions[args.action](args, config, shell)


def _verify(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    since = _note(args.since, shell) if args.since else None
    jobs = args.jobs or _worth(config, signatures=args.signatures)
    # workers first: what they inherit must not include the ledger
    with (
        _no_collector(),
        _workers(jobs - 1) as workers,
        workspace.open_ledger_to_read(config, shell, args.key) as ledger,
    ):
        keys = ledger.public_keys
        report = ledger.verify(
            since=since, signatures=args.signatures, public_keys=keys, companions=workers
        )
        budgets = _verified_budgets(ledger, report, keys) if since is None else 0
        continued = _continued(args.state, ledger, keys) if args.state is not None else ()
        note = ledger.last_checkpoint() if shows_note(args, shell) else ""
    whose = workspace.public_key_names(args, config, shell)
    if args.format == "json":
        shell.print_json(as_document(report, whose, budgets, continued), indent=2)
        return exit_codes.PASS
    lines = [*as_text(report, whose, budgets, continued)]
    for line in lines[:1] if args.quiet else lines:
        put = shell.print_lines if line.strip() in continued else shell.print  # notes stay whole
        put(line)
    if note and not args.quiet:
        shell.print_lines(f"  checkpoint:\n{indent(note.rstrip(), '    ')}")
    return exit_codes.PASS


def _continued(state: str, ledger: Ledger, keys: Sequence[bytes]) -> tuple[str, ...]:
    """Hold the ledger against what a file remembers of it, remember it, and say so."""
    from engine.cli.checkpoint_state import CheckpointState
    from engine.ledger.history import history_of
    from engine.proof.created import read_created

    keys = keys or [read_created(ledger.entry(0)).public_key]
    taken = CheckpointState(Path(state)).take(history_of(ledger, keys), keys)
    if taken.refusal:
        raise VerificationError(taken.refusal, "\n".join(taken.lines))
    return taken.lines


def _verified_budgets(ledger: Ledger, report: LedgerReport, keys: Sequence[bytes]) -> int:
    """Compare what budgets have left with the entries, where there are any; INV-BUDGET-13."""
    from engine.calls.budget.verify import keeps_budgets, verify

    if not report.signatures or not (report.reservations or keeps_budgets(ledger.state())):
        return 0
    return verify(ledger, keys).documents


def _worth(config: Config, *, signatures: bool) -> int:
    """How many processes to use by default: several when there is much to read."""
    from engine.ledger import sqlite_files

    files = sqlite_files(ledger_url(config))
    if files is None:
        return 1
    try:
        size = files.database.stat().st_size
        processors = len(os.sched_getaffinity(0))
    except (OSError, AttributeError):  # the latter where there is no fork for us either
        return 1
    return min(processors, _MOST_BY_DEFAULT) if size >= _WORTH_IT[signatures] else 1


@contextmanager
def _no_collector() -> Iterator[None]:
    """Keep the collector of cycles away, which walks each statement: they are trees."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _workers(count: int) -> Iterator[AuditWorkers | None]:
    """So many other processes; none where they cannot be had."""
    if count < 1:
        yield None
        return
    from engine.ledger.audit.workers import AuditWorkers, can_fork

    if not can_fork():
        yield None
        return
    with AuditWorkers(count) as workers:
        yield workers


def _note(source: str, shell: Shell) -> str:
    """A checkpoint as a file holds it, or as a CI log shows it."""
    from engine.cli.ledger.compare import note_in

    if source == "-":
        text = shell.stdin.read(_LONGEST_NOTE).decode(errors="replace")
    else:
        try:
            text = read_whole(source, _LONGEST_NOTE).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"--since {source}: {error}", "give a file with a checkpoint"
            ) from None
    return note_in(text)


def _log(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    with workspace.open_ledger_to_read(config, shell) as ledger:
        for index, statement in _newest(ledger, args.limit):
            row, signed = _row(index, statement), ledger.is_signed(index)
            if not signed:
                row |= {"signed": False}
            if args.format == "jsonl":
                shell.print_json(row)
            else:
                at, kind, verdict, name = (
                    plain(str(row[name] or "")) for name in ("at", "kind", "verdict", "id")
                )
                about = plain(row["subject"]) + " (not signed)" * (not signed)
                start = f"{index:>6}  {at or '-':<20}  {kind:<18} {verdict:<9}"
                line = f"{start} {name:<36}  {about}"
                if not shell.stdout.isatty() or columns_of(line) <= shell.width:
                    shell.print(line)
                    continue
                rest = wrapped(f"{name} {about}", shell.width, " " * 8)
                shell.print_lines("\n".join([start.rstrip(), *rest]))
    return exit_codes.PASS


def _newest(ledger: Ledger, limit: int) -> Iterator[tuple[int, Json]]:
    stop = ledger.size()
    start = max(0, stop - limit) if limit > 0 else 0
    while stop > start:
        first = max(start, stop - 256)
        for index, entry in reversed(list(ledger.entries(first, stop))):
            try:
                yield index, _statement(entry)
            except VerificationError:
                yield index, _UNREADABLE
        stop = first


def _statement(entry: bytes) -> Json:
    from engine.proof.envelope import open_envelope
    from engine.proof.statement import parse_statement

    return parse_statement(open_envelope(entry).payload)


_OURS = "urn:governance-engine:"
_UNREADABLE: Json = {
    "predicateType": "unreadable",
    "predicate": {},
    "subject": [{"name": "no entry of this engine: engine ledger verify"}],
}


def _row(index: int, statement: Json) -> dict[str, Json]:
    predicate = statement["predicate"]
    times = (predicate[k] for k in predicate if k.endswith("_at") and k != "expires_at")
    at = predicate.get("at") or next(times, None)
    return {
        "index": index,
        "at": at,
        "kind": statement["predicateType"].removeprefix(_OURS).split(":")[0],
        "verdict": predicate.get("verdict"),
        "id": next((predicate[k] for k in _IDS if k in predicate), None),
        "subject": statement["subject"][0]["name"],
    }


_IDS = ("decision_id", "attestation_id", "attempt_id", "lease")
"""What an entry is known by, whichever it has."""


def _show(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    with workspace.open_ledger_to_read(config, shell) as ledger:
        index = int(args.entry) if is_digits(args.entry) and len(args.entry) < 8 else None
        if index is None:
            from engine.decision.unindexed import find_any

            index = find_any(ledger, args.entry)
        entry = ledger.entry(index)
        if not ledger.is_signed(index):
            shell.say(f"engine: entry {index} is not signed: no evidence, engine ledger verify")
    shell.print_json(_statement(entry), indent=2)
    return exit_codes.PASS


def _checkpoint(_args: argparse.Namespace, config: Config, shell: Shell) -> int:
    with workspace.open_ledger_to_read(config, shell) as ledger:
        shell.print_lines(ledger.last_checkpoint(), end="")
    return exit_codes.PASS


def _tables(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    from engine.cli.ledger.tables import write_tables

    target = Path(args.out)
    workspace.require_output(target, config, shell)
    if target.exists():
        raise UsageError(f"{target}: there is a file already", "name a new one")
    with workspace.open_ledger_to_read(config, shell, args.key) as ledger:
        count = write_tables(ledger, target)
        keys_given = bool(ledger.public_keys)
    with shell.answering(f"{target} is written", STAYS):
        shell.print(f"{count} decisions in {plain(str(target))}: tables decision and check")
        if not keys_given:
            shell.print(OF_ENTRY_0)
    return exit_codes.PASS


def _compare(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    from engine.cli.ledger.compare import compare

    return compare(args, config, shell)


def _init(_args: argparse.Namespace, config: Config, shell: Shell) -> int:
    from engine.decision.workspace import record_to

    target = record_to(config, shell)
    if target.is_ephemeral or target.exists():
        raise UsageError(
            f"{target.url}: there is a ledger already"
            if not target.is_ephemeral
            else "a run: ledger is made by its run",
            "name the one to be made: --ledger FILE",
        )
    with workspace.open_ledger_to_write(config, shell, may_create=True) as (ledger, _signer):
        shell.print(plain(f"{ledger.id}  {target.url}"))
    return exit_codes.PASS


def _import(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    from engine.decision.export import decision_of, import_proof
    from engine.decision.runs import attempt_key, attempts
    from engine.evidence.documents import read_bytes
    from engine.formats.times import write_time
    from engine.proof.bundle import MAX_BYTES

    now = shell.now()
    keys = workspace.public_keys(config, shell, args.key)
    codes, left = {exit_codes.PASS}, list(args.files)
    with (
        _naming_the_rest(left, shell),
        workspace.open_ledger_to_write(config, shell, now=now) as (ledger, signer),
    ):
        counted = attempts(ledger)
        for name in args.files:
            try:
                data = read_bytes(name, stdin=shell.stdin, max_bytes=MAX_BYTES)
                brought = import_proof(data, ledger, signer, keys, write_time(now))
            except (VerificationError, DocumentError) as error:
                if isinstance(error, EquivocationError):
                    error = _kept(error, ledger)
                shell.say(*error_text(error, name).split("\n"), f"  {plain(name)}: not imported")
                codes.add(error.exit_code)
                left.remove(name)
                continue
            left.remove(name)
            outcome = "imported" if brought.is_new else "was here already"
            if run := brought.run:
                outcome += f"; of run {run.id}/{run.attempt}, which was not known"
            shell.print(plain(f"{brought.decision_id}  {outcome}") + f"  {plain(name)}")
            if brought.is_new:
                carried = decision_of(ledger.entry(ledger.find(brought.decision_id)))
                counted[key := attempt_key(carried.statement)] += 1
                about = carried.statement["subject"][0]["name"]
                shell.print(f"  attempt {counted[key]} by {plain(key[1])} on {plain(about)}")
    return exit_codes.worst(codes)


@contextmanager
def _naming_the_rest(left: Sequence[str], shell: Shell) -> Iterator[None]:
    """Say which files were not taken where the ledger itself stops an import of several."""
    count = len(left)
    try:
        yield
    except BaseException:
        if len(left) < count:
            shell.say(f"engine: not imported: {', '.join(map(plain, left))}")
        raise


def _kept(error: EquivocationError, ledger: Ledger) -> VerificationError:
    """Keep what convicts a signer beside the ledger; the error then says where."""
    import hashlib

    from engine.ledger import located
    from engine.system.files import write_whole

    digest = hashlib.sha256(error.evidence).hexdigest()[:16]
    file = Path(located(ledger.url)).with_name(f"equivocation-{error.name}-{digest}.json")
    try:
        write_whole(file, error.evidence)
        place = f"both are in {plain(str(file))}"
    except (OutputError, UsageError) as refused:
        place = f"they could not be kept: {refused.message}"
    return VerificationError(f"{error.message}; {place}", error.hint)
