"""Where a decision finds attestations: proofs that were handed on, and its own ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from engine.decision.attest import last_words, newest
from engine.decision.session import Session
from engine.errors import UsageError, VerificationError
from engine.evidence.input import AttestationFacts, Question, wanted_attestations
from engine.ledger import Ledger
from engine.model import ATTESTATION_TYPES, Subject
from engine.proof.attestation import Attestation, verify_attestation

MOST_PROOFS = 8


class AttestationFinder:
    """Finds the attestations of one subject after another; verified, or not at all.

    Made before worker processes are: proofs are verified once. The ledger is the session's, or is
    opened in the process that asks, when it asks first.

    Args:
        session: Says where ledger and key are.
        types: Predicate types that the gate asks for.
        proofs: Name of each proof of an attestation, as ``engine attest --export`` wrote it, and
            what reads it.
        say: Gets a line about each proof that is about another artifact; None where several
            artifacts are decided on.

    Raises:
        VerificationError: A proof is not genuine.
        UsageError: There are too many.
    """

    def __init__(
        self,
        session: Session,
        types: frozenset[str],
        proofs: Sequence[tuple[str, Callable[[], bytes]]],
        say: Callable[[str], None] | None,
    ) -> None:
        if len(proofs) > MOST_PROOFS:
            raise UsageError(
                f"{len(proofs)} attestations are given; {MOST_PROOFS} are read",
                "leave out those that have expired",
            )
        self._gates = [gate for gate, own in ATTESTATION_TYPES.items() if not types.isdisjoint(own)]
        self._session, self._say = session, say
        self._given = [(name, verified(name, read())) for name, read in proofs]
        self._own_key = session.own_key
        self._ledger: Ledger | None = None
        self._opened: ExitStack | None = None

    def __call__(self, subject: Subject) -> Sequence[AttestationFacts]:
        """Return the last word of each key on ``subject``; nothing without its digest."""
        if subject.sha256 is None:
            return ()
        found = self._given_about(subject.sha256)
        own_key = self._own_key
        if (ledger := self._read()) is not None:
            recorded = [newest(ledger, gate, subject.sha256) for gate in self._gates]
            found += [attestation for attestation in recorded if attestation is not None]
            if own_key is None:  # a dry run without a key: nobody but the ledger's key writes to it
                own_key = next((known.public_key for known in recorded if known is not None), None)
        return last_words(found, own_key)

    def _given_about(self, sha256: str) -> list[Attestation]:
        for name, attestation in self._given:
            if self._say is not None and attestation.subject_sha256 != sha256:
                self._say(
                    f"engine: --attestation {name} is about sha256:{attestation.subject_sha256}; "
                    "it says nothing about this artifact"
                )
        return [found for _, found in self._given if found.subject_sha256 == sha256]

    def _read(self) -> Ledger | None:
        """The session's ledger; None where there is none yet, or one of this run only."""
        if self._opened is None:
            self._opened = ExitStack()
            self._ledger = self._opened.enter_context(self._session.reading())
        return self._ledger

    def close(self) -> None:
        """Let go of the ledger, unless the session has it open."""
        if self._opened is not None:
            self._opened.close()


def finder(
    session: Session,
    question: Question,
    proofs: Sequence[tuple[str, Callable[[], bytes]]] = (),
    say: Callable[[str], None] | None = None,
) -> AttestationFinder | None:
    """Return what finds attestations; None where the profile asks for none."""
    requirements = wanted_attestations(question.gate, question.profile, session.bundle)
    if not requirements:
        return None
    return AttestationFinder(
        session,
        frozenset(kind for required in requirements for kind in required.types),
        proofs,
        say,
    )


def verified(name: str, data: bytes) -> Attestation:
    """Return the attestation in the proof ``data``, which ``--attestation`` names ``name``.

    Raises:
        VerificationError: It is not genuine.
    """
    try:
        found = verify_attestation(data, None).attestation
        found.carried()
    except VerificationError as error:
        raise VerificationError(f"--attestation {name}: {error.message}", error.hint) from None
    return found
