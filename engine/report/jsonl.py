"""``--format jsonl``: one object per line, with the file it is about."""

from __future__ import annotations

import json
from functools import lru_cache

from engine.errors import GovernanceError
from engine.formats.printable import plain_json
from engine.model import Json
from engine.report import (
    RenderedParts,
    Report,
    Writer,
    after_entry,
    before_entry,
    failure_document,
)


class LinesWriter(Writer):
    """Writes one line per decision; nothing stands before or behind."""

    def item(self, report: Report) -> str:
        """Return one line."""
        decision = report.decision
        return self.entry(decision.index, decision.checkpoint).join(self.parts(report)).decode()

    def parts(self, report: Report) -> RenderedParts:
        """Return the line but for its place in the ledger."""
        before = {"file": report.file, **before_entry(report)}
        return _encoded(before)[:-1] + b",", b",%b\n" % _encoded(after_entry(report))[1:]

    def entry(self, index: int | None, checkpoint: str | None) -> bytes:
        """Return the members about its place in the ledger."""
        if index is None:
            return b'"recorded":false,"index":null,"checkpoint":null'
        return b'"recorded":true,"index":%d,"checkpoint":%b' % (index, _quoted(checkpoint))

    def failed(self, file: str, error: GovernanceError) -> str:
        """Return a line without a verdict; nothing if there is only one input."""
        return (
            _encoded(failure_document(file, error)).decode() + "\n" if self._options.several else ""
        )


def _encoded(document: Json) -> bytes:
    import orjson

    try:
        encoded = orjson.dumps(document)
    except TypeError:  # the name of a file that is no UTF-8: the escape is JSON's, too
        import json

        encoded = json.dumps(document, ensure_ascii=False).encode(errors="backslashreplace")
    seen = encoded.isascii() and b"\x7f" not in encoded and b"##" not in encoded
    return encoded if seen else plain_json(encoded.decode()).encode()


@lru_cache(maxsize=4)
def _quoted(text: str | None) -> bytes:
    return plain_json(json.dumps(text, ensure_ascii=False)).encode(errors="backslashreplace")
