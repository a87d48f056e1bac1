"""Proofs that leave the ledger, and proofs of another ledger that come in."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from engine.decision.record import decision_from
from engine.decision.run_imports import draft_of_run, run_of
from engine.errors import EquivocationError, NotRecordedError, RollbackError, VerificationError
from engine.formats.signed_json import read_base64
from engine.ledger import AppendedEntry, Blob, EntryDraft, Ledger, LedgerPosition, State
from engine.ledger.audit.blobs import require_signed_input, signed_digest
from engine.ledger.history import history_of
from engine.model import DECISION_IMPORTED_TYPE, DECISION_TYPES, CiRun, Decision, Json
from engine.proof.attestation import is_attestation
from engine.proof.bundle import ProofBundle
from engine.proof.bundle import parse as parse_proof
from engine.proof.checkpoint import parse as parse_note
from engine.proof.created import run_in
from engine.proof.decision_predicate import require_shape
from engine.proof.envelope import open_envelope, seal
from engine.proof.equivocation import encode as encode_records
from engine.proof.equivocation import record_of, verify_equivocation
from engine.proof.expectations import subject_of
from engine.proof.history import History, Outcome, history_in, pair_of, verify_pair
from engine.proof.statement import parse_statement, statement
from engine.proof.verify import Expectations, verify
from engine.signers import Signer

RUN_URL = "run:"


@dataclass(frozen=True, slots=True)
class CarriedDecision:
    """The decision that an entry is, or that it carries because it was imported.

    Attributes:
        statement: The decision's statement, parsed.
        payload: Its exact bytes, as they were signed.
        imported: Whether it came from another ledger.
    """

    statement: Json
    payload: bytes
    imported: bool


class Imported(NamedTuple):
    """What the import of a proof did.

    Attributes:
        decision_id: Of the decision.
        is_new: Whether it was appended; else it was here already.
        run: The run of it, where it was here already and its run was not known until now.
    """

    decision_id: str
    is_new: bool
    run: CiRun | None = None


def is_decision(entry: bytes) -> bool:
    """Return whether ``entry`` is, or carries, a decision."""
    payload = open_envelope(entry).payload
    return parse_statement(payload)["predicateType"] in (*DECISION_TYPES, DECISION_IMPORTED_TYPE)


def decision_of(entry: bytes) -> CarriedDecision:
    """Return the decision that ``entry`` is or carries; nothing is verified.

    Raises:
        VerificationError: The entry is not readable, or not about a decision.
    """
    payload = open_envelope(entry).payload
    outer = parse_statement(payload)
    if outer["predicateType"] in DECISION_TYPES:
        return CarriedDecision(outer, payload, imported=False)
    inner = _imported(outer)
    return CarriedDecision(parse_statement(inner), inner, imported=True)


def decision_in(index: int, stated: dict[str, Json]) -> Json | None:
    """Return the decision's statement that the statement of entry ``index`` is or carries.

    None where it is about something else.

    Raises:
        VerificationError: It has not the shape of a decision, or is not readable.
    """
    kind = stated["predicateType"]
    if kind not in (*DECISION_TYPES, DECISION_IMPORTED_TYPE):
        return None
    try:
        decision = stated if kind in DECISION_TYPES else parse_statement(_imported(stated))
        require_shape(decision["predicate"], decision["predicateType"])
    except VerificationError as error:
        raise VerificationError(f"entry {index}: {error.message}", error.hint) from error
    return decision


def _imported(stated: dict[str, Json]) -> bytes:
    """The payload of the decision that an import carries."""
    if stated["predicateType"] != DECISION_IMPORTED_TYPE:
        raise VerificationError(f"the entry is no decision but {stated['predicateType']}")
    envelope = read_base64(stated["predicate"].get("envelope"), "the imported envelope")
    return open_envelope(envelope).payload


def require_signed(ledger: Ledger, index: int) -> None:
    """Require that entry ``index`` is evidence: signed by the ledger's key, and in its place.

    Raises:
        VerificationError: It is not, and nothing may rest on it.
    """
    if not ledger.is_signed(index):
        raise VerificationError(
            f"entry {index} is not signed: no key of this ledger answers for it",
            "engine ledger verify says what was changed; engine ledger checkpoint signs what a "
            "writer left that was stopped",
        )


def documents_of(ledger: Ledger, index: int, signed: str) -> dict[str, bytes]:
    """Return what is kept beside entry ``index`` by kind: what anything that shows it rests on.

    Args:
        ledger: Where it is recorded.
        index: Of a decision or an attestation.
        signed: The salted digest of its input, as its statement has it.

    Raises:
        VerificationError: The input is another one than was signed, or its salt is missing.
    """
    documents = {blob.kind: blob.body for blob in ledger.attachments(index)}
    try:
        require_signed_input(documents, signed)
    except VerificationError as error:
        raise VerificationError(f"entry {index}: {error.message}", error.hint) from None
    return documents


def export(ledger: Ledger, decision_id: str, *, with_policy: bool = True) -> ProofBundle:
    """Return the proof of one recorded decision or attestation.

    Args:
        ledger: Where it is recorded.
        decision_id: Whole, or a unique beginning of at least 8 characters.
        with_policy: Attach the policy bundle too, so that it can be replayed offline.

    Raises:
        NotRecordedError: Nothing of that id; or its input was erased.
        VerificationError: It is not signed, or its input is another one than it signs.
    """
    index = ledger.find(decision_id)
    require_signed(ledger, index)
    entry = ledger.entry(index)
    if is_attestation(entry):
        predicate = parse_statement(open_envelope(entry).payload)["predicate"]
        signed = signed_digest(predicate, "evidence")
    elif is_decision(entry):
        predicate = decision_of(entry).statement["predicate"]
        signed = signed_digest(predicate, "input")
    else:
        raise NotRecordedError(f"{decision_id} is not a decision", "see: engine ledger show")
    if signed is None:
        raise VerificationError(f"entry {index}: it signs no input", "see: engine ledger show")
    attachments = documents_of(ledger, index, signed)
    if not attachments.keys() >= {"input", "salt"}:
        raise NotRecordedError(
            f"the input of {decision_id} was erased", "its record stays, and cannot be exported"
        )
    if with_policy:
        attachments["policy"] = ledger.blob("policy", predicate["policy"]["digest"]["sha256"])
    return proof_at(ledger, index, attachments)


def proof_at(
    ledger: Ledger, index: int, attachments: Mapping[str, bytes] = MappingProxyType({})
) -> ProofBundle:
    """Return the proof of the place of entry ``index``, with ``attachments``.

    Raises:
        NotRecordedError: No such entry, or no checkpoint covers it yet.
    """
    note = ledger.checkpoint_covering(index)
    size = parse_note(note)[0].size
    place = ledger.appended(index)
    whole = tuple(body for _, body in ledger.entries(0, size)) if ledger.url == RUN_URL else None
    following = () if whole else tuple(ledger.leaves(index + 1, size))
    return ProofBundle(
        entry=place.entry,
        index=index,
        size=size,
        path=tuple(ledger.proof(index, size)),
        checkpoint=note,
        previous_hash=place.previous_hash,
        current_hash=place.current_hash,
        attachments=attachments,
        following_leaves=following,
        ledger=whole,
    )


def import_proof(
    data: bytes, ledger: Ledger, signer: Signer, public_keys: Sequence[bytes], imported_at: str
) -> Imported:
    """Append a decision of another ledger, as its proof shows it, to this one.

    Args:
        data: A proof bundle whose attachments are whole.
        ledger: Where to.
        signer: The key of this ledger.
        public_keys: Keys that the proof may be signed with, 32 raw bytes each.
        imported_at: RFC 3339.

    Raises:
        VerificationError: The proof is not genuine, or its run is another than was imported
            with the decision before; nothing is appended.
        EquivocationError: Another decision is here under its id, or the proof is of another
            history of this very ledger; nothing is appended.
        RollbackError: The proof is of this very ledger, later than it is; nothing is appended.
        LedgerError: The decision is too large to be carried inside an entry.
    """
    verified = verify(data, public_keys, Expectations())
    bundle = parse_proof(data)
    name = verified.decision_id
    if verified.ledger_id == ledger.id:
        _require_of_this_history(
            history_in(bundle, verified.checkpoint), ledger, [*public_keys, signer.public_key]
        )
    try:
        index = ledger.find(name)
    except NotRecordedError:
        entry = _append_import(bundle, name, ledger, signer, imported_at)
        if not entry.existing:
            return Imported(name, is_new=True)
        index = entry.index  # somebody else has imported it meanwhile
    _require_same_record(bundle, ledger, index, [*public_keys, signer.public_key])
    return Imported(name, False, _append_run(bundle, name, ledger, signer, imported_at))


def _require_of_this_history(proven: History, ledger: Ledger, public_keys: Sequence[bytes]) -> None:
    """Require that a ledger continues what a proof shows of the ledger of the same id.

    Raises:
        EquivocationError: It forked from it; holds both signed checkpoints.
        RollbackError: It is smaller than the proof's: an older copy of it, or a fork.
    """
    here = history_of(ledger, public_keys)
    pair = pair_of(here, proven)
    sizes = f"{here.checkpoint.size} entries here, {proven.checkpoint.size} in the proof's"
    if pair.outcome is Outcome.FORK:
        evidence = pair.encode()
        try:
            verify_pair(evidence, public_keys)
            message = "this signer signed two histories of one ledger"
        except VerificationError as error:
            message = f"the proof is of another history of this ledger: {error.message}"
        raise EquivocationError(f"{message}: {sizes}", _BOTH_KEPT, ledger.id, evidence)
    if proven.checkpoint.size > here.checkpoint.size:
        raise RollbackError(
            f"this ledger is an older copy, or forked: {sizes}",
            "restore the newest copy; `engine ledger compare` with the other one says which",
        )


def _require_same_record(
    bundle: ProofBundle, ledger: Ledger, index: int, public_keys: Sequence[bytes]
) -> None:
    """Require that the entry at ``index`` is, or carries, the decision that a bundle shows.

    What was signed is compared, not how it is wrapped: anybody can wrap an envelope differently.

    Raises:
        EquivocationError: It is another one under the same id; holds both.
    """
    there = ledger.entry(index)
    if is_decision(there) and decision_of(there).payload == decision_of(bundle.entry).payload:
        return
    decision_id = decision_of(bundle.entry).statement["predicate"]["decision_id"]
    ledger.catch_up()  # another process may have committed that entry and not signed it yet
    evidence = encode_records([record_of(proof_at(ledger, index)), record_of(bundle)])
    try:
        verify_equivocation(evidence, public_keys)
        message = f"this signer signed two different decisions under one id, {decision_id}"
    except VerificationError as error:
        message = f"{decision_id} is here with another statement: {error.message}"
    raise EquivocationError(
        f"{message}; the other is entry {index} here", _BOTH_KEPT, decision_id, evidence
    )


def _append_import(
    bundle: ProofBundle, decision_id: str, ledger: Ledger, signer: Signer, imported_at: str
) -> AppendedEntry:
    carried = decision_of(bundle.entry)
    if carried.imported:
        raise VerificationError("the proof is of an entry that was itself imported", _ORIGINAL)
    decision = carried.statement
    policy = decision["predicate"]["policy"]["digest"]["sha256"]
    origin = {"checkpoint": bundle.checkpoint, "index": bundle.index, "size": bundle.size}
    predicate = {
        "decision_id": decision_id,
        "envelope": base64.b64encode(bundle.entry).decode(),
        "origin": origin,
        "imported_at": imported_at,
    }

    def build(place: LedgerPosition) -> bytes:
        whole = {**predicate, "ledger": {"id": place.ledger_id}}
        payload = statement(decision["subject"], DECISION_IMPORTED_TYPE, whole)
        return seal(payload, signer.sign, signer.key_id)

    blobs = tuple(
        Blob(kind, body, policy if kind == "policy" else None)
        for kind, body in bundle.attachments.items()
    )
    of_run = draft_of_run(decision_id, bundle, imported_at, signer)

    def work(_state: State) -> Sequence[EntryDraft]:
        draft = EntryDraft(decision_id, None, None, build, blobs)
        try:
            ledger.find(decision_id)
        except NotRecordedError:
            return [draft, *of_run]
        return [draft]  # somebody else has imported it meanwhile, and its run with it

    return ledger.transact(work)[0]


def _append_run(
    bundle: ProofBundle, decision_id: str, ledger: Ledger, signer: Signer, imported_at: str
) -> CiRun | None:
    """Append the run of a decision that was imported without it; None where there is none to add.

    Raises:
        VerificationError: The ledger says another run.
    """
    found = run_in(bundle)
    if found is None or not decision_of(ledger.entry(ledger.find(decision_id))).imported:
        return None
    run, _ = found

    def work(_state: State) -> Sequence[EntryDraft]:
        known = run_of(ledger, decision_id)
        if known not in (None, run):
            raise VerificationError(f"{decision_id} is here as one of another run", _ORIGINAL)
        return [] if known else draft_of_run(decision_id, bundle, imported_at, signer)

    return run if ledger.transact(work) else None


_ORIGINAL = "import the proof that the run itself wrote"
_BOTH_KEPT = "do not act on either; show the file to everybody who trusts the key"


def decision_at(ledger: Ledger, decision_id: str) -> Decision:
    """Return a recorded decision as :func:`engine.decision.session.Session.conclude` returned it.

    Raises:
        NotRecordedError: No such decision.
        VerificationError: It is not signed.
    """
    index = ledger.find(decision_id)
    require_signed(ledger, index)
    entry = ledger.entry(index)
    if not is_decision(entry):
        raise NotRecordedError(f"{decision_id} is not a decision", "see: engine ledger show")
    carried = decision_of(entry)
    return decision_from(
        carried.statement["predicate"],
        subject_of(carried.statement),
        carried.payload,
        index,
        ledger.checkpoint_covering(index),
    )
