"""A small graph: a lamp that is switched, burns out when on, and is replaced."""

from __future__ import annotations

import pytest

from engine.specs.conform.graph import Graph, build


@pytest.fixture
def lamp() -> Graph:
    return build(
        "lamp",
        {
            "c": {"lamp": "broken", "changes": {"k1": 0}},
            "a": {"lamp": "off", "changes": {"k1": 0}},
            "b": {"lamp": "on", "changes": {"k1": 0}},
        },
        ["a"],
        [
            ("c", "Replace", "a"),
            ("b", "Switch", "a"),
            ("b", "Burn", "c"),
            ("a", "Switch", "b"),
            ("a", "Wait", "a"),
            ("a", "Switch", "b"),
        ],
    )
