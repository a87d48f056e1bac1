"""Proofs that nothing is valid. No proof means nothing: it may still be empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.compat import members
from engine.compat.automaton import found_text
from engine.compat.doubt import Doubt
from engine.compat.flat import (
    alternatives,
    atoms,
    flatten,
    greatest,
    numbers,
    patterns_of,
    required,
    smallest,
    valid_values,
)
from engine.compat.schemas import Node, says_the_same

_DEPTH = 6


def is_empty(nodes: Iterable[Node], depth: int = 0) -> bool:
    """Whether it is proven that no instance is valid for all of ``nodes``."""
    if depth > _DEPTH:
        return False
    try:
        flat = flatten(nodes)
        return flat is None or all(_nothing(branch, depth) for branch, _ in alternatives(flat))
    except Doubt:
        return False


def _nothing(flat: Sequence[Node], depth: int) -> bool:
    if any(_contradicted(flat, node) for node in flat if node.has("not")):
        return True
    listed = valid_values(flat)
    if listed is not None:
        return not listed
    return all(_no_atom(flat, atom, depth) for atom in atoms(flat))


def _contradicted(flat: Sequence[Node], node: Node) -> bool:
    """Whether what ``node`` forbids is what another one says."""
    forbidden = node.child("not")
    forbidden.schemas.work.spend(4 + 2 * len(flat))
    return forbidden.schema in (True, {}) or any(says_the_same(own, forbidden) for own in flat)


def _no_atom(flat: Sequence[Node], atom: str, depth: int) -> bool:
    if atom in ("integer", "fraction"):
        return no_number(flat, atom)
    if atom == "string":
        return _crossed(flat, "minLength", "maxLength") or _no_text(flat)
    if atom == "array":
        size = greatest(flat, "minItems", members.least_items(flat))
        if any(_none_counted(flat, node, depth) for node in flat if node.has("contains")):
            return True
        return _crossed(flat, "minItems", "maxItems") or any(
            is_empty(members.item(flat, index), depth + 1)
            for index in range(min(size, members.prefix_size(flat) + 1))
        )
    if atom == "object":
        names = required(flat)
        most = smallest(flat, "maxProperties")
        return (
            most is not None and max(len(names), greatest(flat, "minProperties")) > most
        ) or any(is_empty(members.member(flat, name), depth + 1) for name in sorted(names))
    return False


def _none_counted(flat: Sequence[Node], node: Node, depth: int) -> bool:
    """Whether an item is asked for that cannot be at any place."""
    return node.get("minContains", 1) > 0 and all(
        is_empty([node.child("contains"), *members.item(flat, index)], depth + 1)
        for index in range(members.prefix_size(flat) + 1)
    )


def _no_text(flat: Sequence[Node]) -> bool:
    """Whether no text of a fitting length matches every pattern."""
    patterns = patterns_of(flat)
    least, most = greatest(flat, "minLength"), smallest(flat, "maxLength")
    return bool(patterns) and (found_text(patterns, [], least, most, flat[0].schemas.work) is None)


def no_number(flat: Sequence[Node], atom: str) -> bool:
    """Whether the bounds leave no number, or the steps no fraction."""
    low = max([*numbers(flat, "minimum"), *numbers(flat, "exclusiveMinimum")], default=None)
    high = min([*numbers(flat, "maximum"), *numbers(flat, "exclusiveMaximum")], default=None)
    if atom == "fraction" and any(step.denominator == 1 for step in numbers(flat, "multipleOf")):
        return True
    if low is None or high is None:
        return False
    open_end = low in numbers(flat, "exclusiveMinimum") or high in numbers(flat, "exclusiveMaximum")
    return low > high or (low == high and open_end)


def _crossed(flat: Sequence[Node], least: str, most: str) -> bool:
    highest = smallest(flat, most)
    return highest is not None and greatest(flat, least) > highest
