"""Which of the engine's modules imports which: at its top, inside a function or for types."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.repository import ROOT


def sources_below(folder: Path) -> dict[str, str]:
    """Source by module name, of every module in a folder of the repository."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): (
            path.read_text()
        )
        for path in folder.rglob("*.py")
    }


def imports_of(source: str, modules: Mapping[str, str]) -> Iterator[str]:
    """Those of ``modules`` that ``source`` imports, wherever in it and for whatever."""
    for module, name in _imported(source):
        nearest = f"{module}.{name}" if f"{module}.{name}" in modules else module
        if nearest in modules:
            yield nearest


@cache
def _imported(source: str) -> list[tuple[str, str]]:
    """The modules that ``source`` imports, and what from each; "" for the module itself."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, alias.name) for alias in node.names]
    return found


def circle_in(modules: Mapping[str, str]) -> list[str]:
    """Modules that import each other in a circle, the first one again as the last; or none."""
    graph = {name: set(imports_of(source, modules)) for name, source in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []
