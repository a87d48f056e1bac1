"""Where computed evidence comes from. One reader per file, one table that lists them.

To add one: write ``engine/evidence/sources/<kind>.py`` with the members of :class:`Source`, and
its line in :data:`SOURCES`. ``read`` gets one ``[[source]]`` table of the configuration, the folder
that its paths are relative to, and the instant; it returns the metrics it measured, in the long
form of a metrics file. It asks the table for each key by name and type, so that a misspelt key
is refused with file, line, key and nearest name. Maths belongs in ``engine/metrics``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

from engine.errors import suggest
from engine.model import Json
from engine.settings.table import Table

SOURCES = {
    "consent": "engine.evidence.sources.consent",
    "counts": "engine.evidence.sources.counts",
    "pii": "engine.evidence.sources.pii",
    "predictions": "engine.evidence.sources.predictions",
    "prometheus": "engine.evidence.sources.prometheus",
    "schemas": "engine.evidence.sources.schemas",
}
"""``kind`` of a source table, and the module that reads it."""


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What a reader is asked.

    Attributes:
        table: Its ``[[source]]`` table.
        folder: The configuration's folder; paths are relative to it.
        now: The instant of gathering, UTC, whole seconds. Readers look at no clock.
        environ: The environment, for what must not stand in a file, such as a token.
    """

    table: Table
    folder: Path
    now: datetime
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a reader measured.

    Attributes:
        metrics: Metric in long form by id: ``value``, ``status``, and what a metrics file may
            say besides. A metric without a usable value has ``value: None`` and the status
            that says why; it is never left out.
        notes: What a person should know, such as where the first unusable row is; one line
            each, and nothing personal.
    """

    metrics: Mapping[str, dict[str, Json]]
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """What a module in ``engine.evidence.sources`` that reads evidence has.

    A reader that counts by SQL also has ``statement(request: SourceRequest) -> str``: the same
    SQL, for ``engine gather --sql``.
    """

    EXAMPLE: str
    """A ``[[source]]`` table that shows its keys."""

    def read(self, asked: SourceRequest) -> Evidence:
        """Return what ``asked.table`` says to measure.

        Raises:
            ConfigError: A key or a value of the table is wrong, or nothing is there to read.
            DocumentError: What is there cannot be read; says where.
        """


def source_of(table: Table) -> Source:
    """Return the reader of ``table``.

    Raises:
        ConfigError: No ``kind``, or one that nobody reads; names the nearest.
    """
    kind = table.text("kind")
    if kind not in SOURCES:
        raise table.refused("kind", f"{kind!r} is not a kind of source", suggest(kind, SOURCES))
    return cast(Source, importlib.import_module(SOURCES[kind]))
