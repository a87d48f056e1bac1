"""``--format json``: one object, or an array of them where several were asked about."""

from __future__ import annotations

import json

from engine.report import Report, decision_document


def one(report: Report, *, explain: bool, width: int) -> str:  # noqa: ARG001
    """Return one decision, indented."""
    return json.dumps(decision_document(report), indent=2, ensure_ascii=False) + "\n"


def head() -> str:
    """Open the array."""
    return "["


def item(report: Report, *, first: bool, explain: bool, width: int) -> str:  # noqa: ARG001
    """Return one member of the array, with the file it is about."""
    document = {"file": report.file, **decision_document(report)}
    return ("" if first else ",") + "\n" + json.dumps(document, indent=2, ensure_ascii=False)


def tail(*, empty: bool) -> str:
    """Close the array."""
    return "]\n" if empty else "\n]\n"
