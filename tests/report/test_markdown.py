from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from engine.report import ReportOptions
from engine.report.markdown import code, escape
from tests.examples import examples
from tests.report.cases import HOLD, PROMOTE, REFUSED, Result, any_call, written

READ_AS_WRITTEN = (
    *("-1.5", "1.5", "- x", "1. x", "---", "= y", "+1", "a | b", "`x` *y* _z_", "<script>"),
    *("&amp;", "[x](y)", "~~no~~", "\\|", "a\\b", "# x", "> x"),
)
OURS = re.compile(r"</?(details|summary)>|<br>")
reader = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")


def tokens(text: str) -> list[Token]:
    """Every token of ``text``, those inside lines too."""
    return [inner for token in reader.parse(text) for inner in (token, *(token.children or ()))]


def shown(text: str) -> str:
    """What a reader sees of one paragraph."""
    return "".join(token.content for token in tokens(text) if not token.children)


@given(any_call)
@settings(max_examples=examples(60))
def test_no_text_of_evidence_or_policy_formats(results: Sequence[Result]) -> None:
    """INV-REPORT-1: what is reported is shown, and does nothing."""
    for explain in (False, True):
        text = written(
            "markdown", results, ReportOptions(several=len(results) > 1, explain=explain)
        )
        for token in tokens(text):
            assert token.type not in ("link_open", "image", "em_open", "hr", "blockquote_open")
            assert token.type not in ("ordered_list_open", "code_block", "lheading_open")
            if token.type in ("html_inline", "html_block"):
                left = re.sub(OURS, "", token.content)
                assert not re.search(r"<|>", re.sub("<summary>.*", "", left)), token


@given(any_call)
@settings(max_examples=examples(60))
def test_every_row_of_a_table_has_the_cells_of_its_head(results: Sequence[Result]) -> None:
    columns = 0
    for line in written("markdown", results).split("\n"):
        if not line.startswith("| "):
            columns = 0
            continue
        found = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
        columns = columns or found
        assert found == columns, line


def test_what_is_escaped_is_read_as_it_was() -> None:
    for text in READ_AS_WRITTEN:
        assert shown(escape(text)) == text
        assert shown(code(text)) == text


def test_nobody_is_called_and_nothing_is_linked_by_github_itself() -> None:
    assert escape("ask @team") == "ask @\u200bteam"
    assert escape("a@b.org") == "a@b.org"
    assert escape("http://x.org") == "http\\://x.org"
    assert escape("www.x.org #1") == "www\\.x.org \\#1"


def test_what_stands_against_a_decision_comes_first_and_passes_are_folded() -> None:
    text = written("markdown", [HOLD])
    parts = ["HOLD: scoring-model", "What stands against it", "Warnings", "### Waived",
             "<summary>1 check passed", "### Waivers", "Relaxed by", "### Record"]  # fmt: skip
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_of_several_each_has_a_section_and_the_last_line_counts() -> None:
    text = written("markdown", [PROMOTE, HOLD, REFUSED])
    assert re.findall(r"^### .*$", text, re.MULTILINE) == [
        "### ✅ PROMOTE: scoring-model 2.4.1 (`evidence/metrics.json`)",
        "### ⏸️ HOLD: scoring-model 2.4.3 (`evidence/metrics.json`)",
        "### ⚠️ NOT DECIDED (`evidence/bad.json`)",
    ]
    assert text.endswith("**2 decided**: 1 HOLD, 1 PROMOTE; **1 could not be decided**\n")
