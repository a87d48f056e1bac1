"""An attestation that is in a ledger, in words and as one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.cli.check_texts import report_on
from engine.decision.record import decision_from
from engine.model import Json
from engine.policy.bundle import PolicyBundle
from engine.proof.attestation import as_decision
from engine.proof.envelope import open_envelope
from engine.proof.expectations import subject_of
from engine.proof.keys import key_id, load_public_pem
from engine.proof.statement import parse_statement
from engine.report import Report, ReportOptions, decision_document, format_named

if TYPE_CHECKING:
    from engine.ledger import AppendedEntry

_OF_A_DECISION = ("decision_id", "decided_at", "valid_until", "attestations")


def as_text(at: AppendedEntry, bundle: PolicyBundle, options: ReportOptions) -> str:
    """Return what was attested, check by check."""
    statement = _statement(at)
    predicate = statement["predicate"]
    body = format_named("text")(options).item(_report(statement, at, bundle))
    if options.quiet:
        return body
    return (
        f"ATTESTATION by key {_key_id(predicate)}\n  issued {predicate['issued_at']}, "
        f"expires {predicate['expires_at']}; {predicate['gate']} gate:\n{body}"
    )


def as_document(at: AppendedEntry, bundle: PolicyBundle) -> dict[str, Json]:
    """Return the same for programs."""
    statement = _statement(at)
    predicate = statement["predicate"]
    answer = decision_document(_report(statement, at, bundle))
    return {
        "attestation_id": predicate["attestation_id"],
        "type": statement["predicateType"],
        "issued_at": predicate["issued_at"],
        "expires_at": predicate["expires_at"],
        "key_id": _key_id(predicate),
        **{key: value for key, value in answer.items() if key not in _OF_A_DECISION},
        "metrics": predicate["metrics"],
        "policy": predicate["policy"]["digest"]["sha256"],
    }


def policy_digest(at: AppendedEntry) -> str:
    """Return the digest of the policy that answered."""
    return str(_statement(at)["predicate"]["policy"]["digest"]["sha256"])


def _statement(at: AppendedEntry) -> dict[str, Json]:
    return parse_statement(open_envelope(at.entry).payload)


def _report(statement: dict[str, Json], at: AppendedEntry, bundle: PolicyBundle) -> Report:
    view = as_decision(statement)
    decision = decision_from(view["predicate"], subject_of(view), b"", at.index, at.checkpoint)
    return report_on(decision, bundle)


def _key_id(predicate: Json) -> str:
    return key_id(load_public_pem(predicate["public_key"].encode()))
