"""The one reader of pages: commands in the order in which they stand, and what they print."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from engine.cli.verbs import VERBS
from tests.repository import MODULES, ROOT

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "spec/*.md", "tla/*.md", ".github/**/*.md")
    for page in ROOT.glob(pattern)
    if page.name != "CHANGELOG.md"
)
"""All but what speaks of the past (the changelog, ``spec/adr``) or of measuring (``bench``)."""

PROGRAMS = ("engine", "make", "base64", "sqlite3", "pip", "uv", "python")
"""What a command in running text begins with."""

_PIECE = re.compile(
    rf"^( *)```(\w*)\n(?P<block>.*?)^\1```|`(?P<span>(?:{'|'.join(PROGRAMS)})\s[^`]+)`",
    re.MULTILINE | re.DOTALL,
)
_STEPS = ("run", "script", "before_script")
_GOES_ON = re.compile(r"(\\|\||&&)\n\s*")
_SAME_KIND = (
    (re.compile(r"[0-9a-f]{8}(?:\\-[0-9a-f]{4}){3}\\-[0-9a-f]{12}"), r"[0-9a-f-]{36}"),
    (re.compile(r"\d{4}\\-\d\d\\-\d\dT[\d:]{8}Z"), r"\d{4}-\d\d-\d\dT[\d:]{8}Z"),
)
"""Ids and instants are others every time. Left as :func:`re.escape` writes them."""


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
        text: As it is typed.
        shown: Lines that the page shows as its output; None where it shows none.
        block: Which fenced block of shell it is in; None in running text, and in a CI file.
    """

    text: str
    shown: tuple[str, ...] | None = None
    block: int | None = None


def commands_of(text: str) -> list[Command]:
    """Every command of a page, in order."""
    found: list[Command] = []
    number = 0
    for piece in _PIECE.finditer(text):
        if span := piece["span"]:
            found += [Command(choice) for choice in choices_of(" ".join(span.split()))]
            continue
        block = re.sub(f"^{piece[1]}", "", piece["block"], flags=re.MULTILINE)
        if piece[2] == "yaml":
            found += [Command(script) for script in _steps(yaml.safe_load(block))]
        elif typed := list(_typed(piece[2], block)):
            found += [Command(line, shown, number) for line, shown in typed]
            number += 1
    return found


def choices_of(usage: str) -> list[str]:
    """The commands that ``engine ledger verify|log``, or ``engine replay [--x Y]``, stands for."""
    if re.search(r"[<|]\s|<\(|['\"]", usage):
        return [usage]
    words = re.sub(r"[\[\]]", "", usage).split()
    return [" ".join(chosen) for chosen in product(*(word.split("|") for word in words))]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [
        re.sub(f"^{indent}", "", block, flags=re.MULTILINE)
        for indent, of, block in found
        if of == language
    ]


def _typed(language: str, block: str) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """The lines of a block that are typed, and what it shows that each prints."""
    if language == "console":
        typed: list[tuple[str, list[str]]] = []
        for line in _GOES_ON.sub(_joined, block).splitlines():
            if line.startswith("$ "):
                typed.append((line[2:], []))
            else:
                assert typed, f"{line!r}: output of no command"
                typed[-1][1].append(line)
        yield from ((line, tuple(shown) or None) for line, shown in typed)
    elif language in ("sh", "bash") or re.match(rf"({'|'.join(PROGRAMS)}) ", block):
        for line in _GOES_ON.sub(_joined, block).splitlines():
            if line.strip():
                yield re.sub(r"\[(--.*?)\]", r"\1", line), None


def _joined(end: re.Match[str]) -> str:
    return end[1].strip("\\") + " "


def _steps(document: Any) -> Iterator[str]:
    """The scripts of a CI file, or of a part of one."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in _STEPS:
                yield from [value] if isinstance(value, str) else value
            else:
                yield from _steps(value)
    elif isinstance(document, list):
        for value in document:
            yield from _steps(value)


def is_as_shown(shown: tuple[str, ...], printed: str) -> bool:
    """Whether ``printed`` is what is shown; ``…`` is anything in a line, alone any lines."""
    pattern = ""
    for line in shown:
        pattern += r"(?:.*\n)*" if line.strip() == "…" else _line(line) + r"\n"
    return re.fullmatch(pattern, re.sub(r"[ \t]+$", "", printed, flags=re.MULTILINE)) is not None


def _line(line: str) -> str:
    escaped = re.escape(line.rstrip()).replace("…", ".*")
    for same, kind in _SAME_KIND:
        escaped = same.sub(kind.replace("\\", "\\\\"), escaped)
    return escaped


def in_sources() -> list[Command]:
    """Commands that docstrings, error texts and advice of the engine name, each once."""
    found: dict[str, Command] = {}
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for command in commands_of(node.value):
                    found.setdefault(command.text, command)
    return list(found.values())


def examples() -> list[Command]:
    """The examples of ``--help``."""
    from tests.cli.written.parsing import module_of

    return [
        Command(line.strip()) for verb in VERBS for line in module_of(verb).EXAMPLE.splitlines()
    ]


def name_of(page: Path) -> str:
    """How a page is named in the tables."""
    return str(page.relative_to(ROOT))
