"""``engine decide``: ask a gate about evidence and record the verdict."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import (
    approval_arguments,
    detail_arguments,
    instant,
    ledger_arguments,
    output,
    policy_arguments,
    processes,
    question_arguments,
    run_arguments,
    whole_number,
)
from engine.cli.console.interrupts import Interrupts
from engine.cli.console.printer import Printer
from engine.cli.console.screen import Screen
from engine.cli.console.shell import Shell
from engine.cli.decide.batches import Batches
from engine.cli.decide.judge import Judge, emitted, require_emittable
from engine.cli.decide.requests import outcomes as outcomes_of
from engine.cli.decide.requests import record_with
from engine.cli.decide.workers import Workers, worth
from engine.cli.inputs import digest_of
from engine.decision.workspace import open_session
from engine.errors import UsageError
from engine.evidence.documents import EvidenceFiles, expand
from engine.evidence.input import Question, wanted_attestations
from engine.report import FORMATS
from engine.settings.config import MOST_MAX_BYTES, Config, help_of
from engine.system.files import path_of

if TYPE_CHECKING:
    from engine.decision.attestations import AttestationFinder
    from engine.decision.session import Session

DESCRIPTION = (
    "Ask a gate about evidence. Each metrics file is one decision: signed, appended to the\n"
    "ledger, durable, and only then printed. A folder is all its *.json, *.yaml and *.yml,\n"
    "in any case and through links, once each, without what begins with a dot; what is left\n"
    "out is counted and named, here and in the record."
)
EXAMPLE = "  engine decide metrics.json --artifact dist/model.tar.gz --export proof.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="metrics file, folder, or -")
    question_arguments(parser)
    policy_arguments(parser)
    approval_arguments(parser)
    ledger_arguments(parser)
    run_arguments(parser)
    parser.add_argument("--artifact", metavar="PATH", help="compute the subject's digest from it")
    parser.add_argument(
        "--attestation", action="append", default=[], metavar="FILE",
        help="proof of an attestation, from `engine attest --export` (repeatable)",
    )  # fmt: skip
    parser.add_argument("--combine", action="store_true", help="the files are about one subject")
    parser.add_argument("--opa", dest="opa_url", metavar="URL", help=help_of("opa_url"))
    parser.add_argument(
        "--max-bytes", type=_bytes, metavar="N", help=help_of("max_bytes", default=True)
    )
    parser.add_argument("--format", default=None, metavar="F", help=f"{', '.join(FORMATS)} (text)")
    parser.add_argument(
        "--output", action="append", default=[], metavar="F=PATH", help="also write format F"
    )
    parser.add_argument(
        "--export", type=output, metavar="FILE", help="write the proof (a folder for several)"
    )
    parser.add_argument("--explain", action="store_true", help="say why and what to do, for all")
    detail_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="record nothing; never exits 0")
    parser.add_argument("--now", metavar="T", type=instant, help="decide as of T; a dry run")
    parser.add_argument(
        "--jobs", type=processes, metavar="N", help="processes that judge (2 from 400 files on)"
    )
    parser.add_argument("--emit-input", metavar="DIR", help="write what OPA sees, one file each")
    parser.add_argument("--watch", action="store_true", help="again at every change; a dry run")


def _bytes(text: str) -> int:
    return whole_number(text, 1, MOST_MAX_BYTES, "a number of bytes from 1 to 2^30")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Decide, record, print; return the worst exit code of all decisions."""
    if args.watch:
        from engine.cli.decide.on_change import watch

        return watch(args, shell, partial(_decide, patient=False))
    return _decide(args, shell)


def _decide(args: argparse.Namespace, shell: Shell, *, patient: bool = True) -> int:
    """Decide once; ``patient`` finishes what is being recorded when it is asked to stop."""
    config = workspace.settings(args, shell)
    session = open_session(config, shell, dry_run=args.dry_run)
    question = session.question(
        *(config.text(name) for name in ("gate", "profile", "stage")), as_of=args.now
    )
    _no_contradiction(args)
    files = expand(args.paths, shell.say)
    groups = _groups(files, combine=args.combine)
    jobs = 1 if "-" in args.paths else args.jobs or worth(len(groups))
    several = len(groups) > 1 or (not args.combine and Path(args.paths[0]).is_dir())
    screen = Screen(shell, len(groups), several=several)
    printer = Printer(args, screen, shell, several=several)
    find = _finder(args, session, question, shell, several=several)
    _require_outputs(args, session, config, printer, files)
    export_to = session.proof_files(
        Path(args.export) if args.export else None, question, several=several
    )
    artifact = digest_of(args.artifact) if args.artifact else None
    judge = Judge(args, shell, session, question, files, artifact, printer, len(groups) < 8, find)
    if jobs > 1:
        judge.prepare()
        judge.figures = session.figures(question)  # before the forks, which never open the ledger
    record = record_with(session, question)
    with ExitStack() as stack:
        stack.enter_context(_rare_collections())
        stack.enter_context(session)
        if find is not None:
            stack.callback(find.close)
        if jobs > 1:
            quick = partial(judge.open, expendable=True)
            workers = Workers(jobs, quick, groups, judge.open, record)
            outcomes = stack.enter_context(workers).outcomes()
        else:
            judge.open()
            outcomes = outcomes_of(judge, groups, record)
        if not question.is_dry_run:
            session.open()
        if jobs == 1:
            judge.figures = session.figures(question)
        stack.enter_context(screen)
        stack.enter_context(printer)
        stop = stack.enter_context(Interrupts(patient=several and patient))
        batches = Batches(
            *(shell, session, question, printer, screen, export_to),
            total=len(groups),
        )
        code = batches.run(_until(stop, outcomes))
        if several:
            batches.summarise()
        if stop.pending:
            left = len(groups) - batches.summary.done
            screen.say(f"engine: stopped; {left:,} of {len(groups):,} inputs were not decided")
            code = exit_codes.UNDECIDED
        printer.ends_with(code)
        return code


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Collect garbage rarely: decisions hold no cycles, and looking for some in every batch took a
    tenth of the time.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000)
    try:
        yield
    finally:  # what stays frozen until the interpreter ends may crash it
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _finder(
    args: argparse.Namespace,
    session: Session,
    question: Question,
    shell: Shell,
    *,
    several: bool,
) -> AttestationFinder | None:
    """What finds attestations; None, and nothing is looked for, where the profile asks for none."""
    required = wanted_attestations(question.gate, question.profile, session.bundle)
    if not (required or args.attestation):
        return None
    from engine.evidence.documents import read_bytes
    from engine.proof.bundle import MAX_BYTES as LARGEST_PROOF

    read = partial(read_bytes, stdin=shell.stdin, max_bytes=LARGEST_PROOF)
    if required:
        from engine.decision.attestations import finder

        proofs = [(name, partial(read, name)) for name in args.attestation]
        return finder(session, question, proofs, None if several else shell.say)
    from engine.decision.attestations import verified

    for name in args.attestation:  # one that is missing or none is a mistake all the same
        verified(name, read(name))
    shell.say(
        f"engine: gate {question.gate} by profile {question.profile} asks for no attestation; "
        "--attestation is ignored"
    )
    return None


def _until(
    stop: Interrupts, outcomes: Iterator[tuple[list[str], object]]
) -> Iterator[tuple[list[str], object]]:
    """What is judged, until a request to stop is pending."""
    for outcome in outcomes:
        if stop.pending:
            return
        yield outcome


def _groups(files: EvidenceFiles, *, combine: bool) -> list[list[str]]:
    """The files of each decision."""
    return [list(files.names)] if combine else [[name] for name in files.names]


def _no_contradiction(args: argparse.Namespace) -> None:
    if args.artifact and len(args.paths) > 1 and not args.combine:
        raise UsageError("one artifact, several metrics files", "decide them one by one")


def _require_outputs(
    args: argparse.Namespace,
    session: Session,
    config: Config,
    printer: Printer,
    files: EvidenceFiles,
) -> None:
    """Nothing that is read, nothing of the ledger and no other output is written over."""
    outputs = [*printer.paths]
    outputs += [Path(args.export)] if args.export else []
    folder = path_of(args.emit_input, "--emit-input") if args.emit_input else None
    inputs_of_opa = [emitted(folder, name) for name in files.names] if folder else []
    outputs += inputs_of_opa
    if outputs:
        inputs = [*files.names, *args.attestation, *([args.artifact] if args.artifact else ())]
        session.require_outputs(outputs, [*inputs, *workspace.read_files(config)])
    if folder is not None:
        require_emittable(folder, inputs_of_opa)
