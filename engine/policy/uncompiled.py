"""What a folder's tables say of checks of its own, where its rules are not compiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.model import Json
from engine.policy.bundle import shipped_bundle
from engine.policy.laying import merged
from engine.policy.sources import DATA, Source, read_sources
from engine.policy.tables import catalogue
from engine.policy.tables.nodes import Node, read

OPERATORS = {"lower": "<=", "higher": ">=", "none": "=="}
"""How a metric is compared, most likely, by its direction: the rule alone says it for sure."""


def own_demands(directory: Path, profile: str) -> dict[str, tuple[Json, Json]]:
    """Return the row of limits and the row of the catalogue by each metric that does not ship.

    A check goes by its metric's name here; one that does not is left out, as is one that is off.
    The row of limits has an ``operator`` besides: the one that the metric's direction gives.

    Raises:
        UsageError: No such folder, or no policy in it.
        ConfigError: Its data is wrong; says file, line and key.
    """
    shipped = shipped_bundle()
    files = merged(shipped, read_sources(directory))
    metrics = catalogue.metrics(_root(files, "catalogue"))
    found = {}
    for name, row in metrics.items():
        limits = _limits(name, profile, files) if name not in shipped.catalogue() else {}
        if "limit" in limits and limits.get("severity") != "off":
            found[name] = {**limits, "operator": OPERATORS[row["direction"]]}, row
    return found


def _root(files: Mapping[str, Source], path: str) -> Node:
    source = files[f"{path}/{DATA}"]
    return source.laid.root if source.laid else read(source.shown, source.content)


def _limits(name: str, profile: str, files: Mapping[str, Source]) -> dict[str, Json]:
    """The row of a check in a profile, laid over those of the profiles that it extends."""
    row: dict[str, Json] = {}
    seen: set[Json] = set()
    at: Json = profile
    while isinstance(at, str) and at not in seen and f"limits/{at}/{DATA}" in files:
        seen.add(at)
        table = _root(files, f"limits/{at}").members()
        own = table["checks"].members().get(name) if "checks" in table else None
        row = {**(own.value if own and isinstance(own.value, dict) else {}), **row}
        at = table["extends"].value if "extends" in table else None
    return row
