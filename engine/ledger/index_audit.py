"""Whether the decision index says what the entries say."""

from __future__ import annotations

import binascii
from collections.abc import Sequence

from engine import canonical
from engine.envelope import open_envelope
from engine.errors import VerificationError
from engine.ledger.store import DecisionRow, EntryRow, Reader
from engine.model import DECISION_IMPORTED_TYPE, DECISION_TYPE, Json
from engine.statement import parse_statement

_HINT = "the entries are whole, and their index was changed or damaged: restore a copy"
_START = b'{"payload":"'
_GLANCE = 2048
_TYPES = (DECISION_TYPE, DECISION_IMPORTED_TYPE)
_TYPES_TEXT = tuple(canonical.encode(each) for each in _TYPES)


def require_indexed(
    reader: Reader, rows: Sequence[EntryRow], ledger_id: str, *, thorough: bool
) -> int:
    """Require that exactly the decisions among ``rows`` are indexed, under their own ids.

    Args:
        reader: The ledger.
        rows: Consecutive entries.
        ledger_id: Id that each decision must name.
        thorough: Parse each statement, and hold gate, attempt and previous to it too. Else
            the id is looked for in the statement's bytes: in JSON text a member cannot be
            imitated from inside a string, because its quotes would be escaped.

    Returns:
        How many decisions are among them.

    Raises:
        VerificationError: The index says something else; names the entry.
    """
    if not rows:
        return 0
    found = reader.decisions(rows[0].leaf_index, rows[-1].leaf_index + 1)
    indexed = {each.leaf_index: each for each in found}
    for row in rows:
        said = indexed.get(row.leaf_index)
        if thorough or not _plainly_right(row.body, said):
            _require_same(reader, row, said, ledger_id)
    return len(found)


def _plainly_right(envelope: bytes, said: DecisionRow | None) -> bool:
    """Whether a glance shows that the index is right; False says nothing yet.

    The members looked for are near the end of a statement, so that is decoded first.
    """
    start, end = len(_START), envelope.find(b'"', len(_START))
    if not envelope.startswith(_START) or end < 0 or (end - start) % 4:
        return False
    if said is None:
        member = b'"predicateType":'
    else:
        member = b'"decision_id":' + canonical.encode(said.decision_id)
    window = _GLANCE
    while True:
        first = max(start, end - window)
        try:
            tail = binascii.a2b_base64(envelope[first:end])
        except binascii.Error:
            return False
        at = tail.rfind(member)
        if at >= 0:
            return said is not None or not tail.startswith(_TYPES_TEXT, at + len(member))
        if first == start:
            return False
        window *= 8


def _require_same(reader: Reader, row: EntryRow, said: DecisionRow | None, ledger_id: str) -> None:
    index = row.leaf_index
    try:
        statement = parse_statement(open_envelope(row.body).payload)
    except VerificationError as error:
        raise VerificationError(f"entry {index}: {error.message}", error.hint) from error
    predicate = statement["predicate"]
    if said is None:
        if statement["predicateType"] in _TYPES:
            raise VerificationError(f"entry {index}: a decision that is not in the index", _HINT)
        return
    expected: dict[str, Json] = {"decision_id": said.decision_id}
    if "ledger" in predicate:
        expected["ledger"] = {"id": ledger_id}
    if "gate" in predicate and said.gate is not None:
        expected["gate"] = said.gate
    if "attempt" in predicate:
        expected["attempt"], expected["previous"] = _expected_attempt(reader, said)
    for name, value in expected.items():
        if predicate.get(name) != value:
            raise VerificationError(
                f"entry {index}: its {name} is {predicate.get(name)!r}, and by the index {value!r}",
                _HINT,
            )


def _expected_attempt(reader: Reader, said: DecisionRow) -> tuple[int, str | None]:
    """What attempt and previous must be; and the row must be found under its own subject."""
    if said.subject_key is None or said.gate is None:
        return 1, None
    before = reader.last_decision(said.subject_key, said.gate, said.leaf_index)
    attempt, previous = (before[0] + 1, before[1]) if before else (1, None)
    found = reader.last_decision(said.subject_key, said.gate, said.leaf_index + 1)
    if found != (attempt, said.decision_id):
        raise VerificationError(
            f"entry {said.leaf_index}: the index does not count it as attempt {attempt} "
            "on its subject",
            _HINT,
        )
    return attempt, previous
