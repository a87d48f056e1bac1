"""Reports of real tools and others made up, read as a configuration with one source reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from engine.evidence.sources import Evidence, SourceRequest, source_of
from engine.model import Json
from engine.settings.table import Table
from tests.repository import ROOT

REAL = ROOT / "tests" / "data" / "reports"
NOW = datetime(2026, 12, 2, 12, tzinfo=UTC)


def read(kind: str, folder: Path, path: str | list[str] = "report", **keys: Json) -> Evidence:
    """Read ``path`` in ``folder`` as a source of ``kind``."""
    table = Table("gather.toml", "source", {"kind": kind, "path": path, **keys})
    request = SourceRequest(table, folder, NOW, {"PATH": "/usr/local/bin:/usr/bin:/bin"})
    evidence = source_of(table).read(request)
    table.finish()
    return evidence


def read_text(kind: str, folder: Path, text: str | bytes, **keys: Json) -> Evidence:
    """Read a report that holds ``text``."""
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "report").write_bytes(data)
    return read(kind, folder, **keys)


def values(evidence: Evidence) -> dict[str, Json]:
    """Value by metric, without the domain; its status where there is no value."""
    return {
        name.partition(".")[2]: metric["status"] if metric["value"] is None else metric["value"]
        for name, metric in evidence.metrics.items()
    }
