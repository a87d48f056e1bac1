"""An order for tests, and tables of hooks."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engine.effects import Hook, HookContext, Order, kind_of
from engine.settings.table import Table

NOW = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)
ORDER = Order(
    action="page",
    subject={"name": "scoring-model", "version": "2.4.1", "sha256": "ab" * 32},
    idempotency_key="0197-page-1",
    attempt=1,
    requested_at="2026-11-20T12:00:00Z",
    cause="over",
    decision="0197f3a2-0000-7000-8000-000000000001",
    now=NOW,
)


def order(**changes: object) -> Order:
    return replace(ORDER, **changes)  # type: ignore[arg-type]


def hook(text: str, folder: Path, **environ: str) -> Hook:
    """The hook of one ``[[hook]]`` table, read as strictly as the configuration is."""
    (table,) = Table("w.toml", text, tomllib.loads(text)).tables("hook")
    made = kind_of(table).hook_of(table, HookContext(folder, environ))
    table.finish()
    return made
