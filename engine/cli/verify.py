"""``engine verify``: check an exported proof with one public key, offline."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.arguments import digest, duration
from engine.cli.console.colour import write
from engine.cli.console.shell import Shell
from engine.cli.inputs import digest_of, read_key
from engine.model import Json, Verdict

if TYPE_CHECKING:
    from engine.proof.attestation import VerifiedAttestation
    from engine.proof.verify import Expectations, Verified

DESCRIPTION = (
    "Check exported proofs offline: who signed, what was decided about which artifact, in\n"
    "which ledger. Needs the file and a public key. Exit 0 when genuine and as expected,\n"
    "1 when genuine but not as expected, 4 when not genuine."
)
EXAMPLE = (
    "  engine verify proof.json --key release.pub.pem --require PROMOTE --artifact model.tar.gz"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="proof bundle, or -")
    parser.add_argument(
        "--key", action="append", required=True, metavar="PUB", help="public key, PEM (repeatable)"
    )
    parser.add_argument(
        "--require",
        choices=[str(verdict) for verdict in Verdict],
        metavar="VERDICT",
        help="such as PROMOTE",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--artifact", metavar="PATH", help="the artifact that was decided on")
    what.add_argument("--digest", type=digest, metavar="sha256:HEX", help="its digest")
    parser.add_argument("--gate", metavar="G", help="the gate that must have been asked")
    parser.add_argument("--profile", metavar="P", help="the profile it must have been asked with")
    parser.add_argument("--stage", metavar="S", help="the stage it must have been asked for")
    parser.add_argument("--policy-digest", type=digest, metavar="D", help="digest of the policies")
    parser.add_argument("--max-age", type=duration, metavar="DUR", help="such as 90s, 15m, 12h, 7d")
    parser.add_argument("--no-relaxations", action="store_true", help="nothing weakened the run")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Verify every file; the worst outcome is the exit code."""
    from engine.errors import DocumentError, VerificationError
    from engine.evidence.documents import read_bytes
    from engine.proof.bundle import MAX_BYTES
    from engine.proof.verify import Verified, verify_any

    keys = [read_key(path) for path in args.key]
    expected = _expectations(args, shell)
    codes = set()
    for name in args.files:
        try:
            data = read_bytes(name, stdin=shell.stdin, max_bytes=MAX_BYTES)
            verified = verify_any(data, keys, expected)
        except (VerificationError, DocumentError) as error:
            shell.say(f"engine: {name}: {error.message}".replace(f"{name}: {name}", name))
            if error.hint:
                shell.say(f"  {error.hint}")
            codes.add(error.exit_code)
            continue
        if isinstance(verified, Verified):
            _print_record(name, verified, args.format, shell)
        else:
            _print_attestation(name, verified, args.format, shell)
        codes.add(exit_codes.FAIL if verified.failed_expectations else exit_codes.PASS)
    return exit_codes.worst(codes)


def _expectations(args: argparse.Namespace, shell: Shell) -> Expectations:
    from engine.proof.verify import Expectations

    return Expectations(
        require=Verdict(args.require) if args.require else None,
        digest=digest_of(args.artifact) if args.artifact else args.digest,
        gate=args.gate,
        profile=args.profile,
        stage=args.stage,
        policy_digest=args.policy_digest,
        max_age_s=args.max_age,
        now=shell.now(),
        no_relaxations=args.no_relaxations,
    )


def _print_record(name: str, verified: Verified, form: str, shell: Shell) -> None:
    """Print what the record is, and which expectations it does not meet."""
    if form == "json":
        import json

        print(json.dumps(_document(name, verified), ensure_ascii=False), file=shell.stdout)
        return
    outcome = _outcome(verified)
    subject = verified.subject
    about = f"{subject.name} {subject.version or ''}".strip()
    artifact = f"sha256:{subject.sha256}" if subject.sha256 else "no artifact was named"
    lines = [
        f"GENUINE RECORD OF {verified.verdict}; {outcome}",
        *(f"  {failed}" for failed in verified.failed_expectations),
        f"  subject   {about}, {artifact}",
        f"  reason    {verified.reason}",
        f"  decided   {verified.decided_at}, valid until {verified.valid_until}",
        f"  asked     gate {verified.gate}, profile {verified.profile}, stage {verified.stage}",
        f"  policy    {verified.policy_digest}",
        f"  ledger    {verified.checkpoint.origin}, entry {verified.index} of "
        f"{verified.checkpoint.size}",
        f"  relaxed   {', '.join(verified.relaxations) or 'by nothing'}",
    ]
    write("\n".join(lines) + "\n", shell.stdout)


def _outcome(verified: Verified | VerifiedAttestation) -> str:
    """Whether the record is what was required."""
    if verified.failed_expectations:
        return "NOT AS REQUIRED"
    return "nothing was required of it" if verified.nothing_required else "as required"


def _print_attestation(name: str, verified: VerifiedAttestation, form: str, shell: Shell) -> None:
    """Print the same of an attestation, and the key that signed it."""
    from engine.proof.keys import key_id

    found, predicate = verified.attestation, verified.attestation.predicate
    key, subject, gate = key_id(found.public_key), verified.subject, predicate["gate"]
    if form == "json":
        import json

        print(json.dumps(_attestation_document(name, verified, key)), file=shell.stdout)
        return
    about = f"{subject.name} {subject.version or ''}".strip()
    lines = [
        f"GENUINE {gate.upper()} ATTESTATION OF {verified.verdict}; {_outcome(verified)}",
        *(f"  {failed}" for failed in verified.failed_expectations),
        f"  subject   {about}, sha256:{subject.sha256}",
        f"  reason    {predicate['reason']}",
        f"  issued    {predicate['issued_at']}, expires {predicate['expires_at']}",
        f"  asked     gate {gate}, profile {predicate['profile']['name']}, "
        f"stage {predicate['stage']}",
        f"  by key    {key}",
        f"  policy    {predicate['policy']['digest']['sha256']}",
        f"  ledger    {found.checkpoint.origin}, entry {found.proof.index} of {found.proof.size}",
        f"  relaxed   {', '.join(verified.relaxations) or 'by nothing'}",
    ]
    write("\n".join(lines) + "\n", shell.stdout)


def _attestation_document(name: str, verified: VerifiedAttestation, key: str) -> Json:
    from engine.evidence.input import subject_document

    found, predicate = verified.attestation, verified.attestation.predicate
    plain = ("attestation_id", "issued_at", "expires_at", "gate", "stage", "verdict")
    return {
        "file": name,
        "genuine": True,
        "type": found.statement["predicateType"],
        **{member: predicate[member] for member in plain},
        "failed_expectations": list(verified.failed_expectations),
        "nothing_required": verified.nothing_required,
        "profile": predicate["profile"]["name"],
        "subject": subject_document(verified.subject),
        "key_id": key,
        "policy_digest": predicate["policy"]["digest"]["sha256"],
        "relaxations": list(verified.relaxations),
        "ledger_id": predicate["ledger"]["id"],
        "index": found.proof.index,
        "size": found.proof.size,
    }


def _document(name: str, verified: Verified) -> Json:
    from engine.evidence.input import subject_document

    return {
        "file": name,
        "genuine": True,
        "verdict": verified.verdict,
        "failed_expectations": list(verified.failed_expectations),
        "nothing_required": verified.nothing_required,
        "decision_id": verified.decision_id,
        "decided_at": verified.decided_at,
        "valid_until": verified.valid_until,
        "gate": verified.gate,
        "profile": verified.profile,
        "stage": verified.stage,
        "subject": subject_document(verified.subject),
        "policy_digest": verified.policy_digest,
        "relaxations": list(verified.relaxations),
        "ledger_id": verified.ledger_id,
        "index": verified.index,
        "size": verified.checkpoint.size,
    }
