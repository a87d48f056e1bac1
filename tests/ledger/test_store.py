"""The order in which a tree's nodes are stored."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.ledger.store import node_count, node_position
from engine.proof.merkle import Frontier


@given(st.integers(0, 600))
def test_nodes_are_numbered_in_the_order_in_which_they_complete(size: int) -> None:
    """INV-LEDGER-5: the position of a node never depends on how far the tree has grown."""
    frontier = Frontier()
    positions = [
        node_position(level, index)
        for number in range(size)
        for level, index, _ in frontier.append(number.to_bytes(32, "big"))
    ]

    assert positions == list(range(node_count(size)))
