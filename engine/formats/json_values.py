"""JSON values compared as JSON: numbers by value, booleans never as numbers."""

from __future__ import annotations

from engine.model import Json


def same(left: Json, right: Json) -> bool:
    """Return whether two JSON values are equal: numbers by value, booleans never as numbers."""
    if left is right:
        return True
    kind = type(left)
    if kind is type(right) and (kind is float or kind is str or kind is int):
        return bool(left == right)  # what nearly all values are
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
