"""Evidence and signed documents are read by one set of rules; where they differ is said here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.formats import json_text, signed_json
from engine.model import Json

WRITTEN = ["0", "-0", "7", "1.0", "-0.0", "0.5", "1e3", "2.5e-3", "9007199254740991", "0.1"]
REFUSED = [
    *("9007199254740992", "-9007199254740992", "1e999", "NaN", "-Infinity", "01", "1.", ".5"),
    *('"\\ud800"', '"\\uDFFF\\uD800"', '{"a":1,"a":2}', "[1,]", "[" * 33 + "]" * 33),
]


def array(values: list[str]) -> str:
    return f"[{','.join(values)}]"


def evidence(text: str) -> Json:
    return json_text.read_json(text.encode())


def signed(text: str) -> Json:
    return signed_json.read_json(text.encode(), "it", max_bytes=10_000)


@given(st.recursive(st.sampled_from(WRITTEN), lambda inner: st.lists(inner).map(array)))
def test_both_read_the_same_value(text: str) -> None:
    assert evidence(text) == signed(text)


@pytest.mark.parametrize("text", REFUSED)
def test_both_refuse_the_same(text: str) -> None:
    with pytest.raises(json_text.UnreadableTextError):
        evidence(text)
    with pytest.raises(VerificationError):
        signed(text)


@pytest.mark.parametrize("escaped", ['"\\ud83d\\ude00"', '"\\uD83D\\uDE00"', '"\\u00fc"'])
def test_both_read_a_whole_pair(escaped: str) -> None:
    assert evidence(escaped) == signed(escaped)


def test_a_whole_number_with_a_fraction_is_an_integer_in_evidence_only() -> None:
    """Tools write counts like that; an index or a size that is signed has one form."""
    assert type(evidence("24000.0")) is int
    assert type(signed("24000.0")) is float


@pytest.mark.parametrize("text", ["0.12345678901234567890", "1e300"])
def test_a_number_that_is_not_exact_is_refused_in_evidence_only(text: str) -> None:
    """Somebody else's attestation, and what a program computed, may hold one and stays readable."""
    with pytest.raises(json_text.UnreadableTextError):
        evidence(text)
    assert signed(text) == float(text)
