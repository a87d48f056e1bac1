"""What a conjunction says about one member of an object or one item of an array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.compat import automaton
from engine.compat.doubt import Doubt
from engine.compat.flat import required
from engine.compat.instances import is_instance
from engine.compat.schemas import Node
from engine.compat.unevaluated import ANYTHING, evaluated

Nodes = list[Node]


def names(flat: Iterable[Node]) -> set[str]:
    """Return the members that are named."""
    found: set[str] = set()
    for node in flat:
        found |= node.get("properties", {}).keys()
        if node.has("unevaluatedProperties"):
            found |= evaluated(node, surely=False).names
    return found | required(flat)


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


def member(flat: Iterable[Node], name: str, *, narrow: bool = False) -> Nodes:
    """Return the schemas of the member ``name``.

    Args:
        flat: A conjunction.
        name: Of the member.
        narrow: Take what may be unevaluated for unevaluated, rather than what is surely.
    """
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
        elif not own and _is_unevaluated(node, name, narrow):
            own.append(node.child("unevaluatedProperties"))
        named = node.has("propertyNames") and not narrow  # else its own rule says so
        if named and not is_instance(node.child("propertyNames"), name):
            own.append(node.made(False))
        found += own
    return found


def _is_unevaluated(node: Node, name: str, narrow: bool) -> bool:
    if not node.has("unevaluatedProperties"):
        return False
    seen = evaluated(node, surely=narrow)
    return not (
        seen.is_every_name
        or name in seen.names
        or any(matches(pattern, name, node) for pattern in seen.patterns)
    )


def other_members(node: Node, *, narrow: bool = False) -> Nodes:
    """Return a node's schema of a member that it neither names nor has a pattern for."""
    if node.has("additionalProperties"):
        return [node.child("additionalProperties")]
    if not node.has("unevaluatedProperties"):
        return []
    seen = evaluated(node, surely=narrow)
    known = set(node.get("patternProperties", {}))
    if seen.is_every_name or (not narrow and seen.patterns - known):
        return []
    return [node.child("unevaluatedProperties")]


def closed(flat: Sequence[Node]) -> set[str] | None:
    """Return the only names that members can have; None where there is no end of them."""
    for node in flat:
        if node.has("patternProperties"):
            continue
        if node.get("additionalProperties") is False:
            return set(node.get("properties", {}))
        if node.get("unevaluatedProperties") is False:
            seen = evaluated(node, surely=False)
            if not seen.is_every_name and not seen.patterns:
                return set(seen.names)
    return None


def least_items(flat: Iterable[Node]) -> int:
    """Return how many items ``contains`` asks for."""
    return max((node.get("minContains", 1) for node in flat if node.has("contains")), default=0)


def prefix_size(flat: Iterable[Node]) -> int:
    """Return how many first items have a schema of their own."""
    return max((_prefix_size(node) for node in flat), default=0)


def _prefix_size(node: Node) -> int:
    size = len(_prefix(node))
    if not node.has("unevaluatedItems"):
        return size
    counts = [evaluated(node, surely=surely).items for surely in (False, True)]
    return max([size, *(items for items in counts if items < ANYTHING)])


def item(flat: Sequence[Node], index: int, *, narrow: bool = False) -> Nodes:
    """Return the schemas of the item at ``index``; any index past the prefixes is alike.

    Args:
        flat: A conjunction.
        index: Of the item.
        narrow: Take what may be unevaluated for unevaluated, rather than what is surely.
    """
    found: Nodes = []
    for node in flat:
        prefix = _prefix(node)
        rest = "additionalItems" if isinstance(node.get("items"), list) else "items"
        if index < len(prefix):
            found.append(prefix[index])
        elif node.has(rest):
            found.append(node.child(rest))
        elif node.has("unevaluatedItems") and index >= evaluated(node, surely=narrow).items:
            found.append(node.child("unevaluatedItems"))
    return found


def _prefix(node: Node) -> Nodes:
    if node.has("prefixItems"):
        return node.children("prefixItems")
    return node.children("items") if isinstance(node.get("items"), list) else []
