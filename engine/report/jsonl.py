"""``--format jsonl``: one object per line, with the file it is about."""

from __future__ import annotations

import json
from functools import lru_cache

from engine.errors import GovernanceError
from engine.model import Json
from engine.report import (
    Draft,
    Report,
    ReportOptions,
    Writer,
    before_place,
    behind_place,
    failure_document,
)

LOCATES = False
PROVES = False


def writer(manner: ReportOptions) -> Writer:
    """Return a new writer."""
    return LinesWriter(manner)


class LinesWriter:
    """Writes one line per decision; nothing stands before or behind."""

    def __init__(self, manner: ReportOptions) -> None:
        self._several = manner.several

    def head(self) -> str:
        """Nothing."""
        return ""

    def item(self, report: Report) -> str:
        """Return one line."""
        decision = report.decision
        return self.placed(self.draft(report), decision.index, decision.checkpoint).decode()

    def draft(self, report: Report) -> Draft:
        """Return the line but for its place in the ledger."""
        before = {"file": report.file, **before_place(report)}
        return _encoded(before)[:-1] + b",", b",%b\n" % _encoded(behind_place(report))[1:]

    def placed(self, draft: Draft, index: int | None, checkpoint: str | None) -> bytes:
        """Return the line."""
        return _place(index, checkpoint).join(draft)

    def failed(self, file: str, error: GovernanceError) -> str:
        """Return a line without a verdict; nothing where one was asked about."""
        return _encoded(failure_document(file, error)).decode() + "\n" if self._several else ""

    def tail(self) -> str:
        """Nothing."""
        return ""


def _encoded(document: Json) -> bytes:
    import orjson

    return orjson.dumps(document)


def _place(index: int | None, checkpoint: str | None) -> bytes:
    if index is None:
        return b'"recorded":false,"index":null,"checkpoint":null'
    return b'"recorded":true,"index":%d,"checkpoint":%b' % (index, _quoted(checkpoint))


@lru_cache(maxsize=4)
def _quoted(text: str | None) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()
