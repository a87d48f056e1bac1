"""Signed evidence: a producer's word on what was measured, read, verified, and derived again.

A metrics file may come in a DSSE envelope, whose in-toto statement names the key that signs it, so
it shows by itself who measured. Whether that key may speak for a metric says the trust list of the
policies (:mod:`engine.proof.trust`), and which checks ask for it their profile. Nothing here reads
a file or a clock.

Source: spec/predicate-v2.md section 8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from engine.errors import KeyFileError
from engine.formats import canonical
from engine.formats.json_values import same
from engine.formats.signed_json import (
    read_json,
    read_list,
    read_members,
    read_object,
    read_string,
    read_text,
    refuse,
)
from engine.formats.times import age_s, write_time
from engine.model import EVIDENCE_TYPE, INVALID_INPUT, Json, is_interval, is_number
from engine.proof.decision_version import MAX_ENVELOPES
from engine.proof.envelope import Envelope, open_envelope, verify_envelope
from engine.proof.input_document import InputDocument, read_time
from engine.proof.keys import key_id, load_public_pem, public_pem
from engine.proof.policy_files import AttachedPolicy
from engine.proof.statement import STATEMENT_TYPE, require_statement, statement
from engine.proof.trust import roles_for
from engine.proof.verdict_rules import OLDEST_FUTURE_S

ATTACHMENT = "evidence"
MAX_BYTES = 1024 * 1024
"""Longest envelope of signed evidence, in bytes."""
MAX_ATTACHED_BYTES = MAX_ENVELOPES * (MAX_BYTES + 1) + 1
LONGEST_TOOL = 256
"""Characters of the name of the tool that measured."""
LEDGERS_OWN = "budget."
"""Metrics for which a ledger's own figure may stand in place of whoever speaks for them."""

_MEMBERS = ("document", "public_key", "signed_at", "tool")
_SIGNER = ("key_id", "roles", "signed_at")
_ABSENT = object()


class SignedEvidence(NamedTuple):
    """A genuine envelope of evidence: the key that it names signed it.

    Attributes:
        document: The metrics file, as it was signed.
        public_key: Of the producer, 32 raw bytes.
        signed_at: When, by the producer's word.
        tool: What measured, as the producer calls it.
        envelope: What was signed, canonical JSON.
    """

    document: Json
    public_key: bytes
    signed_at: datetime
    tool: str
    envelope: bytes

    @property
    def key_id(self) -> str:
        """Of the producer's key, 64 hex digits."""
        return key_id(self.public_key)

    def row(self) -> dict[str, Json]:
        """Return what a record says of it."""
        return {
            "key_id": self.key_id,
            "signed_at": write_time(self.signed_at),
            "envelope": {"sha256": hashlib.sha256(self.envelope).hexdigest()},
        }

    def stated(self, metric: str) -> dict[str, Json] | None:
        """Return what it says of a metric, with its time and status; None where it says nothing."""
        given = self.document["metrics"].get(metric, _ABSENT)
        if given is _ABSENT:
            return None
        stated = dict(given) if isinstance(given, dict) else {"value": given}
        stated.setdefault("observed_at", self.document["observed_at"])
        value = stated.get("value")
        stated.setdefault("status", "ok" if value is not None else "undefined")
        return stated


def evidence_statement(
    document: Json, public_key: bytes, signed_at: datetime, *, tool: str
) -> bytes:
    """Return the statement that a producer signs; see :class:`SignedEvidence`.

    Raises:
        ValueError: Something in ``document`` is not JSON as it is signed.
    """
    predicate = {
        "document": document,
        "public_key": public_pem(public_key).decode(),
        "signed_at": write_time(signed_at),
        "tool": tool,
    }
    return statement([_about(document)], EVIDENCE_TYPE, predicate)


def _about(document: Mapping[str, Json]) -> dict[str, Json]:
    """The subject of the statement: the document's, or the document itself where no artifact is."""
    subject = document["subject"]
    notes: dict[str, Json] = {}
    if "version" in subject:
        notes["version"] = subject["version"]
    digest = subject.get("digest")
    if digest is None:
        notes["digest_of"] = "document"
        digest = {"sha256": hashlib.sha256(canonical.encode(document)).hexdigest()}
    about = {"name": subject["name"], "digest": digest}
    return {**about, "annotations": notes} if notes else about


def read_evidence(envelope: bytes) -> SignedEvidence:
    """Return the evidence in an envelope, by whichever key it names.

    Raises:
        VerificationError: It is none, longer than 1 MiB, or the key that it names did not sign it.
    """
    claimed = _statement_of(open_envelope(envelope, max_bytes=MAX_BYTES))
    if claimed["predicateType"] != EVIDENCE_TYPE:
        refuse(
            f"a {claimed['predicateType']} is no signed evidence",
            "give what `engine evidence sign` or `engine gather --sign` wrote",
        )
    predicate = read_object(claimed["predicate"], "the signed evidence", _MEMBERS)
    public = _key_of(read_text(predicate["public_key"], "the evidence's public key"))
    verify_envelope(envelope, [public], max_bytes=MAX_BYTES)
    document = _document_of(predicate["document"])
    if not same(claimed["subject"], [_about(document)]):
        refuse("the signed evidence is about another subject than its document")
    tool = read_text(predicate["tool"], "the evidence's tool")
    if len(tool) > LONGEST_TOOL:
        refuse(f"the evidence's tool has more than {LONGEST_TOOL} characters")
    signed_at = read_time(predicate["signed_at"], "the evidence's signed_at")
    if write_time(signed_at) != predicate["signed_at"]:
        refuse("the evidence's signed_at is not in UTC and whole seconds")
    own_form = canonical.encode_read(read_json(envelope, "the envelope", max_bytes=MAX_BYTES))
    return SignedEvidence(document, public, signed_at, tool, own_form)


def _statement_of(envelope: Envelope) -> dict[str, Json]:
    value = read_json(envelope.payload, "the statement", max_bytes=MAX_BYTES)
    if isinstance(value, dict) and value.get("_type") != STATEMENT_TYPE:
        refuse("the envelope holds no in-toto statement, version 1")
    return require_statement(value)


def _key_of(text: str) -> bytes:
    try:
        public = load_public_pem(text.encode())
    except (KeyFileError, UnicodeEncodeError):
        refuse("the signed evidence does not hold a public key")
    if public_pem(public).decode() != text:
        refuse("the evidence's public key is not written in its one form")
    return public


def _document_of(value: Json) -> dict[str, Json]:
    """As far as a record is derived from it; the gate reads all of it as any metrics file."""
    document = read_members(value, "the signed document")
    subject = read_members(document.get("subject"), "its subject")
    read_text(subject.get("name"), "its subject's name")
    if "version" in subject:
        read_string(subject["version"], "its subject's version")
    if "digest" in subject:
        digest = read_object(subject["digest"], "its subject's digest", ("sha256",))
        read_text(digest["sha256"], "its subject's digest")
    read_text(document.get("observed_at"), "its observed_at")
    read_members(document.get("metrics"), "its metrics")
    return document


def signers_of(
    metric: str, by: Iterable[SignedEvidence], trust: Json, decided_at: datetime
) -> list[dict[str, Json]]:
    """Return who speaks for a metric as an Input says it: each key once, sorted.

    Args:
        metric: Its id.
        by: Evidence that states it.
        trust: The policy's trust list.
        decided_at: The decision's instant.
    """
    first: dict[str, datetime] = {}
    for evidence in by:
        key = evidence.key_id
        first[key] = min(evidence.signed_at, first.get(key, evidence.signed_at))
    return [
        {
            "key_id": key,
            "roles": roles_for(trust, key, metric, signed_at, decided_at),
            "signed_at": write_time(signed_at),
        }
        for key, signed_at in sorted(first.items())
    ]


def signers_under(
    metrics: Mapping[str, Json], trust: Json, decided_at: datetime
) -> dict[str, Json]:
    """Return the metrics of an Input with the roles that another trust list gives their signers."""
    return {
        name: {
            **metric,
            "signers": [
                {
                    **signer,
                    "roles": roles_for(
                        trust,
                        signer["key_id"],
                        name,
                        read_time(signer["signed_at"], "a signer's signed_at"),
                        decided_at,
                    ),
                }
                for signer in metric["signers"]
            ],
        }
        if "signers" in metric
        else metric
        for name, metric in metrics.items()
    }


def agree(first: Mapping[str, Json], second: Mapping[str, Json]) -> bool:
    """Return whether two statements on a metric say the same of all that a check compares."""
    return all(
        same(first.get(name), second.get(name))
        for name in ("value", "status", "n", "ci", "baseline")
    )


def attachment_of(evidence: Iterable[SignedEvidence]) -> bytes:
    """Return the attachment of a decision that was made on signed evidence."""
    return b"[" + b",".join(signed.envelope for signed in evidence) + b"]"


def require_evidence(
    predicate: Mapping[str, Json],
    document: InputDocument,
    attachments: Mapping[str, bytes],
    policy: AttachedPolicy | None,
) -> tuple[SignedEvidence, ...]:
    """Verify that a record says of its signed evidence what that says itself.

    Each envelope is genuine by the key that it names and about the record's own subject; every
    metric that it states stands in the Input as it states it, and the Input names all who state
    it and nobody else. With the policy, the roles are those that its trust list gives.

    Args:
        predicate: Of a decision, or an attestation in the form of one; its shape was read.
        document: Its Input.
        attachments: Of its proof bundle, by name.
        policy: The policy in the proof; None when it was left out.

    Returns:
        The evidence; none where the record names none.

    Raises:
        VerificationError: One of these is otherwise.

    Source: spec/predicate-v2.md section 8.
    """
    rows: Sequence[Json] = predicate.get("signed_evidence", ())
    if not rows:
        if ATTACHMENT in attachments:
            refuse("signed evidence is attached that the record does not name")
        if unsigned := [name for name, metric in document.metrics.items() if "signers" in metric]:
            refuse(f"the input names signers of {unsigned[0]!r}, and the record no signed evidence")
        return ()
    if ATTACHMENT not in attachments:
        refuse(
            f"attachment {ATTACHMENT!r} is missing, so nobody answers for who measured",
            "export the decision again",
        )
    found = _read_all(attachments[ATTACHMENT], rows)
    decided = read_time(document.decided_at, "the input's decided_at")
    for evidence in found:
        if not same(evidence.document["subject"], document.subject):
            refuse("signed evidence is about another subject than the record")
        if age_s(decided, evidence.signed_at) < OLDEST_FUTURE_S:
            refuse("evidence was signed after the decision that rests on it")
    trust = policy.data.get("trust") if policy is not None else None
    for name in document.metrics.keys() | {n for e in found for n in e.document["metrics"]}:
        _require_metric(name, document.metric(name), found)
        _require_signers(name, document, found, trust, has_policy=policy is not None)
    return found


def _read_all(data: bytes, rows: Sequence[Json]) -> tuple[SignedEvidence, ...]:
    values = read_json(data, "the attached evidence", max_bytes=MAX_ATTACHED_BYTES)
    envelopes = [canonical.encode_read(v) for v in read_list(values, "the attached evidence")]
    if len(envelopes) != len(rows):
        refuse("other evidence is attached than the record names")
    found = tuple(map(read_evidence, envelopes))
    for row, evidence in zip(rows, found, strict=True):
        if not same(row, evidence.row()):
            refuse("the record says otherwise of its signed evidence than that itself")
    return found


def _require_metric(
    name: str, metric: Mapping[str, Json] | None, found: Sequence[SignedEvidence]
) -> None:
    """A metric stands in the Input as whoever signed it states it, observed no later."""
    stated = [s for s in (evidence.stated(name) for evidence in found) if s is not None]
    if not stated:
        return
    if metric is None:
        refuse(f"metric {name!r} of the signed evidence is not in the input")
    if "signers" not in metric and name.startswith(LEDGERS_OWN):
        return
    for statement_ in stated:
        _require_as_stated(name, metric, statement_)
    if not any(same(metric.get("computed"), s.get("computed")) for s in stated):
        refuse(f"metric {name!r} was computed otherwise than its signed evidence says")
    times = [read_time(s["observed_at"], f"observed_at of metric {name!r}") for s in stated]
    if read_time(metric.get("observed_at"), f"observed_at of metric {name!r}") != min(times):
        refuse(f"metric {name!r} was observed at another time than its signed evidence says")


def _require_as_stated(name: str, metric: Mapping[str, Json], stated: Mapping[str, Json]) -> None:
    """But that the gate may call it invalid, or widen its interval to hold its value."""
    members = ("value", "n", "baseline")
    alike = all(same(metric.get(key, None), stated.get(key, None)) for key in members)
    is_status = metric.get("status") in (stated["status"], INVALID_INPUT)
    if not (alike and is_status and _is_ci_of(metric.get("ci"), stated)):
        refuse(f"the input says metric {name!r} otherwise than its signed evidence")


def _is_ci_of(ci: Json, stated: Mapping[str, Json]) -> bool:
    given: Json = stated.get("ci")
    value: Json = stated.get("value")
    if same(ci, given):
        return True
    if not is_interval(given) or not is_number(value):
        return False
    low, high = given
    return same(ci, [min(low, value), max(high, value)])


def _require_signers(
    name: str,
    document: InputDocument,
    found: Sequence[SignedEvidence],
    trust: Json,
    *,
    has_policy: bool,
) -> None:
    metric = document.metric(name) or {}
    by = [evidence for evidence in found if name in evidence.document["metrics"]]
    if "signers" not in metric:
        if by and not name.startswith(LEDGERS_OWN):
            refuse(f"the input does not name who signed metric {name!r}")
        return
    decided = read_time(document.decided_at, "the input's decided_at")
    expected = signers_of(name, by, trust, decided)
    given = read_list(metric["signers"], f"the signers of metric {name!r}")
    if not has_policy:
        for signer, known in zip(given, expected, strict=False):
            known["roles"] = read_object(signer, "a signer", _SIGNER)["roles"]
    if not by or not same(given, expected):
        refuse(f"the input names other signers of metric {name!r} than its evidence")
