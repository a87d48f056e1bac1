"""Approvals: a key's signed word that the policy of one digest may decide, read and verified.

An approval names the key that signs it, so it shows by itself whose word it is. Whether that word
counts says the trust list of whoever decides, which is no part of the policy, and of whoever
verifies (:class:`engine.proof.expectations.Expectations`). Nothing here reads a file or a clock.

Source: spec/predicate-v2.md section 7.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from engine.errors import KeyFileError
from engine.formats import canonical
from engine.formats.json_values import same
from engine.formats.signed_json import read_json, read_list, read_object, read_text, refuse
from engine.formats.times import age_s, write_time
from engine.model import POLICY_APPROVAL_TYPE, Json
from engine.proof.decision_version import INSTEAD_OF, MAX_APPROVALS
from engine.proof.envelope import MAX_BYTES, is_signed_by, open_envelope, verify_envelope
from engine.proof.expectations import Expectations
from engine.proof.input_document import read_time
from engine.proof.keys import key_id, load_public_pem, public_pem
from engine.proof.statement import parse_statement, statement
from engine.proof.trusted_keys import POLICY, Keys, keys_for
from engine.proof.verdict_rules import OLDEST_FUTURE_S

ATTACHMENT = "approvals"
MAX_NOTE = 1024
"""Characters of a note."""
MAX_FILE_BYTES = MAX_APPROVALS * (MAX_BYTES + 1) + 1
"""Of a file, or an attachment, of approvals."""

_SUBJECT = "policy"


class Approval(NamedTuple):
    """A genuine approval: the key that it names signed it.

    Attributes:
        policy_digest: SHA-256 of the manifest of the policy, lowercase hex.
        public_key: 32 raw bytes.
        approved_at: When, by the signer's word.
        expires_at: From when on it does not count any more; None is never.
        note: What the signer wrote about it.
        envelope: What was signed, canonical JSON.
    """

    policy_digest: str
    public_key: bytes
    approved_at: datetime
    expires_at: datetime | None
    note: str | None
    envelope: bytes

    def row(self) -> dict[str, Json]:
        """Return what a record says of it."""
        ends = {} if self.expires_at is None else {"expires_at": write_time(self.expires_at)}
        return {
            "key_id": key_id(self.public_key),
            "approved_at": write_time(self.approved_at),
            **ends,
            "envelope": {"sha256": hashlib.sha256(self.envelope).hexdigest()},
        }

    def out_of_time(self, at: datetime) -> str:
        """Return why it does not count at an instant, as one clause; empty where it does."""
        if age_s(at, self.approved_at) < OLDEST_FUTURE_S:
            return f"is of {write_time(self.approved_at)}, which is in the future"
        if self.expires_at is not None and self.expires_at <= at:
            return f"expired at {write_time(self.expires_at)}"
        return ""


def approval_statement(
    policy_digest: str,
    public_key: bytes,
    approved_at: datetime,
    *,
    expires_at: datetime | None = None,
    note: str | None = None,
) -> bytes:
    """Return the statement that a key signs to approve a policy; see :class:`Approval`."""
    predicate: dict[str, Json] = {
        "approved_at": write_time(approved_at),
        "public_key": public_pem(public_key).decode(),
    }
    if expires_at is not None:
        predicate["expires_at"] = write_time(expires_at)
    if note is not None:
        predicate["note"] = note
    about = {"name": _SUBJECT, "digest": {"sha256": policy_digest}}
    return statement([about], POLICY_APPROVAL_TYPE, predicate)


def read_approval(envelope: bytes) -> Approval:
    """Return the approval in an envelope, by whichever key it names.

    Raises:
        VerificationError: It is none, or the key that it names did not sign it.
    """
    claimed = parse_statement(open_envelope(envelope).payload)
    if claimed["predicateType"] != POLICY_APPROVAL_TYPE:
        refuse(
            f"a {claimed['predicateType']} approves no policy",
            "give what `engine policy sign` wrote",
        )
    about = claimed["subject"]
    if len(about) != 1 or about[0]["name"] != _SUBJECT or "annotations" in about[0]:
        refuse("an approval is about one policy, by its digest")
    predicate = read_object(
        claimed["predicate"], "the approval", ("approved_at", "public_key"), ("expires_at", "note")
    )
    public = _key_of(read_text(predicate["public_key"], "the approval's public key"))
    verify_envelope(envelope, [public])
    approved_at = _time(predicate, "approved_at")
    expires_at = _time(predicate, "expires_at") if "expires_at" in predicate else None
    if expires_at is not None and expires_at <= approved_at:
        refuse("the approval expires before it is given")
    note = predicate.get("note")
    if "note" in predicate:
        note = read_text(note, "the approval's note")
        if len(note) > MAX_NOTE:
            refuse(f"the approval's note is longer than {MAX_NOTE} characters")
    digest = str(about[0]["digest"]["sha256"])
    return Approval(digest, public, approved_at, expires_at, note, envelope)


def _key_of(text: str) -> bytes:
    try:
        public = load_public_pem(text.encode())
    except (KeyFileError, UnicodeEncodeError) as error:
        refuse(f"the approval does not hold a public key: {error}")
    if public_pem(public).decode() != text:
        refuse("the approval's public key is not written in its one form")
    return public


def _time(predicate: Mapping[str, Json], name: str) -> datetime:
    instant = read_time(predicate[name], f"the approval's {name}")
    if write_time(instant) != predicate[name]:
        refuse(f"the approval's {name} is not in UTC and whole seconds")
    return instant


def envelopes_in(data: bytes) -> list[bytes]:
    """Return the envelopes of a file of approvals, or of an attachment; nothing is verified.

    Raises:
        VerificationError: It is no array of 1 to 16 envelopes.
    """
    values = read_list(read_json(data, "the approvals", max_bytes=MAX_FILE_BYTES), "the approvals")
    if not 1 <= len(values) <= MAX_APPROVALS:
        refuse(f"there are {len(values)} approvals; 1 to {MAX_APPROVALS} are read")
    envelopes = [canonical.encode(value) for value in values]
    for envelope in envelopes:
        open_envelope(envelope)
    return envelopes


def attachment_of(approvals: Iterable[Approval]) -> bytes:
    """Return the file of approvals, and the attachment of a decision that rests on them."""
    return b"[" + b",".join(approval.envelope for approval in approvals) + b"]"


def require_approvals(
    predicate: Mapping[str, Json], attachments: Mapping[str, bytes], signed: bytes
) -> tuple[Approval, ...]:
    """Verify that a record says of its policy's approvals what they say themselves.

    Each is of the policy that decided, genuine by the key that it names, which is not the key
    that signed the record, and was in time at the record's instant.

    Args:
        predicate: Of a decision, or an attestation in the form of one; its shape was read.
        attachments: Of its proof bundle, by name.
        signed: The record's own envelope.

    Returns:
        The approvals; none where the record names none.

    Raises:
        VerificationError: One of these is otherwise.

    Source: spec/predicate-v2.md section 7.
    """
    rows: Sequence[Json] = predicate.get("policy_approvals", ())
    if not rows:
        if ATTACHMENT in attachments:
            refuse("approvals are attached that the record does not name")
        return ()
    if ATTACHMENT not in attachments:
        refuse(
            f"attachment {ATTACHMENT!r} is missing, so nobody answers for the policy's approval",
            "export the decision again",
        )
    envelopes = envelopes_in(attachments[ATTACHMENT])
    if len(envelopes) != len(rows):
        refuse("other approvals are attached than the record names")
    decided = read_time(predicate["decided_at"], "decided_at")
    found = []
    for row, envelope in zip(rows, envelopes, strict=True):
        approval = read_approval(envelope)
        if approval.policy_digest != predicate["policy"]["digest"]["sha256"]:
            refuse(f"the approval is of policy {approval.policy_digest}, which did not decide")
        if not same(row, approval.row()):
            refuse("the record says otherwise on an approval than it says itself")
        if reason := approval.out_of_time(decided):
            refuse(f"an approval of the policy {reason}")
        if is_signed_by(signed, approval.public_key):
            refuse("the key that signed the record approved its policy itself")
        found.append(approval)
    return tuple(found)


def unmet_approval(
    predicate: Mapping[str, Json], approvals: Sequence[Approval], expect: Expectations
) -> list[str]:
    """Return what is not as the caller wants of who approved the policy.

    An approval stands in for a relaxation that is not named, by the word of whoever decided. So
    who demands that nothing but some relaxations weakened the record takes it by keys, or policy
    digests, of his own only.

    Args:
        predicate: As :func:`require_approvals`.
        approvals: What that returned.
        expect: The wishes.
    """
    approvers, decided = expect.policy_approvers, read_time(predicate["decided_at"], "decided_at")
    if any(_is_by(approval, approvers or (), decided) for approval in approvals):
        return []
    by = ", ".join(f"key {key_id(approval.public_key)[:16]}…" for approval in approvals)
    if approvers is not None:
        known = f"it was approved by {by}" if by else "the record names no approval"
        return [f"a policy that a key of role {POLICY!r} approved is required; {known}"]
    tolerated = expect.relaxations
    if not approvals or tolerated is None or not INSTEAD_OF.isdisjoint(tolerated):
        return []
    if expect.policy_digests or expect.policy is not None:  # the caller names the policy itself
        return []
    return [f"policies that somebody chose are not accepted; {by} approved them: demand its key"]


def _is_by(approval: Approval, approvers: Keys, decided: datetime) -> bool:
    """Whether one of ``approvers`` gave it, trusted when it was given and when it was used."""
    return all(
        approval.public_key in keys_for(approvers, POLICY, instant)
        for instant in (approval.approved_at, decided)
    )
