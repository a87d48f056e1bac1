"""What is recorded for ever of an error: it names no evidence, as evidence must stay erasable."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from engine.errors import DocumentError, GovernanceError
from engine.model import Json


def recorded_error(error: GovernanceError, known: Collection[str] = ()) -> dict[str, Json]:
    """Return member ``error`` of a ``decision-failed:v1``: type, and code and place as message.

    Args:
        error: Why nothing was decided. Its own message is for the caller alone.
        known: Names that a place may hold; every other one is written ``*``.

    Source: spec/predicate-v1.md section 12.2.
    """
    message = error.code
    if isinstance(error, DocumentError):
        at = error.position
        place = f"{at.line}:{at.column}" if at.column else str(at.line)
        message += f" at {place}" if at.line else ""
        steps = at.pointer.split("/")[1:]
        message += " " * bool(steps) + "".join(f"/{_named(step, known)}" for step in steps)
    return {"type": type(error).__name__, "message": message}


def _named(step: str, known: Collection[str]) -> str:
    is_index = step.isascii() and step.isdigit() and len(step) <= 3
    return step if is_index or step in known else "*"


def members_of(schema: Json) -> Iterator[str]:
    """Yield the members that a JSON Schema names at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for inner in schema.values():
            yield from members_of(inner)
