"""Diagrams of computed metrics as SVG: plain text that is drawn anywhere, in light and dark.

Every diagram has a name and a text that says what it shows, for those who do not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.report.html_parts import text

STYLE = """
svg.diagram{display:block;width:100%;max-width:34rem;height:auto;margin:.5rem 0}
svg.diagram text{fill:var(--text);font:12px system-ui,sans-serif}
svg.diagram .soft{fill:var(--soft)}
svg.diagram .axis{stroke:var(--soft);fill:none}
svg.diagram .grid{stroke:var(--line);fill:none}
svg.diagram .ideal{stroke:var(--soft);stroke-dasharray:5 4;fill:none}
svg.diagram .gap{stroke:var(--bad);stroke-width:2}
svg.diagram .point{fill:var(--link)}
svg.diagram .line{stroke:var(--link);fill:none;stroke-width:1.5}
svg.diagram .count{fill:var(--soft)}
svg.diagram .span{stroke:var(--link);stroke-width:2}
"""
_LEFT, _TOP, _SIDE = 46, 12, 300
_COUNTS = 70
_ROW = 26


class BinShown(NamedTuple):
    """One bin: rows, mean score, and the share that came true."""

    n: int
    confidence: float
    accuracy: float


class GroupShown(NamedTuple):
    """One group: name, rows, its rate and the bounds of that."""

    name: str
    n: int
    rate: float
    low: float
    high: float


def reliability(bins: Sequence[BinShown]) -> str:
    """Return what came true against what was predicted, and how many rows each bin has."""
    points = [(_x(bin_.confidence), _y(bin_.accuracy)) for bin_ in bins]
    parts = [_frame(), f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>']
    parts += [
        f'<line class="gap" x1="{x}" y1="{y}" x2="{x}" y2="{_y(bin_.confidence)}"/>'
        for (x, y), bin_ in zip(points, bins, strict=True)
    ]
    path = " ".join(f"{x},{y}" for x, y in points)
    parts.append(f'<polyline class="line" points="{path}"/>')
    parts += [
        f'<circle class="point" cx="{x}" cy="{y}" r="4">'
        f"<title>{text(_bin_text(bin_))}</title></circle>"
        for (x, y), bin_ in zip(points, bins, strict=True)
    ]
    parts.append(_counts(bins))
    description = "; ".join(map(_bin_text, bins))
    height = _TOP + _SIDE + 44 + _COUNTS + 16
    return _svg("Reliability diagram", description, _LEFT + _SIDE + 16, height, parts)


def rates(title: str, groups: Sequence[GroupShown]) -> str:
    """Return each group's rate with its interval, one row per group."""
    width, label = 520, 150
    scale = width - label - 90
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = round(label + share * scale, 1)
        bottom = _TOP + _ROW * len(groups) + 4
        parts.append(f'<line class="grid" x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}"/>')
        parts.append(
            f'<text class="soft" x="{x}" y="{bottom + 14}" text-anchor="middle">{share:g}</text>'
        )
    for at, group in enumerate(groups):
        y = _TOP + _ROW * at + _ROW / 2
        ends = (group.low, group.rate, group.high)
        low, rate, high = (round(label + end * scale, 1) for end in ends)
        short = group.name if len(group.name) <= 20 else group.name[:19] + "…"
        parts += [
            f'<text x="{label - 8}" y="{y + 4}" text-anchor="end">{text(short)}</text>',
            _span(low, high, y) if low < high else "",
            f'<circle class="point" cx="{rate}" cy="{y}" r="4"/>',
            f'<text class="soft" x="{width - 4}" y="{y + 4}" text-anchor="end">'
            f"n {group.n:,}</text>",
        ]
    description = "; ".join(
        f"{group.name}: {group.rate:.3f}, {group.low:.3f} to {group.high:.3f}, n {group.n:,}"
        for group in groups
    )
    return _svg(title, description, width, _TOP + _ROW * len(groups) + 26, parts)


def _span(low: float, high: float, y: float) -> str:
    return (
        f'<line class="span" x1="{low}" y1="{y}" x2="{high}" y2="{y}"/>'
        f'<line class="span" x1="{low}" y1="{y - 5}" x2="{low}" y2="{y + 5}"/>'
        f'<line class="span" x1="{high}" y1="{y - 5}" x2="{high}" y2="{y + 5}"/>'
    )


def _frame() -> str:
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        x, y = _x(share), _y(share)
        parts += [
            f'<line class="grid" x1="{x}" y1="{_y(0)}" x2="{x}" y2="{_y(1)}"/>',
            f'<line class="grid" x1="{_x(0)}" y1="{y}" x2="{_x(1)}" y2="{y}"/>',
            f'<text class="soft" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{share:g}</text>',
            f'<text class="soft" x="{x}" y="{_y(0) + 16}" text-anchor="middle">{share:g}</text>',
        ]
    middle = _LEFT + _SIDE / 2
    parts += [
        f'<rect class="axis" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>',
        f'<text x="{middle}" y="{_y(0) + 34}" text-anchor="middle">mean score of the bin</text>',
        f'<text x="12" y="{_TOP + _SIDE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 12 {_TOP + _SIDE / 2})">share that came true</text>',
    ]
    return "".join(parts)


def _counts(bins: Sequence[BinShown]) -> str:
    """Columns below the diagram: how many rows each point rests on."""
    most = max((bin_.n for bin_ in bins), default=1)
    bottom = _TOP + _SIDE + 44 + _COUNTS
    parts = [f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{_x(1)}" y2="{bottom}"/>']
    for bin_ in bins:
        height = round(max(1.0, bin_.n / most * (_COUNTS - 14)), 1)
        parts.append(
            f'<rect class="count" x="{_x(bin_.confidence) - 4}" y="{bottom - height}" width="8" '
            f'height="{height}"><title>{text(_bin_text(bin_))}</title></rect>'
        )
    parts.append(
        f'<text class="soft" x="{_LEFT - 6}" y="{bottom - _COUNTS + 22}" text-anchor="end">'
        f"{_short(most)}</text>"
        f'<text class="soft" x="{_LEFT - 6}" y="{bottom + 4}" text-anchor="end">n 0</text>'
    )
    return "".join(parts)


def _svg(title: str, description: str, width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg class="diagram" role="img" viewBox="0 0 {width} {height}" '
        f'aria-label="{text(title)}"><desc>{text(description)}</desc>{"".join(parts)}</svg>'
    )


def _bin_text(bin_: BinShown) -> str:
    return f"score {bin_.confidence:.3f}, came true {bin_.accuracy:.3f}, n {bin_.n:,}"


def _short(n: int) -> str:
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if n >= size:
            return f"{n / size:.3g}{letter}"
    return str(n)


def _x(share: float) -> float:
    return round(_LEFT + share * _SIDE, 1)


def _y(share: float) -> float:
    return round(_TOP + (1 - share) * _SIDE, 1)
