from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.formats.signed_json import (
    read_base64,
    read_hex,
    read_integer,
    read_json,
    read_list,
    read_object,
    read_text,
    write_base64,
)
from engine.formats.strict_json import MAX_DEPTH

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab\\"é', max_size=3), inner)
    ),
    max_leaves=12,
)


def read(text: str | bytes, max_bytes: int = 10_000) -> object:
    return read_json(text if isinstance(text, bytes) else text.encode(), "it", max_bytes=max_bytes)


@given(JSON_VALUES)
def test_json_comes_back_as_it_was_written(value: object) -> None:
    assert read(json.dumps(value, ensure_ascii=False)) == value
    assert read(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"a":1,"a":1}', id="a key twice"),
        pytest.param('{"a":{"b":1,"b":2}}', id="a key twice, further in"),
        pytest.param('{"a":1,"\\u0061":2}', id="a key twice, once escaped"),
        pytest.param("NaN", id="NaN"),
        pytest.param("[Infinity]", id="infinity"),
        pytest.param("[-Infinity]", id="minus infinity"),
        pytest.param("1e999", id="beyond a double"),
        pytest.param("9007199254740992", id="integer of 2^53"),
        pytest.param("-" + "9" * 5000, id="integer of 5000 digits"),
        pytest.param('"\\ud800"', id="half a surrogate pair"),
        pytest.param('{"\\uDFFF":1}', id="half a surrogate pair in a key"),
        pytest.param("{} {}", id="text after the end"),
        pytest.param("[1,]", id="trailing comma"),
        pytest.param("'a'", id="single quotes"),
        pytest.param("01", id="leading zero"),
        pytest.param('"\t"', id="control character in a string"),
        pytest.param("", id="nothing"),
        pytest.param("\ufeff{}", id="byte order mark"),
        pytest.param(b"\xff", id="not UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate as UTF-8"),
        pytest.param('{"a":"' + "b" * 10_000 + '"}', id="too long"),
        pytest.param("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), id="33 levels"),
        pytest.param('{"a":' * 40 + "1" + "}" * 40, id="40 levels of objects"),
    ],
)
def test_json_that_two_readers_might_read_differently_is_refused(text: str | bytes) -> None:
    with pytest.raises(VerificationError, match="it"):
        read(text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        *((b"\xff", "not UTF-8 text"), (b'"\\ud800"', "not UTF-8 text")),
        *((b'{"a":1,"a":1}', "the same key twice"), (b"[NaN]", "NaN is not JSON")),
        *((b"{", "Expecting"), (b"[" * 9999, "nests deeper than 32"), (b"1e999", "a double")),
    ],
)
def test_the_reason_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(VerificationError, match=f"it .*{reason}"):
        read(data)


def test_32_levels_are_read() -> None:
    assert read("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH) is not None


@pytest.mark.parametrize("depth", [5_000, 200_000])
def test_nesting_that_would_exhaust_the_stack_is_refused(depth: int) -> None:
    with pytest.raises(VerificationError, match="nests deeper"):
        read("[" * depth + "]" * depth, max_bytes=1_000_000)


def test_more_items_than_memory_should_hold_are_refused_before_parsing() -> None:
    with pytest.raises(VerificationError, match="items"):
        read(b"[" + b"[]," * 1_100_000 + b"0]", max_bytes=10_000_000)


LONG = 768 * b"x"
"""So much that what encodes it is read by the reader for long texts."""


@given(st.sampled_from([b"", LONG]), st.binary(max_size=64))
def test_base64_has_one_form(before: bytes, data: bytes) -> None:
    data = before + data
    text = write_base64(data)

    assert text == base64.b64encode(data).decode()
    assert read_base64(text, "it") == data


@pytest.mark.parametrize("before", ["", write_base64(LONG)])
@pytest.mark.parametrize(
    "text",
    [
        *("aGVsbG8", "aGVsbG8=\n", " aGVsbG8=", "aGVsbG8==", "aGVsbG9=", "=", "a", "aGVs=bG8="),
        *("aGVs\nbG8=", "-_-_", "aGVsbG8=aGVs", "é", "\ud800", None, 1, ["aGVsbG8="]),
    ],
)
def test_other_base64_is_refused(before: str, text: object) -> None:
    with pytest.raises(VerificationError, match="it"):
        read_base64(before + text if isinstance(text, str) else text, "it")


@given(
    st.sampled_from([b"", LONG]),
    st.binary(max_size=40),
    st.integers(-60, 60),
    st.integers(0, 255),
)
def test_changed_base64_is_refused_or_other_bytes(
    before: bytes, data: bytes, at: int, byte: int
) -> None:
    data = before + data
    text = bytearray(write_base64(data).encode())
    if not text:
        return
    text[at % len(text)] = byte
    changed = text.decode("latin-1")
    try:
        decoded = read_base64(changed, "it")
    except VerificationError:
        return
    assert (decoded == data) == (changed == write_base64(data))


def test_hex_has_one_form() -> None:
    assert read_hex("00ff" * 16, "it") == bytes.fromhex("00ff" * 16)
    assert read_hex("0a", "it", 1) == b"\x0a"


@pytest.mark.parametrize(
    "text", ["00FF" * 16, "00" * 31, "0g" * 32, " " * 64, "\u0660" * 64, None, 0]
)
def test_other_hex_is_refused(text: object) -> None:
    with pytest.raises(VerificationError, match="it is not 64 lowercase hex digits"):
        read_hex(text, "it")


def test_an_object_has_its_members_and_no_other() -> None:
    value = {"a": 1, "b": 2}

    assert read_object(value, "it", ("a",), ("b", "c")) == value
    with pytest.raises(VerificationError, match="it lacks 'c'"):
        read_object(value, "it", ("a", "b", "c"))
    with pytest.raises(VerificationError, match="it has the unknown member 'b'"):
        read_object(value, "it", ("a",))
    with pytest.raises(VerificationError, match="it is not an object"):
        read_object([value], "it", ("a",))


def test_texts_integers_and_lists_are_of_their_type() -> None:
    assert (read_text("a", "it"), read_integer(0, "it"), read_list([], "it")) == ("a", 0, [])
    for value in ("", None, 1, ["a"]):
        with pytest.raises(VerificationError, match="it is not a text"):
            read_text(value, "it")
    for number in (True, 1.0, "1", None, -1):
        with pytest.raises(VerificationError, match="it is not an integer"):
            read_integer(number, "it")
    for sequence in ("ab", {"a": 1}, None):
        with pytest.raises(VerificationError, match="it is not an array"):
            read_list(sequence, "it")
