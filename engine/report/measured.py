"""What ``engine gather --report`` writes: a metrics file as one page with diagrams.

Everything in it is read from the metrics file, so that the page of recorded evidence can be
drawn again. No script, no request; what comes from evidence is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.errors import requires_extra
from engine.model import Json
from engine.report.diagrams import STYLE as DIAGRAM_STYLE
from engine.report.diagrams import BinShown, GroupShown, rates, reliability
from engine.report.html_parts import cell, facts, page_top, row, table, text
from engine.report.html_style import STYLE as PAGE_STYLE

STYLE = PAGE_STYLE + DIAGRAM_STYLE
_TITLES = {
    "rate": "Selection rate by group",
    "tpr": "True positive rate by group",
    "fpr": "False positive rate by group",
}


def page(document: Json) -> str:
    """Return the page of a metrics file in long form."""
    subject = " ".join(
        str(document["subject"][key]) for key in ("name", "version") if key in document["subject"]
    )
    parts = "".join(_metric(name, metric) for name, metric in sorted(document["metrics"].items()))
    return (
        f"{page_top(f'{subject}: measured', STYLE)}<h1>{text(subject)}</h1>\n"
        f"<p>Measured at {text(document['observed_at'])}. Whether it is enough, a gate says.</p>\n"
        f"{parts}</main></body></html>\n"
    )


def _metric(name: str, metric: Json) -> str:
    if not isinstance(metric, dict):
        metric = {"value": metric}
    computed = metric.get("computed", {})
    listed = facts([(label, text(shown)) for label, shown in _facts(metric, computed)])
    drawn = _reliability(computed) + _rates(computed)
    return f'<section class="part"><h2>{text(name)}</h2>{listed}{drawn}</section>\n'


def _facts(metric: Json, computed: Json) -> list[tuple[str, str]]:
    status = metric.get("status", "ok")
    found = [("Value", _number(metric["value"])), ("Status", status)]
    if "ci" in metric:
        found.append(("Interval", " to ".join(map(_number, metric["ci"]))))
    if "n" in metric:
        found.append(("Rows", _number(metric["n"])))
    if "source" in metric:
        found.append(("Source", str(metric["source"])))
    for label, key in (("Digest of the source", "source_sha256"), ("Method", "method")):
        if key in computed:
            found.append((label, computed[key]))
    for label, key in (("Set to", "parameters"), ("Left out", "excluded")):
        if members := computed.get(key):
            found.append((label, ", ".join(f"{name} {_number(members[name])}" for name in members)))
    reference: Mapping[str, float] = computed.get("reference", {})
    other = {key: value for key, value in reference.items() if "." not in key}
    if other:
        found.append(("Came with it", ", ".join(f"{key} {_number(other[key])}" for key in other)))
    return found


def _reliability(computed: Json) -> str:
    reference = computed.get("reference", {})
    names = [match[1] for key in reference if (match := re.fullmatch(r"bin\.(\d+)\.n", key))]
    if not names:
        return ""
    bins = [
        BinShown(*(reference[f"bin.{name}.{of}"] for of in ("n", "confidence", "accuracy")))
        for name in names
    ]
    rows = [
        row(str(int(name)), [
            cell(f"{bin_.n:,}", "Rows"),
            cell(_number(bin_.confidence), "Mean score"),
            cell(_number(bin_.accuracy), "Came true"),
        ])
        for name, bin_ in zip(names, bins, strict=True)
    ]  # fmt: skip
    counted = table("Bins", ("Bin", "Rows", "Mean score", "Came true"), rows)
    return f"{reliability(bins)}<details><summary>Every bin</summary>{counted}</details>"


def _rates(computed: Json) -> str:
    """Charts of rates by group; with intervals where the rate is one of all rows of a group."""
    reference, sizes = computed.get("reference", {}), computed.get("groups", {})
    drawn = []
    for kind, title in _TITLES.items():
        groups = [
            _group(name, sizes.get(name, 0), reference[key], kind)
            for key in reference
            if key.startswith(f"{kind}.")
            for name in [key.removeprefix(f"{kind}.")]
        ]
        if groups:
            what = f"{title}, with 95 % intervals" if kind == "rate" else title
            drawn.append(f"<h3>{text(what)}</h3>{rates(title, groups)}")
    return "".join(drawn)


def _group(name: str, n: int, rate: float, kind: str) -> GroupShown:
    if kind != "rate" or n < 1:
        return GroupShown(name, n, rate, rate, rate)
    with requires_extra("data"):
        import numpy as np
    from engine.metrics.intervals import normal_quantile, wilson

    low, high = wilson(np.array(rate * n), np.array(n), normal_quantile(1))
    return GroupShown(name, n, rate, float(low), float(high))


def _number(value: Json) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
