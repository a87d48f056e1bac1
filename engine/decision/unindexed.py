"""Requests and failed attempts: entries that have an id and that no index leads to."""

from __future__ import annotations

from engine.errors import NotRecordedError, VerificationError
from engine.ledger import Ledger
from engine.model import DECISION_FAILED_TYPE, DECISION_REQUESTED_TYPE
from engine.proof.envelope import open_envelope
from engine.proof.statement import parse_statement

_IDS = {DECISION_REQUESTED_TYPE: "decision_id", DECISION_FAILED_TYPE: "attempt_id"}
_SHORTEST_START = 8


def find_any(ledger: Ledger, some_id: str) -> int:
    """Return the index of a decision or attestation, or of what was recorded in place of one.

    That is the failure that answered the request, or else the request.

    Raises:
        NotRecordedError: Nothing of that id, or several; see :meth:`engine.ledger.Ledger.find`.
    """
    try:
        return ledger.find(some_id)
    except NotRecordedError:
        found = _found(ledger, some_id.strip().lower())
        if len({name for _, name, _ in found}) != 1:
            raise
        return max(found, key=lambda entry: (entry[2] == DECISION_FAILED_TYPE, entry[0]))[0]


def _found(ledger: Ledger, start: str) -> list[tuple[int, str, str]]:
    """Index, id and type of every such entry whose id begins with ``start``."""
    found: list[tuple[int, str, str]] = []
    if len(start) < _SHORTEST_START:
        return found
    for index, entry in ledger.entries():
        try:
            statement = parse_statement(open_envelope(entry).payload)
        except VerificationError:
            continue
        kind = statement["predicateType"]
        name = statement["predicate"].get(_IDS.get(kind, ""))
        if isinstance(name, str) and name.startswith(start):
            found.append((index, name, kind))
    return found
