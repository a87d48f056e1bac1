"""However a text is cut, the same is found; however long a line is, memory stays bounded."""

from __future__ import annotations

import random
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.logs import PLANTED, clean, planted
from engine.privacy.redactor import Redactor
from engine.privacy.rule import AFTER, BEFORE
from engine.privacy.scanner import ScanFinding, Scanner, scan
from tests.examples import examples

KEY = b"a key of a test, not a secret"
LINES = [line for _, line in PLANTED]
FILLERS = [*clean(60), "", " ", "-", "x" * 70, "1" * 40, "\n", '","', "é", "id=", "phone "]
TEXTS = st.lists(
    st.tuples(st.sampled_from(LINES + FILLERS), st.sampled_from(["\n", " ", "", ",", "\x00"])),
    max_size=24,
).map(lambda parts: "".join(part + end for part, end in parts).encode())


def in_pieces(text: bytes, cuts: list[int], block: int) -> list[ScanFinding]:
    scanner = Scanner(KEY, block=block)
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    found: list[ScanFinding] = []
    for start, end in pairwise(edges):
        found += scanner.feed(text[start:end])
    return [*found, *scanner.finish()]


@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=8), st.integers(1, 400))
def test_where_a_text_is_cut_changes_nothing(text: bytes, cuts: list[int], block: int) -> None:
    """INV-PRIVACY-4."""
    assert in_pieces(text, cuts, block) == scan(text, KEY)


@pytest.mark.parametrize("shift", [*range(0, 80, 7), AFTER - 9, AFTER, AFTER + 3, BEFORE])
@pytest.mark.parametrize("filler", [b"x ", b"4", b"-a", b"\n"])
def test_nothing_is_missed_at_the_edges_of_blocks(shift: int, filler: bytes) -> None:
    text = (filler * 40_000)[: 30_000 + shift]
    for _, line in PLANTED[::5]:
        text += b"\n" + line.encode() + b"\n" + filler * 12_000
    assert in_pieces(text, list(range(0, len(text), 997)), 4096) == scan(text, KEY)
    assert len(scan(text, KEY)) == len(PLANTED[::5])


def test_every_planted_item_is_found_with_its_line_and_offset() -> None:
    """INV-PRIVACY-4."""
    rows = list(planted(20_000, every=50))
    text = "\n".join(line for _, line in rows).encode()
    found = scan(text, KEY)
    expected = [(kind, number) for number, (kind, _) in enumerate(rows, 1) if kind]
    assert [(finding.type, finding.line) for finding in found] == expected
    for finding in found:
        assert text.count(b"\n", 0, finding.offset) + 1 == finding.line


def test_a_line_of_any_length_takes_bounded_memory() -> None:
    line = b"a" * 65_521 + b" jane.doe@example.com "
    tracemalloc.start()
    scanner = Scanner(KEY, block=65_536)
    count = 0
    for _ in range(60):
        count += len(list(scanner.feed(line)))
    count += len(list(scanner.finish()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60
    assert peak < 1 * 1024 * 1024


@pytest.mark.parametrize("text", [b"", b"\x00" * 5000, bytes(range(256)) * 40, b"@" * 70_000,
                                  b"-----BEGIN " * 3000, b"://:@" * 9000, b"0" * 70_000,
                                  b"phone " * 9000, b"+1 " * 20_000, b"(11) " * 9000])  # fmt: skip
def test_any_bytes_are_scanned(text: bytes) -> None:
    assert scan(text, KEY) == []


@given(st.binary(max_size=400))
def test_random_bytes_are_scanned_and_redacted(text: bytes) -> None:
    assert redacted(text, [], 64) == (text if not scan(text, KEY) else redacted(text, [], 10**6))


def test_random_data_has_hardly_anything_that_looks_like_a_finding() -> None:
    """INV-PRIVACY-5."""
    assert scan(random.Random(7).randbytes(3_000_000), KEY) == []  # noqa: S311


def test_a_letter_of_an_older_encoding_belongs_to_its_address() -> None:
    text = "de joão.silva@empresa.com.br".encode("latin-1")
    (finding,) = scan(text, KEY)
    assert text[finding.offset :] == "joão.silva@empresa.com.br".encode("latin-1")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Scanner(b"short")


# Redaction.


def redacted(text: bytes, cuts: list[int], block: int) -> bytes:
    redactor = Redactor(KEY, block=block)
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    parts = [redactor.feed(text[start:end]) for start, end in pairwise(edges)]
    return b"".join([*parts, redactor.finish()])


@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=8), st.integers(1, 400))
def test_redaction_replaces_findings_and_keeps_every_other_byte(
    text: bytes, cuts: list[int], block: int
) -> None:
    """INV-PRIVACY-6."""
    expected, at = b"", 0
    for finding in scan(text, KEY):
        expected += text[at : finding.offset] + b"[redacted:%s]" % finding.type.encode()
        at = finding.offset + finding.length
    assert redacted(text, cuts, block) == expected + text[at:]


@settings(max_examples=examples(200))
@given(TEXTS)
def test_after_some_rounds_nothing_is_found(text: bytes) -> None:
    """INV-PRIVACY-6."""
    rounds = 0
    while scan(text, KEY):
        text = redacted(text, [], 10**6)
        rounds += 1
    assert rounds <= 3


@pytest.mark.parametrize(("kind", "line"), PLANTED)
def test_nothing_of_a_planted_value_is_left(kind: str, line: str) -> None:
    """INV-PRIVACY-6."""
    text = line.encode()
    (finding,) = scan(text, KEY)
    value = text[finding.offset : finding.offset + finding.length]
    rewritten = redacted(text, [], 10**6)
    assert value not in rewritten
    assert b"[redacted:%s]" % kind.encode() in rewritten
    assert scan(rewritten, KEY) == []


def test_all_of_a_private_key_is_replaced() -> None:
    body = "\n".join(["MIIEowIBAAKCAQEAr1v2Z5" * 3] * 25)
    text = f"a\n-----BEGIN RSA {'PRIVATE'} KEY-----\n{body}\n-----END RSA {'PRIVATE'} KEY-----\nb\n"
    assert redacted(text.encode(), [], 100) == b"a\n[redacted:private_key]\nb\n"
    cut = text[: text.index("-----END")]
    assert redacted(cut.encode(), [], 100) == b"a\n[redacted:private_key]\n"
