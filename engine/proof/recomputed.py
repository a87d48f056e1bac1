"""Whether a recorded entry says of itself what follows from what a ledger still keeps for it.

A proof bundle has to be whole (:mod:`engine.proof.verify`). A ledger may have erased an input or a
policy, and holds its entries to no less than is left: what was compared gives the statuses, the
statuses the verdict and the reason; the input, where it is kept, gives what was compared; and the
policy, where it is kept, the limits, severities and lifetimes.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.formats.json_values import same
from engine.formats.signed_json import read_base64, refuse
from engine.model import ATTESTED_TYPES, DECISION_IMPORTED_TYPE, DECISION_TYPES, Json
from engine.proof.attestation import require_attestations, require_own_word
from engine.proof.decision_predicate import require_shape
from engine.proof.derivation import require_consequence, require_own_consequence, tied_to_input
from engine.proof.envelope import open_envelope
from engine.proof.policy_archive import require_attestation_policy, require_policy
from engine.proof.policy_files import AttachedPolicy
from engine.proof.statement import parse_statement


def decided_in(statement: Mapping[str, Json], entry: bytes) -> tuple[Mapping[str, Json], bytes]:
    """Return a decision's statement and envelope: the entry's own, or those that it imports.

    Raises:
        VerificationError: It imports another decision than it names, or nothing that can be read.

    Source: spec/predicate-v1.md section 12.3.
    """
    if statement["predicateType"] != DECISION_IMPORTED_TYPE:
        return statement, entry
    predicate = statement["predicate"]
    envelope = read_base64(predicate.get("envelope"), "the import")
    carried = parse_statement(open_envelope(envelope).payload)
    if carried["predicateType"] not in DECISION_TYPES:
        refuse(f"the import holds a {carried['predicateType']}, not a decision")
    if carried["predicate"].get("decision_id") != predicate.get("decision_id"):
        refuse("the import holds another decision than it names")
    if not same(statement["subject"], carried["subject"]):
        refuse("the import is about another subject than the decision it holds")
    return carried, envelope


def require_recomputed(
    statement: Mapping[str, Json],
    entry: bytes,
    attachments: Mapping[str, bytes],
    policy: AttachedPolicy | None,
) -> None:
    """Verify what a decision or an attestation says of itself.

    Args:
        statement: Of :func:`decided_in`, or of an attestation; signed, which is not looked at.
        entry: Its envelope.
        attachments: What is kept beside it, by name: ``input``, ``salt``, ``attestations``.
        policy: The policy that it names; None where it is not kept any more.

    Raises:
        VerificationError: Something does not follow.

    Source: spec/predicate-v1.md sections 3 to 9 and 12.4.
    """
    attests = statement["predicateType"] in ATTESTED_TYPES
    if attests:
        statement, _ = require_own_word(statement, entry)
    predicate = statement["predicate"]
    require_shape(predicate, statement["predicateType"])
    document = None
    if attachments.keys() >= {"input", "salt"}:
        document, _ = tied_to_input(statement, attachments)
        require_consequence(predicate, document)
        require_attestations(document, attachments, entry, None if attests else policy)
    elif not attests:
        require_own_consequence(predicate)
    if policy is not None:
        held_against = require_attestation_policy if attests else require_policy
        held_against(predicate, policy, document)
