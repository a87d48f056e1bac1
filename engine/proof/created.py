"""How a ledger begins: its id, its key and the run of a CI that it is of, signed by that key."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import KeyFileError, VerificationError
from engine.model import CREATION_TYPES, LEDGER_CREATED_V2_TYPE, CiRun
from engine.proof.checkpoint import origin_of
from engine.proof.checkpoint import parse as parse_note
from engine.proof.envelope import open_envelope, verify_envelope
from engine.proof.keys import key_id, load_public_pem
from engine.proof.statement import parse_statement

if TYPE_CHECKING:
    from engine.proof.bundle import ProofBundle

_HINT = "this is not a ledger of this engine, or its first entry was replaced"


class LedgerCreation(NamedTuple):
    """The content of entry 0.

    Attributes:
        ledger_id: 32 hex digits.
        public_key: Raw key that signed it.
        created_at: RFC 3339 UTC.
        run: The run of a CI that the ledger is of; None where it is of none, or none is known.
    """

    ledger_id: str
    public_key: bytes
    created_at: str
    run: CiRun | None = None


@lru_cache(maxsize=8)  # every reader of a ledger begins with its entry 0
def read_created(entry: bytes) -> LedgerCreation:
    """Return the content of entry 0, if the key in it signed it.

    Raises:
        VerificationError: Not such an entry, or another key signed it.
    """
    created = parse_statement(open_envelope(entry).payload)
    predicate = created["predicate"]
    kind = created["predicateType"]
    if kind not in CREATION_TYPES:
        raise VerificationError("entry 0 is not the creation of a ledger", _HINT)
    texts = [predicate.get(name) for name in ("ledger_id", "public_key", "created_at")]
    if not all(isinstance(text, str) for text in texts):
        raise VerificationError("entry 0 lacks the ledger's id, key or time", _HINT)
    try:
        public = load_public_pem(texts[1].encode())
    except (KeyFileError, UnicodeEncodeError) as error:
        raise VerificationError("entry 0 does not hold a public key", _HINT) from error
    verify_envelope(entry, [public])
    if created["subject"][0]["digest"]["sha256"] != key_id(public):
        raise VerificationError("entry 0 speaks of another key than it holds", _HINT)
    run = None
    if kind == LEDGER_CREATED_V2_TYPE:
        from engine.formats.ci_runs import read_run

        run = read_run(predicate.get("run"), "the run of entry 0")
    return LedgerCreation(texts[0], public, texts[2], run)


def run_in(bundle: ProofBundle) -> tuple[CiRun, bytes] | None:
    """Return the run that a proof's ledger is of, and its entry 0; None where it says none.

    The proof was verified: its entries are what its checkpoint signs.

    Raises:
        VerificationError: Its entry 0 is not genuine.
    """
    if not bundle.ledger:
        return None
    first = bundle.ledger[0]
    created = read_created(first)
    if origin_of(created.ledger_id) != parse_note(bundle.checkpoint)[0].origin:
        raise VerificationError("the proof's ledger begins with the creation of another one")
    return None if created.run is None else (created.run, first)
