"""Equivocation: two decisions under one id, both signed by one key, in one file that shows it.

An id names one decision for good, so whoever signs a second one under it shows different
records to different people. The file convicts that key by itself: nothing else is needed but the
public key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import VerificationError
from engine.formats import canonical
from engine.formats.signed_json import (
    read_base64,
    read_integer,
    read_json,
    read_list,
    read_object,
    read_text,
    read_uuid7,
    refuse,
    write_base64,
)
from engine.model import DECISION_IMPORTED_TYPE, DECISION_TYPES, Json
from engine.proof import checkpoint, merkle
from engine.proof.bundle import MAX_BYTES, ProofBundle, read_path
from engine.proof.checkpoint import Checkpoint
from engine.proof.envelope import is_signed_by, open_envelope, verify_envelope
from engine.proof.inclusion import ledger_id_of
from engine.proof.statement import parse_statement
from engine.proof.trusted_keys import CHECKPOINT, DECISION, Keys, keys_for

MEDIA_TYPE = "application/vnd.governance-engine.equivocation+json;version=1"


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """One of the two decisions, and where its ledger has it.

    Attributes:
        entry: The envelope that the key signed.
        index: Position in the ledger of ``checkpoint``.
        checkpoint: Signed note, verbatim.
        path: Inclusion proof, leaf first; None where nobody kept it: an import keeps none.
    """

    entry: bytes
    index: int
    checkpoint: str
    path: tuple[bytes, ...] | None


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """What was shown of one of the two.

    Attributes:
        statement: The decision's statement.
        payload: Its bytes, as they were signed.
        keys: Those of the trusted keys that signed it.
        index: Position in its ledger.
        checkpoint: Signed state of that ledger.
        is_included: Whether an inclusion proof leads from the one to the other.
    """

    statement: Json
    payload: bytes
    keys: frozenset[bytes]
    index: int
    checkpoint: Checkpoint
    is_included: bool


@dataclass(frozen=True, slots=True)
class Equivocation:
    """One key signed two different decisions under one id.

    Attributes:
        decision_id: The id.
        public_key: Raw key that is convicted.
        records: The two.
    """

    decision_id: str
    public_key: bytes
    records: tuple[VerifiedRecord, VerifiedRecord]


def record_of(bundle: ProofBundle) -> SignedRecord:
    """Return the decision that a proof bundle is about; of an import the original one.

    Raises:
        VerificationError: The bundle's entry is not readable.
    """
    outer = parse_statement(open_envelope(bundle.entry).payload)
    if outer["predicateType"] != DECISION_IMPORTED_TYPE:
        return SignedRecord(bundle.entry, bundle.index, bundle.checkpoint, bundle.path)
    members = outer["predicate"]
    origin = read_object(members.get("origin"), "the origin", ("checkpoint", "index", "size"))
    return SignedRecord(
        read_base64(members.get("envelope"), "the import"),
        read_integer(origin["index"], "the origin's index"),
        read_text(origin["checkpoint"], "its checkpoint"),
        None,
    )


def encode(records: Iterable[SignedRecord]) -> bytes:
    """Return the file that shows ``records`` side by side: canonical JSON and a line break."""
    document = {
        "mediaType": MEDIA_TYPE,
        "records": [
            _written(record) for record in sorted(records, key=lambda record: record.entry)
        ],
    }
    return canonical.encode(document) + b"\n"


def _written(record: SignedRecord) -> Json:
    members: dict[str, Json] = {
        "entry": write_base64(record.entry),
        "index": record.index,
        "checkpoint": record.checkpoint,
    }
    if record.path is not None:
        members["path"] = [write_base64(part) for part in record.path]
    return members


def verify_equivocation(data: bytes, public_keys: Keys) -> Equivocation:
    """Verify that a file convicts one of the keys.

    Args:
        data: The file's bytes.
        public_keys: Raw keys, or keys with roles. When a key was trusted does not matter: what
            it signed convicts it at any time.

    Raises:
        VerificationError: It does not: not such a file, or a signature or an inclusion proof does
            not hold, or no key signed both, or both are one decision.

    Source: spec/predicate-v1.md section 14.1.
    """
    return read_equivocation(read_json(data, "the file", max_bytes=MAX_BYTES), public_keys)


def read_equivocation(value: Json, public_keys: Keys) -> Equivocation:
    """Verify the same of a file that was read strictly.

    Raises:
        VerificationError: As :func:`verify_equivocation`.
    """
    members = read_object(value, "the file", ("mediaType", "records"))
    if members["mediaType"] != MEDIA_TYPE:
        refuse(f"the file is not of type {MEDIA_TYPE}")
    records = read_list(members["records"], "the records")
    if len(records) != 2:
        refuse(f"the file holds {len(records)} records, and two are an equivocation")
    first, second = (_verified(_read(record), public_keys) for record in records)
    ids = [_id_of(record) for record in (first, second)]
    if ids[0] != ids[1]:
        refuse(f"the records have two ids, {ids[0]} and {ids[1]}: both may stand")
    if first.payload == second.payload:
        refuse("both records are one and the same decision")
    signers = first.keys & second.keys
    if not signers:
        raise VerificationError(
            f"two keys signed different decisions under the id {ids[0]}, each one of them",
            "neither is convicted by that: find out which of them copied the other's id",
        )
    return Equivocation(ids[0], min(signers), (first, second))


def _id_of(record: VerifiedRecord) -> str:
    return read_uuid7(record.statement["predicate"].get("decision_id"), "the id of a record")


def _read(value: Json) -> SignedRecord:
    members = read_object(value, "a record", ("entry", "index", "checkpoint"), ("path",))
    return SignedRecord(
        read_base64(members["entry"], "the entry"),
        read_integer(members["index"], "the index"),
        read_text(members["checkpoint"], "the checkpoint"),
        read_path(members["path"], "the path") if "path" in members else None,
    )


def _verified(record: SignedRecord, public_keys: Keys) -> VerifiedRecord:
    """Each signature and, where it is there, the inclusion proof of one of the two."""
    trusted = keys_for(public_keys, DECISION)
    payload = verify_envelope(record.entry, trusted).payload
    signers = [key for key in trusted if is_signed_by(record.entry, key)]
    signed = checkpoint.verify(record.checkpoint, keys_for(public_keys, CHECKPOINT))
    if record.index >= signed.size:
        refuse("a record stands behind its own checkpoint")
    if record.path is not None:
        leaf = merkle.leaf_hash(record.entry)
        merkle.verify_inclusion(leaf, record.index, signed.size, record.path, signed.root)
    statement = parse_statement(payload)
    if statement["predicateType"] not in DECISION_TYPES:
        # other entries name a decision's id too: whoever imports their own signs it again
        refuse(f"a record is a {statement['predicateType']}, not a decision")
    named = statement["predicate"].get("ledger")
    if named != {"id": ledger_id_of(signed.origin)}:
        refuse("a record is of another ledger than its checkpoint")
    is_included = record.path is not None
    return VerifiedRecord(statement, payload, frozenset(signers), record.index, signed, is_included)
