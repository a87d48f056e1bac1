"""What a source of evidence gets and returns. Sources import this, not the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from engine.errors import DocumentError
from engine.evidence.documents import Document
from engine.formats.json_positions import escape
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
        document: The metrics file that they were taken over from, at whose places what is wrong
            with them stands; None where they were measured here.
    """

    metrics: Mapping[str, dict[str, Json]]
    notes: tuple[str, ...] = ()
    document: Document | None = None

    def refused(self, pointer: str, reason: str, hint: str) -> DocumentError | None:
        """Return the error at its place in ``document``; None where the metric is not from there.

        Args:
            pointer: RFC 6901 pointer in a metrics file of these ``metrics``.
            reason: What is wrong there, in one clause.
            hint: What to do.
        """
        token = pointer.removeprefix("/metrics/").partition("/")[0]
        name = next((name for name in self.metrics if escape(name) == token), None)
        if self.document is None or name is None:
            return None
        is_short = not isinstance(self.document.value["metrics"][name], dict)
        return self.document.refused(f"/metrics/{token}" if is_short else pointer, reason, hint)


class Source(Protocol):
    """What a module in ``engine.evidence.sources`` that reads evidence has.

    A reader that counts by SQL also has ``statement(request: SourceRequest) -> str``: the same
    SQL, for ``engine gather --sql``. One whose files say what they are has
    ``recognise(head: Head) -> str``: what in a file says that it is of this kind, empty where
    nothing does; and ``IS_ONE_FILE = True`` where a table takes only one.
    """

    EXAMPLE: str
    """A ``[[source]]`` table that shows its keys."""

    def read(self, request: SourceRequest) -> Evidence:
        """Return what ``request.table`` says to measure.

        Raises:
            ConfigError: A key or a value of the table is wrong, or nothing is there to read.
            DocumentError: What is there cannot be read; says where.
        """
