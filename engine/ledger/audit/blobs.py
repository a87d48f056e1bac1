"""What is kept beside the entries, compared with the digests that the entries sign.

Inputs and salts are compared with the salted digest in the statement, not with the digest in
their own row, which whoever changes the document changes too. One that was erased is counted:
erasure is allowed, and leaves every proof as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.errors import VerificationError
from engine.formats.signed_json import read_base64
from engine.ledger.entries import Blob
from engine.ledger.lookup import require_own_digest
from engine.ledger.store import EntryRow, Reader
from engine.model import (
    ATTESTED_TYPES,
    BUDGET_TYPES,
    DECISION_IMPORTED_TYPE,
    DECISION_TYPES,
    Json,
)
from engine.proof import approvals, input_document, policy_files, signed_evidence
from engine.proof.attestation import ATTACHMENT, require_attestations
from engine.proof.envelope import open_envelope
from engine.proof.input_document import salted_digest
from engine.proof.statement import parse_statement

_HINT = "it was changed or damaged: restore the ledger from a copy"
_AT_ONCE = 8
"""Entries whose documents are in memory at a time."""
_KINDS = ("input", "salt", ATTACHMENT, approvals.ATTACHMENT, signed_evidence.ATTACHMENT)


@dataclass(slots=True)
class FoundBlobs:
    """What was found beside the entries of a part; all of it is what the entries sign.

    Attributes:
        documents: Inputs, salts, attestations and approvals that are kept.
        erased: Entries whose input or salt is not kept any more.
        policies: Digests of the policies that the entries name.
        carried: Those of them that only an imported decision names, and that need not be kept.
        reservations: Entries that reserve, settle or release a part of a budget, or reopen its day.
    """

    documents: int = 0
    erased: int = 0
    policies: set[str] = field(default_factory=set)
    carried: set[str] = field(default_factory=set)
    reservations: int = 0

    def include(self, other: FoundBlobs) -> None:
        """Add what was found beside other entries."""
        self.documents += other.documents
        self.erased += other.erased
        self.policies |= other.policies
        self.carried |= other.carried
        self.reservations += other.reservations


def require_blobs(
    reader: Reader, rows: Sequence[EntryRow], statements: Sequence[dict[str, Json]]
) -> FoundBlobs:
    """Compare the documents of consecutive entries with what their statements sign.

    Raises:
        VerificationError: One is another document than was signed, or signed by nothing.
    """
    found = FoundBlobs()
    for at in range(0, len(rows), _AT_ONCE):
        some = rows[at : at + _AT_ONCE]
        kept = reader.documents(some[0].leaf_index, some[-1].leaf_index + 1)
        for row, statement in zip(some, statements[at:], strict=False):
            try:
                _compare(row, statement, kept.pop(row.leaf_index, []), found)
            except VerificationError as error:
                raise VerificationError(
                    f"entry {row.leaf_index}: {error.message}", error.hint
                ) from error
    return found


def _compare(
    row: EntryRow, statement: dict[str, Json], blobs: Sequence[Blob], found: FoundBlobs
) -> None:
    kind, envelope = statement["predicateType"], row.body
    is_import = kind == DECISION_IMPORTED_TYPE
    if is_import:
        envelope = read_base64(statement["predicate"].get("envelope"), "the imported envelope")
        statement = parse_statement(open_envelope(envelope).payload)
    predicate = statement["predicate"]
    found.reservations += kind in BUDGET_TYPES or "reservation" in predicate
    commits = kind in DECISION_TYPES or is_import or kind in ATTESTED_TYPES
    signed = (
        signed_digest(predicate, "evidence" if kind in ATTESTED_TYPES else "input")
        if commits
        else None
    )
    policy = signed_digest(predicate, "policy") if commits else None
    if policy is not None:
        (found.carried if is_import else found.policies).add(policy)
    documents = {blob.kind: blob.body for blob in blobs}
    if len(documents) != len(blobs) or not documents.keys() <= set(_KINDS if commits else ()):
        raise VerificationError("documents are kept beside it that it does not sign", _HINT)
    for blob in blobs:
        require_own_digest(blob, row.leaf_index)
    found.documents += len(blobs)
    if signed is None:
        return
    require_signed_input(documents, signed)
    if approvals.ATTACHMENT in documents:
        decided = predicate["issued_at" if kind in ATTESTED_TYPES else "decided_at"]
        approvals.require_approvals({**predicate, "decided_at": decided}, documents, envelope)
    if ATTACHMENT in documents and "input" in documents:
        document = input_document.parse(documents["input"])
        require_attestations(document, documents, envelope, None)
    if signed_evidence.ATTACHMENT in documents and "input" in documents:
        document = input_document.parse(documents["input"])
        signed_evidence.require_evidence(predicate, document, documents, None)
    needed = {"input", "salt"}
    needed |= {ATTACHMENT} if predicate.get("attestations") else set()
    needed |= {approvals.ATTACHMENT} if "policy_approvals" in predicate else set()
    needed |= {signed_evidence.ATTACHMENT} if "signed_evidence" in predicate else set()
    found.erased += not needed <= documents.keys()


def require_signed_input(documents: Mapping[str, bytes], signed: str) -> None:
    """Require that the input among the documents of an entry, if it is kept, is the signed one.

    Args:
        documents: What is kept beside the entry, by kind.
        signed: The salted digest in its statement.

    Raises:
        VerificationError: It is another one, or the salt is missing that it is compared with.
    """
    if "input" not in documents:
        return
    if "salt" not in documents:
        raise VerificationError("its input is kept without the salt of its digest", _HINT)
    if salted_digest(documents["salt"], documents["input"]) != signed:
        raise VerificationError("the input kept beside it is not what it signs", _HINT)


def signed_digest(predicate: Mapping[str, Json], name: str) -> str | None:
    """Return the SHA-256 of member ``name`` of a predicate, such as ``input``; None without one."""
    try:
        return str(predicate[name]["digest"]["sha256"])
    except (LookupError, TypeError):
        return None


def require_policies(reader: Reader, found: FoundBlobs, *, is_whole: bool) -> int:
    """Compare the policies that are kept with the digests that entries name.

    Args:
        reader: The ledger.
        found: What the entries name.
        is_whole: Whether those are all entries: then a policy that none names is refused.

    Returns:
        How many policies were compared.

    Raises:
        VerificationError: One is missing, changed, or named by no entry.
    """
    kept = dict.fromkeys(reader.shared_keys())
    named = {("policy", digest) for digest in found.policies}
    if missing := named - kept.keys():
        kind, digest = min(missing)
        raise VerificationError(f"the {kind} {digest} is missing, and entries name it", _HINT)
    if is_whole:
        named |= {("policy", digest) for digest in found.carried}
        if unnamed := kept.keys() - named:
            kind, digest = min(unnamed)
            raise VerificationError(f"a {kind} {digest} is kept that no entry names", _HINT)
    return sum(_require_policy(reader, *key) for key in kept)


def _require_policy(reader: Reader, kind: str, digest: str) -> bool:
    body = reader.shared_blob(kind, digest)
    if body is not None and hashlib.sha256(body).hexdigest() != digest:
        try:
            same = policy_files.parse(body).digest == digest
        except VerificationError as error:
            raise VerificationError(
                f"the {kind} kept as {digest} is none: {error.message}", _HINT
            ) from error
        if not same:
            raise VerificationError(f"the {kind} kept as {digest} is another one", _HINT)
    return body is not None
