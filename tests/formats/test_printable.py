"""What of a stranger's text is seen: one definition, and the schema of metrics files holds it."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest

from engine.formats.printable import (
    UNSEEN,
    is_seen,
    is_seen_in_lines,
    plain,
    plain_json,
    plain_lines,
)
from tests.consumers import people

SCHEMA = Path(__file__).parents[2] / "schemas/metrics.schema.json"
_NOT = ("Cn", "Cs")  # not assigned; halves of a character


def test_what_is_not_seen_is_what_unicode_says_so_of() -> None:
    """Each character that this Python's tables know as unseen; beyond them only ones unassigned."""
    known = [
        letter for letter in map(chr, range(0xF0000)) if unicodedata.category(letter) not in _NOT
    ]
    unseen = {letter for letter in known if people.UNSEEN.match(letter)} | {"\t", "\n"}
    assert {letter for letter in known if not is_seen(letter)} == unseen
    assert plain_lines("".join(unseen - {"\t", "\n"})) == "\ufffd" * (len(unseen) - 2)


def test_the_schema_of_metrics_files_refuses_the_same() -> None:
    pattern = json.loads(SCHEMA.read_text())["$defs"]["visible"]["not"]["pattern"]
    ranges = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), pattern)
    assert ranges == f"[{UNSEEN}]"


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "क\u094d\u200dष",
        "👨\u200d👩\u200d👧",
        "❤\ufe0f\u200d🔥",
        "⏸\ufe0f",
        "👍🏽\u200d",
    ],
)
def test_a_joiner_stays_where_a_script_needs_it(text: str) -> None:
    assert plain(text) == text
    assert is_seen_in_lines(f"{text}\n\t{text}")
    assert not is_seen_in_lines(f"{text}\n\u200d")
    assert not is_seen(text), "but not in evidence: names that print alike are one name"


def test_a_text_prints_as_another_only_where_it_is_the_same() -> None:
    """INV-REPORT-1: a joiner behind a letter that has case joins nothing."""
    for odd in "\u200b\u200c\u200d\u00ad\u2060\u180e\u3164\u2800\ufe0f\U000e0041":
        assert plain(f"scor{odd}ing") == "scor\ufffding"
        assert json.loads(plain_json(f'"scor{odd}ing"')) == f"scor{odd}ing"
        assert plain_json(f'"{odd}"').isascii()
    assert plain("x\ufe0f\u200d") == "x\ufffd\ufffd"


def test_words_are_one_space_apart() -> None:
    """INV-REPORT-2: more stand only between the columns of the engine's own lines."""
    assert plain("✓\u00a0PROMOTE \u00a0\u2003x\u3000\u202fy") == "✓ PROMOTE x y"
