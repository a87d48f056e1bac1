"""A schema as a conjunction without references, and what its keywords say together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import product

from engine.compat.doubt import Doubt
from engine.compat.instances import is_instance, kind_of
from engine.compat.numerals import exact
from engine.compat.schemas import Node, words
from engine.model import Json

ATOMS = ("null", "boolean", "integer", "fraction", "string", "array", "object")
"""The kinds of values; a number is an integer or it has a fraction. 1.0 is an integer."""

ANNOTATIONS = words(
    "title description default examples $comment deprecated readOnly writeOnly $schema $id $defs "
    "definitions $anchor"
)
"""Keywords that say nothing about which instances are valid."""

DECIDED = words(
    "$ref allOf anyOf oneOf not if then else type enum const minimum maximum exclusiveMinimum "
    "exclusiveMaximum multipleOf minLength maxLength pattern items prefixItems additionalItems "
    "minItems maxItems uniqueItems properties patternProperties additionalProperties required "
    "minProperties maxProperties contains minContains maxContains propertyNames "
    "dependentRequired dependentSchemas dependencies unevaluatedItems unevaluatedProperties"
)
"""Keywords with a rule of their own."""

SAME_ONLY = words("format contentEncoding contentMediaType contentSchema")
"""Keywords that are known but not reasoned about: decided only where both sides say the same."""

_LOOSE = (
    "oneOf", "not", "if", "contains", "propertyNames", "dependentRequired", "dependentSchemas",
    "dependencies", "unevaluatedItems", "unevaluatedProperties", "contentEncoding",
    "contentMediaType", "contentSchema",
)  # fmt: skip
"""Keywords that narrow a conjunction in a way that is not wholly accounted for."""

MAX_ALTERNATIVES = 64
MAX_REFERENCES = 100


def flatten(nodes: Iterable[Node]) -> list[Node] | None:
    """Return the conjunction of ``nodes`` with references and ``allOf`` taken apart.

    Returns:
        None where it contains ``false``, so that nothing is valid.

    Raises:
        Doubt: A reference that leads nowhere, or round in a circle.
    """
    flat: dict[object, Node] = {}
    for node in nodes:
        if not _gather(node, flat, set()):
            return None
    return _with_asked_for(flat)


def _with_asked_for(flat: dict[object, Node]) -> list[Node] | None:
    """Add the schemas that hold because a member must be there that asks for them."""
    asking = [node for node in flat.values() if node.has("dependentSchemas", "dependencies")]
    done: set[tuple[object, str, str]] = set()
    while asking:
        must = required(flat.values())
        waiting = [
            (node, word, name)
            for node in asking
            for word in ("dependentSchemas", "dependencies")
            for name, needs in node.get(word, {}).items()
            if name in must and not isinstance(needs, list) and (node.key, word, name) not in done
        ]
        if not waiting or atoms(flat.values()) != {"object"}:
            break  # another kind of value has no members, and asks for nothing
        for node, word, name in waiting:
            done.add((node.key, word, name))
            if not _gather(node.child(word, name), flat, set()):
                return None
        asking = [node for node in flat.values() if node.has("dependentSchemas", "dependencies")]
    return list(flat.values())


def _gather(node: Node, flat: dict[object, Node], way: set[object]) -> bool:
    node.schemas.work.spend(5)
    if isinstance(node.schema, bool):
        return node.schema
    key = node.key
    if key in way:
        raise Doubt(node.pointer, "refers to itself without anything between")
    if len(way) > MAX_REFERENCES:
        raise Doubt(node.pointer, f"is over {MAX_REFERENCES} references away")
    if key in flat:
        return True
    way.add(key)
    if node.has("$ref"):
        if not _gather(node.referred(), flat, way):
            return False
        if node.draft <= 7:
            way.discard(key)
            return True
    flat[key] = node
    fits = all(_gather(part, flat, way) for part in node.children("allOf"))
    way.discard(key)
    return fits


def alternatives(flat: Sequence[Node]) -> Iterator[tuple[list[Node], bool]]:
    """Yield conjunctions that together hold all that ``flat`` holds, one per choice of branches.

    With each comes whether it is exact: what it holds, ``flat`` holds.

    Raises:
        Doubt: There are too many.
    """
    if flat:
        flat[0].schemas.work.spend(4 + 2 * len(flat))
    choices = [
        node.children(word)
        for node in flat
        if not node.is_plain
        for word in ("anyOf", "oneOf")
        if node.has(word)
    ]
    exact = not any(_is_loose(node) for node in flat)
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > MAX_ALTERNATIVES:
        raise Doubt(flat[0].pointer, f"has {count} combinations of alternatives")
    base = [node.plain() for node in flat]
    for chosen in product(*choices):
        more = flatten(chosen)
        if more is not None:
            known = {node.key for node in base}
            fresh = [node for node in more if node.plain().key not in known]
            if any(node.has("anyOf", "oneOf") for node in fresh):
                for inner, also in alternatives(base + fresh):
                    yield inner, exact and also
            else:
                yield base + fresh, exact and not any(_is_loose(node) for node in fresh)


def _is_loose(node: Node) -> bool:
    """Whether a keyword narrows it in a way that is not wholly accounted for."""
    return node.has(*_LOOSE)


def atoms(flat: Iterable[Node]) -> set[str]:
    """Return the kinds of values that ``type`` leaves."""
    left = set(ATOMS)
    for node in flat:
        if node.has("type"):
            kinds = node.get("type")
            left &= {
                atom
                for word in ([kinds] if isinstance(kinds, str) else kinds)
                for atom in (("integer", "fraction") if word == "number" else (word,))
            }
    return left


def atom_of(value: Json) -> str:
    """Return the kind of a value."""
    kind = kind_of(value)
    return "fraction" if kind == "number" else kind


def required(flat: Iterable[Node]) -> set[str]:
    """Return the members that must be there, also because another one must."""
    flat = list(flat)
    found = {name for node in flat for name in node.get("required", [])}
    rows = [
        (name, needs)
        for node in flat
        for word in ("dependentRequired", "dependencies")
        for name, needs in node.get(word, {}).items()
        if isinstance(needs, list)
    ]
    size = -1
    while size < len(found):
        size = len(found)
        found |= {need for name, needs in rows if name in found for need in needs}
    return found


def values(flat: Sequence[Node]) -> list[Json] | None:
    """Return every value that may be valid, where they can be listed; else None."""
    for node in flat:
        if node.has("const"):
            return [node.get("const")]
        if node.has("enum"):
            return list(node.get("enum"))
    left = atoms(flat)
    if left <= {"null", "boolean"}:
        return [*([None] if "null" in left else []), *([True, False] if "boolean" in left else [])]
    return None


def valid_values(flat: Sequence[Node]) -> list[Json] | None:
    """Return every valid value, where they can be listed; else None."""
    listed = values(flat)
    if listed is None:
        return None
    return [value for value in listed if all(is_instance(node, value) for node in flat)]


def numbers(flat: Iterable[Node], keyword: str) -> list[Fraction]:
    """Return what every node says for a numeric keyword, exactly."""
    return [exact(node.get(keyword)) for node in flat if node.has(keyword)]


def greatest(flat: Iterable[Node], keyword: str, least: int = 0) -> int:
    """Return the strictest lower bound of a size."""
    return max([least, *(int(number) for number in numbers(flat, keyword))])


def smallest(flat: Iterable[Node], keyword: str) -> int | None:
    """Return the strictest upper bound of a size; None where there is none."""
    return min((int(number) for number in numbers(flat, keyword)), default=None)


def patterns_of(flat: Iterable[Node]) -> list[str]:
    """Return the patterns of a text, each once."""
    return list(dict.fromkeys(node.get("pattern") for node in flat if node.has("pattern")))
