"""Who approved the policies in use: the approvals beside a built file, and the caller's trust list.

``engine policy sign NAME.tar`` writes ``NAME.tar.approvals.json``; anybody may write there. Which
keys count says a trust list that the call names, and nothing else: neither the policy nor a
configuration file that was found has a say in who approves it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from engine.errors import ConfigError, UsageError, VerificationError
from engine.formats.printable import is_seen_in_lines
from engine.model import Json, Signer
from engine.policy.overlay import APPROVALS, BUILT
from engine.policy.tables.trust_list import approvers_in
from engine.proof.approvals import (
    MAX_FILE_BYTES,
    MAX_NOTE,
    Approval,
    approval_statement,
    attachment_of,
    envelopes_in,
    read_approval,
)
from engine.proof.decision_version import MAX_APPROVALS
from engine.proof.envelope import seal
from engine.proof.keys import key_id
from engine.proof.trust import has_role
from engine.proof.trusted_keys import POLICY
from engine.system.ownership import others_can_write_to
from engine.system.reading import read_whole


class Approvals(NamedTuple):
    """What lies beside a policy, and whose word counts.

    Attributes:
        given: Genuine approvals of this policy, whoever gave them.
        refused: Why others that lie there are none, a clause each.
        trust: ``{"keys": [...]}`` of the caller's list.
        shown: Name of that list.
        open_to_others: Whether others can change that list, or a key that it names.
    """

    given: tuple[Approval, ...]
    refused: tuple[str, ...]
    trust: Json
    shown: str = "the trust list"
    open_to_others: bool = False

    def counting(self, now: datetime, own_key: bytes | None) -> tuple[Approval, ...]:
        """Return those that count at an instant: of each key the one that lasts longest, sorted.

        Args:
            now: Of the decision.
            own_key: The key that signs the decision, whose approval is nobody else's word.
        """
        found = {
            key_id(approval.public_key): approval
            for approval in sorted(self.given, key=_lasting)
            if not self._why_not(approval, now, own_key)
        }
        return tuple(found[key] for key in sorted(found))

    def why_not(self, now: datetime, own_key: bytes | None) -> Iterator[str]:
        """Yield why each of those that do not count does not, a clause each."""
        yield from self.refused
        for approval in self.given:
            if reason := self._why_not(approval, now, own_key):
                yield f"the approval by key {key_id(approval.public_key)[:16]}… {reason}"

    def _why_not(self, approval: Approval, now: datetime, own_key: bytes | None) -> str:
        if reason := approval.out_of_time(now):
            return reason
        if approval.public_key == own_key:
            return "is by the key that signs the decision: another one has to approve"
        key = key_id(approval.public_key)
        if not has_role(self.trust, key, POLICY, approval.approved_at, now):
            reason = f"does not count: the trust list gives it no role {POLICY!r}"
            if all(row["key_id"] != key for row in self.trust["keys"]):
                return f"{reason}: the key is not in {self.shown}"
            return f"{reason} at this time"
        return ""


def _lasting(approval: Approval) -> tuple[bool, str, datetime]:
    ends = "" if approval.expires_at is None else approval.expires_at.isoformat()
    return approval.expires_at is None, ends, approval.approved_at


def approvals_file(policies: Path) -> Path:
    """Return where the approvals of a built policy lie."""
    return policies.with_name(policies.name + APPROVALS)


def approvals_of(policies: Path, digest: str, trust: Path) -> Approvals:
    """Return the approvals of the policies that lie at ``policies``.

    Args:
        policies: What was named: only one built file is approved, no folder.
        digest: Of those policies.
        trust: The caller's trust list.

    Raises:
        ConfigError: The trust list, or the file of approvals, cannot be read as one.
    """
    keys, key_files = approvers_in(trust)
    is_open = any(map(others_can_write_to, (trust, *key_files)))
    if policies.is_dir():
        reason = f"{policies}: a folder is approved as one built file"
        return Approvals((), (reason,), keys, str(trust), is_open)
    file = approvals_file(policies)
    try:
        envelopes = _envelopes(file)
    except FileNotFoundError:
        reason = f"{file}: no such file: `engine policy sign` writes it"
        return Approvals((), (reason,), keys, str(trust), is_open)
    given, refused = [], []
    for envelope in envelopes:
        try:
            approval = read_approval(envelope)
        except VerificationError as error:
            refused.append(f"{file}: {error.message}")
            continue
        if approval.policy_digest == digest:
            given.append(approval)
        else:
            refused.append(f"{file}: an approval is of policy {approval.policy_digest[:16]}…")
    return Approvals(tuple(given), tuple(refused), keys, str(trust), is_open)


def _envelopes(file: Path) -> list[bytes]:
    """What lies in a file of approvals.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: It is none.
    """
    try:
        return envelopes_in(read_whole(file, MAX_FILE_BYTES))
    except FileNotFoundError:
        raise
    except OSError as error:
        hint = f"at most {MAX_APPROVALS} approvals" if error.errno == errno.EFBIG else ""
        raise ConfigError(f"{file}: {(error.strerror or str(error)).lower()}", hint) from None
    except VerificationError as error:
        raise ConfigError(f"{file}: {error.message}", _WRITTEN) from None


_WRITTEN = f"`engine policy sign NAME{BUILT}` writes it; remove what is none"


def approved(
    policies: Path,
    digest: str,
    signer: Signer,
    now: datetime,
    *,
    expires_at: datetime | None,
    note: str | None,
) -> bytes:
    """Return the file of approvals with that of ``signer``, which takes the place of its last one.

    What lies there of another policy, which was there before, is left out.

    Raises:
        UsageError: It would expire before it is given, its note cannot be read, or there are
            too many.
        ConfigError: What lies there is no file of approvals.
    """
    if expires_at is not None and expires_at <= now:
        raise UsageError("the approval would have expired already", "name a later time")
    if note is not None and not (0 < len(note) <= MAX_NOTE and is_seen_in_lines(note)):
        raise UsageError(
            f"a note has 1 to {MAX_NOTE} characters, each of which is seen", "shorten the note"
        )
    try:
        there = _envelopes(approvals_file(policies))
    except FileNotFoundError:
        there = []
    kept = []
    for envelope in there:
        try:
            approval = read_approval(envelope)
        except VerificationError as error:
            raise ConfigError(f"{approvals_file(policies)}: {error.message}", _WRITTEN) from None
        if approval.policy_digest == digest and approval.public_key != signer.public_key:
            kept.append(approval)
    if len(kept) >= MAX_APPROVALS:
        raise UsageError(f"{MAX_APPROVALS} keys approved it already", "that is the most")
    claimed = approval_statement(digest, signer.public_key, now, expires_at=expires_at, note=note)
    envelope = seal(claimed, signer.sign, signer.key_id)
    return attachment_of([*kept, read_approval(envelope)]) + b"\n"
