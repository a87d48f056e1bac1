"""What ``engine verify`` says of files that convict a signer, or show that a ledger went on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from engine import exit_codes
from engine.cli.checkpoint_state import Taken, state_lines
from engine.cli.console.colour import write
from engine.cli.console.detail import print_facts
from engine.cli.console.refusals import error_text
from engine.cli.console.shell import Shell
from engine.errors import VerificationError
from engine.formats.printable import plain
from engine.model import Json
from engine.proof import checkpoint
from engine.proof.contradictions import Contradiction
from engine.proof.equivocation import Equivocation, VerifiedRecord
from engine.proof.history import CheckpointPair, Outcome
from engine.proof.keys import key_id

TWO_DECISIONS = "this signer signed two different decisions under one id"
TWO_HISTORIES = "this signer signed two histories of one ledger"


def print_equivocation(
    name: str,
    found: Equivocation,
    args: argparse.Namespace,
    shell: Shell,
    other: str | None = None,
) -> None:
    """Print whom a file convicts, or two together, of what, and what the two records are."""
    if args.format == "json":
        shell.print_json(
            {
                **_files(name, other),
                "genuine": True,
                "equivocation": TWO_DECISIONS,
                "decision_id": found.decision_id,
                "key_id": key_id(found.public_key),
                "records": [_document(record) for record in found.records],
            }
        )
        return
    lines = [
        f"EQUIVOCATION: {TWO_DECISIONS}",
        f"  id        {found.decision_id}",
        f"  by key    {key_id(found.public_key)}",
    ]
    if other is not None:
        lines.append(f"  files     {plain(other)} and {plain(name)}")
    for record in found.records:
        lines += _rows(record)
    lines = lines[:1] if args.quiet else lines
    write("\n".join(lines) + "\n", shell.stdout)


def print_contradiction(found: Contradiction, args: argparse.Namespace, shell: Shell) -> int:
    """Print what two files show that cannot both stand, and return the exit code."""
    first, second = found.files
    if isinstance(found.shown, Equivocation):
        print_equivocation(second, found.shown, args, shell, first)
    elif isinstance(found.shown, CheckpointPair):
        print_pair(second, found.shown, Taken(), args, shell, first)
    else:
        message = f"NOT GENUINE: {first} and {second}: {found.shown.message}"
        text = error_text(VerificationError(message, found.shown.hint))
        shell.say(*text.split("\n"))
    return exit_codes.NOT_GENUINE


def _files(name: str, other: str | None) -> dict[str, Json]:
    return {"file": name} if other is None else {"file": name, "other": other}


def _document(record: VerifiedRecord) -> Json:
    predicate = record.statement["predicate"]
    return {
        "verdict": predicate.get("verdict"),
        "gate": predicate.get("gate"),
        "decided_at": predicate.get("decided_at"),
        "subject": record.statement["subject"][0]["name"],
        "origin": record.checkpoint.origin,
        "index": record.index,
        "size": record.checkpoint.size,
        "included": record.is_included,
    }


def _rows(record: VerifiedRecord) -> Iterator[str]:
    shown = _document(record)
    signed = f"{shown['verdict']} of gate {shown['gate']}, {shown['decided_at']}"
    yield f"  signed    {plain(signed)}"
    yield f"            on {plain(shown['subject'])}"
    yield f"            in {plain(shown['origin'])}"
    proven = "" if record.is_included else ", by its importer's word"
    yield f"            entry {record.index} of {record.checkpoint.size}{proven}"


def print_pair(
    name: str,
    pair: CheckpointPair,
    taken: Taken,
    args: argparse.Namespace,
    shell: Shell,
    other: str | None = None,
) -> int:
    """Print what two checkpoints of one ledger are to each other, and return the exit code."""
    older, newer = (checkpoint.parse(note)[0] for note in (pair.older, pair.newer))
    unmet = pair.failed_expectations
    is_fork = pair.outcome is Outcome.FORK
    if args.format == "json":
        shell.print_json(
            {
                **_files(name, other),
                "genuine": True,
                "outcome": pair.outcome,
                "equivocation": TWO_HISTORIES if is_fork else None,
                "failed_expectations": list(unmet),
                "ledger": newer.origin,
                "sizes": [older.size, newer.size],
            }
        )
    else:
        outcome = "; NOT AS REQUIRED" if unmet else ""
        titles = {
            Outcome.SAME: f"GENUINE CHECKPOINT of {newer.size} entries, twice",
            Outcome.CONTINUES: f"GENUINE HISTORY: {newer.size} entries continue {older.size}",
            Outcome.FORK: f"EQUIVOCATION: {TWO_HISTORIES}",
        }
        notes = f"{pair.older}{pair.newer}".split("\n") if is_fork else []
        verbatim = [*map(plain, notes), *state_lines(taken)]
        title, facts = titles[pair.outcome] + outcome, [("ledger", newer.origin)]
        if other is not None:
            facts.append(("files", f"{other} and {name}"))
        if is_fork or unmet or not args.failures_only:
            print_facts(title, unmet, facts, args, shell, verbatim)
    if is_fork:
        return exit_codes.NOT_GENUINE
    return exit_codes.FAIL if unmet else exit_codes.PASS
