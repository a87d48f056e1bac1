"""JSON texts that people read, of numbers that no double holds too."""

from __future__ import annotations

import json
from decimal import Decimal

from engine.model import Json


def written(value: Json, indent: int | None = None) -> str:
    """Return ``value`` as JSON, a Decimal as the number that it is."""
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except TypeError:
        plain = json.dumps(value, ensure_ascii=False, default=str)
    tagged: list[str] = []
    mark = "#"
    while mark in plain:
        mark += "#"

    def tag(number: Decimal) -> str:
        tagged.append(str(number))
        return f"{mark}{len(tagged) - 1}"

    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False, default=tag)
    for index, number in enumerate(tagged):
        text = text.replace(f'"{mark}{index}"', number, 1)
    return text
