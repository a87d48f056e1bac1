"""What the modules of the command line import of each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from engine.cli.verbs import VERBS
from tests.repository import ROOT

FOLDER = ROOT / "engine" / "cli"
OWNERS = [verb.module.removesuffix(".verb") for verb in VERBS.values()]


def module_names() -> dict[str, str]:
    """Source by module name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): (
            path.read_text()
        )
        for path in FOLDER.rglob("*.py")
    }


SOURCES = module_names()


def imports_of(source: str) -> Iterator[str]:
    """The modules of the command line that ``source`` imports, wherever in it and for whatever."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            deep = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in SOURCES else node.module for name in deep]
        yield from (name for name in names if name in SOURCES)


def owner_of(module: str) -> str | None:
    """The verb that ``module`` is a part of; None when it is shared."""
    return next((o for o in OWNERS if module == o or module.startswith(f"{o}.")), None)


@pytest.mark.parametrize("module", sorted(name for name in SOURCES if owner_of(name)))
def test_a_verb_imports_no_other_verb(module: str) -> None:
    owners = {owner_of(name) for name in imports_of(SOURCES[module])}
    assert owners <= {owner_of(module), None}


def test_what_verbs_share_imports_no_verb() -> None:
    """Only the entrance does, which answers completion scripts."""
    shared = {name for name in SOURCES if owner_of(name) is None} - {"engine.cli"}
    assert {name for name in shared if any(map(owner_of, imports_of(SOURCES[name])))} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count, and those for type checking."""
    graph = {name: set(imports_of(source)) for name, source in SOURCES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
