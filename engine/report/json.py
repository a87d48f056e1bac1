"""``--format json``: one object, or an array of them where several were asked about."""

from __future__ import annotations

import json

from engine.errors import GovernanceError
from engine.report import Manner, Report, Writer, decision_document

LOCATES = True
PROVES = False


def writer(manner: Manner) -> Writer:
    """Return a new writer."""
    return JsonWriter(manner)


class JsonWriter:
    """Writes indented JSON; of several, each says which file it is about."""

    def __init__(self, manner: Manner) -> None:
        self._several = manner.several
        self._empty = True

    def head(self) -> str:
        """Open the array."""
        return "[" if self._several else ""

    def item(self, report: Report) -> str:
        """Return one object."""
        document = decision_document(report)
        if not self._several:
            return _encoded(document) + "\n"
        comma, self._empty = "" if self._empty else ",", False
        return f"{comma}\n{_encoded({'file': report.file, **document})}"

    def failed(self, file: str, error: GovernanceError) -> str:  # noqa: ARG002
        """Nothing: standard error says it."""
        return ""

    def tail(self) -> str:
        """Close the array."""
        return ("]\n" if self._empty else "\n]\n") if self._several else ""


def _encoded(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
