"""What ``engine verify`` says of a file that convicts a signer."""

from __future__ import annotations

from collections.abc import Iterator

from engine.cli.console.colour import write
from engine.cli.console.shell import Shell
from engine.formats.printable import plain
from engine.model import Json
from engine.proof.equivocation import Equivocation, VerifiedRecord
from engine.proof.keys import key_id

TWO_DECISIONS = "this signer signed two different decisions under one id"


def print_equivocation(name: str, found: Equivocation, form: str, shell: Shell) -> None:
    """Print whom the file convicts, of what, and what the two records are."""
    if form == "json":
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
