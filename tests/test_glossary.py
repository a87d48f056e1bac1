"""Identifiers use the glossary's words: the names that it lists as gone do not come back."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.repository import ROOT

_HEADING = "## Names that are gone"


def _gone() -> frozenset[str]:
    *_, section = (ROOT / "spec" / "glossary.md").read_text().partition(_HEADING)
    *_, names = section.strip().split("\n\n")
    return frozenset(names.replace("\n", " ").split(", "))


def _identifiers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each name that the code binds or uses, with its line; strings are not looked at."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name, node.lineno
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name, node.lineno
            case ast.alias(name=name, asname=other):
                yield (other or name).rpartition(".")[2], node.lineno


def _found(text: str) -> list[tuple[str, int]]:
    gone = _gone()
    return [
        (name, line) for name, line in _identifiers(ast.parse(text)) if name.lstrip("_") in gone
    ]


def _files() -> list[Path]:
    return [path for room in ("engine", "bench", "tools") for path in (ROOT / room).rglob("*.py")]


def _modules_found(paths: Iterable[Path]) -> list[str]:
    """Modules and folders of modules that have a name that is gone."""
    gone = _gone()
    return sorted(
        str(path)
        for path in paths
        if any(part.removesuffix(".py").lstrip("_") in gone for part in path.parts)
    )


def test_no_identifier_has_a_name_that_is_gone() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in _files()
        for name, line in _found(path.read_text())
    ]

    assert found == []


def test_no_module_has_a_name_that_is_gone() -> None:
    assert _modules_found(path.relative_to(ROOT) for path in _files()) == []


def test_a_module_is_found_by_its_own_name_and_by_its_folder() -> None:
    paths = [Path("engine/a/beside.py"), Path("engine/told/b.py"), Path("engine/a/b.py")]

    assert _modules_found(paths) == ["engine/a/beside.py", "engine/told/b.py"]


def test_a_name_is_found_wherever_python_binds_one() -> None:
    text = """
import a.told
from b import c as said
class Held: ...
def _judged(each, *, asked=1): ...
try:
    f(wanted=x.heard)
except E as noticed:
    one = 1
"""

    names = [name for name, _ in _found(text)]

    assert sorted(names) == sorted(
        ["told", "said", "Held", "_judged", "each", "asked", "wanted", "heard", "noticed", "one"]
    )
