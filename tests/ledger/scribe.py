"""What every ledger test begins with: a key, a decision to record, a ledger in a folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.ledger import Blob, EntryDraft, Ledger, LedgerPosition, Signer, open_ledger, subject_key
from engine.model import DECISION_TYPE
from engine.proof.envelope import open_envelope, seal
from engine.proof.statement import parse_statement, statement
from engine.signers.ed25519 import Ed25519Signer

CREATED_AT = "2026-11-20T12:00:00Z"
NOBODY = 65534


def key(word: str) -> Ed25519Signer:
    """The signer whose seed is the SHA-256 of a word."""
    seed = hashlib.sha256(word.encode()).digest()
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(seed))


KEY = key("release")


def decision_id(number: int) -> str:
    """A UUIDv7-shaped id; greater for a greater number."""
    return f"019a{number:08x}"[:8] + f"-{number & 0xFFFF:04x}-7000-8000-{number:012x}"


def decision(
    number: int,
    subject: str | None = "scoring-model",
    gate: str | None = "promotion",
    *,
    signer: Signer = KEY,
    blobs: tuple[Blob, ...] = (),
    padding: int = 0,
) -> EntryDraft:
    """A draft of a decision whose statement says its place in the ledger."""
    name = decision_id(number)

    def build(place: LedgerPosition) -> bytes:
        about = subject or "nothing in particular"
        payload = _statement(about, name, gate, place, padding)
        return seal(payload, signer.sign, signer.key_id)

    key_of_it = subject_named(subject) if subject is not None else None
    return EntryDraft(name, key_of_it, gate, build, blobs)


def subject_named(name: str) -> str:
    """The key under which decisions on the subject ``name`` find each other."""
    return subject_key({"name": name, "digest": {"sha256": "00" * 32}})


def _statement(
    about: str, name: str, gate: str | None, place: LedgerPosition, padding: int
) -> bytes:
    predicate = {
        "decision_id": name,
        "gate": gate,
        "attempt": place.attempt,
        "previous": place.previous,
        "ledger": {"id": place.ledger_id},
        "checks": "." * padding,
    }
    subject = {"name": about, "digest": {"sha256": "00" * 32}}
    return statement([subject], DECISION_TYPE, predicate)


def event(text: str, *, signer: Signer = KEY) -> EntryDraft:
    """A draft of an entry that is no decision."""
    subject = {"name": text, "digest": {"sha256": hashlib.sha256(text.encode()).hexdigest()}}
    payload = statement([subject], "urn:governance-engine:test:v1", {"text": text})
    return EntryDraft(None, None, None, lambda _place: seal(payload, signer.sign, signer.key_id))


def predicate(entry: bytes) -> dict[str, Any]:
    """What an entry's statement claims."""
    claimed: dict[str, Any] = parse_statement(open_envelope(entry).payload)["predicate"]
    return claimed


def open_at(folder: Path, *, signer: Signer | None = KEY, **options: Any) -> Ledger:
    """The ledger of a test folder, with its heads beside it; made when missing."""
    chosen: dict[str, Any] = {
        "heads": folder / "heads",
        "create": signer is not None,
        "created_at": CREATED_AT,
        "lock_timeout_s": 0.05,
        **options,
    }
    return open_ledger(str(folder / "ledger.db"), signer=signer, **chosen)


def kept_head(folder: Path) -> dict[str, str]:
    """The one head that is kept in a test folder."""
    (file,) = (folder / "heads").glob("*.json")
    head: dict[str, str] = json.loads(file.read_bytes())
    return head


@contextmanager
def as_nobody() -> Iterator[Path]:
    """Become a user for whom permissions count, with a folder of their own."""
    folder = Path(tempfile.mkdtemp())
    before = os.geteuid()
    try:
        if before == 0:
            os.chown(folder, NOBODY, -1)
            os.seteuid(NOBODY)
        yield folder
    finally:
        os.seteuid(before)
        shutil.rmtree(folder, onerror=_force)


def _force(remove: Callable[..., Any], path: str, _why: Any) -> None:
    Path(path).parent.chmod(0o700)
    remove(path)
