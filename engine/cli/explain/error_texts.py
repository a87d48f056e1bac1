"""Every error text of the engine, read off its own source: what is said, and what is to be done.

The texts stand where the errors are raised and nowhere else; what varies in one is in braces.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

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
}
"""Functions that make an error: its class, and which argument is its text; the hint comes next."""
_PLACE = re.compile(r"(?:engine: )?(?:[^:]+(?::[0-9]+){1,2}: )?")
"""What is printed before a text: the program, and file, line and column."""
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
    found: dict[tuple[str, str], ErrorText] = {}
    for path in sorted(_PACKAGE.rglob("*.py")):
        if "_data" not in path.parts:
            module = ".".join(("engine", *path.relative_to(_PACKAGE).with_suffix("").parts))
            for error in _raised_in(ast.parse(path.read_text("utf-8")), module):
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
    lines = {first.removeprefix("engine: "), _PLACE.sub("", first, count=1)}
    best = max(
        ((_likeness(error.text, line), error) for error in error_texts() for line in lines),
        key=lambda match: match[0],
    )
    return best[1] if best[0] else None


def _likeness(text: str, line: str) -> int:
    """How many letters of ``line`` are those of ``text`` that do not vary; 0 where others are.

    A text of which little is fixed is like too many lines to be the one that was meant.
    """
    parts = _fixed(text)
    fixed = sum(map(str.isalpha, "".join(parts)))
    least = _LEAST + _MORE * (len(parts) - 1)
    is_like = fixed >= max(least, len(line) / 4) and _pattern(text).fullmatch(line)
    return fixed if is_like else 0


def _raised_in(tree: ast.Module, module: str) -> Iterator[ErrorText]:
    named = {
        target.id: _text(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = str(getattr(node.func, "attr", "") or getattr(node.func, "id", ""))
        kind, at = _CLASSES.get(name), 0
        if name in _RAISED_BY:
            kind, at = _RAISED_BY[name]
        elif not isinstance(node.func, ast.Name):
            continue
        if kind is None or len(node.args) <= at or not (text := _text(node.args[at])):
            continue
        if name == "refused" and module.startswith(("engine.settings", "engine.cli")):
            kind = errors.ConfigError
        hint = node.args[at + 1] if len(node.args) > at + 1 else None
        fix = named.get(hint.id, "") if isinstance(hint, ast.Name) else _text(hint)
        yield ErrorText(kind.__name__, kind.exit_code, text, fix or kind.advice, module)


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
