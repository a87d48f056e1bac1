"""The CI's runs whose decisions a ledger has.

A ledger of one run begins with the run that it is of; the ledger that its proof is imported into
says so in ``run-imported:v1``, behind the decision. Source: spec/predicate-v1.md section 12.12.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from engine.decision.export import CarriedDecision, decision_of, is_decision
from engine.errors import VerificationError
from engine.formats.signed_json import read_object, read_text
from engine.ledger import Ledger, read_created
from engine.ledger.audit.index_audit import indexed_subject
from engine.model import RUN_IMPORTED_TYPE, CiRun, Json
from engine.proof.envelope import verify_envelope
from engine.proof.statement import parse_statement


class DecisionOfRun(NamedTuple):
    """A decision of a run, as the ledger that it was imported into has it.

    Attributes:
        entry: Index of the import.
        run: Who made it.
        statement: The decision's statement.
        attempt: How many decisions on its subject by its gate the ledger has up to here, of
            whichever run, with this one.
    """

    entry: int
    run: CiRun
    statement: Json
    attempt: int


def attempts(ledger: Ledger) -> Counter[tuple[str | None, str]]:
    """Return how many decisions the ledger has by subject and gate, imported ones too."""
    found: Counter[tuple[str | None, str]] = Counter()
    for _, entry in ledger.entries():
        if is_decision(entry):
            found[attempt_key(decision_of(entry))] += 1
    return found


def attempt_key(decision: CarriedDecision) -> tuple[str | None, str]:
    """Return what decisions on the same subject by the same gate have in common."""
    statement = decision.statement
    return indexed_subject(statement), statement["predicate"]["gate"]


def decisions_of_runs(ledger: Ledger) -> Iterator[DecisionOfRun]:
    """Yield the decisions whose run is known, in the ledger's order; only signed entries count.

    Raises:
        VerificationError: An entry that the ledger's checkpoint covers is not genuine.
    """
    key = read_created(ledger.entry(0)).public_key
    carried: dict[str, tuple[int, CarriedDecision, int]] = {}
    counted: Counter[tuple[str | None, str]] = Counter()
    signed = ledger.signed_state()
    for index, entry in ledger.entries(0, signed.size if signed else 0):
        statement = parse_statement(verify_envelope(entry, [key]).payload)
        predicate = statement["predicate"]
        if is_decision(entry):
            decision = decision_of(entry)
            counted[attempt := attempt_key(decision)] += 1
            carried[predicate["decision_id"]] = index, decision, counted[attempt]
        elif statement["predicateType"] == RUN_IMPORTED_TYPE:
            if predicate.get("ledger") != {"id": ledger.id}:
                raise VerificationError(f"entry {index}: it is of another ledger")
            members = read_object(predicate.get("run"), "the run", CiRun._fields)
            run = CiRun(*(read_text(members[name], name) for name in CiRun._fields))
            if (found := carried.get(predicate["decision_id"])) is None:
                raise VerificationError(f"entry {index}: it names a decision that is not here")
            yield DecisionOfRun(found[0], run, found[1].statement, found[2])
