"""``--format jsonl``: one object per line, with the file it is about."""

from __future__ import annotations

import json

from engine.errors import GovernanceError
from engine.report import Manner, Report, Writer, decision_document

LOCATES = False

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def writer(manner: Manner) -> Writer:  # noqa: ARG001
    """Return a new writer."""
    return LinesWriter()


class LinesWriter:
    """Writes one line per decision; nothing stands before or behind."""

    def head(self) -> str:
        """Nothing."""
        return ""

    def item(self, report: Report) -> str:
        """Return one line."""
        return _encode({"file": report.file, **decision_document(report)}) + "\n"

    def failed(self, file: str, error: GovernanceError) -> str:  # noqa: ARG002
        """Nothing: standard error says it."""
        return ""

    def tail(self) -> str:
        """Nothing."""
        return ""
