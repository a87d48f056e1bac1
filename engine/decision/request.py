"""What is recorded before a gate is asked: that it will be, on what, and as which decision.

Whoever sees a request without an answer knows that a run was stopped, or kept back what the gate
said. Source: spec/predicate-v1.md section 12.11.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.decision.judge import profile_digest
from engine.decision.record import event, resource
from engine.errors import PolicyError
from engine.evidence.input import Input, Question
from engine.formats.canonical import PlainObject
from engine.formats.times import write_time
from engine.ledger import EntryDraft
from engine.model import DECISION_REQUESTED_TYPE, Json, Subject
from engine.policy.bundle import PolicyBundle
from engine.proof.input_document import salted_digest
from engine.signers import Signer


class DecisionRequest(NamedTuple):
    """A decision that is about to be made. Crosses from a worker process.

    Attributes:
        decision_id: UUIDv7 that the decision will have.
        salt: 32 random bytes that the digest of its Input will be made with.
        subject: What will be decided on.
        input_sha256: Salted digest of its Input; None where the Input is only known inside the
            transaction that decides, as budgets' books and a watched subject's clocks are.
    """

    decision_id: str
    salt: bytes
    subject: Subject
    input_sha256: str | None


class Requested(NamedTuple):
    """A request that is durable, or that nobody wants recorded: the gate may be asked.

    Made by :meth:`engine.decision.session.Session.request` alone.

    Attributes:
        request: What was requested.
        recorded: Whether the ledger holds it.
    """

    request: DecisionRequest
    recorded: bool


def require_same_input(request: DecisionRequest, evidence: Input) -> None:
    """Require that the gate is asked about what was requested.

    Raises:
        PolicyError: Its evidence was changed since.
    """
    expected = request.input_sha256
    if expected is not None and salted_digest(request.salt, evidence.encoded) != expected:
        raise PolicyError(
            f"the evidence of {evidence.name} was changed after the decision was requested",
            "decide again once nothing writes to it any more",
        )


def draft_of_request(
    request: DecisionRequest, question: Question, bundle: PolicyBundle, signer: Signer
) -> EntryDraft:
    """Return the draft of ``decision-requested:v1``; it says nothing of the evidence."""
    subject, input_sha256 = request.subject, request.input_sha256
    predicate: dict[str, Json] = {
        "decision_id": request.decision_id,
        "requested_at": write_time(question.now),
        "gate": question.gate,
        "profile": {
            "name": question.profile,
            "digest": {"sha256": profile_digest(bundle, question.profile)},
        },
        "stage": question.stage,
    }
    if input_sha256 is not None:
        predicate["input"] = {"digest": {"sha256": input_sha256}}
    digest = subject.sha256 or input_sha256
    about = resource(subject, digest) if digest is not None else None
    # Nothing but texts by names of ours: their form needs no second look.
    plain = PlainObject(predicate)
    return event(DECISION_REQUESTED_TYPE, subject.name, plain, signer, about=about)
