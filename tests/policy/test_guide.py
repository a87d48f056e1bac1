"""The guide for authors names every key that METADATA and a row of limits may have."""

from __future__ import annotations

import re

from engine.policy.annotations import CHECK_KEYS, GATE_KEYS
from engine.policy.manifest import KINDS, RULES
from engine.policy.tables.profiles import ROW_KEYS
from tests.repository import ROOT

GUIDE = (ROOT / "docs" / "policies.md").read_text()


def test_every_key_is_in_the_guide() -> None:
    """The vocabulary behind it is held by tests/tools/test_spec_docs.py."""
    known = set(re.findall(r"`\"?([\w/]+)\"?`", GUIDE))

    assert {*CHECK_KEYS, *GATE_KEYS, *KINDS, *RULES, *ROW_KEYS} <= known
