from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.formats import canonical
from engine.model import Json
from tests.examples import examples

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | KEYS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)


@settings(max_examples=examples(400))
@given(VALUES)
def test_bytes_are_those_of_the_reference_implementation(value: Json) -> None:
    """INV-RECORD-1: one value has one byte string, RFC 8785."""
    assert canonical.encode(value) == rfc8785.dumps(value)


@settings(max_examples=examples(400))
@given(VALUES)
def test_the_fast_encoder_gives_the_same_bytes(value: Json) -> None:
    assert canonical.encode_read(value) == rfc8785.dumps(value)


@settings(max_examples=examples(1000))
@given(st.floats(allow_nan=False) | st.integers(-(2**60), 2**60) | st.floats(-1e-3, 1e-3))
def test_a_plain_number_is_written_by_every_encoder_alike(number: float) -> None:
    if canonical.is_plain(number):
        plain = canonical.PlainObject(number=number)
        assert canonical.encode_read(plain) == rfc8785.dumps({"number": number})


@pytest.mark.parametrize(
    "value", [1e-5, 1e15, 1.0, -0.0, 0.0, 2**53, float("inf"), float("nan"), [], {}, [0.5]]
)
def test_what_encoders_may_write_otherwise_is_not_plain(value: Json) -> None:
    assert not canonical.is_plain(value)


@pytest.mark.parametrize("value", [2**53, [-(2**60)], "\ud800", {"a": b""}])
def test_the_fast_encoder_refuses_what_is_not_json(value: Json) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        canonical.encode_read(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (1e-5, "0.00001"),
        (1e-7, "1e-7"),
        (1e16, "10000000000000000"),
        (1e21, "1e+21"),
        (0.1, "0.1"),
        ("\u2028\x7f\x1f", '"\u2028\x7f\\u001f"'),
        ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'),  # UTF-16 order
    ],
)
def test_numbers_and_text_are_written_as_ecmascript_does(value: Json, text: str) -> None:
    assert canonical.encode(value).decode() == text


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, [-(2**60)], "\ud800", {"a": b""}]
)
def test_what_is_not_json_is_refused(value: Json) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (rfc8785 has its own subclasses)
        canonical.encode(value)


def test_reading_and_writing_again_changes_nothing() -> None:
    value = {"b": [1, 2.5, None], "a": {"x": "é"}}
    assert canonical.encode(json.loads(canonical.encode(value))) == canonical.encode(value)
