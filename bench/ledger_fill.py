"""Ledgers of any length, filled with entries like those that ``engine decide`` writes.

The entries are real: the engine makes a few hundred decisions, and their statements are
recorded again and again under new ids and on new subjects, each placed and signed anew,
through the ledger that the engine itself writes to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.ledger import Blob, EntryDraft, Ledger, LedgerPosition, Signer, open_ledger, subject_key
from engine.proof.envelope import open_envelope, seal
from engine.proof.statement import parse_statement
from engine.signers.file import open_file

BATCH = 256
"""Entries per commit and checkpoint, as in ``engine decide DIR``."""
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Template:
    """A real decision with holes: a statement, and the documents beside it.

    Attributes:
        gate: Gate that was asked.
        parts: The statement around its attempt, decision id, ledger id, previous, subject.
        subject: What it is on, as an Input writes it.
        blobs: Input, salt and policy.
    """

    gate: str
    parts: tuple[bytes, ...]
    subject: Mapping[str, Any]
    blobs: tuple[Blob, ...]

    def draft(self, number: int, signer: Signer, *, repeated: bool = False) -> EntryDraft:
        """Return decision ``number``, on a subject that no other one is on.

        Where it is ``repeated`` it is on the subject that its Input names, and follows from it.
        """
        name = decision_id(number)
        subject = self.subject if repeated else {**self.subject, "name": f"release-{number}"}

        def build(place: LedgerPosition) -> bytes:
            values = (
                str(place.attempt),
                name,
                place.ledger_id,
                _quoted(place.previous),
                subject["name"],
                "",
            )
            holes = zip(self.parts, values, strict=True)
            payload = b"".join(part + text.encode() for part, text in holes)
            return seal(payload, signer.sign, signer.key_id)

        return EntryDraft(name, subject_key(subject), self.gate, build, self.blobs)


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def decision_id(number: int) -> str:
    """Return a UUIDv7 as the engine makes them: later ones sort later, the rest is random."""
    text = f"{1_770_000_000_000 + number:012x}7"
    text += hashlib.sha256(b"id %d" % number).hexdigest()[:3] + "8"
    text += hashlib.sha256(b"tail %d" % number).hexdigest()[:15]
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def templates(folder: Path) -> list[Template]:
    """Return the decisions of the ledger in ``folder/.engine`` as templates."""
    ledger = open_in(folder, signer=None)
    try:
        stop = ledger.size()
        return [_template(ledger, index) for index in range(1, stop)]
    finally:
        ledger.close()


def _template(ledger: Ledger, index: int) -> Template:
    payload = open_envelope(ledger.entry(index)).payload
    whole = parse_statement(payload)
    predicate, (about, *_) = whole["predicate"], whole["subject"]
    parts, rest = [], payload
    for before, text, behind in (
        ('"attempt":', str(predicate["attempt"]), ","),
        ('"decision_id":"', predicate["decision_id"], '"'),
        ('"ledger":{"id":"', predicate["ledger"]["id"], '"'),
        ('"previous":', _quoted(predicate["previous"]), ""),
        ('},"name":"', about["name"], '"}]}'),
    ):
        start = rest.index(f"{before}{text}{behind}".encode()) + len(before)
        parts.append(rest[:start])
        rest = rest[start + len(text) :]
    notes = about.get("annotations", {})
    subject = {"name": about["name"], **{k: v for k, v in notes.items() if k == "version"}}
    if notes.get("digest_of") != "input":
        subject["digest"] = about["digest"]
    policies: list[Blob] = []
    if "policy" in predicate:
        digest = predicate["policy"]["digest"]["sha256"]
        policies.append(Blob("policy", ledger.blob("policy", digest), digest))
    return Template(
        predicate["gate"], (*parts, rest), subject, (*ledger.attachments(index), *policies)
    )


def open_in(folder: Path, *, signer: Signer | None) -> Ledger:
    """Return the ledger that ``engine`` finds in ``folder``; made when there is none."""
    home = folder / ".engine"
    return open_ledger(
        str(home / "ledger.db"),
        signer=signer,
        heads=home / "heads",
        create=signer is not None,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def key_in(folder: Path) -> Signer:
    """Return the key that ``engine`` signs with in ``folder``."""
    return open_file(folder / ".engine" / "keys" / "engine.pem")


def drafts(
    among: Sequence[Template], numbers: range, signer: Signer, batch: int = BATCH
) -> Iterator[list[EntryDraft]]:
    """Yield the decisions with these numbers, a commit's worth at a time."""
    for at in range(numbers.start, numbers.stop, batch):
        some = range(at, min(at + batch, numbers.stop))
        yield [among[number % len(among)].draft(number, signer) for number in some]


def fill(
    ledger: Ledger,
    among: Sequence[Template],
    numbers: range,
    signer: Signer,
    say: Callable[[str], None] = lambda _words: None,
) -> None:
    """Record the decisions with these numbers."""
    for done, some in enumerate(drafts(among, numbers, signer), 1):
        ledger.append(some)
        if done % 400 == 0:
            say(f"filling a ledger: {done * BATCH:,} of {len(numbers):,}")
