"""The quick look at an entry says what a full parse says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.ledger.audit.index_audit import _plainly_right, require_indexed
from engine.ledger.entries import subject_key
from engine.ledger.store import DecisionRow, EntryRow
from engine.model import (
    DECISION_IMPORTED_TYPE,
    DECISION_TYPE,
    ETHICS_ATTESTATION_TYPE,
    LEDGER_CREATED_TYPE,
)
from engine.proof.envelope import open_envelope, seal
from engine.proof.statement import parse_statement, statement
from tests.ledger.memory_store import MemoryReader
from tests.ledger.scribe import KEY

SUBJECT = {"name": "scoring-model", "digest": {"sha256": "00" * 32}}
ARTIFACT = subject_key({"digest": SUBJECT["digest"]})
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(['"decision_id":"a"', '\\"decision_id\\":\\"a\\"', "a", "", "decision_id"]),
    st.just('"predicateType":"urn:governance-engine:decision:v1"'),
)


def sealed(kind: str, predicate: dict[str, object]) -> bytes:
    return seal(statement([SUBJECT], kind, predicate), KEY.sign, KEY.key_id)


def stated(entry: EntryRow) -> dict[str, Any]:
    return parse_statement(open_envelope(entry.body).payload)


def indexed_as(decision_id: str) -> DecisionRow:
    return DecisionRow(0, decision_id, None, None, 1)


@given(
    st.sampled_from([DECISION_TYPE, DECISION_IMPORTED_TYPE, LEDGER_CREATED_TYPE, "urn:other:v1"]),
    st.sampled_from(["a", 'quoted "a"', "ü", "\\"]),
    TEXTS,
    TEXTS,
    st.integers(0, 20_000),
)
def test_a_quick_look_never_calls_right_what_is_wrong(
    kind: str, decision_id: str, before: str, after: str, length: int
) -> None:
    predicate: dict[str, object] = {
        "decision_id": decision_id,
        "before": before,
        "zafter": after,
        "checks": "." * length,
        "waivers": ["." * (length // 3), after],
    }
    envelope = sealed(kind, predicate)

    assert _plainly_right(envelope, indexed_as(decision_id))
    assert not _plainly_right(envelope, indexed_as(decision_id + "x"))
    assert not _plainly_right(envelope, indexed_as("nothing like it"))
    assert _plainly_right(envelope, None) == (kind not in (DECISION_TYPE, DECISION_IMPORTED_TYPE))


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"payload":"', b'{"payload":"!!!!","payloadType":"x"}', b'{"payload":"AAA"}'],
)
def test_what_is_no_envelope_is_not_plainly_right(body: bytes) -> None:
    assert not _plainly_right(body, None)
    assert not _plainly_right(body, indexed_as("a"))
    with pytest.raises(VerificationError, match="entry 0: "):
        require_indexed(
            MemoryReader("5e" * 16),
            [EntryRow(0, bytes(32), bytes(32), body)],
            "5e" * 16,
        )


@pytest.mark.parametrize(
    ("predicate", "row", "named"),
    [
        ({"decision_id": "a", "gate": "g"}, DecisionRow(0, "a", None, "h", 1), "its gate is 'g'"),
        ({"decision_id": "b"}, DecisionRow(0, "a", None, None, 1), "its decision_id is 'b'"),
        ({"decision_id": "a", "ledger": {"id": "x"}}, indexed_as("a"), "its ledger is "),
        ({"decision_id": "a", "attempt": 2}, indexed_as("a"), "its attempt is 2"),
        (
            {"decision_id": "a", "attempt": 1, "previous": "b"},
            indexed_as("a"),
            "its previous is 'b'",
        ),
        ({"decision_id": "a"}, None, "a decision that is not in the index"),
    ],
)
def test_a_full_look_holds_every_member_to_the_index(
    predicate: dict[str, object], row: DecisionRow | None, named: str
) -> None:
    reader = MemoryReader("5e" * 16)
    reader.rows.decisions = [row] if row else []
    entry = EntryRow(0, bytes(32), bytes(32), sealed(DECISION_TYPE, predicate))

    with pytest.raises(VerificationError, match=f"entry 0: {named}"):
        require_indexed(reader, [entry], "5e" * 16, [stated(entry)])


@pytest.mark.parametrize("thorough", [True, False], ids=("parsed", "at a glance"))
@pytest.mark.parametrize(
    ("row", "named"),
    [
        (DecisionRow(0, "a", ARTIFACT, "ethics", 1), ""),
        (None, "a decision that is not in the index"),
        (DecisionRow(0, "b", ARTIFACT, "ethics", 1), "its attestation_id is 'a'"),
        (DecisionRow(0, "a", ARTIFACT, "model", 1), "its gate is 'ethics'"),
    ],
    ids=("as it is", "left out", "under another id", "under another gate"),
)
def test_an_attestation_is_indexed_by_its_own_id(
    row: DecisionRow | None, named: str, thorough: bool
) -> None:
    reader = MemoryReader("5e" * 16)
    reader.rows.decisions = [row] if row else []
    predicate = {"attestation_id": "a", "gate": "ethics", "attempt": 1, "previous": None}
    entry = EntryRow(0, bytes(32), bytes(32), sealed(ETHICS_ATTESTATION_TYPE, predicate))
    opened = [stated(entry)] if thorough else None

    if not named:
        assert require_indexed(reader, [entry], "5e" * 16, opened) == 1
        return
    with pytest.raises(VerificationError, match=f"entry 0: {named}"):
        require_indexed(reader, [entry], "5e" * 16, opened)
