"""Rows of the budgets: who may spend how much a day. Every unit is said, if only as ``none``."""

from __future__ import annotations

from decimal import Decimal

from engine.formats.money import micros
from engine.model import Json, is_number
from engine.policy.tables.nodes import Node

BUDGET_ID = r"[a-z0-9][a-z0-9._-]{0,63}"
MATCHED = ("provider", "model", "team", "tag")
MOST = 2**53 - 1
"""Largest amount of any unit; what JSON readers agree on."""

_UNITS = ("requests", "tokens", "usd")
_HINT = "US dollars a day, such as 12.50, or `none`; 0 is a budget: it denies all"
_HINT_WHOLE = "how many a day; `none` is no limit, 0 is a budget: it denies all"


def rows(root: Node | None) -> list[Json]:
    """Return the rows of ``budgets/data.yaml``, in its order.

    Returns:
        ``{"id", "match": {…}, "limits": {"requests", "tokens", "usd_micros"}}``; null is no
        limit.

    Raises:
        ConfigError: A row is not whole, or two have one id.
    """
    if root is None:
        return []
    found: dict[str, Json] = {}
    for row in root.keys(("budgets",), ("budgets",))["budgets"].items():
        members = row.keys(("id", "match", *_UNITS), ("id", "match", *_UNITS))
        name = members["id"].text(BUDGET_ID, "lowercase letters, digits, and . _ - between them")
        if name in found:
            raise members["id"].wrong(
                f"budget {name!r} is given twice", "give each an id of its own"
            )
        limits = {
            "requests": _whole(members["requests"]),
            "tokens": _whole(members["tokens"]),
            "usd_micros": _micros(members["usd"]),
        }
        match = {key: node.text() for key, node in members["match"].keys(MATCHED).items()}
        found[name] = {"id": name, "match": match, "limits": limits}
    return list(found.values())


def _whole(node: Node) -> int | None:
    if node.value == "none":
        return None
    if not isinstance(node.value, int) or not 0 <= node.integer(0) <= MOST:
        raise node.wrong("a whole number, or `none`, is expected here", _HINT_WHOLE)
    return node.value


def _micros(node: Node) -> int | None:
    if node.value == "none":
        return None
    try:
        # Written out, as 0.000001 is 1e-06 to Python.
        number = is_number(node.value)
        return micros(f"{Decimal(repr(node.value)):f}" if number else node.text())
    except ValueError as error:
        raise node.wrong(str(error), _HINT) from None
