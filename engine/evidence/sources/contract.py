"""What a source of evidence gets and returns. Sources import this, not the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from engine.model import Json
from engine.settings.table import Table


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What a reader is asked.

    Attributes:
        table: Its ``[[source]]`` table.
        folder: The configuration's folder; paths are relative to it.
        now: The instant of gathering, UTC, whole seconds. Readers look at no clock.
        environ: The environment, for what must not stand in a file, such as a token.
        subject: What is asked about, as a metrics file writes it; empty where nobody said.
    """

    table: Table
    folder: Path
    now: datetime
    environ: Mapping[str, str] = field(default_factory=dict)
    subject: Mapping[str, Json] = field(default_factory=dict)


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

    def read(self, request: SourceRequest) -> Evidence:
        """Return what ``request.table`` says to measure.

        Raises:
            ConfigError: A key or a value of the table is wrong, or nothing is there to read.
            DocumentError: What is there cannot be read; says where.
        """
