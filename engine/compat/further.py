"""Rules of keywords that speak of several members or items: ``dependent…``, names, ``contains``.

Each asks the comparison that it is given, :class:`Asks`, of parts or of more narrow wholes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Protocol

from engine.compat import members
from engine.compat.emptiness import is_empty
from engine.compat.flat import required, smallest
from engine.compat.instances import is_instance
from engine.compat.outcome import HOLDS, ContainmentResult, broken
from engine.compat.sample import NOTHING, sample, samples
from engine.compat.scalars import witness
from engine.compat.schemas import Node
from engine.model import Json

Nodes = list[Node]


class Asks(Protocol):
    """The comparison as these rules see it."""

    def check(self, sub: Nodes, sup: Nodes) -> ContainmentResult:
        """Compare of the same instances."""

    def below(self, sub: Nodes, sup: Nodes) -> ContainmentResult:
        """Compare of a part of the instance."""


def with_member(flat: Nodes, name: str, value: Json) -> Json:
    """Return an object that ``flat`` probably allows, with a member; NOTHING if none is known."""
    whole = sample(flat, "object")
    if value is NOTHING or not isinstance(whole, dict):
        return NOTHING
    return {**whole, name: value}


# Members that ask for others.


def check_dependent(ask: Asks, flat: Nodes, other: Node) -> ContainmentResult:
    """Whether what some members ask for is there whenever they are."""
    outcome = HOLDS
    for keyword, name, needs in _dependent(other):
        if is_empty(members.member(flat, name)):
            continue
        given = [*flat, other.made({"type": "object", "required": [name]})]
        if isinstance(needs, Node):
            found = ask.check(given, [needs])
            outcome += found.unsure()
            continue
        have = required(given)
        for need in needs:
            if need not in have:
                whole = sample(given, "object")
                less = whole if whole is NOTHING else {k: v for k, v in whole.items() if k != need}
                shown = witness(flat, other, less, atom="object")
                reason = f"{need!r} may be missing beside {name!r}"
                outcome += broken(other, keyword, reason, shown, sure=False)
    return outcome


def _dependent(other: Node) -> Iterator[tuple[str, str, list[str] | Node]]:
    for keyword in ("dependentRequired", "dependentSchemas", "dependencies"):
        for name, needs in other.get(keyword, {}).items():
            yield keyword, name, needs if isinstance(needs, list) else other.child(keyword, name)


def check_names(ask: Asks, flat: Nodes, other: Node) -> ContainmentResult:
    """Whether every name that a member can have is allowed."""
    if not other.has("propertyNames"):
        return HOLDS
    target = other.child("propertyNames")
    known = members.closed(flat)
    if known is not None:
        outcome = HOLDS
        for name in sorted(known):
            mine = members.member(flat, name)
            if not is_empty(mine) and not is_instance(target, name):
                shown = with_member(flat, name, sample(mine))
                reason = f"the name {name!r} is not allowed"
                outcome += broken(other, "propertyNames", reason, shown, sure=False)
        return outcome
    narrow = [node.child("propertyNames") for node in flat if node.has("propertyNames")]
    kinds: list[Json] = [{"type": "string"}]
    for node in flat:
        if node.get("additionalProperties") is False:
            named = list(node.get("properties", {}))
            by_pattern = [{"pattern": pattern} for pattern in node.get("patternProperties", {})]
            kinds = [{"type": "string", **kind} for kind in [{"enum": named}, *by_pattern]]
            kinds = kinds if named else kinds[1:]
            break
    outcome = HOLDS
    for kind in kinds:
        found = ask.below([other.made(kind), *narrow], [target])
        outcome += found.lifted(partial(_named, flat)).unsure()
    return outcome


def _named(flat: Nodes, name: Json) -> Json:
    return with_member(flat, name, sample(members.member(flat, name)))


# Items that must be among others.


def check_contains(ask: Asks, flat: Nodes, other: Node) -> ContainmentResult:
    """Whether as many items as asked for, and no more, are of the kind that is counted."""
    if not other.has("contains"):
        return HOLDS
    target = other.child("contains")
    outcome = HOLDS
    if not _has_enough(ask, flat, target, other.get("minContains", 1)):
        shown = witness(flat, other, *_few(flat, target), atom="array")
        outcome += broken(other, "contains", "items may be of another kind", shown, sure=False)
    if other.has("maxContains") and not _has_no_more(ask, flat, other, target):
        shown = witness(flat, other, *_many(flat, other, target), atom="array")
        outcome += broken(other, "maxContains", "more items may be of it", shown, sure=False)
    return outcome


def _positions(flat: Nodes) -> list[Nodes]:
    """Schemas of an item at each place that is told apart."""
    return [members.item(flat, index) for index in range(members.prefix_size(flat) + 1)]


def _has_enough(ask: Asks, flat: Nodes, target: Node, least: int) -> bool:
    if least == 0:
        return True
    places = _positions(flat)
    for node in flat:
        if node.has("contains") and node.get("minContains", 1) >= least:
            own = node.child("contains")
            if all(ask.below([own, *place], [target]).holds for place in places):
                return True
    size = max([members.least_items(flat), *(node.get("minItems", 0) for node in flat)])
    if size < least:
        return False
    fit = [ask.below(place, [target]).holds for place in places]
    sure = sum(fit[:-1][:size]) + (size - len(fit[:-1]) if fit[-1] and size >= len(fit) else 0)
    return sure >= least


def _has_no_more(ask: Asks, flat: Nodes, other: Node, target: Node) -> bool:
    most = other.get("maxContains")
    tops = smallest(flat, "maxItems")
    if tops is not None and tops <= most:
        return True
    places = _positions(flat)
    if all(is_empty([*place, target]) for place in places):
        return True
    return any(
        node.has("contains")
        and node.get("maxContains", most + 1) <= most
        and all(ask.below([target, *place], [node.child("contains")]).holds for place in places)
        for node in flat
    )


def _few(flat: Nodes, target: Node) -> Iterator[Json]:
    """Arrays with as few items as can be that ``target`` counts."""
    own = [node.child("contains") for node in flat if node.has("contains")]
    counts = [node.get("minContains", 1) for node in flat if node.has("contains")]
    least = max([0, *counts, *(node.get("minItems", 0) for node in flat)])
    for size in range(least, min(least + 2, 60)):
        found: list[Json] = []
        for index in range(size):
            place = members.item(flat, index)
            inner = [part for part, count in zip(own, counts, strict=True) if index < count]
            fresh = _unlike(found, samples([*place, *inner, target.made({"not": target.schema})]))
            found.append(fresh if fresh is not NOTHING else sample([*place, *inner]))
        if NOTHING not in found:
            yield found


def _many(flat: Nodes, other: Node, target: Node) -> Iterator[Json]:
    """An array with one item more than may be that ``target`` counts."""
    found: list[Json] = []
    for index in range(min(other.get("maxContains") + 1, 60)):
        found.append(_unlike(found, samples([*members.item(flat, index), target])))
    if NOTHING not in found:
        yield found


def _unlike(found: list[Json], candidates: list[Json]) -> Json:
    """The first that is not there yet, or else the first."""
    return next(
        (value for value in candidates if value not in found),
        candidates[0] if candidates else NOTHING,
    )
