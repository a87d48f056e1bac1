"""``kind = "metrics"``: what a metrics file says is taken as it is, about this subject alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.errors import GovernanceError
from engine.evidence.sources import SourceRequest, source_of
from engine.settings.table import Table

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ABOUT = {"name": "shop", "version": "2", "digest": {"sha256": "a" * 64}}
DOCUMENT = {
    "subject": {"name": "shop"},
    "observed_at": "2026-11-20T11:00:00Z",
    "metrics": {
        "slo.dec_p95_ms": 512,
        "slo.burn_rate": {"value": 0.5, "observed_at": "2026-11-20T11:30:00Z", "source": "prom"},
    },
}


def found(folder: Path, document: Any, about: Any = ABOUT) -> Any:
    (folder / "m.json").write_text(json.dumps(document))
    table = Table("watch.toml", "", {"kind": "metrics", "path": "m.json"})
    return source_of(table).read(SourceRequest(table, folder, NOW, {}, about)).metrics


def test_each_value_is_as_old_as_the_file_says_and_names_it(tmp_path: Path) -> None:
    assert found(tmp_path, DOCUMENT) == {
        "slo.dec_p95_ms": {
            "value": 512, "observed_at": "2026-11-20T11:00:00Z", "source": "m.json",
        },
        "slo.burn_rate": {
            "value": 0.5, "observed_at": "2026-11-20T11:30:00Z", "source": "prom",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"subject": {"name": "other"}}, "/subject/name: this is evidence about 'other'"),
        ({"subject": {"name": "shop", "version": "1"}}, "/subject/version: this is evidence"),
        ({"subject": {"name": "shop", "digest": {"sha256": "b" * 64}}}, "/subject/digest: this"),
        ({"observed_at": "yesterday"}, "/observed_at"),
        ({"metrics": {"slo.dec_p95_ms": {"valeu": 1}}}, "/metrics/slo.dec_p95_ms"),
    ],
)
def test_what_is_about_something_else_or_no_metrics_file_is_refused(
    tmp_path: Path, change: Any, words: str
) -> None:
    with pytest.raises(GovernanceError) as refused:
        found(tmp_path, DOCUMENT | change)
    assert "m.json:1:" in str(refused.value)
    assert words in str(refused.value)
