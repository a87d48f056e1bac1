"""Which members and items the keywords beside ``unevaluated…`` look at, as far as it is fixed.

What a branch looks at depends on the instance: so there is what is looked at surely, and what may
be. The side whose instances are compared is left as wide as it may be, and the side that must
allow them is taken as narrow: what holds then holds.

Source: JSON Schema 2019-09 and 2020-12, core, 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from engine.compat.schemas import Node

ANYTHING = 1 << 30
"""More items than anything has."""
_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Names, patterns of names, and how many first items are looked at.

    Attributes:
        names: By name.
        patterns: By pattern.
        is_every_name: Whether every member is.
        items: How many first items.
    """

    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    is_every_name: bool = False
    items: int = 0

    def __or__(self, other: Evaluated) -> Evaluated:
        return Evaluated(
            self.names | other.names,
            self.patterns | other.patterns,
            self.is_every_name or other.is_every_name,
            max(self.items, other.items),
        )

    def __and__(self, other: Evaluated) -> Evaluated:
        """What both look at; a name of the one that a pattern of the other finds is left out."""
        mine = self.names if other.is_every_name else self.names & other.names
        theirs = other.names if self.is_every_name else frozenset()
        patterns = self.patterns if other.is_every_name else self.patterns & other.patterns
        more = other.patterns if self.is_every_name else frozenset()
        return Evaluated(
            mine | theirs,
            patterns | more,
            self.is_every_name and other.is_every_name,
            min(self.items, other.items),
        )


def evaluated(node: Node, *, surely: bool, depth: int = 0) -> Evaluated:
    """Return what ``node`` looks at, its own ``unevaluated…`` left out.

    Args:
        node: Where ``unevaluated…`` stands.
        surely: What is looked at in every instance, instead of what may be.
        depth: Of references and branches on the way.
    """
    node.schemas.work.spend(4)
    if depth > _DEPTH:
        return Evaluated() if surely else Evaluated(is_every_name=True, items=ANYTHING)
    found = _own(node, surely)
    if depth and node.has("unevaluatedProperties"):
        found |= Evaluated(is_every_name=True)
    if depth and node.has("unevaluatedItems"):
        found |= Evaluated(items=ANYTHING)

    def inner(part: Node) -> Evaluated:
        if isinstance(part.schema, bool):
            return Evaluated()
        return evaluated(part, surely=surely, depth=depth + 1)

    if node.has("$ref"):
        found |= inner(node.referred())
    for part in node.children("allOf"):
        found |= inner(part)
    for word in ("anyOf", "oneOf"):
        branches = [inner(part) for part in node.children(word)]
        if branches:
            found |= reduce(Evaluated.__and__ if surely else Evaluated.__or__, branches)
    if not surely:
        for word in ("if", "then", "else"):
            if node.has(word):
                found |= inner(node.child(word))
        for name in node.get("dependentSchemas", {}):
            found |= inner(node.child("dependentSchemas", name))
    return found


def _own(node: Node, surely: bool) -> Evaluated:
    items = len(node.get("prefixItems", []))
    listed = node.get("items")
    if isinstance(listed, list):
        items = ANYTHING if node.has("additionalItems") else len(listed)
    elif node.has("items") or (node.has("contains") and node.draft >= 2020 and not surely):
        items = ANYTHING
    return Evaluated(
        frozenset(node.get("properties", {})),
        frozenset(node.get("patternProperties", {})),
        node.has("additionalProperties"),
        items,
    )
