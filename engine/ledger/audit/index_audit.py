"""Whether the decision index agrees with the entries."""

from __future__ import annotations

import binascii
from collections.abc import Container, Sequence
from typing import TypeAlias

from engine.errors import VerificationError
from engine.formats import canonical
from engine.formats.quick_json import quick_signed_json
from engine.ledger.entries import subject_key
from engine.ledger.natural_keys import INDEXED, NATURAL_KEYS, event_name
from engine.ledger.store import DecisionRow, EntryRow, LastDecisionQuery, Reader
from engine.model import CREATION_TYPES, DECISION_IMPORTED_TYPE, DECISION_TYPES, Json
from engine.proof.envelope import Envelope, open_envelope
from engine.proof.statement import parse_statement, require_statement

_HINT = "the entries are whole, and their index was changed or damaged: restore a copy"
_START = b'{"payload":"'
_GLANCE = 2048
_NEAR = 384  # both in characters of base64: multiples of 4
_TYPES = {kind: member for kind, (of, member) in NATURAL_KEYS.items() if of == INDEXED}
"""Types of statement that are indexed, and the member that is their id."""
_TYPES_TEXT = tuple(map(canonical.encode, _TYPES))


def require_indexed(
    reader: Reader,
    rows: Sequence[EntryRow],
    ledger_id: str,
    statements: Sequence[dict[str, Json]] | None = None,
) -> int:
    """Require that exactly the decisions and attestations among ``rows`` are indexed by their ids.

    Args:
        reader: The ledger.
        rows: Consecutive entries.
        ledger_id: Id that each entry must name which names one.
        statements: What the entries say: then every column is compared with it. Else the id is
            looked for in the statement's bytes: in JSON text a member cannot be imitated from
            inside a string, because its quotes would be escaped.

    Returns:
        How many decisions are among them.

    Raises:
        VerificationError: The index differs; names the entry.
    """
    if not rows:
        return 0
    found = reader.decisions(rows[0].leaf_index, rows[-1].leaf_index + 1)
    indexed = {decision.leaf_index: decision for decision in found}
    if statements is not None:
        _require_findable(reader, found)
        lasts = dict(zip(indexed, _last_decisions(reader, found), strict=True))
        for row, statement in zip(rows, statements, strict=True):
            index = row.leaf_index
            _require_same(index, statement, indexed.get(index), lasts.get(index), ledger_id)
        if reader.event_counts() is not None:
            _require_named(reader, rows, statements, indexed)
        return len(found)
    glance = _Glance()
    for row in rows:
        index, decision = row.leaf_index, indexed.get(row.leaf_index)
        if not glance.finds(row.body, decision) and not _plainly_right(row.body, decision):
            statement = read_statement(index, _opened(row))
            last = _last_decisions(reader, [decision])[0] if decision is not None else None
            _require_same(index, statement, decision, last, ledger_id)
    return len(found)


class _Glance:
    """Looks for a decision's id where the one before it had its own, seen from the end."""

    def __init__(self) -> None:
        self._behind = 0

    def finds(self, envelope: bytes, decision: DecisionRow | None) -> bool:
        """Whether the statement has the id that the index gives it; False says nothing yet."""
        if decision is None:
            return False
        start, end = len(_START), envelope.find(b'"', len(_START))
        if not envelope.startswith(_START) or end < 0 or (end - start) % 4:
            return False
        member = b'"decision_id":' + _quoted(decision.decision_id)
        for reach, behind in ((_NEAR, self._behind), (_GLANCE, _GLANCE)):
            first = max(start, end - behind - _NEAR)
            try:
                text = binascii.a2b_base64(envelope[first : min(end, first + reach + _NEAR)])
            except binascii.Error:
                return False
            if (at := text.find(member)) >= 0:
                self._behind = (end - first) - at // 3 * 4
                return True
        return False


_LastDecisions: TypeAlias = tuple[tuple[int, str] | None, tuple[int, str] | None]
"""``(attempt, decision id)`` of the last decision on a subject by a gate: before, and up to."""


def _last_decisions(reader: Reader, rows: Sequence[DecisionRow]) -> list[_LastDecisions]:
    queries = [
        # without a subject or a gate it takes no part
        LastDecisionQuery(row.subject_key or "", row.gate or "", stop)
        for row in rows
        for stop in (row.leaf_index, row.leaf_index + 1)
    ]
    answers = iter(reader.last_decisions(queries))
    return list(zip(answers, answers, strict=True))


def _plainly_right(envelope: bytes, decision: DecisionRow | None) -> bool:
    """Whether a glance shows that the index is right; False says nothing yet.

    The members looked for are near the end of a statement, so that is decoded first.
    """
    start, end = len(_START), envelope.find(b'"', len(_START))
    if not envelope.startswith(_START) or end < 0 or (end - start) % 4:
        return False
    member = b'"predicateType":'
    if decision is not None:
        member = b'"decision_id":' + _quoted(decision.decision_id)
    window = _GLANCE
    while True:
        first = max(start, end - window)
        try:
            tail = binascii.a2b_base64(envelope[first:end])
        except binascii.Error:
            return False
        at = tail.rfind(member)
        if at >= 0:
            return decision is not None or not tail.startswith(_TYPES_TEXT, at + len(member))
        if first == start:
            return False
        window *= 8


def _quoted(text: str) -> bytes:
    """``text`` as a member of a statement; most ids need no encoder to tell."""
    if text.replace("-", "").isalnum() and text.isascii():
        return b'"%s"' % text.encode()
    return canonical.encode(text)


def _opened(row: EntryRow) -> Envelope:
    try:
        return open_envelope(row.body)
    except VerificationError as error:
        raise VerificationError(f"entry {row.leaf_index}: {error.message}", error.hint) from error


def read_statement(index: int, envelope: Envelope) -> dict[str, Json]:
    """Return what entry ``index`` says, whose envelope was opened.

    Raises:
        VerificationError: It is no statement; names the entry.
    """
    try:
        quick = quick_signed_json(envelope.payload)
        return parse_statement(envelope.payload) if quick is None else require_statement(quick)
    except VerificationError as error:
        raise VerificationError(f"entry {index}: {error.message}", error.hint) from error


def _require_findable(reader: Reader, rows: Sequence[DecisionRow]) -> None:
    """Require that each id leads to its own row: its index is a tree of its own in the file."""
    found = reader.indexes_of([row.decision_id for row in rows])
    for row in rows:
        if found.get(row.decision_id) != row.leaf_index:
            raise VerificationError(
                f"entry {row.leaf_index}: {row.decision_id} does not lead to it by the index", _HINT
            )


def _require_named(
    reader: Reader,
    rows: Sequence[EntryRow],
    statements: Sequence[dict[str, Json]],
    indexed: Container[int],
) -> None:
    """Require that what an event is known by leads to it, and to no entry before it."""
    kinds: dict[str, dict[str, int]] = {}
    for row, statement in zip(rows, statements, strict=True):
        if row.leaf_index not in indexed:
            kind, key = event_name(statement, row.leaf)
            kinds.setdefault(kind, {}).setdefault(key, row.leaf_index)
    for kind, keys in kinds.items():
        found = reader.events_of(kind, list(keys))
        for key, index in keys.items():
            if key not in found or found[key] > index:
                raise VerificationError(
                    f"entry {index}: the index of events does not lead to it", _HINT
                )
            if found[key] < index:
                raise VerificationError(f"entry {index}: is entry {found[key]} once more", _HINT)


def _require_same(
    index: int,
    statement: dict[str, Json],
    decision: DecisionRow | None,
    last: _LastDecisions | None,
    ledger_id: str,
) -> None:
    predicate, kind = statement["predicate"], statement["predicateType"]
    if decision is None:
        if kind in _TYPES:
            raise VerificationError(f"entry {index}: a decision that is not in the index", _HINT)
        if "ledger" in predicate:
            _require_equal(index, "ledger", predicate["ledger"], {"id": ledger_id})
        if kind in CREATION_TYPES and index:
            raise VerificationError(f"entry {index}: the creation of another ledger", _HINT)
        return
    expected: dict[str, Json] = {_TYPES.get(kind, "decision_id"): decision.decision_id}
    if "ledger" in predicate:
        expected["ledger"] = {"id": ledger_id}
    if "gate" in predicate:
        expected["gate"] = decision.gate
    if "attempt" in predicate:
        expected["attempt"], expected["previous"] = _expected_attempt(decision, last)
    for name, value in expected.items():
        _require_equal(index, name, predicate.get(name), value)
    derived = (indexed_subject(statement), predicate.get("attempt", 1))
    if derived != (decision.subject_key, decision.attempt):
        raise VerificationError(
            f"entry {index}: the index has it under another subject or attempt", _HINT
        )


def indexed_subject(statement: dict[str, Json]) -> str | None:
    """Return the key of the subject that a statement's attempt is counted under; None if none is.

    A decision is counted with those on the same subject, an attestation with those on the same
    artifact, whatever its name. A decision that was imported is not counted.
    """
    predicate, (about, *_) = statement["predicate"], statement["subject"]
    if predicate.get("gate") is None or statement["predicateType"] == DECISION_IMPORTED_TYPE:
        return None
    digest = {"digest": {"sha256": about["digest"]["sha256"]}}
    if statement["predicateType"] not in DECISION_TYPES:
        return subject_key(digest)
    notes = about.get("annotations", {})
    subject = {"name": about["name"]}
    if "version" in notes:
        subject["version"] = notes["version"]
    return subject_key(subject if notes.get("digest_of") == "input" else {**subject, **digest})


def _require_equal(index: int, name: str, stated: Json, value: Json) -> None:
    if stated != value:
        raise VerificationError(
            f"entry {index}: its {name} is {stated!r}, and by the index {value!r}", _HINT
        )


def _expected_attempt(decision: DecisionRow, last: _LastDecisions | None) -> tuple[int, str | None]:
    """What attempt and previous must be; and the row must be found under its own subject."""
    if decision.subject_key is None or decision.gate is None or last is None:
        return 1, None
    before, found = last
    attempt, previous = (before[0] + 1, before[1]) if before else (1, None)
    if found != (attempt, decision.decision_id):
        raise VerificationError(
            f"entry {decision.leaf_index}: the index does not count it as attempt {attempt} "
            "on its subject",
            _HINT,
        )
    return attempt, previous
