"""What a conjunction says about one member of an object or one item of an array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.compat import automaton
from engine.compat.doubt import Doubt
from engine.compat.schemas import Node

Nodes = list[Node]


def names(flat: Iterable[Node]) -> set[str]:
    """Return the members that are named."""
    return {name for node in flat for name in node.get("properties", {})} | required(flat)


def required(flat: Iterable[Node]) -> set[str]:
    """Return the members that must be there."""
    return {name for node in flat for name in node.get("required", [])}


def patterns(flat: Iterable[Node]) -> set[str]:
    """Return the patterns of ``patternProperties``."""
    return {pattern for node in flat for pattern in node.get("patternProperties", {})}


def matches(pattern: str, name: str, node: Node) -> bool:
    """Whether a pattern finds something in a name.

    Raises:
        Doubt: The pattern cannot be read.
    """
    try:
        return automaton.matches(pattern, name, node.schemas.work)
    except Doubt as doubt:
        raise Doubt(node.pointer, doubt.reason) from None


def member(flat: Iterable[Node], name: str) -> Nodes:
    """Return the schemas of the member ``name``."""
    found: Nodes = []
    for node in flat:
        own: Nodes = []
        if name in node.get("properties", {}):
            own.append(node.child("properties", name))
        own += [
            node.child("patternProperties", pattern)
            for pattern in node.get("patternProperties", {})
            if matches(pattern, name, node)
        ]
        if not own and node.has("additionalProperties"):
            own.append(node.child("additionalProperties"))
        found += own
    return found


def other_members(node: Node) -> Nodes:
    """Return a node's schema of a member that it neither names nor has a pattern for."""
    return [node.child("additionalProperties")] if node.has("additionalProperties") else []


def prefix_size(flat: Iterable[Node]) -> int:
    """Return how many first items have a schema of their own."""
    return max((len(_prefix(node)) for node in flat), default=0)


def item(flat: Sequence[Node], index: int) -> Nodes:
    """Return the schemas of the item at ``index``; any index past the prefixes is alike."""
    found: Nodes = []
    for node in flat:
        prefix = _prefix(node)
        if index < len(prefix):
            found.append(prefix[index])
        elif isinstance(node.get("items"), list):
            found += [node.child("additionalItems")] if node.has("additionalItems") else []
        elif node.has("items"):
            found.append(node.child("items"))
    return found


def _prefix(node: Node) -> Nodes:
    if node.has("prefixItems"):
        return node.children("prefixItems")
    return node.children("items") if isinstance(node.get("items"), list) else []
