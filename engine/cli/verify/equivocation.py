"""What ``engine verify`` says of files that convict a signer, or show that a ledger went on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from engine import exit_codes
from engine.cli.checkpoint_state import Taken, state_lines
from engine.cli.console.colour import write
from engine.cli.console.detail import print_facts
from engine.cli.console.shell import Shell
from engine.formats.printable import plain
from engine.model import Json
from engine.proof import checkpoint
from engine.proof.equivocation import Equivocation, VerifiedRecord
from engine.proof.history import CheckpointPair, Outcome
from engine.proof.keys import key_id

TWO_DECISIONS = "this signer signed two different decisions under one id"
TWO_HISTORIES = "this signer signed two histories of one ledger"


def print_equivocation(
    name: str, found: Equivocation, args: argparse.Namespace, shell: Shell
) -> None:
    """Print whom the file convicts, of what, and what the two records are."""
    if args.format == "json":
        shell.print_json(
            {
                "file": name,
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
    for record in found.records:
        lines += _rows(record)
    lines = lines[:1] if args.quiet else lines
    write("\n".join(lines) + "\n", shell.stdout)


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
    name: str, pair: CheckpointPair, taken: Taken, args: argparse.Namespace, shell: Shell
) -> int:
    """Print what two checkpoints of one ledger are to each other, and return the exit code."""
    older, newer = (checkpoint.parse(note)[0] for note in (pair.older, pair.newer))
    unmet = pair.failed_expectations
    is_fork = pair.outcome is Outcome.FORK
    if args.format == "json":
        shell.print_json(
            {
                "file": name,
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
        if is_fork or unmet or not args.failures_only:
            print_facts(title, unmet, facts, args, shell, verbatim)
    if is_fork:
        return exit_codes.NOT_GENUINE
    return exit_codes.FAIL if unmet else exit_codes.PASS
