"""The engine as a library: the same decision and the same proof as the command line's.

>>> from engine import decide, verify
>>> decision = decide({"subject": …, "observed_at": …, "metrics": …}, ledger="ledger.db", key=pem)
>>> verify(proof_bytes, [public_pem]).verdict
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.model import Decision, Json

if TYPE_CHECKING:
    from engine.evidence.input import Finder
    from engine.proof.verify import Expectations, Verified


def decide(
    document: Json,
    *,
    gate: str = "promotion",
    profile: str = "default",
    stage: str = "candidate",
    ledger: str | Path | None = None,
    key: bytes | None = None,
    policies: Path | None = None,
    export: Path | None = None,
    now: datetime | None = None,
    attestations: Sequence[bytes] = (),
) -> Decision:
    """Ask a gate about one metrics document, and record the verdict.

    Args:
        document: What a metrics file says: subject, observed_at, metrics.
        gate: Policy package.
        profile: Table of limits.
        stage: ``candidate`` or ``production``.
        ledger: SQLite file, created when it is not there; None decides without recording,
            and the decision says so.
        key: Private key, PEM; required with ``ledger``.
        policies: Folder laid over the shipped policies.
        export: Also write the proof bundle to this file.
        now: The decision's instant; None is now.
        attestations: Proof bundles, as ``engine attest --export`` writes them, for profiles that
            ask for one. Here they are only taken from this list, not looked up in ``ledger``.

    Returns:
        The decision. It is durable when this returns, unless ``ledger`` is None.

    Raises:
        GovernanceError: See :mod:`engine.errors`; nothing is ever promoted by an error.
    """
    from engine.decision.judge import judge, record, unrecorded, uuid7
    from engine.errors import UsageError
    from engine.evidence.documents import parse
    from engine.evidence.input import Question, gather, wanted_attestations
    from engine.policy.bundle import shipped_schema
    from engine.policy.evaluators.wasm import WasmEvaluator
    from engine.policy.overlay import load_policies

    if (ledger is None) != (key is None):
        raise UsageError("a ledger needs a key, and a key a ledger", "give both, or neither")
    if export is not None and ledger is None:
        raise UsageError("what is not recorded has no proof", "give a ledger and a key")
    bundle = load_policies(policies, opa=None)
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    question = Question(gate, profile, stage, moment)
    schema = shipped_schema("metrics.schema.json")
    # Through text and back, so that a document from Python is read as strictly as a file.
    text = json.dumps(document).encode()
    asks = attestations and wanted_attestations(question, bundle)
    find = _given(attestations, key) if asks else None
    asked = gather([parse("document", text)], question, bundle, schema, find=find)
    evaluator = WasmEvaluator(bundle, cache=None)
    try:
        judgement = judge(
            asked,
            question,
            bundle,
            evaluator,
            decision_id=uuid7(time.time_ns() // 1_000_000, os.urandom),
            salt=os.urandom(32),
        )
    finally:
        evaluator.close()
    if ledger is None or key is None:
        return unrecorded(judgement)
    from engine.formats.times import write_time
    from engine.ledger import open_ledger
    from engine.signers.ed25519 import from_pem
    from engine.system.files import write_whole

    signer = from_pem(key, "key")
    opened = open_ledger(
        str(ledger),
        signer=signer,
        heads=Path(ledger).parent / "heads",
        create=True,
        created_at=write_time(moment),
    )
    try:
        (decision,) = record([judgement], opened, signer, bundle)
        if export is not None:
            from engine.decision.export import export as exported

            write_whole(export, exported(opened, decision.decision_id).encode())
    finally:
        opened.close()
    return decision


def _given(attestations: Sequence[bytes], key: bytes | None) -> Finder:
    """Finds those of a subject among proofs that are verified here and now."""
    from engine.decision.attest import last_words
    from engine.proof.attestation import verify_attestation
    from engine.signers.ed25519 import from_pem

    own_key = None if key is None else from_pem(key, "key").public_key
    found = [verify_attestation(proof, None).attestation for proof in attestations]
    return lambda subject: last_words(
        (one for one in found if one.subject_sha256 == subject.sha256), own_key
    )


def verify(
    proof: bytes, public_keys: Sequence[bytes], expect: Expectations | None = None
) -> Verified:
    """Verify a proof bundle offline.

    Args:
        proof: The file's bytes.
        public_keys: PEM (SubjectPublicKeyInfo), each of them trusted.
        expect: What is wanted of the record; None wants nothing.

    Returns:
        What the record says, with the expectations it does not meet.

    Raises:
        VerificationError: Not genuine.
    """
    from engine.proof.keys import load_public_pem
    from engine.proof.verify import Expectations as Nothing
    from engine.proof.verify import verify as verified

    return verified(proof, [load_public_pem(pem) for pem in public_keys], expect or Nothing())
