"""The quick reader says what the strict one says, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.formats import canonical
from engine.formats.signed_json import read_json
from engine.formats.strict_json import MAX_DEPTH
from engine.ledger.audit import quick_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


def strict(data: bytes) -> Any:
    try:
        return [read_json(data, "it", max_bytes=1 << 20)]
    except VerificationError:
        return None


def same(data: bytes) -> None:
    if (quick := quick_json.quick_json(data)) is not None:
        assert strict(data) == [quick]
        assert json.dumps(quick) == json.dumps(strict(data)[0])  # 1 is not 1.0 nor true


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
        assert strict(text) is None
    assert quick_json.quick_json(text) is None


def test_a_canonical_document_is_read() -> None:
    """Else nothing would be quick, and no test would notice."""
    document: Any = {
        "checks": [{"id": "a", "limit": 0.1, "n": 2**53 - 1}],
        "ü": None,
        "deep": [[[[]]]],
    }
    assert quick_json.quick_json(canonical.encode(document)) == document

    deep = b'[{"a":"x"},' * (MAX_DEPTH - 1) + b"[]" + b"]" * (MAX_DEPTH - 1)
    assert quick_json.quick_json(deep) == json.loads(deep)
