"""Schemas of draft 4, written as later drafts write the same.

Two things changed since: the identifier is ``$id``, and an exclusive bound is a number of its own
instead of a flag beside a bound. ``1.0`` is an integer here, as in all later drafts.

Source: JSON Schema draft 4, validation, 5.1.2 and 5.1.3; draft 6, release notes.
"""

from __future__ import annotations

from engine.model import Json

_BOUNDS = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_ONE = frozenset(("not", "additionalProperties", "additionalItems", "items"))
_MANY = frozenset(("allOf", "anyOf", "oneOf", "items"))
_BY_NAME = frozenset(("properties", "patternProperties", "definitions", "dependencies"))


def modern(schema: Json) -> Json:
    """Return a schema of draft 4 in the keywords of draft 6."""
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Json] = {}
    for word, value in schema.items():
        if word in _ONE and isinstance(value, dict):
            made[word] = modern(value)
        elif word in _MANY and isinstance(value, list):
            made[word] = [modern(part) for part in value]
        elif word in _BY_NAME and isinstance(value, dict):
            made[word] = {name: modern(part) for name, part in value.items()}
        elif word == "id" and isinstance(value, str):
            made["$id"] = value
        else:
            made[word] = value
    for flag, bound in _BOUNDS.items():
        if made.get(flag) is True and bound in made:
            made[flag] = made.pop(bound)
        elif isinstance(made.get(flag), bool):
            del made[flag]
    return made
