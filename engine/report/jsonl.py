"""``--format jsonl``: one object per line, with the file it is about."""

from __future__ import annotations

import json

from engine.report import Report, decision_document

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def one(report: Report, *, explain: bool, width: int) -> str:  # noqa: ARG001
    """Return one line."""
    document = {"file": report.file, **decision_document(report)}
    return _encode(document) + "\n"


def head() -> str:
    """Nothing stands before the lines."""
    return ""


def item(report: Report, *, first: bool, explain: bool, width: int) -> str:  # noqa: ARG001
    """Return one line."""
    return one(report, explain=explain, width=width)


def tail(*, empty: bool) -> str:  # noqa: ARG001
    """Nothing stands behind the lines."""
    return ""
