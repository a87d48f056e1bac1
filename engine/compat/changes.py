"""How many columns of a schema differ from another's: added, dropped, or of another shape."""

from __future__ import annotations

from collections.abc import Iterator

from engine.compat.doubt import Doubt
from engine.compat.flat import ANNOTATIONS, flatten
from engine.compat.numerals import text_of
from engine.compat.schemas import Node
from engine.model import Json

_NESTING = frozenset(("properties", "required", "$ref", "allOf", "items"))
_DEPTH = 16
MAX_COLUMNS = 5_000
"""Columns that are counted, with those that references lead to; more are not."""


def columns(root: Node) -> dict[str, str]:
    """Return the own schema of each member, by its path; ``[]`` stands for an item.

    References are followed, each once on the way to a member. Annotations do not count.

    Raises:
        Doubt: There are too many.
    """
    found: dict[str, str] = {}
    for count, (path, text) in enumerate(_columns(root, "", ())):
        if count > MAX_COLUMNS:
            raise Doubt(root.pointer, f"has over {MAX_COLUMNS:,} columns")
        found[path] = found.get(path, "") + text
    return found


def _columns(node: Node, path: str, way: tuple[object, ...]) -> Iterator[tuple[str, str]]:
    try:
        flat = flatten([node]) or []
    except Doubt:
        flat = [node]
    for part in flat:
        if part.key in way or len(way) > _DEPTH:
            continue
        deeper = (*way, part.key)
        needed = part.get("required", [])
        for name in part.get("properties", {}):
            below = f"{path}/{name}"
            inner = part.child("properties", name)
            yield below, _own(inner) + ("!" if name in needed else "")
            yield from _columns(inner, below, deeper)
        if isinstance(part.get("items"), dict | bool):
            inner = part.child("items")
            yield f"{path}[]", _own(inner)
            yield from _columns(inner, f"{path}[]", deeper)


def _own(node: Node) -> str:
    """The schema of a value itself, without what is inside it."""
    try:
        flat = flatten([node])
    except Doubt:
        flat = [node]
    if flat is None:
        return "false"
    parts = [_bare(part.schema) for part in flat]
    return text_of(sorted(text_of(part) for part in parts if part))


def _bare(schema: Json) -> Json:
    if not isinstance(schema, dict):
        return schema
    return {
        word: value
        for word, value in schema.items()
        if word not in ANNOTATIONS and word not in _NESTING
    }


def count_changes(old: Node, new: Node | None) -> int | None:
    """Return how many columns were added, dropped or changed; None where they are too many.

    Args:
        old: What was.
        new: What is to be; None where it is gone.
    """
    try:
        before = columns(old)
        after = {} if new is None else columns(new)
    except Doubt:
        return None
    return sum(before.get(path) != after.get(path) for path in before.keys() | after.keys())
