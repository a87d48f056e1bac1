"""Where computed evidence comes from: one source per file, one table that lists them.

To add one, write ``engine/evidence/sources/<kind>.py`` with the members of :class:`Source`, and
its line in :data:`SOURCES`. A source imports :mod:`contract <engine.evidence.sources.contract>`
and never this table. It gets one ``[[source]]`` table, the folder that paths are relative to, and
the instant; it reads each key by name and type, so that a misspelt one is refused with its nearest
name, and returns metrics in the long form of a metrics file. Maths belongs in ``engine/metrics``.
"""

from __future__ import annotations

import importlib
from typing import cast

from engine.errors import suggest
from engine.evidence.sources.contract import Evidence, Source, SourceRequest
from engine.settings.table import Table

__all__ = ["SOURCES", "Evidence", "Source", "SourceRequest", "source_of"]

SOURCES = {
    "consent": "engine.evidence.sources.consent",
    "counts": "engine.evidence.sources.counts",
    "coverage": "engine.evidence.sources.coverage",
    "drift": "engine.evidence.sources.drift",
    "junit": "engine.evidence.sources.junit",
    "load": "engine.evidence.sources.load",
    "metrics": "engine.evidence.sources.metrics",
    "pii": "engine.evidence.sources.pii",
    "predictions": "engine.evidence.sources.predictions",
    "prometheus": "engine.evidence.sources.prometheus",
    "sarif": "engine.evidence.sources.sarif",
    "sbom": "engine.evidence.sources.sbom",
    "schemas": "engine.evidence.sources.schemas",
    "vulnerabilities": "engine.evidence.sources.vulnerabilities",
}
"""``kind`` of a source table, and the module that reads it."""


def source_of(table: Table) -> Source:
    """Return the reader of ``table``.

    Raises:
        ConfigError: No ``kind``, or one that nobody reads; names the nearest.
    """
    kind = table.text("kind")
    if kind not in SOURCES:
        raise table.refused("kind", f"{kind!r} is not a kind of source", suggest(kind, SOURCES))
    return cast(Source, importlib.import_module(SOURCES[kind]))
