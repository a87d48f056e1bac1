"""Whether a value is an instance of a schema: exact in its numbers, bounded in its work.

Numbers are compared as they are written, patterns are those of ECMA-262, and nothing is fetched:
what a general validator rounds, reads with another language's patterns or looks up elsewhere is
exact or a doubt here. ``format`` and what is said of contents are annotations.

Source: JSON Schema core and validation, drafts 6, 7, 2019-09 and 2020-12.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field

from engine.compat.automaton import matches
from engine.compat.doubt import Doubt, Work
from engine.compat.numerals import exact
from engine.compat.schemas import Node
from engine.model import Json

MAX_DEPTH = 120


@dataclass(slots=True)
class _Seen:
    """Members and items that some schema has looked at, for ``unevaluated…``."""

    names: set[str] = field(default_factory=set)
    items: set[int] = field(default_factory=set)

    def add(self, other: _Seen) -> None:
        self.names |= other.names
        self.items |= other.items


def is_instance(node: Node, value: Json) -> bool:
    """Whether ``value`` is valid at ``node``.

    Raises:
        Doubt: A pattern or a reference that is not understood, or too much work.
    """
    known = node.schemas.valid
    key = (node.place, identity(value))
    if key not in known:
        try:
            known[key] = _Evaluation(node.schemas.work).seen(node, value) is not None
        except RecursionError:
            raise Doubt(node.pointer, "is too deep") from None
    return known[key]


def identity(value: Json) -> Hashable:
    """Return what is equal for equal values alone, as JSON Schema compares them."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__, value
    if isinstance(value, list):
        return "list", tuple(identity(item) for item in value)
    if isinstance(value, dict):
        return "dict", frozenset((name, identity(item)) for name, item in value.items())
    return "number", exact(value)


def kind_of(value: Json) -> str:
    """Return the JSON type of a value; a number is ``integer`` where it is whole."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    if isinstance(value, dict):
        return "object"
    return "integer" if exact(value).denominator == 1 else "number"


class _Evaluation:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._open: set[tuple[object, int]] = set()

    def seen(self, node: Node, value: Json) -> _Seen | None:
        """What of ``value`` is evaluated by ``node``; None where it is not valid."""
        self._work.spend(8)
        if isinstance(node.schema, bool):
            return _Seen() if node.schema else None
        if node.pointer and isinstance(node.get("$id"), str) and node.get("$id")[:1] != "#":
            raise Doubt(node.pointer, "a schema inside with its own $id")
        for word in ("$dynamicRef", "$recursiveRef"):
            if node.has(word):
                raise Doubt(node.pointer, f"{word} is not followed")
        place = (node.key, id(value))
        if place in self._open or len(self._open) > MAX_DEPTH:
            raise Doubt(node.pointer, "refers to itself without end")
        self._open.add(place)
        try:
            return self._looked_at(node, value)
        finally:
            self._open.discard(place)

    def _looked_at(self, node: Node, value: Json) -> _Seen | None:
        seen = _Seen()
        if node.has("$ref"):
            found = self.seen(node.referred(), value)
            if found is None or node.draft <= 7:
                return found
            seen.add(found)
        if not self._is_fit(node, value) or not self._combined(node, value, seen):
            return None
        if isinstance(value, list) and not self._items(node, value, seen):
            return None
        if isinstance(value, dict) and not self._members(node, value, seen):
            return None
        return seen

    def _is_fit(self, node: Node, value: Json) -> bool:
        """What is said about the value as a whole."""
        if not self._is_listed(node, value):
            return False
        if isinstance(value, str):
            return self._is_text(node, value)
        if isinstance(value, bool) or value is None or isinstance(value, list | dict):
            return True
        number = exact(value)
        for word, holds in _BOUNDS.items():
            if node.has(word) and not holds(number, exact(node.get(word))):
                return False
        return True

    def _is_listed(self, node: Node, value: Json) -> bool:
        if node.has("type"):
            kinds = node.get("type")
            kind = kind_of(value)
            words = [kinds] if isinstance(kinds, str) else kinds
            if kind not in words and not (kind == "integer" and "number" in words):
                return False
        if node.has("enum"):
            self._work.spend(len(node.get("enum")))
            own = identity(value)
            if not any(identity(listed) == own for listed in node.get("enum")):
                return False
        return not node.has("const") or identity(node.get("const")) == identity(value)

    def _is_text(self, node: Node, value: str) -> bool:
        if len(value) < node.get("minLength", 0) or (
            node.has("maxLength") and len(value) > node.get("maxLength")
        ):
            return False
        return not node.has("pattern") or self._matches(node, node.get("pattern"), value)

    def _matches(self, node: Node, pattern: str, text: str) -> bool:
        try:
            return matches(pattern, text, self._work)
        except Doubt as doubt:
            raise Doubt(doubt.pointer or node.pointer, doubt.reason) from None

    def _combined(self, node: Node, value: Json, seen: _Seen) -> bool:
        for part in node.children("allOf"):
            if not self._all(self.seen(part, value), seen):
                return False
        for word in ("anyOf", "oneOf"):
            if node.has(word):
                found = [self.seen(part, value) for part in node.children(word)]
                valid = [branch for branch in found if branch is not None]
                if not valid or (word == "oneOf" and len(valid) > 1):
                    return False
                for branch in valid:
                    seen.add(branch)
        if node.has("not") and self.seen(node.child("not"), value) is not None:
            return False
        return self._conditional(node, value, seen)

    def _all(self, found: _Seen | None, seen: _Seen) -> bool:
        if found is not None:
            seen.add(found)
        return found is not None

    def _conditional(self, node: Node, value: Json, seen: _Seen) -> bool:
        if not node.has("if"):
            return True
        found = self.seen(node.child("if"), value)
        if found is not None:
            seen.add(found)
        word = "else" if found is None else "then"
        return not node.has(word) or self._all(self.seen(node.child(word), value), seen)

    # Arrays.

    def _items(self, node: Node, value: list[Json], seen: _Seen) -> bool:
        if len(value) < node.get("minItems", 0) or (
            node.has("maxItems") and len(value) > node.get("maxItems")
        ):
            return False
        if node.get("uniqueItems") is True:
            self._work.spend(len(value))
            if len({identity(item) for item in value}) < len(value):
                return False
        for index, inner in _item_schemas(node, len(value)):
            if self.seen(inner, value[index]) is None:
                return False
            seen.items.add(index)
        if not self._contained(node, value, seen):
            return False
        if node.has("unevaluatedItems"):
            rest = node.child("unevaluatedItems")
            for index in set(range(len(value))) - seen.items:
                if self.seen(rest, value[index]) is None:
                    return False
            seen.items |= set(range(len(value)))
        return True

    def _contained(self, node: Node, value: list[Json], seen: _Seen) -> bool:
        if not node.has("contains"):
            return True
        inner = node.child("contains")
        found = {n for n, item in enumerate(value) if self.seen(inner, item) is not None}
        if node.draft >= 2020:
            seen.items |= found
        most = node.get("maxContains", len(value))
        return bool(node.get("minContains", 1) <= len(found) <= most)

    # Objects.

    def _members(self, node: Node, value: dict[str, Json], seen: _Seen) -> bool:
        if len(value) < node.get("minProperties", 0) or (
            node.has("maxProperties") and len(value) > node.get("maxProperties")
        ):
            return False
        if any(name not in value for name in node.get("required", [])):
            return False
        if not self._each_member(node, value, seen) or not self._dependent(node, value, seen):
            return False
        if node.has("unevaluatedProperties"):
            rest = node.child("unevaluatedProperties")
            for name in value.keys() - seen.names:
                if self.seen(rest, value[name]) is None:
                    return False
            seen.names |= value.keys()
        return True

    def _each_member(self, node: Node, value: dict[str, Json], seen: _Seen) -> bool:
        properties = node.get("properties", {})
        patterns = node.get("patternProperties", {})
        for name, item in value.items():
            schemas = [node.child("properties", name)] if name in properties else []
            schemas += [
                node.child("patternProperties", pattern)
                for pattern in patterns
                if self._matches(node, pattern, name)
            ]
            if not schemas and node.has("additionalProperties"):
                schemas = [node.child("additionalProperties")]
            if any(self.seen(inner, item) is None for inner in schemas):
                return False
            if schemas:
                seen.names.add(name)
            if node.has("propertyNames") and self.seen(node.child("propertyNames"), name) is None:
                return False
        return True

    def _dependent(self, node: Node, value: dict[str, Json], seen: _Seen) -> bool:
        for name, needs in node.get("dependentRequired", {}).items():
            if name in value and any(need not in value for need in needs):
                return False
        for word in ("dependentSchemas", "dependencies"):
            for name, needs in node.get(word, {}).items():
                if name not in value:
                    continue
                if isinstance(needs, list):
                    if any(need not in value for need in needs):
                        return False
                elif not self._all(self.seen(node.child(word, name), value), seen):
                    return False
        return True


def _item_schemas(node: Node, size: int) -> Iterator[tuple[int, Node]]:
    """Yield the schema of each item that has one."""
    prefix = node.children("prefixItems")
    rest = "items"
    if isinstance(node.get("items"), list):
        prefix, rest = node.children("items"), "additionalItems"
    yield from enumerate(prefix[:size])
    if node.has(rest):
        for index in range(len(prefix), size):
            yield index, node.child(rest)


_BOUNDS: dict[str, Callable[..., bool]] = {
    "minimum": lambda number, bound: number >= bound,
    "maximum": lambda number, bound: number <= bound,
    "exclusiveMinimum": lambda number, bound: number > bound,
    "exclusiveMaximum": lambda number, bound: number < bound,
    "multipleOf": lambda number, step: number % step == 0,
}
