from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.formats import canonical
from engine.proof.statement import STATEMENT_TYPE, parse_statement, statement

SUBJECT = {"name": "scoring-model", "digest": {"sha256": "ab" * 32}}
WHOLE: dict[str, Any] = {
    "_type": STATEMENT_TYPE,
    "subject": [SUBJECT],
    "predicateType": "urn:example:v1",
    "predicate": {"verdict": "HOLD"},
}


def test_a_statement_is_in_canonical_form_and_comes_back() -> None:
    data = statement([SUBJECT], "urn:example:v1", {"verdict": "HOLD", "b": 1.0, "a": "é"})

    assert data == canonical.encode(json.loads(data))
    assert parse_statement(data) == WHOLE | {"predicate": {"verdict": "HOLD", "b": 1, "a": "é"}}


def test_annotations_are_part_of_a_subject() -> None:
    subject = SUBJECT | {"annotations": {"version": "2.4.1"}}
    assert parse_statement(statement([subject], "urn:x", {}))["subject"] == [subject]


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"subject": []},
        {"subject": SUBJECT},
        {"subject": [{"name": "a"}]},
        {"subject": [SUBJECT | {"name": ""}]},
        {"subject": [SUBJECT | {"digest": {}}]},
        {"subject": [SUBJECT | {"digest": {"sha256": "AB" * 32}}]},
        {"subject": [SUBJECT | {"digest": {"sha512": "ab" * 64}}]},
        {"subject": [SUBJECT | {"annotations": []}]},
        {"subject": [SUBJECT | {"uri": "x"}]},
        {"predicateType": ""},
        {"predicateType": None},
        {"predicate": None},
        {"predicate": []},
        {"more": 1},
    ],
    ids=str,
)
def test_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(VerificationError):
        parse_statement(json.dumps(WHOLE | change).encode())


@pytest.mark.parametrize("key", sorted(WHOLE))
def test_every_member_is_needed(key: str) -> None:
    with pytest.raises(VerificationError, match=key):
        parse_statement(json.dumps({k: v for k, v in WHOLE.items() if k != key}).encode())


def test_longer_than_an_entry_is_refused() -> None:
    with pytest.raises(VerificationError, match="65,535"):
        parse_statement(json.dumps(WHOLE | {"predicate": {"a": "b" * 65_535}}).encode())


def test_what_is_not_json_is_not_written() -> None:
    with pytest.raises(ValueError, match=r"JSON|serializable"):
        statement([SUBJECT], "urn:x", {"value": float("nan")})
    with pytest.raises(ValueError, match=r"JSON|serializable"):
        statement([SUBJECT], "urn:x", {"value": {1, 2}})


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(VerificationError):
        parse_statement(data)
