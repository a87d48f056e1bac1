"""What a JSON Schema says about a document, in words. The schema is passed in; no file is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import suggest
from engine.formats.json_positions import escape
from engine.model import Json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


class Mismatch(NamedTuple):
    """Where a document does not match its schema: pointer, reason, and what to do."""

    pointer: str
    reason: str
    hint: str


def first_mismatch(schema: Json, document: Json) -> Mismatch | None:
    """Return the first place, in document order, where ``document`` does not match ``schema``.

    A member of the document that holds more than the schema lets it comes before all others, and
    nothing in it is looked at: tens of thousands of values take seconds.

    Source: JSON Schema 2020-12.
    """
    if crowded := _crowded(schema, document):
        return crowded
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema).iter_errors(document)
    first = min(errors, key=_place, default=None)
    return None if first is None else _worded(first)


def _crowded(schema: Json, document: Json) -> Mismatch | None:
    members = document if isinstance(document, dict) else {}
    for key, inner in schema.get("properties", {}).items():
        value = members.get(key)
        word = "maxProperties" if isinstance(value, dict) else "maxItems"
        most = inner.get(word) if isinstance(inner, dict) else None
        if isinstance(value, dict | list) and most is not None and len(value) > most:
            return _WORDED[word](f"/{escape(key)}", value, most, inner)
    return None


def _place(error: ValidationError) -> list[str]:
    return [str(token) for token in error.absolute_path]


def _worded(error: ValidationError) -> Mismatch:
    pointer = "".join(f"/{escape(str(token))}" for token in error.absolute_path)
    rule: Json = error.validator_value
    schema: Json = error.schema
    word = _WORDED.get(str(error.validator))
    if word is not None:
        return word(pointer, error.instance, rule, schema)
    reason = error.message if len(error.message) < 200 else f"fails {error.validator}"
    return Mismatch(pointer, reason, _advice(schema))


def _missing(pointer: str, value: Json, rule: Json, schema: Json) -> Mismatch:
    missing = next(key for key in rule if key not in value)
    return Mismatch(pointer, f"key {missing!r} is missing", _line_to_add(missing, schema))


def _extra(pointer: str, value: Json, _rule: Json, schema: Json) -> Mismatch:
    known = schema.get("properties", {})
    extra = next(key for key in value if key not in known)
    inner = f"{pointer}/{escape(str(extra))}"
    return Mismatch(inner, f"key {extra!r} is not known here", suggest(str(extra), known))


def _type(pointer: str, value: Json, rule: Json, schema: Json) -> Mismatch:
    expected = " or ".join(rule) if isinstance(rule, list) else rule
    # YAML takes 1.10 for the number 1.1: what was written is not known any more.
    advice = _advice(schema) if rule != "string" or isinstance(value, dict | list) else _IN_QUOTES
    return Mismatch(pointer, f"{_kind(value)} where {expected} is expected", advice)


_IN_QUOTES = 'write it in quotes, such as "1.10"'


def _advice(schema: Json) -> str:
    """What the schema itself says of a value there, and how one is written."""
    import json

    advice = [str(schema["description"])] if "description" in schema else []
    advice += [
        f"write it such as {json.dumps(example)}" for example in schema.get("examples", ())[:1]
    ]
    return "\n".join(advice)


def _enum(pointer: str, value: Json, rule: Json, _schema: Json) -> Mismatch:
    allowed = [str(item) for item in rule]
    return Mismatch(
        pointer, f"{_short(value)} is not one of {', '.join(allowed)}", suggest(str(value), allowed)
    )


def _pattern(pointer: str, value: Json, rule: Json, schema: Json) -> Mismatch:
    hint = _advice(schema) or f"it must match {rule}"
    return Mismatch(pointer, f"{_short(value)} is not written as expected", hint)


def _not(pointer: str, value: Json, _rule: Json, schema: Json) -> Mismatch:
    return Mismatch(pointer, f"{_short(value)} is written as it must not be", _advice(schema))


def _counted(noun: str, bound: str) -> Callable[[str, Json, Json, Json], Mismatch]:
    """How a limit on the size of a value is worded: what there is, and the number that holds."""

    def worded(pointer: str, value: Json, rule: Json, schema: Json) -> Mismatch:
        reason = f"{len(value):,} {noun} where {bound} {rule:,} {'is' if rule == 1 else 'are'} read"
        return Mismatch(pointer, reason, _advice(schema))

    return worded


def _ranged(word: str, bound: str) -> Callable[[str, Json, Json, Json], Mismatch]:
    """How a limit on a number is worded."""

    def worded(pointer: str, value: Json, rule: Json, schema: Json) -> Mismatch:
        return Mismatch(pointer, f"{value} is {word} {rule}, the {bound}", _advice(schema))

    return worded


_WORDED = {
    "required": _missing,
    "additionalProperties": _extra,
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "not": _not,
    "maxLength": _counted("characters", "at most"),
    "maxItems": _counted("items", "at most"),
    "minItems": _counted("items", "at least"),
    "maxProperties": _counted("keys", "at most"),
    "minimum": _ranged("below", "least"),
    "maximum": _ranged("above", "most"),
}


def _line_to_add(key: str, schema: Json) -> str:
    import json

    if key == "observed_at":
        return (
            "add when the evidence was gathered, such as "
            '"observed_at": "2026-01-31T12:00:00Z" (date -u +%FT%TZ prints the time now)'
        )
    if key == "subject":
        return 'add what is decided on, such as "subject": {"name": "scoring-model"}'
    for example in schema.get("examples", ()):
        if key in example:
            return f"add it, such as {json.dumps(key)}: {json.dumps(example[key])}"
    return f"add {key!r}"


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "object")


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
