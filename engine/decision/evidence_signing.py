"""Metrics files are signed by whoever measured: the producer's side of signed evidence."""

from __future__ import annotations

from datetime import datetime

from engine.errors import DocumentError, LedgerError, Position
from engine.evidence.documents import Document
from engine.evidence.metrics_file import is_regular
from engine.formats.json_schema import first_mismatch
from engine.model import Json
from engine.proof.envelope import seal
from engine.proof.signed_evidence import MAX_BYTES, evidence_statement
from engine.signers import Signer

ENGINE = "governance-engine"


def signed(document: Document, schema: Json, signer: Signer, now: datetime, tool: str) -> bytes:
    """Return a metrics file in an envelope that a producer signed, one line of JSON.

    Args:
        document: The metrics file.
        schema: ``metrics.schema.json``.
        signer: The producer's key.
        now: The instant of signing.
        tool: What measured, as its consumers will read it.

    Raises:
        DocumentError: It is signed already, does not match the schema, or is longer than 1 MiB
            once it is signed.
    """
    if document.signed is not None:
        raise document.refused(
            "", f"is signed already, by key {document.signed.key_id}", "sign what was measured"
        )
    if not is_regular(document.value):
        pointer, reason, hint = first_mismatch(schema, document.value) or ("", "is none", "")
        raise document.refused(pointer, f"cannot be signed as a metrics file: {reason}", hint)
    try:
        statement = evidence_statement(document.value, signer.public_key, now, tool=tool)
        return seal(statement, signer.sign, signer.key_id, max_bytes=MAX_BYTES) + b"\n"
    except ValueError as error:
        raise DocumentError(Position(document.name), f"cannot be signed: {error}") from None
    except LedgerError:
        raise DocumentError(
            Position(document.name),
            f"has more than {MAX_BYTES:,} bytes once it is signed",
            "sign several files, each with some of the metrics",
        ) from None
