"""What ``engine verify`` answers of a decision and of an attestation, as text and as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence

from engine.cli.checkpoint_state import Taken, counted, state_lines
from engine.cli.console.detail import print_facts
from engine.cli.console.shell import Shell
from engine.errors import VerificationError
from engine.formats.evidence_files import evidence_files_line, signed_evidence_line
from engine.formats.policy_changes import policy_approvals_line, policy_changes_line
from engine.formats.printable import plain
from engine.model import CiRun, Json, Subject
from engine.proof.attestation import VerifiedAttestation
from engine.proof.created import run_in
from engine.proof.expectations import LEDGER
from engine.proof.input_document import subject_document
from engine.proof.keys import key_id
from engine.proof.verify import Verified


def print_record(
    name: str, verified: Verified, taken: Taken, args: argparse.Namespace, shell: Shell
) -> None:
    """Print what the record is, and which expectations it does not meet."""
    if args.format == "json":
        shell.print_json(_document(name, verified))
        return
    place = f"entry {verified.index} of {verified.checkpoint.size}"
    facts = [
        ("subject", _subject(verified.subject)),
        ("reason", verified.reason),
        ("decided", f"{verified.decided_at}, valid until {verified.valid_until}"),
        ("asked", f"gate {verified.gate}, profile {verified.profile}, stage {verified.stage}"),
        ("policy", verified.policy_digest + _compared(verified)),
        ("ledger", f"{verified.checkpoint.origin}, {place}"),
        *(
            ("CI run", f"{run.id}/{run.attempt} ({run.ci}), by the signer's word")
            for run in _run(verified)
        ),
        *_weakening(verified),
        *_looked_at(verified.predicate),
        ("attempt", f"{verified.attempt}, by the signer's word"),
        *(
            ("to do", f"{obligation['id']} ({obligation['check']}), by the signer's word")
            for obligation in verified.obligations
        ),
    ]
    _write(name, f"GENUINE RECORD OF {verified.verdict}", verified, facts, taken, args, shell)


def _write(
    name: str,
    title: str,
    verified: Verified | VerifiedAttestation,
    facts: Sequence[tuple[str, str]],
    taken: Taken,
    args: argparse.Namespace,
    shell: Shell,
) -> None:
    """Print a title with the outcome, what is not as expected, and a line for each fact.

    Of several files the title names which one it is of.
    """
    if verified.failed_expectations:
        outcome = "NOT AS REQUIRED"
    else:
        outcome = "nothing was required of it" if verified.nothing_required else "as required"
    if len(args.files) > 1:
        outcome += f" ({plain(name)})"
    if verified.not_required:
        facts = [*facts, ("open", f"{', '.join(verified.not_required)}: nobody required one")]
    if LEDGER in verified.not_required:
        size = verified.checkpoints[0].checkpoint.size
        facts = [*facts, ("", f"its ledger has {counted(size)}; another may hold other verdicts")]
    if args.failures_only and not verified.failed_expectations:
        return
    print_facts(
        f"{title}; {outcome}", verified.failed_expectations, facts, args, shell, state_lines(taken)
    )


def _run(verified: Verified) -> list[CiRun]:
    """The run of a CI that a ledger in the proof begins with; none where it names none."""
    parts = verified.checkpoints[0].parts
    try:
        found = run_in(parts) if parts is not None else None
    except VerificationError:  # what the record says does not rest on it; an import refuses it
        found = None
    return [] if found is None else [found[0]]


def _subject(subject: Subject) -> str:
    artifact = f"sha256:{subject.sha256}" if subject.sha256 else "no artifact was named"
    return f"{subject.name} {subject.version or ''}".strip() + f", {artifact}"


def _compared(verified: Verified | VerifiedAttestation) -> str:
    return "" if verified.policy_was_compared else " (not attached: nothing was compared with it)"


def _weakening(verified: Verified | VerifiedAttestation) -> Iterator[tuple[str, str]]:
    """The options that weakened the run, and each failure that a waiver covers."""
    yield "relaxed", ", ".join(verified.relaxations) or "by nothing"
    for waiver in _used_waivers(verified):
        approvers = ", ".join(map(str, waiver.get("approvers") or ())) or "nobody who is named"
        yield (
            "waived",
            f"{waiver['check']} by {waiver['id']} until {waiver.get('expires_at')}, "
            f"approved by {approvers}: {waiver.get('reason') or 'no reason'}",
        )


def _looked_at(predicate: Mapping[str, Json]) -> list[tuple[str, str]]:
    """What the policies change, who approved that, and where the evidence came from."""
    lines = (
        ("policy_changes", "changed", policy_changes_line),
        ("policy_approvals", "approved", policy_approvals_line),
        ("signed_evidence", "signed by", signed_evidence_line),
        ("evidence_files", "looked at", evidence_files_line),
    )
    return [
        (title, line(predicate[member])) for member, title, line in lines if member in predicate
    ]


def _used_waivers(verified: Verified | VerifiedAttestation) -> list[Json]:
    """Return the waivers that cover a failure of the record."""
    return [waiver for waiver in verified.waivers if waiver["status"] == "applied"]


def print_attestation(
    name: str, verified: VerifiedAttestation, taken: Taken, args: argparse.Namespace, shell: Shell
) -> None:
    """Print the same of an attestation, and the key that signed it."""
    found, predicate = verified.attestation, verified.attestation.predicate
    key, gate = key_id(found.public_key), predicate["gate"]
    if args.format == "json":
        shell.print_json(_attestation_document(name, verified, key))
        return
    question = f"gate {gate}, profile {predicate['profile']['name']}, stage {predicate['stage']}"
    place = f"entry {found.proof.index} of {found.proof.size}"
    facts = [
        ("subject", _subject(verified.subject)),
        ("reason", predicate["reason"]),
        ("issued", f"{predicate['issued_at']}, expires {predicate['expires_at']}"),
        ("asked", question),
        ("by key", key),
        ("policy", predicate["policy"]["digest"]["sha256"] + _compared(verified)),
        ("ledger", f"{found.checkpoint.origin}, {place}"),
        *_weakening(verified),
        *_looked_at(predicate),
    ]
    _write(
        name,
        f"GENUINE {plain(gate).upper()} ATTESTATION OF {verified.verdict}",
        verified,
        facts,
        taken,
        args,
        shell,
    )


def _attestation_document(name: str, verified: VerifiedAttestation, key: str) -> Json:
    found, predicate = verified.attestation, verified.attestation.predicate
    texts = ("attestation_id", "issued_at", "expires_at", "gate", "stage", "verdict")
    return {
        "file": name,
        "genuine": True,
        "type": found.statement["predicateType"],
        **{member: predicate[member] for member in texts},
        "failed_expectations": list(verified.failed_expectations),
        "nothing_required": verified.nothing_required,
        "not_required": list(verified.not_required),
        "policy_compared": verified.policy_was_compared,
        "waivers": _used_waivers(verified),
        "profile": predicate["profile"]["name"],
        "subject": subject_document(verified.subject),
        "key_id": key,
        "policy_digest": predicate["policy"]["digest"]["sha256"],
        "relaxations": list(verified.relaxations),
        "ledger_id": predicate["ledger"]["id"],
        "index": found.proof.index,
        "size": found.proof.size,
        "evidence_files": predicate.get("evidence_files"),
        "policy_changes": predicate.get("policy_changes"),
        "policy_approvals": predicate.get("policy_approvals"),
        "signed_evidence": predicate.get("signed_evidence"),
    }


def _document(name: str, verified: Verified) -> Json:
    return {
        "file": name,
        "genuine": True,
        "verdict": verified.verdict,
        "failed_expectations": list(verified.failed_expectations),
        "nothing_required": verified.nothing_required,
        "not_required": list(verified.not_required),
        "policy_compared": verified.policy_was_compared,
        "waivers": _used_waivers(verified),
        "decision_id": verified.decision_id,
        "reason": verified.reason,
        "obligations": list(verified.obligations),
        "attempt": verified.attempt,
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
        "evidence_files": verified.predicate.get("evidence_files"),
        "policy_changes": verified.predicate.get("policy_changes"),
        "policy_approvals": verified.predicate.get("policy_approvals"),
        "signed_evidence": verified.predicate.get("signed_evidence"),
        "run": next((run._asdict() for run in _run(verified)), None),
    }
