"""``engine attest``: sign what a gate answers about an artifact, for decisions to rest on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import (
    approval_arguments,
    detail_arguments,
    duration,
    ledger_arguments,
    output,
    policy_arguments,
    run_arguments,
)
from engine.cli.console.colour import write
from engine.cli.console.report_options import report_options
from engine.cli.console.shell import Shell
from engine.cli.inputs import digest_of
from engine.decision.attest import NO_DIGEST
from engine.model import ATTESTATION_TYPES

if TYPE_CHECKING:
    from engine.decision.attest import RecordedAttestation
    from engine.decision.judge import Judgement
    from engine.decision.session import Session
    from engine.evidence.documents import EvidenceFiles
    from engine.evidence.input import Question
    from engine.policy.bundle import PolicyBundle

DESCRIPTION = (
    "Ask a gate about an artifact's evidence and sign its answer, whatever it is: with the\n"
    "metrics, for as long as you say. It is appended to the ledger, durable, and only then\n"
    "printed; a decision rests on it by --attestation, or finds it in the same ledger."
)
EXAMPLE = (
    "  engine attest ethics metrics.json --artifact dist/model.tar.gz --ttl 24h "
    "--export attestation.json"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("what", choices=sorted(ATTESTATION_TYPES), help="the gate that is asked")
    parser.add_argument(
        "paths", nargs="+", metavar="METRICS", help="metrics files of one subject, or -"
    )
    parser.add_argument("--artifact", metavar="PATH", help="compute the subject's digest from it")
    parser.add_argument(
        "--ttl", dest="ttl_s", type=duration, metavar="DUR",
        help="how long it lasts (24h, or the profile's most if that is less)",
    )  # fmt: skip
    parser.add_argument("--profile", metavar="P", help="table of limits (default)")
    parser.add_argument("--stage", metavar="S", help="candidate or production (candidate)")
    policy_arguments(parser)
    approval_arguments(parser)
    ledger_arguments(parser)
    run_arguments(parser)
    parser.add_argument(
        "--export", type=output, metavar="FILE", help="write the proof, to be handed on"
    )
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")
    detail_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Ask the gate, sign, record, print; the exit code is that of the gate's verdict."""
    from engine.decision.attest import ttl_of
    from engine.decision.workspace import open_session
    from engine.evidence.documents import expand

    config = workspace.settings(args, shell)
    with open_session(config, shell) as session:
        question = session.question(args.what, config.text("profile"), config.text("stage"))
        ttl_s = ttl_of(args.ttl_s, question.gate, question.profile, session.bundle)
        files = expand(args.paths, shell.say)
        if args.export:
            inputs = [*files.names, *([args.artifact] if args.artifact else ())]
            session.require_outputs([Path(args.export)], [*inputs, *workspace.read_files(config)])
        export_to = session.proof_files(Path(args.export) if args.export else None, question)
        with session.attempt(args.paths, question, shell.say):
            judgement = _judgement(args, files, session, question, shell)
        recorded = session.attest(judgement, ttl_s, export_to=export_to)
        with shell.answering(f"recorded as {recorded.predicate['attestation_id']}"):
            _print(args, recorded, session.bundle, shell)
    return exit_codes.OF_VERDICT[judgement.verdict]


def _judgement(
    args: argparse.Namespace,
    files: EvidenceFiles,
    session: Session,
    question: Question,
    shell: Shell,
) -> Judgement:
    """The gate's answer on evidence that is read as ``engine decide`` reads it."""
    limit = session.max_bytes
    documents = [files.read(name, stdin=shell.stdin, max_bytes=limit) for name in files.names]
    artifact = digest_of(args.artifact) if args.artifact else None
    evidence = session.input_of(
        documents, question, session.figures(question), artifact_sha256=artifact
    )
    if evidence.subject.sha256 is None:
        raise documents[0].refused("/subject", *NO_DIGEST)
    return session.judge(evidence, question)


def _print(
    args: argparse.Namespace, recorded: RecordedAttestation, bundle: PolicyBundle, shell: Shell
) -> None:
    from engine.cli.attestation_report import as_document, as_text

    if args.format == "json":
        document = as_document(recorded.at, bundle)
        shell.print_json(document, indent=2)
    else:
        write(as_text(recorded.at, bundle, report_options(args, shell)), shell.stdout)
