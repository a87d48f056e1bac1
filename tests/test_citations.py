"""What a docstring or a comment of the engine cites is in the repository."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.repository import MODULES, ROOT
from tests.test_pages import TOPS, is_there

FOLDERS = "|".join(re.escape(name) for name in (*TOPS, "shared", "ops"))
FILE = re.compile(rf"(?<![\w/.:<>-])((?:{FOLDERS})/[\w.<>*{{}},/-]*[\w>*}}]|[\w-]+\.md\b)")
NAME = re.compile(r"(?<![\w/.-])engine(?:\.\w+)+")


def prose(source: str) -> Iterator[str]:
    """Yield each comment, and each text that stands alone: docstrings, also of attributes."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


def cited_files(text: str) -> set[str]:
    return set(FILE.findall(text))


def cited_names(text: str) -> set[str]:
    """Dotted names of modules and of what is in them; ``engine.toml`` is a file of the user's."""
    return {name for name in NAME.findall(text) if not name.endswith(".toml")}


def is_name(dotted: str) -> bool:
    """Whether a module has the name, or something in a module."""
    module, _, member = dotted.rpartition(".")
    try:
        if find_spec(dotted) is not None:
            return True
    except ModuleNotFoundError:  # its parent is no package
        pass
    try:
        return hasattr(import_module(module), member)
    except ModuleNotFoundError:
        return is_name(module) if module.count(".") else False


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_and_name_that_the_engine_cites_exists(module: Path) -> None:
    texts = list(prose(module.read_text()))
    files = {file for text in texts for file in cited_files(text)}
    names = {name for text in texts for name in cited_names(text)}
    assert sorted(file for file in files if not is_there(file, ROOT / "README.md")) == []
    assert sorted(name for name in names if not is_name(name)) == []


def test_what_is_not_there_would_be_noticed() -> None:
    source = (
        '"""See `spec/gone.md`, tla/*.tla and engine.proof.gone."""\n'
        "LIMIT = 1  # as docs/gone.md has it, engine.decide and engine.proof.verify\n"
        '"""In ``shared/DESIGN.md`` and tests/gone.py, and GONE.md."""\n'
    )
    files = {file for text in prose(source) for file in cited_files(text)}
    names = {name for text in prose(source) for name in cited_names(text)}
    assert files == {
        "spec/gone.md", "tla/*.tla", "docs/gone.md", "shared/DESIGN.md", "tests/gone.py", "GONE.md",
    }  # fmt: skip
    assert [file for file in sorted(files) if is_there(file, ROOT / "README.md")] == ["tla/*.tla"]
    assert {name for name in names if is_name(name)} == {"engine.decide", "engine.proof.verify"}
