"""What a spec's text defines: operators, guards, fairness, properties, ids, and the code it names.

Read as text, by the house style: definitions begin at the line's start; the comment lines
directly above a definition belong to it, ``\\* INV-…`` or ``\\* LIVE-…`` says the promise and
``\\* engine: budget.tracker.reserve`` the Python function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.errors import ConfigError
from engine.specs.manifest import MAX_BYTES
from engine.system.reading import read_whole

_DEFINITION = re.compile(r"^(\w+)(?:\([^)\n]*\))?[ \t]*==", re.MULTILINE)
_BLOCK = re.compile(r"\(\*.*?\*\)", re.DOTALL)
_LINE = re.compile(r"\\\*[^\n]*")
_RULER = re.compile(r"^(?:-{4,}|={4,}).*$", re.MULTILINE)
_EXTENDS = re.compile(r"^EXTENDS\s+(\w+(?:\s*,\s*\w+)*)", re.MULTILINE)
_ID = re.compile(r"\b(?:INV|LIVE)-[A-Z]+-[0-9]+\b")
_ENGINE = re.compile(r"^\\\*\s*engine:\s*(.+?)\s*$", re.MULTILINE)
_GUARD = re.compile(r"(?:May|After|Is)[A-Z]\w*")
_FAIRNESS = re.compile(r"\b[WS]F_")


@dataclass(frozen=True)
class Definition:
    """One operator of a spec.

    Attributes:
        name: Its name.
        module: Module that defines it.
        body: Its text without comments.
        comment: The comment directly above, as it stands.
    """

    name: str
    module: str
    body: str
    comment: str

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The promises that the comment names."""
        return tuple(dict.fromkeys(_ID.findall(self.comment)))

    @cached_property
    def code(self) -> tuple[str, ...]:
        """The Python functions that the comment names, relative to the package ``engine``."""
        named = [name for found in _ENGINE.findall(self.comment) for name in found.split(",")]
        return tuple(dict.fromkeys(name.strip() for name in named))

    @property
    def is_guard(self) -> bool:
        """Whether it is a guard, by its name: ``May…``, ``After…`` or ``Is…``."""
        return _GUARD.fullmatch(self.name) is not None

    @property
    def fairness(self) -> int:
        """How many fairness conditions it states."""
        return len(_FAIRNESS.findall(self.body))

    @property
    def is_property(self) -> bool:
        """Whether it is an invariant or a property that must hold, by its name."""
        return self.name.endswith(("Inv", "Prop")) and not self.is_reachability

    @property
    def is_reachability(self) -> bool:
        """Whether it must fail, to show that something is reached."""
        return self.name.endswith(("DebugInv", "DebugProp"))

    def mentions(self, name: str) -> bool:
        """Whether its body names ``name``."""
        return re.search(rf"\b{name}\b", self.body) is not None


def read(folder: Path, module: str) -> dict[str, Definition]:
    """Return what ``module`` and the modules of ``folder`` that it extends define, by name.

    Raises:
        ConfigError: The module cannot be read.
    """
    found: dict[str, Definition] = {}
    for name, text in _modules(folder, module, set()):
        found |= {definition.name: definition for definition in definitions(name, text)}
    return found


def _modules(folder: Path, module: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    seen.add(module)
    path = folder / f"{module}.tla"
    try:
        text = read_whole(path, MAX_BYTES).decode()
    except OSError as error:
        raise ConfigError(
            f"{path}: {(error.strerror or str(error)).lower()}",
            "each run of tla/manifest.toml names a module that lies beside it",
        ) from None
    for extended in _EXTENDS.findall(_uncommented(text)):
        for name in re.split(r"\s*,\s*", extended):
            if name not in seen and (folder / f"{name}.tla").is_file():
                yield from _modules(folder, name, seen)
    yield module, text


def definitions(module: str, text: str) -> list[Definition]:
    """Return the operators that the text of ``module`` defines, in order."""
    starts = [found.start() for found in _DEFINITION.finditer(_blanked(text))]
    ends = [*starts[1:], len(text)]
    found = []
    for start, end in zip(starts, ends, strict=True):
        name = _DEFINITION.match(text, start)
        assert name is not None  # noqa: S101  (it was found there)
        body = _RULER.split(_blanked(text)[name.end() : end])[0]
        found.append(Definition(name[1], module, body.strip(), _comment_above(text, start)))
    return found


def _comment_above(text: str, start: int) -> str:
    lines = text[:start].rstrip(" ").removesuffix("\n").split("\n")
    above: list[str] = []
    while lines and lines[-1].lstrip().startswith("\\*"):
        above.insert(0, lines.pop().strip())
    return "\n".join(above)


def _blanked(text: str) -> str:
    """Return ``text`` with its comments turned to spaces, so that places stay."""
    blank = re.compile(r"[^\n]")
    for comment in (_BLOCK, _LINE):
        text = comment.sub(lambda found: blank.sub(" ", found[0]), text)
    return text


def _uncommented(text: str) -> str:
    return _LINE.sub("", _BLOCK.sub("", text))
