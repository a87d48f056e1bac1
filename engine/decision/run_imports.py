"""Which run of a CI an imported decision is of. Source: spec/predicate-v1.md section 12.12."""

from __future__ import annotations

import base64

from engine.decision.record import event
from engine.formats.ci_runs import read_run
from engine.ledger import EntryDraft, Ledger
from engine.model import RUN_IMPORTED_TYPE, CiRun, Json
from engine.proof.bundle import ProofBundle
from engine.proof.created import run_in
from engine.proof.envelope import open_envelope
from engine.proof.statement import parse_statement
from engine.signers import Signer


def draft_of_run(
    decision_id: str, bundle: ProofBundle, imported_at: str, signer: Signer
) -> list[EntryDraft]:
    """Return the draft that says which run an imported decision is of; none where none is known."""
    if (found := run_in(bundle)) is None:
        return []
    run, first = found
    predicate: dict[str, Json] = {
        "decision_id": decision_id,
        "run": run._asdict(),
        "envelope": base64.b64encode(first).decode(),
        "imported_at": imported_at,
    }
    return [event(RUN_IMPORTED_TYPE, f"run {run.id}/{run.attempt}", predicate, signer)]


def run_of(ledger: Ledger, decision_id: str) -> CiRun | None:
    """Return the run that the ledger says an imported decision is of; None where it says none."""
    for _, entry in ledger.entries():
        stated = parse_statement(open_envelope(entry).payload)
        predicate = stated["predicate"]
        if (stated["predicateType"], predicate.get("decision_id")) == (
            RUN_IMPORTED_TYPE,
            decision_id,
        ):
            return read_run(predicate.get("run"), "the run")
    return None
