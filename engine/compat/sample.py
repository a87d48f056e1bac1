"""An instance that a conjunction probably allows. Callers validate it first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import cache

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
from engine.compat.instances import is_instance
from engine.compat.numerals import plainest
from engine.compat.schemas import Node
from engine.model import Json

_DEPTH = 8
_TEXTS = ("", "a", "0", "A", " ", "-", "abc", "a1", "2026-01-31", "a@b.co", "ab-cd", "x" * 40)
LONGEST = 10_000
"""Characters of a text that is made up."""
NOTHING = object()
"""No instance is known."""


def sample(nodes: Iterable[Node], atom: str | None = None, depth: int = 0) -> Json:
    """Return an instance of ``nodes``, of the kind ``atom`` if given; :data:`NOTHING` if none."""
    for candidate in samples(nodes, atom, depth):
        return candidate
    return NOTHING


def samples(nodes: Iterable[Node], atom: str | None = None, depth: int = 0) -> list[Json]:
    """Return some instances of ``nodes``, the simplest first."""
    nodes = list(nodes)
    if depth > _DEPTH:
        return []
    if not nodes:
        return list(_of_anything(atom, depth))
    known = nodes[0].schemas.samples
    key = (frozenset(node.key for node in nodes), atom, depth)
    if key not in known:
        try:
            known[key] = _made_up(nodes, atom, depth)
        except Doubt:
            return []
    return known[key]


@cache
def _of_anything(atom: str | None, depth: int) -> tuple[Json, ...]:
    """Instances of no schema at all."""
    return tuple(_simple([], atom, depth))


def _made_up(nodes: Sequence[Node], atom: str | None, depth: int) -> list[Json]:
    flat = flatten(nodes)
    if flat is None:
        return []
    found: list[Json] = []
    for alternative, _ in alternatives(flat):
        if flat:
            flat[0].schemas.work.spend(200)
        found += _simple(alternative, atom, depth)
        if len(found) > 24:
            break
    if flat:
        flat[0].schemas.work.spend(4 * len(found) * len(flat))
    return [value for value in found if all(is_instance(node, value) for node in flat)]


def _simple(flat: Sequence[Node], atom: str | None, depth: int) -> list[Json]:
    listed = valid_values(flat)
    if listed is not None:
        return listed
    found: list[Json] = []
    for kind in ("string", "integer", "object", "array", "boolean", "null", "fraction"):
        if kind in atoms(flat) and atom in (None, kind):
            found += _of(flat, kind, depth)
    return found


def _of(flat: Sequence[Node], atom: str, depth: int) -> list[Json]:
    if atom == "null":
        return [None]
    if atom == "boolean":
        return [True, False]
    if atom == "string":
        return texts(flat)
    if atom == "array":
        return _arrays(flat, depth)
    return _objects(flat, depth) if atom == "object" else numbers_in(flat, atom)


def texts(flat: Sequence[Node]) -> list[Json]:
    """Return texts of a right length; patterns are left to validation."""
    least, most = greatest(flat, "minLength"), smallest(flat, "maxLength")
    if least > LONGEST:
        return []
    own = [text for node in flat for text in node.get("examples", []) if isinstance(text, str)]
    if patterns := patterns_of(flat):
        with suppress(Doubt):
            found = found_text(patterns, [], least, most, flat[0].schemas.work)
            own += [found] if found is not None else []
    sized = [text + "a" * (least - len(text)) for text in _TEXTS]
    cut = [text[:most] for text in sized]
    longest = ["a" * most] if most is not None and most <= LONGEST else ["a" * (least + 1)]
    return list(dict.fromkeys([*own, *cut, *longest]))


def numbers_in(flat: Sequence[Node], atom: str) -> list[Json]:
    """Return numbers at and between the bounds."""
    low = max([*numbers(flat, "minimum"), *numbers(flat, "exclusiveMinimum")], default=None)
    high = min([*numbers(flat, "maximum"), *numbers(flat, "exclusiveMaximum")], default=None)
    steps = [step for step in numbers(flat, "multipleOf") if step > 0]
    around: list[Fraction] = [Fraction(0), Fraction(1)]
    for bound in (low, high):
        if bound is not None:
            base = [bound, Fraction(math.floor(bound)), Fraction(math.ceil(bound))]
            around += [number + shift for number in base for shift in (0, 1, -1)]
            around += [(bound // step + shift) * step for step in steps for shift in (-1, 0, 1, 2)]
    around += steps
    if low is not None and high is not None:
        around.append((low + high) / 2)
    if atom == "fraction":
        around = [number + Fraction(1, 2) for number in around] + around
        return [plainest(number) for number in around if number.denominator != 1]
    return [int(number) for number in around if number.denominator == 1]


def _arrays(flat: Sequence[Node], depth: int) -> list[Json]:
    least = greatest(flat, "minItems", members.least_items(flat))
    most = smallest(flat, "maxItems")
    counted = [node for node in flat if node.has("contains")]
    found: list[Json] = []
    for size in dict.fromkeys((least, least + 1, most if most is not None else least)):
        if size > 50 or (most is not None and size > most):
            continue
        items = [
            sample([*members.item(flat, index), *_counted(counted, index)], None, depth + 1)
            for index in range(size)
        ]
        if NOTHING not in items:
            found.append(items)
            found += _distinct(flat, items, depth)
    return found


def _counted(nodes: Sequence[Node], index: int) -> list[Node]:
    """What the first items must be so that there are as many as ``contains`` asks for."""
    return [node.child("contains") for node in nodes if index < node.get("minContains", 1)]


def _distinct(flat: Sequence[Node], items: list[Json], depth: int) -> list[Json]:
    """The same with other items where two were alike."""
    if len(items) < 2 or not any(node.get("uniqueItems") for node in flat):
        return []
    other: list[Json] = []
    for index in range(len(items)):
        some = samples(members.item(flat, index), None, depth + 1)
        other += [next((value for value in some if value not in other), items[index])]
    return [other]


def _objects(flat: Sequence[Node], depth: int) -> list[Json]:
    names = sorted(required(flat))
    whole = {name: sample(members.member(flat, name), None, depth + 1) for name in names}
    if NOTHING in whole.values():
        return []
    for name in [*sorted(members.names(flat)), *(f"x{n}" for n in range(50))]:
        if len(whole) >= greatest(flat, "minProperties"):
            break
        if name not in whole:
            value = sample(members.member(flat, name), None, depth + 1)
            if value is not NOTHING:
                whole[name] = value
    return [whole]
