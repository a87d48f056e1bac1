from __future__ import annotations

import html
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from engine.formats.printable import plain
from engine.proof import merkle
from engine.report import Inclusion, ReportOptions
from engine.report.html import MOST_ROWS
from engine.report.html_parts import bar, sides
from engine.report.html_style import STYLE
from tests.examples import examples
from tests.report.cases import (
    BLOCK,
    CASES,
    CHECKPOINT,
    HOLD,
    PROMOTE,
    REFUSED,
    Result,
    any_call,
    check,
    written,
)

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "article", "section", "header"),
    *("footer", "h1", "h2", "h3", "h4", "p", "a", "strong", "code", "pre", "span", "div", "time"),
    *("dl", "dt", "dd", "ul", "ol", "li", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("svg", "rect", "details", "summary", "wbr"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "role", "scope"),
    *("aria-label", "aria-labelledby", "data-label", "datetime", "width", "height", "viewbox"),
    *("x", "y", "aria-hidden"),
}
VOID = ("meta", "rect", "wbr")


class Page(HTMLParser):
    """Reads a page; knows every tag, every text, and whether all that opens is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


def page(results: Sequence[Result]) -> Page:
    return Page(written("html", results))


@given(any_call)
@settings(max_examples=examples(80))
def test_no_text_of_evidence_or_policy_is_a_tag(results: Sequence[Result]) -> None:
    """INV-REPORT-1: what is reported is shown, and does nothing."""
    read = page(results)
    assert read.tags <= TAGS
    assert {name for name, _ in read.attributes} <= ATTRIBUTES
    for result in results:
        if not isinstance(result, tuple):
            assert plain(result.decision.reason) in read.text
    assert all(href.startswith("#d") or href == "#summary" for href in read.values("href"))


@pytest.mark.parametrize("case", CASES)
def test_a_page_needs_nothing_but_itself_and_its_links_lead_somewhere(case: str) -> None:
    read = page(CASES[case])
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert {f"#{name}" for name in ids} >= set(read.values("href"))
    assert set(ids) >= set(read.values("aria-labelledby"))
    assert not {"script", "link", "img", "iframe", "object"} & read.tags
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    policy = next(value for value in read.values("content") if "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


@pytest.mark.parametrize("case", CASES)
def test_a_screen_reader_knows_heads_landmarks_and_bars(case: str) -> None:
    text = written("html", CASES[case])
    assert text.count("<main>") == 1
    assert len(re.findall("<h1[ >]", text)) == 1
    heads = re.findall("<th [^>]*>", text)
    assert heads
    assert all('scope="' in head for head in heads)
    bars = re.findall("<svg [^>]*>", text)
    assert bars
    assert all('role="img" aria-label="margin ' in bar for bar in bars)
    levels = [int(level) for level in re.findall("<h([1-6])[ >]", text)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_standing_is_said_in_words_and_not_by_colour_alone() -> None:
    text = written("html", [HOLD])
    for words in ("failed, waived", "failed, warning only", "unknown", "passed", "off"):
        assert f'">{words}</span>' in text
    assert "Waived by</strong> <code>W-1</code>: agreed with | consumers &lt;script&gt;" in text


def test_a_bar_has_the_limit_in_the_middle_room_right_and_excess_left() -> None:
    def drawn(observed: float, limit: float, status: str) -> tuple[float, float, str]:
        svg = bar(check("a.b", observed=observed, limit=limit, status=status))
        x, width = re.findall('class="fill" x="([0-9.]+)" y="3" width="([0-9.]+)"', svg)[0]
        return float(x), float(width), html.unescape(re.findall('aria-label="(.*?)"', svg)[0])

    assert drawn(0.5, 1, "pass") == (60, 28, "margin 0.5: 50 percent inside the limit")
    assert drawn(1.5, 1, "fail") == (32, 28, "margin -0.5: 50 percent past the limit")
    assert drawn(9, 1, "fail") == (4, 56, "margin -8: 100 percent past the limit")
    assert drawn(3, 0, "fail") == (4, 56, "margin -3: 100 percent past the limit")
    assert drawn(1, 1, "pass")[2] == "margin 0: exactly at the limit"
    assert bar(check("a.b", observed=True, limit=True)) == ""


def test_the_merkle_path_leads_from_the_record_to_the_root() -> None:
    """Joined as the page says, the hashes give the root, in trees of every shape."""
    for size in range(1, 20):
        leaves = [merkle.leaf_hash(bytes([number])) for number in range(size)]

        def node(level: int, number: int, leaves: Sequence[bytes] = leaves) -> bytes:
            if level == 0:
                return leaves[number]
            return merkle.node_hash(node(level - 1, 2 * number), node(level - 1, 2 * number + 1))

        for index in range(size):
            path = tuple(merkle.inclusion_proof(index, size, node))
            proof = Inclusion(leaves[index], index, size, path)
            found = leaves[index]
            for side, sibling in sides(proof):
                pair = (sibling, found) if side == "left" else (found, sibling)
                found = merkle.node_hash(*pair)
            assert found == merkle.root_from_proof(leaves[index], index, size, path)


def test_a_record_is_shown_with_checkpoint_and_path_or_how_to_get_it() -> None:
    read = page([BLOCK])
    assert BLOCK.proof is not None
    assert CHECKPOINT.splitlines()[0] in read.text
    for node in (BLOCK.proof.leaf, *BLOCK.proof.path):
        assert node.hex() in read.text
    without = page([replace(BLOCK, proof=None)])
    assert f"engine export {BLOCK.decision.decision_id} -o proof.json" in without.text


def test_a_dry_run_says_that_nobody_may_act_on_it() -> None:
    """INV-REPORT-2"""
    dry = replace(PROMOTE.decision, recorded=False, index=None, checkpoint=None)
    assert "NOT RECORDED: a dry run" in page([replace(PROMOTE, decision=dry, proof=None)]).text


def test_of_several_each_has_a_section_and_a_row_of_the_summary() -> None:
    text = written("html", [PROMOTE, BLOCK, REFUSED])
    assert text.count('<details class="decision"') == 2
    assert "1 BLOCK, 1 NOT DECIDED, 1 PROMOTE" in text
    assert text.count('<tr role="row"><th role="rowheader" scope="row"><a href="#d') == 3


def test_the_summary_of_very_many_ends_with_a_count() -> None:
    text = written("html", [REFUSED] * (MOST_ROWS + 2))
    assert text.count('<th role="rowheader"') == MOST_ROWS
    assert "and 2 more, above" in text


def test_one_input_that_could_not_be_decided_on_is_a_page_too() -> None:
    text = written("html", [REFUSED], ReportOptions())
    assert "NOT DECIDED" in Page(text).text
    assert text.startswith("<!DOCTYPE html>")


def luminance(colour: str) -> float:
    """Relative luminance. WCAG 2.2."""
    if len(colour) == 4:
        colour = "#" + "".join(2 * digit for digit in colour[1:])
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast_in_both_schemes(scheme: int) -> None:
    block = re.findall(r":root\{(.*?)\}", STYLE, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{3,6})", block))
    pairs = [(name, ground) for name in ("text", "soft", "link", "good", "bad", "open", "waived")
             for ground in ("ground", "raised")]  # fmt: skip
    pairs += [(name, f"{name}-tint") for name in ("good", "bad", "open", "waived")]
    pairs += [("text", "open-tint")]
    found = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}
    for ground in re.findall(r"\.verdict[.a-z]*\{[^}]*?background:(#[0-9a-f]{3,6})", STYLE):
        assert contrast("#fff", ground) >= 4.5
