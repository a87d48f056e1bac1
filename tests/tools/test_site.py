"""The pages as a site: every page is in it, no link of it is broken, and the reference is whole."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from engine.cli.explain.error_texts import error_texts
from engine.cli.verbs import VERBS
from tests.repository import ROOT
from tools import site


def test_the_reference_is_made_of_what_the_engine_says() -> None:
    pages = site.reference()
    for verb in VERBS:
        assert f"## engine {verb}\n\n```text\nusage: engine {verb} " in pages["verbs.md"]
    assert "| 5 | HOLD; or a dry run that would have been 0 | " in pages["exit-codes.md"]
    assert "slo.dec_p95_ms" in pages["checks.md"]
    for schema in (ROOT / "schemas").glob("*.json"):
        assert f"`schemas/{schema.name}`" in pages["schemas.md"]
    for error in error_texts():
        assert site.cell(error.text) in pages[f"errors/{error.kind}.md"]


def test_a_link_to_what_is_no_page_leads_to_the_repository(tmp_path: Path) -> None:
    page = ROOT / "docs" / "settings.md"
    assert site.within(page).count("reference/sources.md") == 0
    site.stage(tmp_path)
    assert (tmp_path / "docs/settings.md").read_text() == page.read_text()
    assert (tmp_path / "docs/flow.svg").exists()
    placed = [
        page for section in site.navigation(tmp_path) for page in next(iter(section.values()))
    ]
    found = sorted(str(page.relative_to(tmp_path)) for page in tmp_path.rglob("*.md"))
    assert sorted(placed) == found, "each page is in one section"


@pytest.mark.system
def test_the_site_is_built_without_a_broken_link() -> None:
    subprocess.run(["make", "site"], cwd=ROOT, check=True, timeout=300)
    start = (ROOT / "build" / "site" / "index.html").read_text()
    assert "fonts.googleapis" not in start
    index = json.loads((ROOT / "build" / "site" / "search" / "search_index.json").read_text())
    assert any("reference/errors/LedgerError.html" in doc["location"] for doc in index["docs"])
