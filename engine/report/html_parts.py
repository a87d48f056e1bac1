"""Pieces of ``--format html``: escaping, tables, margins as bars, the way through the tree."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterator, Sequence

from engine.decision.margins import margin
from engine.formats.printable import plain, plain_lines
from engine.model import Json, Status
from engine.proof.merkle import root_from_proof
from engine.report import Inclusion
from engine.report.findings import VerdictEffect, effect_of, word_of
from engine.report.wording import (
    count_of,
    distance_of,
    lacking_of,
    observed_and_limit_of,
    was_compared,
)

_HALF = 60
_REACH = 56


def text(shown: object) -> str:
    """Return ``shown`` as HTML text or attribute: as it is, on one line."""
    return html.escape(plain(str(shown)))


def lines(shown: str) -> str:
    """Return ``shown`` as HTML text that keeps its line breaks."""
    return html.escape(plain_lines(shown.replace("\r", "")))


def page_top(title: str, style: str) -> str:
    """Return a page up to its content; its own policy (CSP) lets it load and run nothing."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{style}</style></head>\n<body><main>\n"
    )


def tone(check: Json) -> str:
    """Return the class that colours a check: ``good``, ``bad``, ``open``, ``waived`` or none."""
    match effect_of(check):
        case VerdictEffect.PASSED:
            return "good"
        case VerdictEffect.WAIVED:
            return "waived"
        case VerdictEffect.OFF:
            return ""
        case VerdictEffect.AGAINST if check["status"] == Status.FAIL:
            return "bad"
    return "open"


def mark(sign: str) -> str:
    """Return the shape that stands beside a word, so that colour is never alone."""
    return f'<span class="mark {_SHAPES[sign]}" aria-hidden="true">{sign}</span>'


_SHAPES = {"✓": "disc", "✗": "octagon", "‖": "diamond", "!": "triangle", "⚑": "flag", "-": "ring"}


def mark_of(check: Json) -> str:
    """Return the shape of what a check did."""
    match effect_of(check):
        case VerdictEffect.PASSED:
            return mark("✓")
        case VerdictEffect.WAIVED:
            return mark("⚑")
        case VerdictEffect.WARNS:
            return mark("!")
        case VerdictEffect.OFF:
            return mark("-")
    return mark("✗" if check["status"] == Status.FAIL else "‖")


def identifier(name: str) -> str:
    """Return the id of a check or metric; a line may end behind its points and underscores."""
    shown = text(name).replace(".", ".<wbr>").replace("_", "_<wbr>")
    return f'<code class="id">{shown}</code>'


def status(check: Json) -> str:
    """Return the check's status in words, coloured."""
    words = word_of(check)
    if effect_of(check) is VerdictEffect.WAIVED:
        words += ", waived"
    elif effect_of(check) is VerdictEffect.WARNS:
        words += ", warning only"
    return f'<span class="status {tone(check)}">{text(words)}</span>'


def bar(check: Json) -> str:
    """Return the margin as a bar, in a share of the limit; ``""`` where there is no distance.

    The limit is the mark in the middle; room is to its right, excess to its left.
    """
    distance = margin(check)
    if distance is None:
        return ""
    whole = abs(float(check["limit"])) or abs(float(check["observed"])) or 1.0
    share = max(-1.0, min(1.0, float(distance) / whole))
    width = max(abs(share) * _REACH, 3.0)
    start = _HALF if share >= 0 else _HALF - width
    side = "inside" if share > 0 else "past" if share < 0 else "exactly at"
    label = f"margin {distance}: {abs(share) * 100:.0f} percent {side} the limit"
    if share == 0:
        label = "margin 0: exactly at the limit"
    return (
        f'<svg class="bar {tone(check)}" role="img" aria-label="{text(label)}" '
        'width="120" height="14" viewBox="0 0 120 14">'
        '<rect class="track" x="4" y="6" width="112" height="2"/>'
        f'<rect class="fill" x="{start:.1f}" y="3" width="{width:.1f}" height="8"/>'
        f'<rect class="limit" x="{_HALF - 0.75}" y="0" width="1.5" height="14"/></svg>'
    )


def measured(check: Json) -> str:
    """Return what was observed, the limit in brackets, the margin as a bar and in words.

    Numbers run from left to right in every language, else a limit would be turned round.
    """
    compared = was_compared(check)
    facts = (distance_of(check) if compared else lacking_of(check), _count(check))
    words = ", ".join(filter(None, facts))
    values = observed_and_limit_of(check).replace("<=", "≤").replace(">=", "≥")
    return (
        f'<div class="meas"><span class="num">{text(values)}</span>{bar(check) if compared else ""}'
        f'<span class="num soft small">{text(words)}</span></div>'
    )


def _count(check: Json) -> str:
    return f"n {count_of(check)}" if count_of(check) else ""


def table(caption: str, columns: Sequence[str], rows: Sequence[str], *, kind: str = "") -> str:
    """Return a table; ``rows`` are HTML already, of cells made by :func:`cell`."""
    heads = "".join(f'<th role="columnheader" scope="col">{text(name)}</th>' for name in columns)
    return (
        f'<table role="table" class="{kind}"><caption>{text(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table>'
    )


def row(head: str, cells: Sequence[str], identity: str = "", kind: str = "") -> str:
    """Return a row whose head and cells are HTML already; ``kind`` is its class."""
    named = f' id="{identity}"' if identity else ""
    named += f' class="{kind}"' if kind else ""
    return (
        f'<tr role="row"{named}><th role="rowheader" scope="row">{head}</th>{"".join(cells)}</tr>'
    )


def cell(content: str, label: str) -> str:
    """Return a cell of HTML; ``label`` names its column where columns are not shown."""
    return f'<td role="cell" data-label="{text(label)}">{content}</td>'


def value(content: str) -> str:
    """Return what was measured or allowed, to be put into a cell."""
    return f'<span class="value">{text(content)}</span>' if content else ""


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return terms and what they are; HTML already."""
    return f"<dl>{''.join(f'<dt>{text(name)}</dt><dd>{value}</dd>' for name, value in pairs)}</dl>"


def merkle_path(proof: Inclusion) -> str:
    """Return the way from the record's hash to the root that the checkpoint signs."""
    steps = "".join(
        f'<li><span class="side">joined with, on the {side}:</span> <code>{node.hex()}</code></li>'
        for side, node in sides(proof)
    )
    root = root_from_proof(proof.leaf, proof.index, proof.size, proof.path)
    return (
        '<ol class="path">'
        f'<li><span class="side">hash of entry {proof.index}:</span> '
        f"<code>{proof.leaf.hex()}</code></li>{steps}"
        f'<li><span class="side">root of the {proof.size:,} entries:</span> '
        f"<code>{root.hex()}</code>, in the checkpoint as "
        f"<code>{base64.b64encode(root).decode()}</code></li></ol>"
    )


def sides(proof: Inclusion) -> Iterator[tuple[str, bytes]]:
    """On which side each hash of the path is joined. RFC 9162 section 2.1.3.2."""
    index, last = proof.index, proof.size - 1
    for node in proof.path:
        if index & 1 or index == last:
            yield "left", node
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            yield "right", node
        index, last = index >> 1, last >> 1
