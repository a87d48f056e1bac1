"""``--format json``: one object, or an array of them of several.

It has what every other format shows, so that ``engine convert`` can write them from it: of each
check the metric and where that stands, and of several an element for each input that could not
be decided on, whose ``verdict`` is null. What only the ledger knows, the Merkle path, it has not.
"""

from __future__ import annotations

import json

from engine.errors import GovernanceError
from engine.formats.printable import plain_json
from engine.model import Json
from engine.report import (
    Location,
    Report,
    ReportOptions,
    Writer,
    decision_document,
    failure_document,
)
from engine.report.findings import place_of


class JsonWriter(Writer):
    """Writes indented JSON; of several, each says which file it is about."""

    locates = True

    def __init__(self, options: ReportOptions) -> None:
        super().__init__(options)
        self._empty = True

    def head(self) -> str:
        """Open the array."""
        return "[" if self._options.several else ""

    def item(self, report: Report) -> str:
        """Return one object."""
        document = {"file": report.file, **decision_document(report)}
        document["checks"] = [
            {**entry, "metric": check["metric"], "location": _location(place_of(check, report))}
            for entry, check in zip(document["checks"], report.decision.checks, strict=True)
        ]
        return self._element(document) if self._options.several else _encoded(document) + "\n"

    def failed(self, file: str, error: GovernanceError) -> str:
        """Return an element without a verdict; nothing if there is only one input."""
        if not self._options.several:
            return ""
        return self._element(failure_document(file, error))

    def _element(self, document: Json) -> str:
        comma, self._empty = "" if self._empty else ",", False
        return f"{comma}\n{_encoded(document)}"

    def tail(self) -> str:
        """Close the array."""
        return ("]\n" if self._empty else "\n]\n") if self._options.several else ""


def _location(place: Location | None) -> Json:
    return None if place is None else place._asdict()


def _encoded(document: object) -> str:
    return plain_json(json.dumps(document, indent=2, ensure_ascii=False))
