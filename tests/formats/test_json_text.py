from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.formats.json_positions import json_places, line_and_column
from engine.formats.json_text import UnreadableTextError, read_json, read_yaml
from engine.model import Json
from tests.examples import examples
from tests.formats.test_canonical import VALUES


def _holds_more_than_2_to_53(value: Json) -> bool:
    """Whole numbers there are refused: not every program reads them exactly."""
    if isinstance(value, dict | list):
        return any(
            map(_holds_more_than_2_to_53, value.values() if isinstance(value, dict) else value)
        )
    return isinstance(value, float) and value.is_integer() and abs(value) >= 2**53


@settings(max_examples=examples(200))
@given(VALUES)
def test_every_json_value_is_read_as_it_was_written(value: Json) -> None:
    assume(not _holds_more_than_2_to_53(value))
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@settings(max_examples=examples(200))
@given(VALUES)
def test_json_is_yaml_too(value: Json) -> None:
    # But for what YAML does not count as printable, and surrogate pairs in escapes.
    text = json.dumps(value, ensure_ascii=False)
    assume(all(character.isprintable() for character in text))
    assume(not _holds_more_than_2_to_53(value))
    assert read_yaml(text.encode())[0] == value


@pytest.mark.parametrize(
    ("text", "reason", "line", "column"),
    [
        ('{"a": 1,\n "a": 2}', "key 'a' is given twice", 2, 2),
        ('{"a": NaN}', "NaN is not a number", 1, 7),
        ('{"a": -Infinity}', "-Infinity is not a number", 1, 7),
        ('{"a": [1, 2', "',' or ']' is expected", 1, 12),
        ('{"a": 1} {}', "text after the end", 1, 10),
        ('{"a": 0.1234567890123456789}', "is not read exactly", 1, 7),
        ('{"a": 9007199254740993}', "is not read exactly", 1, 7),
        ('{"a": 1e999}', "is not read exactly", 1, 7),
        ('{"a": "\\ud800"}', "half of a surrogate pair", 1, 7),
        ("{a: 1}", "a key in double quotes", 1, 2),
        ('{"a": 01}', "not a number as JSON writes it", 1, 7),
        ('{"a": tru}', "no JSON value can start with 't'", 1, 7),
        ("[" * 33 + "]" * 33, "nested too deeply", 1, 33),
        ("[" * 200_000, "nested too deeply", 1, 33),
        ('{"a": "\x01"}', "invalid control character", 1, 8),
    ],
)
def test_json_is_refused_with_its_place(text: str, reason: str, line: int, column: int) -> None:
    """INV-INPUT-1: what two readers might understand differently is refused."""
    with pytest.raises(UnreadableTextError) as refused:
        read_json(text.encode())
    assert reason in refused.value.flaw.reason
    assert line_and_column(refused.value.text, refused.value.flaw.offset) == (line, column)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x 1\nb: *x\n", "anchors are not read"),
        ("a: !!python/object:os.system 1\n", "tag"),
        ("a: !!str 1\n", "tag"),
        ("a: 1\na: 2\n", "given twice"),
        ("a: .nan\n", "not a number"),
        ("a: -.inf\n", "not a number"),
        ("a: 1\n---\na: 2\n", "second YAML document"),
        ("? [1]\n: 2\n", "a key must be a string"),
        ("a: 'b\n", "YAML: "),
        ("\t- a\n", "YAML: "),
        ("a: 0.1234567890123456789\n", "is not read exactly"),
        ("\x00", "YAML: "),
        ("- " * 40 + "1", "nested too deeply"),
    ],
)
def test_yaml_beyond_json_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UnreadableTextError) as refused:
        read_yaml(text.encode())
    assert reason in refused.value.flaw.reason


def test_yaml_words_of_other_schemas_are_text() -> None:
    text = b"a: yes\nb: 012\nc: 0x1f\nd: 1_000\ne: 2026-01-31T12:00:00Z\nf: on\n"
    assert read_yaml(text)[0] == {
        "a": "yes",
        "b": "012",
        "c": "0x1f",
        "d": "1_000",
        "e": "2026-01-31T12:00:00Z",
        "f": "on",
    }


@pytest.mark.parametrize("data", [b"", b" \n", b"\xff\xfe{\x00", b"\xef\xbb\xbf{}", b"\x80abc"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    for read in (read_json, read_yaml):
        with pytest.raises(UnreadableTextError):
            read(data)


@settings(max_examples=examples(300))
@given(
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
)
def test_a_number_is_exactly_what_its_text_says_or_refused(text: str) -> None:
    """INV-INPUT-2: no rounding on the way in."""
    try:
        value = read_json(f"[{text}]".encode())[0]
    except UnreadableTextError:
        inexact = Decimal(text) != Decimal(repr(float(text)))
        assert inexact or abs(Decimal(text)) >= 2**53
    else:
        assert Decimal(repr(value)) == Decimal(text)


@settings(max_examples=examples(300))
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace"))
)
def test_no_bytes_make_a_reader_crash(data: bytes) -> None:
    for read in (read_json, read_yaml):
        with suppress(UnreadableTextError):
            read(data)


@settings(max_examples=examples(200))
@given(VALUES)
def test_every_value_has_a_place(value: Json) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    places, flaw = json_places(text)
    assert flaw is None
    for pointer, offset in places.items():
        assert text[offset] not in " \n,:]}", pointer
