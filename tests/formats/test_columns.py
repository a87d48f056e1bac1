"""Layout makes no command of what was none."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from engine.formats.columns import NO_BREAK, rows, spaced, wrapped
from engine.formats.printable import plain

PARTS = st.sampled_from(
    ["::error::x", "##[error]x", "##vso[x]y", "##teamcity[x]", "::", ":", "#", "x" * 38, "word",
     "校", "正誤差", "e\u0301", " ", NO_BREAK, "\u2003", "\u3000", "\t", "\n"]
)  # fmt: skip
OBEYED = re.compile(r"\s*(::|##(\[|vso\[|teamcity\[))")


@given(
    st.lists(PARTS, max_size=12).map("".join),
    st.integers(1, 60),
    st.sampled_from(["", "  ", "a  "]),
)
def test_no_line_that_layout_makes_begins_with_a_command(text: str, width: int, first: str) -> None:
    """INV-REPORT-1, whether the text was made fit to be printed before or not."""
    for shown in (text, plain(text)):
        begun, *others = wrapped(shown, width, first)
        assert not [line for line in others if OBEYED.match(spaced(line))]
        assert OBEYED.match(begun) is None or OBEYED.match(first + shown)
    for line in rows([("fact", plain(text))], width):
        assert OBEYED.match(spaced(line)) is None


def test_a_command_stays_behind_the_word_before_it() -> None:
    text = "x" * 38 + f"{NO_BREAK}::error::pwned"
    assert [spaced(line) for line in wrapped(text, 40, "  ")] == ["x" * 38 + " ::error::pwned"]
    assert wrapped("校正::error::x", 4) == ["校", "正::error::x"]
