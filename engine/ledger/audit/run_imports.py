"""Whether what names the run of an imported decision follows from what was signed.

Source: spec/predicate-v1.md section 12.12.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import VerificationError
from engine.formats.ci_runs import read_run
from engine.formats.signed_json import read_base64, read_text
from engine.ledger.audit.index_audit import read_statement
from engine.ledger.lookup import require_entry
from engine.ledger.store import Reader
from engine.model import DECISION_IMPORTED_TYPE, RUN_IMPORTED_TYPE, CiRun, Json
from engine.proof.created import read_created
from engine.proof.envelope import open_envelope, verify_envelope
from engine.proof.statement import parse_statement

_HINT = "whoever signed it named a run that the decision is not of: compare the two entries"


def require_run(reader: Reader, index: int, statement: Mapping[str, Json]) -> None:
    """Require that entry ``index``, if it names the run of an import, names the run that it is of.

    Raises:
        VerificationError: It names no earlier import, or another run; names the entry.
    """
    if statement["predicateType"] != RUN_IMPORTED_TYPE:
        return
    try:
        name = read_text(statement["predicate"].get("decision_id"), "the decision's id")
        there = reader.index_of(name)
        if there is None or there >= index:
            raise VerificationError("it names a decision that is not here", _HINT)
        imported = read_statement(there, open_envelope(require_entry(reader, there).body))
        run_of_import(statement, imported)
    except VerificationError as error:
        raise VerificationError(f"entry {index}: {error.message}", error.hint) from error


def run_of_import(named: Mapping[str, Json], imported: Mapping[str, Json]) -> CiRun:
    """Return the run that a ``run-imported:v1`` names, if the imported decision is of it.

    Args:
        named: Its statement.
        imported: The statement of the entry that has the decision.

    Raises:
        VerificationError: The decision was not imported, is of a ledger that another entry 0
            began, or that entry 0 names another run.
    """
    predicate = named["predicate"]
    run = read_run(predicate.get("run"), "the run")
    created = read_created(read_base64(predicate.get("envelope"), "the run's entry 0"))
    if created.run != run:
        raise VerificationError("it names another run than the ledger that the run made", _HINT)
    if imported["predicateType"] != DECISION_IMPORTED_TYPE:
        raise VerificationError("it names the run of an entry that was not imported", _HINT)
    envelope = read_base64(imported["predicate"].get("envelope"), "the imported envelope")
    decision = parse_statement(verify_envelope(envelope, [created.public_key]).payload)
    if decision["predicate"].get("ledger") != {"id": created.ledger_id}:
        raise VerificationError("it names the run of another ledger than the decision's", _HINT)
    return run
