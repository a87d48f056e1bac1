"""Promises, policies and tests know of each other, both ways."""

from __future__ import annotations

import json
import re

from tests.repository import ROOT

ID = re.compile(r"\b(?:INV|LIVE)-[A-Z]+-[0-9]+\b")
TOY = "INV-TOY-"


def promised() -> list[str]:
    text = (ROOT / "spec" / "invariants.md").read_text()
    return re.findall(r"^## (\S+)$", text, re.MULTILINE)


def named_below(*folders: str, pattern: str = "*") -> set[str]:
    files = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob(pattern)
        if path.suffix in (".py", ".rego", ".md") and path.name != "invariants.md"
    ]
    assert files, folders
    return {name for path in files for name in ID.findall(path.read_text())}


def test_every_promise_is_one_sentence_under_a_heading_of_its_own_in_order() -> None:
    text = (ROOT / "spec" / "invariants.md").read_text()
    headings = promised()
    assert headings == sorted(set(headings))
    assert len(headings) == len(re.findall(r"^## \S+\n[A-Z].*[.]\n(?=\n##|\Z)", text, re.MULTILINE))


def test_every_promise_has_a_test_that_names_it() -> None:
    """A policy's own METADATA is no test: of ``policies`` only the tests count."""
    tested = named_below("tests", pattern="test_*.py")
    tested |= named_below("policies", pattern="*_test.rego")
    assert set(promised()) - tested == set()


def test_every_id_that_is_named_is_promised() -> None:
    named = named_below("engine", "policies", "tests", "spec", "tools")
    assert {name for name in named if not name.startswith(TOY)} - set(promised()) == set()


def test_every_check_names_its_promise() -> None:
    manifest = json.loads((ROOT / "engine" / "_data" / "manifest.json").read_bytes())
    named = {check["invariant"] for check in manifest["checks"].values()}
    assert named <= set(promised())
