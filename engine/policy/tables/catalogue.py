"""Rows of the metric catalogue: what each metric is, and which limits make sense for it."""

from __future__ import annotations

from engine.formats.ranges import range_in_words
from engine.model import Json
from engine.policy.tables.nodes import Node

METRIC_ID = r"(?!x\.)[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+"
TYPES = ("number", "integer", "boolean", "string", "series")
DIRECTIONS = ("lower", "higher", "none")
NUMERIC = ("number", "integer", "series")

_KEYS = ("type", "unit", "direction", "range", "values", "description")


def metrics(catalogue: Node) -> dict[str, Json]:
    """Return the rows of ``catalogue/data.yaml`` by metric id.

    Raises:
        ConfigError: A row is not whole or contradicts itself.
    """
    top = catalogue.keys(("metrics",), ("metrics",))
    return {name: _metric(name, row) for name, row in top["metrics"].members().items()}


def _metric(name: str, row: Node) -> Json:
    Node(name, row.pointer, row.file).text(
        METRIC_ID, "a metric id is <domain>.<name>, lowercase; x.* is carried and never evaluated"
    )
    members = row.keys(_KEYS, ("type", "unit", "direction", "description"))
    kind = members["type"].one_of(TYPES)
    members["unit"].text()
    members["direction"].one_of(DIRECTIONS)
    members["description"].text()
    if "range" in members:
        _range(members["range"], kind)
    if "values" in members:
        _values(members["values"], kind)
    return row.value


def _range(node: Node, kind: str) -> None:
    if kind not in NUMERIC:
        raise node.wrong(
            f"a {kind} has no range", "take the line out; number, integer and series have one"
        )
    bounds = node.items()
    if len(bounds) != 2:
        raise node.wrong("a range is [lowest, highest]", "null where there is no bound")
    low, high = (None if bound.value is None else bound.number() for bound in bounds)
    if low is not None and high is not None and low > high:
        raise node.wrong(f"range starts at {low}, above its end {high}", "write [lowest, highest]")


def _values(node: Node, kind: str) -> None:
    if kind != "string":
        raise node.wrong(f"a {kind} has no list of values", "take the line out; a string has one")
    values = [item.text() for item in node.items()]
    if not values or len(set(values)) != len(values):
        raise node.wrong("a list of different texts is expected here", "such as [pass, fail]")


def check_limit(limit: Node, metric_id: str, metric: Json) -> None:
    """Refuse a limit that no value of the metric could be held against.

    Raises:
        ConfigError: Of another type than the metric, or outside what it can be.
    """
    match metric["type"]:
        case "boolean":
            limit.boolean()
        case "string":
            limit.one_of(metric["values"]) if "values" in metric else limit.text()
        case _:
            number = limit.number()
            low, high = metric.get("range", (None, None))
            if (low is not None and number < low) or (high is not None and number > high):
                raise limit.wrong(
                    f"limit {number} where {metric_id} can be {_in_words(low, high)}",
                    f"{metric['description']} Unit: {metric['unit']}.",
                )


def _in_words(*bounds: Json) -> str:
    low, high = (None if bound is None else str(bound) for bound in bounds)
    return range_in_words(low, high)
