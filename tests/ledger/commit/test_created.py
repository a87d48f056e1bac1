"""Entry 0 says which ledger this is and whose."""

from __future__ import annotations

import pytest

from engine.errors import VerificationError
from engine.ledger.commit.created import created_entry
from engine.model import LEDGER_CREATED_TYPE
from engine.proof.created import LedgerCreation, read_created
from engine.proof.envelope import seal
from engine.proof.keys import public_pem
from engine.proof.statement import statement
from engine.signers.ed25519 import Ed25519Signer
from tests.ledger.scribe import CREATED_AT, KEY, key

ID = "5e" * 16
SUBJECT = {"name": "ledger", "digest": {"sha256": KEY.key_id}}
PREDICATE = {
    "ledger_id": ID,
    "public_key": public_pem(KEY.public_key).decode(),
    "created_at": CREATED_AT,
}


def test_it_is_read_as_it_was_written() -> None:
    entry = created_entry(ID, CREATED_AT, KEY)

    assert read_created(entry) == LedgerCreation(ID, KEY.public_key, CREATED_AT)


@pytest.mark.parametrize(
    ("kind", "changed", "signer", "reason"),
    [
        ("urn:other:v1", {}, KEY, "not the creation of a ledger"),
        (LEDGER_CREATED_TYPE, {"ledger_id": 7}, KEY, "lacks the ledger's id, key or time"),
        (LEDGER_CREATED_TYPE, {"created_at": None}, KEY, "lacks the ledger's id, key or time"),
        (LEDGER_CREATED_TYPE, {"public_key": "PEM"}, KEY, "does not hold a public key"),
        (LEDGER_CREATED_TYPE, {}, key("other"), "none of the given keys signed"),
        (
            LEDGER_CREATED_TYPE,
            {"public_key": public_pem(key("other").public_key).decode()},
            key("other"),
            "speaks of another key than it holds",
        ),
    ],
)
def test_anything_else_is_refused(
    kind: str, changed: dict[str, object], signer: Ed25519Signer, reason: str
) -> None:
    payload = statement([SUBJECT], kind, {**PREDICATE, **changed})
    entry = seal(payload, signer.sign, signer.key_id)

    with pytest.raises(VerificationError, match=reason):
        read_created(entry)
