"""Patterns are those of ECMA-262, found in time linear in the text, and compared as languages."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compat.automaton import found_text, matches
from engine.compat.doubt import Doubt, Work
from tests.examples import examples

# Each: pattern, a text in which it is found, one in which it is not. Where Python's own regular
# expressions say otherwise, or nothing, is said.
FOUND: dict[str, tuple[str, str, str]] = {
    "letters (none of Python's)": (r"^\p{L}+$", "été", "a1"),
    "no letters": (r"^\P{Letter}+$", "1-", "a"),
    "category by its name": (r"^\p{gc=Nd}$", "٣", "x"),
    "digits are ASCII": (r"^\d$", "3", "٣"),
    "words are ASCII": (r"^\w$", "_", "é"),
    "space knows the byte order mark": (r"^\s$", "\ufeff", "\x1c"),
    "the end is the very end": (r"a$", "a", "a\n"),
    "a dot is no line separator": (r"^.$", "\x85", "\u2028"),
    "anything": (r"^[^]$", "\n", ""),
    "nothing": (r"^a|[]", "a", "b"),
    "code point": (r"^\u{1F600}$", "😀", "u"),
    "surrogate pair": (r"^\uD83D\uDE00$", "😀", "\ufffd"),
    "one character beyond the first plane": (r"^.$", "😀", "ab"),
    "control": (r"^\cJ$", "\n", "J"),
    "null": (r"^\0$", "\0", "0"),
    "signs without a meaning": (r"^\-\/\@$", "-/@", "-"),
    "a brace that is none": (r"^a{,2}$", "a{,2}", "aa"),
    "a class at the end of a range": (r"^[\w-.]+$", "a-.", "a b"),
    "backspace": (r"^[\b]$", "\b", "b"),
    "named group": (r"^(?<year>\d{4})$", "2026", "26"),
    "lookahead": (r"^(?=.*[A-Z])(?=.*\d).{4,}$", "Ab12", "ab12"),
    "negative lookahead": (r"^(?!con$|prn$)[a-z]+$", "cone", "con"),
    "lookbehind of any length": (r"(?<=\$a+)b", "$aaab", "aaab"),
    "negative lookbehind": (r"(?<!a)b", "cb", "ab"),
    "word edge": (r"\bfoo\b", "a foo b", "afoo"),
    "no word edge": (r"\Bo\B", "foot", "o"),
    "lazy": (r"^a+?b??$", "aab", "b"),
}  # fmt: skip
REFUSED = {
    r"\Z": "which is no escape",
    r"\A": "which is no escape",
    r"(a)\1": "a reference back",
    r"(?<n>a)\k<n>": "a reference back",
    r"(?i:a)": "a group that is not read",
    r"(?P<n>a)": "a group that is not read",
    r"(?>a)": "a group that is not read",
    r"\p{Script=Greek}": "'Script=Greek', which is not known here",
    r"\p{Greek}": "which is not known here",
    r"\pL": "without a property in braces",
    r"a**": "a quantifier behind a quantifier",
    r"*a": "nothing to repeat",
    r"{2}": "nothing to repeat",
    r"(?=a)*": "nothing to repeat",
    r"a{3,2}": "out of order",
    r"[b-a]": "out of order",
    "(": "'(' without ')'",
    ")": "')' without '('",
    "[a": "'[' without ']'",
    r"\u12": "hexadecimal",
    r"\u{110000}": "beyond the last",
    "a{9999999}": "more than 1,000,000 repetitions",
    "(a{1000}){1000}": "more than 3,000 states",
    "(" * 5000 + ")" * 5000: "nested too deeply",
}


@pytest.mark.parametrize("name", FOUND)
def test_a_pattern_means_what_ecma_262_says(name: str) -> None:
    pattern, yes, no = FOUND[name]
    assert matches(pattern, yes, Work())
    assert not matches(pattern, no, Work())


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_is_not_read_is_a_doubt_with_its_reason(pattern: str) -> None:
    with pytest.raises(Doubt, match=re.escape(REFUSED[pattern])):
        matches(pattern, "a", Work())


@pytest.mark.parametrize(
    "pattern",
    [r"^(a+)+$", r"^(a|a)*$", r"^(.*a){12}$", r"(x+x+)+y", r"^(?=(a+)+$)a", r"(?<=^(a+)+)b"],
)
def test_no_pattern_takes_more_than_the_work_there_is(pattern: str) -> None:
    """Those that take a backtracking engine for ever."""
    work = Work(2_000_000)
    with suppress(Doubt):
        matches(pattern, "a" * 2_000 + "!", work)
    assert work.taken <= 2_010_000


# Each: what is required, what is forbidden, the lengths, whether there is such a text.
LANGUAGES: list[tuple[list[str], list[str], int, int | None, bool]] = [
    (["^[a-z]+$"], [r"^\p{L}+$"], 0, None, False),
    ([r"^\p{L}+$"], ["^[a-z]+$"], 0, None, True),
    (["^[0-9]{3}$"], ["^[0-9]+$"], 0, None, False),
    (["^[0-9]+$"], ["^[0-9]{1,20}$"], 0, 20, False),
    (["^[0-9]+$"], ["^[0-9]{1,20}$"], 0, 21, True),
    (["^a"], ["a"], 0, None, False),
    (["a$"], ["^a"], 0, 1, False),
    (["^(?!x)[a-z]+$"], ["^[a-wy-z]"], 0, None, False),
    (["^[a-z]+$"], ["^(?!x)[a-z]+$"], 0, None, True),
    (["^a*$", "^b*$"], [], 1, None, False),
    (["^(ab)*$", "^(a|b){5}$"], [], 0, None, False),
    (["^a|b$"], ["^(a.*|.*b)$"], 0, None, True),  # a line end behind the a
    ([r"^[\s\S]$"], [r"^[^]$"], 0, None, False),
    (["^$"], ["^.{0}$"], 0, None, False),
    (["^[A-Z]{2}[0-9]{6}$"], [], 9, None, False),
]


@pytest.mark.parametrize(("required", "forbidden", "least", "most", "exists"), LANGUAGES)
def test_languages_are_compared(
    required: list[str], forbidden: list[str], least: int, most: int | None, exists: bool
) -> None:
    found = found_text(required, forbidden, least, most, Work())
    assert (found is not None) == exists
    if found is not None:
        assert all(matches(pattern, found, Work()) for pattern in required)
        assert not all(matches(pattern, found, Work()) for pattern in forbidden)
        assert least <= len(found) <= (most if most is not None else len(found))


def test_what_would_take_for_ever_is_a_doubt() -> None:
    with pytest.raises(Doubt, match="steps of work"):
        found_text(["^.*a.{14}$", "^.*b.{15}"], ["^.*c.{16}$"], 0, None, Work())


_pieces = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "(?:)", "c"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}"])).map(
            lambda part: f"(?:{part[0]}){part[1]}"
        ),
    ),
    max_leaves=6,
)
_patterns = st.tuples(st.sampled_from(["", "^"]), _pieces, st.sampled_from(["", r"$"])).map("".join)
_texts = st.text("abcd", max_size=6)


@settings(max_examples=examples(400))
@given(_patterns, _texts)
def test_where_python_means_the_same_it_finds_the_same(pattern: str, text: str) -> None:
    assert matches(pattern, text, Work()) == (re.search(pattern, text) is not None)


@settings(max_examples=examples(200))
@given(_patterns, _patterns, st.lists(_texts, max_size=10))
def test_a_language_that_is_called_smaller_is(one: str, other: str, texts: list[str]) -> None:
    found = found_text([one], [other], 0, None, Work(5_000_000))
    if found is None:
        assert all(re.search(other, text) for text in texts if re.search(one, text))
    else:
        assert re.search(one, found)
        assert not re.search(other, found)
