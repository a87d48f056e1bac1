"""The CI's runs whose decisions a ledger has.

A ledger of one run begins with the run that it is of; the ledger that its proof is imported into
says so in ``run-imported:v1``, behind the decision. Source: spec/predicate-v1.md section 12.12.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from engine.decision.export import decision_in
from engine.errors import VerificationError
from engine.formats.signed_json import read_text
from engine.ledger import Ledger
from engine.ledger.audit.index_audit import indexed_subject
from engine.ledger.audit.run_imports import run_of_import
from engine.model import DECISION_IMPORTED_TYPE, RUN_IMPORTED_TYPE, CiRun, Json


class DecisionOfRun(NamedTuple):
    """A decision of a run, as the ledger that it was imported into has it.

    Attributes:
        entry: Index of the import.
        run: Who made it; None where no entry says.
        statement: The decision's statement.
        attempt: How many decisions on its subject by its gate the ledger has up to here, of
            whichever run, with this one.
    """

    entry: int
    run: CiRun | None
    statement: Json
    attempt: int


def attempts(ledger: Ledger) -> Counter[tuple[str | None, str]]:
    """Return how many decisions the ledger has by subject and gate, imported ones too.

    Raises:
        VerificationError: As :func:`decisions_of_runs`.
    """
    found: Counter[tuple[str | None, str]] = Counter()
    for index, stated in ledger.signed_entries().read(covered=True):
        if (decision := decision_in(index, stated)) is not None:
            found[attempt_key(decision)] += 1
    return found


def attempt_key(decision: Json) -> tuple[str | None, str]:
    """Return what decisions on the same subject by the same gate have in common."""
    return indexed_subject(decision), decision["predicate"]["gate"]


def decisions_of_runs(ledger: Ledger) -> Iterator[DecisionOfRun]:
    """Yield imported decisions in the ledger's order, those at the end whose run no entry says.

    Only signed entries count.

    Whether every one of them is in its place is known when the last was read: act on none before.

    Raises:
        VerificationError: An entry that the ledger's checkpoint covers is not genuine.
    """
    carried: dict[str, tuple[int, Json, Json, int]] = {}
    counted: Counter[tuple[str | None, str]] = Counter()
    for index, stated in ledger.signed_entries().read(covered=True):
        if (decision := decision_in(index, stated)) is not None:
            counted[attempt := attempt_key(decision)] += 1
            if stated["predicateType"] == DECISION_IMPORTED_TYPE:
                name = decision["predicate"]["decision_id"]
                carried[name] = index, stated, decision, counted[attempt]
        elif stated["predicateType"] == RUN_IMPORTED_TYPE:
            try:
                name = read_text(stated["predicate"].get("decision_id"), "the decision's id")
                if name not in carried:
                    raise VerificationError("it names a decision that was not imported before it")
                at, imported, decision, attempt_number = carried.pop(name)
                run = run_of_import(stated, imported)
            except VerificationError as error:
                raise VerificationError(f"entry {index}: {error.message}", error.hint) from error
            yield DecisionOfRun(at, run, decision, attempt_number)
    for at, _, decision, attempt_number in carried.values():
        yield DecisionOfRun(at, None, decision, attempt_number)
