"""The quick reader says what the strict one says, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.formats import canonical, json_text, quick_json, signed_json
from engine.formats.json_text import UnreadableTextError
from engine.formats.strict_json import MAX_DEPTH

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


def signed(data: bytes) -> Any:
    try:
        return [signed_json.read_json(data, "it", max_bytes=1 << 20)]
    except VerificationError:
        return None


def evidence(data: bytes) -> Any:
    """What the strict reader of evidence says without its quick one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick_json, "quick_json", lambda _: None)
        try:
            return [json_text.read_json(data)]
        except UnreadableTextError:
            return None


READERS = ((quick_json.quick_signed_json, signed), (quick_json.quick_json, evidence))


def same(data: bytes) -> None:
    for quick, strict in READERS:
        if (value := quick(data)) is not None:
            assert strict(data) == [value]
            assert json.dumps(value) == json.dumps(strict(data)[0])  # 1 is not 1.0 nor true


@given(VALUES, st.booleans())
def test_on_any_document(value: Any, compact: bool) -> None:
    separators = (",", ":") if compact else (", ", ": ")
    same(json.dumps(value, ensure_ascii=compact, separators=separators).encode())


@given(VALUES, st.data())
def test_on_a_document_with_bytes_changed(value: Any, data: st.DataObject) -> None:
    text = bytearray(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + 1] = data.draw(st.sampled_from([b"", b'"', b"}", b"0", b"e", b"\\", b",{"]))
        if not text:
            return
    same(bytes(text))


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b"9007199254740992",
        b"[-9007199254740992]",
        b"18446744073709551616",
        b"1e999",
        b"NaN",
        b'"\xff"',
        b'"\\ud800"',
        b"[1] ",
        b"[1]]",
        b"",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b'["]",' * (MAX_DEPTH + 1) + b"1" + b"]" * (MAX_DEPTH + 1),
        b'["","}]",' * (MAX_DEPTH + 1) + b'"{["' + b"]" * (MAX_DEPTH + 1),
    ],
)
def test_what_the_strict_reader_refuses_is_not_read(text: bytes) -> None:
    if text != b"[1] ":
        assert signed(text) is None
    assert quick_json.quick_signed_json(text) is None
    assert quick_json.quick_json(text) is None
    if text != b"[1] ":
        assert quick_json.quick_json(b'{"in": %b}' % text) is None


def test_a_canonical_document_is_read() -> None:
    """Else nothing would be quick, and no test would notice."""
    document: Any = {
        "checks": [{"id": "a", "limit": 0.1, "n": 2**53 - 1}],
        "ü": None,
        "deep": [[[[]]]],
    }
    assert quick_json.quick_signed_json(canonical.encode(document)) == document

    deep = b'[{"a":"x"},' * (MAX_DEPTH - 1) + b"[]" + b"]" * (MAX_DEPTH - 1)
    assert quick_json.quick_signed_json(deep) == json.loads(deep)


@pytest.mark.parametrize("number", ["0", "-1", "0.5", "-0.25", "12345.678", "90071992547409"])
def test_an_object_of_short_numbers_is_read_however_it_is_spaced(number: str) -> None:
    for text in (f'{{"a":{number}}}', f'{{\n "a" : [ {number},\n{number} ], "b": ": , x" }}\n'):
        assert quick_json.quick_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "number",
    ["1.0", "-3.00", "0.0", "-0", "-0.0", "1e5", "1.5E3", "0.1234567890123", "9007199254740992"],
)
@pytest.mark.parametrize("text", ['{{"a":{}}}', '{{"a": [2,{}]}}', '{{"a":\n[\t{} ]}}'])
def test_a_number_that_readers_differ_on_is_left_to_the_strict_one(number: str, text: str) -> None:
    data = text.format(number).encode()

    assert quick_json.quick_json(data) is None
    same(data)


@pytest.mark.parametrize(
    "text",
    [b'{"a": 1, "a": 1}', b'{"a": {"b": 1, "b": ":"}}', b'{"a": "\\u003a", "a": 1}', b"7", b"[1]"],
)
def test_what_is_no_object_or_has_a_key_twice_is_left_to_the_strict_one(text: bytes) -> None:
    assert quick_json.quick_json(text) is None


@given(
    st.recursive(
        st.integers(-10, 10) | st.floats(-1e3, 1e3).map(lambda number: round(number, 4)),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(st.tuples(st.sampled_from(["a", "b", ":"]), inner), max_size=3).map(tuple)
        ),
        max_leaves=12,
    ),
    st.sampled_from(["", " ", "\n\t"]),
)
def test_on_objects_with_keys_twice(value: Any, space: str) -> None:
    def text(value: Any) -> str:
        if isinstance(value, tuple):
            members = (f'"{key}"{space}:{text(inner)}' for key, inner in value)
            return "{" + f",{space}".join(members) + space + "}"
        if isinstance(value, list):
            return "[" + space + f"{space},".join(map(text, value)) + "]"
        return json.dumps(value)

    same(f'{{"all":{space}{text(value)}}}'.encode())
