"""Entry 0: the ledger's random id and the key it begins with, signed by that key."""

from __future__ import annotations

from engine.model import LEDGER_CREATED_TYPE, LEDGER_CREATED_V2_TYPE, CiRun, Json, Signer
from engine.proof.envelope import seal
from engine.proof.keys import public_pem
from engine.proof.statement import statement


def created_entry(
    ledger_id: str, created_at: str, signer: Signer, run: CiRun | None = None
) -> bytes:
    """Return the envelope of entry 0. Its subject is the key, by key id."""
    predicate: dict[str, Json] = {
        "ledger_id": ledger_id,
        "public_key": public_pem(signer.public_key).decode(),
        "created_at": created_at,
    }
    subject = {"name": f"ledger {ledger_id}", "digest": {"sha256": signer.key_id}}
    kind = LEDGER_CREATED_TYPE
    if run is not None:
        kind, predicate["run"] = LEDGER_CREATED_V2_TYPE, run._asdict()
    payload = statement([subject], kind, predicate)
    return seal(payload, signer.sign, signer.key_id)
