"""``engine attest``: sign what a gate answers about an artifact, for decisions to rest on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import workspace
from engine.cli.console.colour import write
from engine.cli.console.shell import Shell
from engine.cli.verify import duration
from engine.errors import UsageError
from engine.model import ATTESTATION_TYPES

if TYPE_CHECKING:
    from engine.decision.attest import RecordedAttestation
    from engine.decision.judge import Judgement
    from engine.evidence.input import Question
    from engine.policy.bundle import PolicyBundle
    from engine.settings.config import Config

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
    workspace.policy_arguments(parser)
    workspace.ledger_arguments(parser)
    parser.add_argument("--export", metavar="FILE", help="write the proof, to be handed on")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Ask, sign, record, tell; the exit code is that of the gate's verdict."""
    from engine.cli.decide.batches import CODES
    from engine.cli.decide.verb import relaxations_of
    from engine.decision.attest import attest, ttl_of
    from engine.evidence.input import Question

    config = workspace.settings(args, shell)
    bundle = workspace.open_policies(config, shell)
    question = Question(
        gate=bundle.gate(args.what).name,
        profile=config.text("profile"),
        stage=config.text("stage"),
        now=shell.now(),
        relaxations=relaxations_of(config, bundle),
    )
    ttl_s = ttl_of(args.ttl_s, question.gate, question.profile, bundle)
    _require_export(args, config)
    judgement = _judged(args, config, bundle, question, shell)
    with workspace.open_ledger_to_write(config, shell) as (ledger, signer):
        recorded = attest(judgement, ttl_s, ledger, signer, bundle)
        if args.export:
            from engine.decision.export import export
            from engine.system.files import write_whole

            write_whole(Path(args.export), export(ledger, judgement.decision_id).encode())
    _tell(args.format, recorded, bundle, shell)
    shell.stdout.flush()
    return CODES[judgement.verdict]


def _require_export(args: argparse.Namespace, config: Config) -> None:
    from engine.system.files import require_writable

    if args.export:
        require_writable(Path(args.export))
    elif config.text("ledger") == workspace.RUN_LEDGER:
        raise UsageError(
            "a run: ledger lives in its proof, and no proof was asked for", "add --export FILE"
        )


def _judged(
    args: argparse.Namespace,
    config: Config,
    bundle: PolicyBundle,
    question: Question,
    shell: Shell,
) -> Judgement:
    """The gate's answer on evidence that is read as ``engine decide`` reads it."""
    from engine.cli.decide.verb import digest_of
    from engine.decision.judge import judge, uuid7
    from engine.evidence.documents import expand, read
    from engine.evidence.input import gather
    from engine.policy.bundle import shipped_schema

    most = config.number("max_bytes")
    documents = [read(name, stdin=shell.stdin, max_bytes=most) for name in expand(args.paths)]
    asked = gather(
        documents,
        question,
        bundle,
        shipped_schema("metrics.schema.json"),
        artifact_sha256=digest_of(args.artifact) if args.artifact else None,
    )
    if asked.subject.sha256 is None:
        raise documents[0].refused(
            "/subject",
            "an attestation is about an artifact, and the subject has no digest",
            "give the artifact with --artifact PATH, or add "
            '"digest": {"sha256": "<64 hex digits>"} to the subject',
        )
    evaluator = workspace.open_evaluator(bundle, config, shell, few=True)
    try:
        return judge(
            asked,
            question,
            bundle,
            evaluator,
            decision_id=uuid7(shell.milliseconds(), shell.random),
            salt=shell.random(32),
        )
    finally:
        evaluator.close()


def _tell(form: str, recorded: RecordedAttestation, bundle: PolicyBundle, shell: Shell) -> None:
    from engine.cli.attestation_report import as_document, as_text

    if form == "json":
        document = as_document(recorded.at, bundle)
        print(json.dumps(document, indent=2, ensure_ascii=False), file=shell.stdout)
    else:
        write(as_text(recorded.at, bundle, shell.width), shell.stdout)
