"""What a docstring or a comment of the engine cites is in the repository."""

from __future__ import annotations

import ast
import builtins
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine import errors
from tests.repository import MODULES, ROOT
from tests.test_pages import TOPS, is_there

FOLDERS = "|".join(re.escape(name) for name in (*TOPS, "shared", "ops"))
FILE = re.compile(rf"(?<![\w/.:<>-])((?:{FOLDERS})/[\w.<>*{{}},/-]*[\w>*}}]|[\w-]+\.md\b)")
NAME = re.compile(r"(?<![\w/.-])engine(?:\.\w+)+")
ROLE = re.compile(r":(?:class|func|exc|data|meth|attr):`(?:[^`<]*<)?~?([\w.]+)>?`")
RAISES = re.compile(r"^( *)Raises:\n((?:\1 +.*\n?|\n)+)", re.MULTILINE)


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
    """Whether a module has the name, or something in a module, or in a class of one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        if is_module(module):
            return count == len(parts) or has(import_module(module), parts[count:])
    return False


def is_module(dotted: str) -> bool:
    try:
        return find_spec(dotted) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False


def has(thing: object, path: Sequence[str]) -> bool:
    """Whether ``thing`` has the first name of ``path``, and that the next, down to the last."""
    first, *rest = path
    if hasattr(thing, first):
        return not rest or has(getattr(thing, first), rest)
    return not rest and isinstance(thing, type) and first in members_of(thing)


def members_of(kind: type) -> set[str]:
    """Return what instances of ``kind`` have and it itself has not: fields, and what is set."""
    own = [base for base in kind.__mro__ if base.__module__.partition(".")[0] == "engine"]
    sources = (textwrap.dedent(inspect.getsource(base)) for base in own)
    return {name for source in sources for name in in_class(ast.parse(source).body[0])}


def in_class(definition: ast.AST) -> set[str]:
    """Return what a class binds in its body, and what its methods set."""
    names: set[str] = set()
    for node in ast.iter_child_nodes(definition):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
                names |= {
                    inner.attr
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)
                }
            case ast.stmt():
                names |= in_code(ast.unparse(node))
    return names


def raised_names(text: str) -> set[str]:
    """Return the exceptions that the ``Raises:`` sections of a docstring list."""
    found: set[str] = set()
    for section in RAISES.finditer(text):
        lines = [line for line in section[2].splitlines() if line.strip()]
        depth = min(len(line) - len(line.lstrip()) for line in lines)
        heads = (line.strip().partition(": ") for line in lines if line[depth] != " ")
        found |= {name.strip() for head, colon, _ in heads if colon for name in head.split(",")}
    return found


@cache
def in_code(source: str) -> set[str]:
    """Return every name that a module binds, at any depth, and those of its classes' members."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.alias(name=name, asname=other):
                names.add(other or name)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                names.add(name)
    return names


@cache
def imported(source: str) -> dict[str, str]:
    """Return the full name of everything that a module imports, by what it is called there."""
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str(module), names=aliases):
                names |= {a.asname or a.name: f"{module}.{a.name}" for a in aliases}
            case ast.Import(names=aliases):
                names |= {a.asname or a.name: a.name for a in aliases}
    return names


def is_known(name: str, source: str) -> bool:
    """Whether ``name`` is bound in ``source``, a builtin, one of our errors, or a full name.

    Of a dotted name every part has to be there: a member in its class, a name in its module.
    """
    if name.startswith("engine."):
        return is_name(name)
    first, *rest = name.split(".")
    if not rest:
        return first in in_code(source) | set(dir(builtins)) | set(dir(errors))
    if full := imported(source).get(first):
        return is_name(".".join((full, *rest)))
    if hasattr(builtins, first):
        return has(builtins, (first, *rest))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name == first:
            bases = [f"{ast.unparse(base)}.{rest[0]}" for base in node.bases]
            return rest[0] in in_class(node) or any(is_known(base, source) for base in bases)
    return False


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_and_name_that_the_engine_cites_exists(module: Path) -> None:
    texts = list(prose(module.read_text()))
    files = {file for text in texts for file in cited_files(text)}
    names = {name for text in texts for name in cited_names(text)}
    assert sorted(file for file in files if not is_there(file, ROOT / "README.md")) == []
    assert sorted(name for name in names if not is_name(name)) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_error_and_role_of_a_docstring_names_something(module: Path) -> None:
    source = module.read_text()
    named = {name for text in prose(source) for name in (*raised_names(text), *ROLE.findall(text))}
    assert sorted(name for name in named if not is_known(name, source)) == []


def test_an_error_or_a_role_that_nobody_defines_is_noticed() -> None:
    source = '''
def read() -> int:
    """Return :class:`Answer`, see :meth:`read` and :func:`~engine.gone.read`.

    By :meth:`Reader.next`, :attr:`Reader.place`, :attr:`Reader.first`, :meth:`Reader.decode`,
    :meth:`Reader.gone`, :attr:`Reader.local`, :exc:`OSError.errno`, :exc:`OSError.gone`,
    :func:`json.loads`, :func:`json.gone`, :meth:`read.gone`,
    :attr:`engine.model.Verdict.PROMOTE`, :attr:`engine.model.Verdict.GONE`,
    :attr:`engine.errors.UsageError.hint`, :attr:`engine.errors.UsageError.gone`.

    Raises:
        Gone, ValueError: Not there,
            Twice: as it was.
        UsageError: Wrong.
        engine.errors.Lost: Away.

    Source: RFC: none.
    """

import json

class Reader(Lines):
    place: int

    def next(self):
        local = self.first = 1

class Lines(json.JSONDecoder):
    def next(self): pass
'''
    (text,) = prose(source)
    assert raised_names(text) == {"Gone", "ValueError", "UsageError", "engine.errors.Lost"}
    named = {*raised_names(text), *ROLE.findall(text)}
    assert {name for name in named if not is_known(name, source)} == {
        "Gone", "engine.errors.Lost", "Answer", "engine.gone.read", "Reader.gone", "Reader.local",
        "OSError.gone", "json.gone", "read.gone", "engine.model.Verdict.GONE",
        "engine.errors.UsageError.gone",
    }  # fmt: skip


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
