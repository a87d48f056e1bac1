"""Every error text of the engine, read off its own source: what is said, and what is to be done.

The texts stand where the errors are raised and nowhere else; what varies in one is in braces.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from engine import errors
from engine.errors import GovernanceError

_PACKAGE = Path(__file__).parents[2]
_CLASSES: dict[str, type[GovernanceError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, GovernanceError)
}
_RAISED_BY: dict[str, tuple[type[GovernanceError], int]] = {
    "refuse": (errors.VerificationError, 0),
    "wrong": (errors.ConfigError, 0),
    "refused": (errors.DocumentError, 1),
    "RefusalError": (errors.DocumentError, 1),
    "Flaw": (errors.DocumentError, 2),
}
"""Functions that make an error: its class, and which argument is its text; the hint comes next."""
_PLACE = re.compile(r"^(?:\{[^{}]*\}(?::\{[^{}]*\}|:[0-9]+)*: )+")
"""What stands for a place before a text, as ``{file}:{line}: ``."""
_LINE = re.compile(r"\S:[0-9]+(?::[0-9]+)?$")
"""How a line of a file is named."""
_MOST_PARTS = 6
"""Parts of a line, between colons, of which the first may say where: program, place, pointer."""
_QUOTED = re.compile(r"'[^']*'|`[^`]*`|\"[^\"]*\"")
_TEXTS = ("reason", "message", "what", "text")
"""What a function that makes an error calls the text of it."""
_FIXES = ("hint", "fix")
_MOST_MORE = 2
_UNPLACED, _PLACED = 4, 6
"""Letters of a line, outside of quotes, for each that is the text's; more where a line is named."""
_LEAST, _MORE = 6, 4
"""Letters of a text that do not vary, and how many more for each part that does: with fewer it is
like too many others."""


class ErrorText(NamedTuple):
    """One error that the engine may end with.

    Attributes:
        kind: Name of its class.
        exit_code: Of the command line.
        text: What it says; what varies is in braces.
        fix: What to do, likewise.
        module: Where it is raised.
    """

    kind: str
    exit_code: int
    text: str
    fix: str
    module: str


@lru_cache(maxsize=1)
def error_texts() -> tuple[ErrorText, ...]:
    """Return every error text of the package, by module and line."""
    paths = (path for path in sorted(_PACKAGE.rglob("*.py")) if "_data" not in path.parts)
    modules = [_read(path) for path in paths]
    kinds = _kinds(module.tree for module in modules)
    found: dict[tuple[str, str], ErrorText] = {}
    for module in modules:
        makers = _makers(module, kinds)
        for error in _raised_in(module, makers, kinds):
            found.setdefault((error.kind, error.text), error)
    return tuple(found.values())


def meaning(kind: str) -> str:
    """Return what the errors of a class have in common, in one clause."""
    return (_CLASSES[kind].__doc__ or "").split("\n")[0].rstrip(".")


def nearest(printed: str) -> ErrorText | None:
    """Return the error that says ``printed``; None where none does.

    Args:
        printed: As it was printed, with or without ``engine:`` before it and its hint below.
    """
    first = next((line for line in printed.splitlines() if line.strip()), "").strip()
    parts = first.removeprefix("engine: ").split(": ")
    lines = [
        (": ".join(parts[at:]), any(map(_LINE.search, parts[:at])))
        for at in range(min(len(parts), _MOST_PARTS))
    ]
    best = max(
        ((_likeness(error.text, *line), error) for error in error_texts() for line in lines),
        key=lambda match: match[0],
    )
    return best[1] if best[0] else None


def _likeness(text: str, line: str, is_placed: bool) -> int:
    """How many letters of ``line`` are those of ``text`` that do not vary; 0 where others are.

    A text of which little is fixed is like too many lines to be the one that was meant, unless the
    line begins with enough of it, or a line of a file stood before it.
    """
    text = _PLACE.sub("", text)
    parts = _fixed(text)
    fixed = sum(map(str.isalpha, "".join(parts)))
    least = _LEAST + (0 if is_placed else _MORE * min(len(parts) - 1, _MOST_MORE))
    words = sum(map(str.isalpha, _QUOTED.sub("", line)))
    begins = sum(map(str.isalpha, parts[0])) >= _LEAST + _MORE
    is_enough = fixed >= least and (
        begins or fixed >= words / (_PLACED if is_placed else _UNPLACED)
    )
    return fixed if is_enough and _pattern(text).fullmatch(line) else 0


class _Maker(NamedTuple):
    """A function or a constructor that makes an error.

    Attributes:
        kind: Class of the error.
        at: Which argument is its text.
        fix: Which one is what to do; None where none is.
        form: What the text becomes a part of, as ``{}``.
    """

    kind: type[GovernanceError]
    at: int
    fix: int | None
    form: str = "{}"


class _Module(NamedTuple):
    """A module, read.

    Attributes:
        name: Dotted.
        tree: Its source.
        constants: What names of the module stand for.
        functions: Its functions and methods, by name.
    """

    name: str
    tree: ast.Module
    constants: Mapping[str, ast.expr]
    functions: Mapping[str, ast.FunctionDef]


def _read(path: Path) -> _Module:
    tree = ast.parse(path.read_text("utf-8"))
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    inside = path.relative_to(_PACKAGE) if path.is_relative_to(_PACKAGE) else Path(path.name)
    module = ".".join(("engine", *inside.with_suffix("").parts))
    return _Module(module, tree, constants, functions)


_Kinds: TypeAlias = Mapping[str, tuple[type[GovernanceError], int]]


def _makers(module: _Module, kinds: _Kinds) -> dict[str, _Maker]:
    """The functions of a module that make an error, by name."""
    found = {name: _maker(function, kinds) for name, function in module.functions.items()}
    return {name: maker for name, maker in found.items() if maker is not None}


def _maker(function: ast.FunctionDef, kinds: _Kinds) -> _Maker | None:
    """What a function makes that returns an error and takes its text."""
    returned = ast.unparse(function.returns) if function.returns else ""
    kind = next((kinds[word][0] for word in re.findall(r"\w+", returned) if word in kinds), None)
    names = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
    text = next((name for name in names if name in _TEXTS), None)
    if kind is None or text is None:
        return None
    forms = (
        form.replace(f"{{{text}}}", "{}", 1)
        for node in ast.walk(function)
        if isinstance(node, ast.JoinedStr)
        for form in [_text(node)]
        if f"{{{text}}}" in form
    )
    fix = next((names.index(name) for name in names if name in _FIXES), None)
    return _Maker(kind, names.index(text), fix, next(forms, "{}"))


def _kinds(trees: Iterable[ast.Module]) -> _Kinds:
    """By the name of each class of errors: which of the tree it is, and which argument its text."""
    found = {name: (kind, 0) for name, kind in _CLASSES.items()}
    for node in (node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)):
        bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in found]
        if not bases:
            continue
        kind, at = found[bases[0]]
        kind = _CLASSES.get(node.name, kind)
        made = (inner for inner in node.body if isinstance(inner, ast.FunctionDef))
        for function in (inner for inner in made if inner.name == "__init__"):
            names = [argument.arg for argument in function.args.args[1:]]
            at = next((names.index(name) for name in names if name in _TEXTS), -1)
        found[node.name] = (kind, at)
    return found


def _raised_in(module: _Module, makers: Mapping[str, _Maker], kinds: _Kinds) -> Iterator[ErrorText]:
    for function, node in _calls(module.tree, None):
        maker = _maker_of(node, module, makers, kinds)
        if maker is None:
            continue
        scope = _scope(function)
        texts, fixes = _arguments(node, maker, module, scope)
        fix = next(filter(None, fixes), "") or maker.kind.advice
        for text in filter(None, texts):
            whole = maker.form.replace("{}", text, 1)
            yield ErrorText(maker.kind.__name__, maker.kind.exit_code, whole, fix, module.name)


def _maker_of(
    node: ast.Call, module: _Module, makers: Mapping[str, _Maker], kinds: _Kinds
) -> _Maker | None:
    is_method = isinstance(node.func, ast.Attribute)
    name = str(getattr(node.func, "attr", "") or getattr(node.func, "id", ""))
    if name in makers:
        return makers[name]
    if name in _RAISED_BY:
        kind, at = _RAISED_BY[name]
        if name == "refused" and module.name.startswith(("engine.settings", "engine.cli")):
            kind = errors.ConfigError
        return _Maker(kind, at, at + 1)
    if name == "ValueError" and module.name.startswith("engine.formats."):
        return _Maker(errors.ConfigError, 0, None)  # whoever reads a file says it of a line of it
    if is_method or name not in kinds or kinds[name][1] < 0:
        return None
    kind, at = kinds[name]
    return _Maker(kind, at, at + 1)


def _calls(
    node: ast.AST, function: ast.FunctionDef | None
) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
    """Every call below ``node``, with the function that it stands in."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Call):
            yield function, inner
        yield from _calls(inner, inner if isinstance(inner, ast.FunctionDef) else function)


def _scope(function: ast.FunctionDef | None) -> dict[str, list[ast.expr]]:
    """What the names of a function were given in it."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function) if function else ():
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def _arguments(
    node: ast.Call, maker: _Maker, module: _Module, scope: Mapping[str, list[ast.expr]]
) -> tuple[list[str], list[str]]:
    """The texts of a call that makes an error, and what it says to do."""
    given = node.args
    first = given[0] if given else None
    if isinstance(first, ast.Starred) and isinstance(first.value, ast.Call):
        function = module.functions.get(getattr(first.value.func, "id", ""))
        pairs = [
            inner.value.elts
            for inner in (ast.walk(function) if function else ())
            if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Tuple)
        ]
        texts = [text for pair in pairs for text in _texts(pair[0], module, scope)]
        return texts, [text for pair in pairs for text in _texts(pair[-1], module, scope)]
    by_name = {word.arg: word.value for word in node.keywords}
    texts = _texts(given[maker.at], module, scope) if len(given) > maker.at else []
    hint = by_name.get("hint")
    if maker.fix is not None and len(given) > maker.fix:
        hint = given[maker.fix]
    return texts, _texts(hint, module, scope)


def _texts(
    node: ast.expr | None, module: _Module, scope: Mapping[str, list[ast.expr]]
) -> list[str]:
    """The texts that an expression may be; none where nothing of it stands in the source."""
    found: list[str] = []
    match node:
        case ast.IfExp():
            found = [*_texts(node.body, module, scope), *_texts(node.orelse, module, scope)]
        case ast.BoolOp():
            found = [text for value in node.values for text in _texts(value, module, scope)]
        case ast.BinOp(op=ast.Add()):
            before = _texts(node.left, module, scope) or ["{…}"]
            behind = _texts(node.right, module, scope) or ["{…}"]
            found = [start + end for start in before for end in behind]
        case ast.Name() if node.id in scope:
            others = {name: values for name, values in scope.items() if name != node.id}
            found = [text for value in scope[node.id] for text in _texts(value, module, others)]
        case ast.Name() if node.id in module.constants:
            found = _texts(module.constants[node.id], module, {})
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(form)), attr="format")):
            found = [re.sub(r"\{\w*\}", "{…}", form)]
        case _:
            found = [_text(node)]
    return list(filter(None, found))


def _text(node: ast.expr | None) -> str:
    """The text of an expression; ``""`` where nothing of it stands in the source."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts = [
        f"{{{_name(part.value)}}}"
        if isinstance(part, ast.FormattedValue)
        else str(getattr(part, "value", ""))
        for part in node.values
    ]
    return "".join(parts)


def _name(node: ast.expr) -> str:
    """What an expression is called: its last name."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute):
            return inner.attr.strip("_").lower()
        if isinstance(inner, ast.Name):
            return inner.id.strip("_").lower()
    return "…"


def abridged(text: str) -> str:
    """Return a text with ``…`` for what varies."""
    return "…".join(_fixed(text))


def _fixed(text: str) -> list[str]:
    """The parts of a text that do not vary."""
    return re.split(r"\{[^{}]*\}", text)


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".+?".join(map(re.escape, _fixed(text))))
