"""State graphs: one form whatever the order, and what a damaged snapshot says."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from engine.errors import ConfigError, SpecError
from engine.specs.conform import graph
from engine.specs.conform.graph import Edge, Graph, build, key


def test_states_are_numbered_from_the_initial_ones_by_a_breadth_first_walk(lamp: Graph) -> None:
    assert [state["lamp"] for state in lamp.states] == ["off", "on", "broken"]
    assert lamp.initial == (0,)
    assert lamp.edges == (
        Edge(0, "Switch", 1),
        Edge(0, "Wait", 0),
        Edge(1, "Burn", 2),
        Edge(1, "Switch", 0),
        Edge(2, "Replace", 0),
    )
    assert lamp.actions == ("Burn", "Replace", "Switch", "Wait")
    assert lamp.out[1] == (Edge(1, "Burn", 2), Edge(1, "Switch", 0))


def test_ids_and_order_do_not_show_in_a_snapshot(lamp: Graph) -> None:
    names = {0: "z", 1: "y", 2: "x"}
    again = build(
        "lamp",
        {names[n]: dict(sorted(lamp.states[n].items(), reverse=n > 0)) for n in (2, 1, 0)},
        ["z"],
        [(names[a], action, names[b]) for a, action, b in reversed(lamp.edges)],
    )

    assert graph.write(again) == graph.write(lamp)
    assert graph.pack(graph.write(again)) == graph.pack(graph.write(lamp))


def test_a_snapshot_reads_back_as_what_was_written(lamp: Graph, tmp_path: Path) -> None:
    (tmp_path / "lamp.json.gz").write_bytes(graph.pack(graph.write(lamp)))

    assert graph.load("lamp", tmp_path) == lamp
    assert graph.names(tmp_path) == ["lamp"]


def test_an_unknown_name_is_refused_with_the_nearest(lamp: Graph, tmp_path: Path) -> None:
    (tmp_path / "lamp.json.gz").write_bytes(graph.pack(graph.write(lamp)))

    with pytest.raises(ConfigError, match=r"no graph 'lmap'\ndid you mean 'lamp'"):
        graph.load("lmap", tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"no gzip",
        gzip.compress(b"{}", mtime=0),
        gzip.compress(b'{"actions":[]}', mtime=0)[:-9],
    ],
    ids=["empty", "plain JSON", "text", "no graph", "cut short"],
)
def test_a_damaged_snapshot_is_an_error_that_names_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "lamp.json.gz").write_bytes(content)

    with pytest.raises(SpecError, match=r"lamp.*\n.*--write-graphs"):
        graph.load("lamp", tmp_path)


def test_equal_states_have_one_key_and_true_is_not_one() -> None:
    assert key({"a": 1, "b": (1, 2)}) == key({"b": [1, 2], "a": 1})
    assert key({"a": 1}) != key({"a": True})
