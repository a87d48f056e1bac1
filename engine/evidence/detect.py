"""Which kind of source a file is, by what stands in it, and the configuration that says so."""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError, UsageError
from engine.evidence.sources import SOURCES
from engine.evidence.sources.heads import Head, read_head
from engine.evidence.sources.rows import SUFFIXES
from engine.formats.printable import is_seen
from engine.system.walk import files_below, remarks

MAX_FILES = 10_000
"""Of one call."""
MAX_DEPTH = 32
"""Of folders in a folder that is named."""
DETECTED = "what was detected"
"""What the configuration that was detected is called in messages."""
_SHOWN = 5
_TOML = re.compile(r"(?m)^\s*(\[\[\s*source|\[?\s*subject\b|source\s*=)")


@dataclass(frozen=True, slots=True)
class DetectedFile:
    """A file whose kind was recognised.

    Attributes:
        name: As it was given, or below a folder that was.
        kind: A key of :data:`engine.evidence.sources.SOURCES`.
        why: What in the file says so.
    """

    name: str
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class Detection:
    """What was recognised among the files that were given.

    Attributes:
        files: All of them, sorted by name.
        left_out: A line for each folder of which something was not looked at.
    """

    files: tuple[DetectedFile, ...]
    left_out: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Which kind was recognised, by what; one line for each file."""
        return tuple(f"{file.name}: {file.kind}: {file.why}" for file in self.files) + self.left_out

    def configuration(self, subject: Mapping[str, str], start: str | Path = ".") -> str:
        """Return the TOML that gathers the same.

        Args:
            subject: ``name``, and ``version`` or ``artifact`` where they are known.
            start: Folder that the paths in it are to be relative to.
        """
        members = dict(subject)
        if "artifact" in members:
            members["artifact"] = os.path.relpath(members["artifact"], start)
        named = ", ".join(f"{key} = {_quoted(value)}" for key, value in members.items())
        text = f"subject = {{{named}}}\n"
        for kind, names in self._sources():
            reasons = dict.fromkeys(f.why for f in self.files if f.kind == kind and f.name in names)
            paths = [_quoted(_literal(os.path.relpath(name, start))) for name in names]
            path = paths[0] if len(paths) == 1 else f"[{', '.join(paths)}]"
            text += f"\n# {'; '.join(reasons)}\n[[source]]\nkind = {_quoted(kind)}\npath = {path}\n"
        return text

    def _sources(self) -> list[tuple[str, list[str]]]:
        """The tables to write: kind, and the files in it."""
        tables: list[tuple[str, list[str]]] = []
        for kind in SOURCES:
            names = [file.name for file in self.files if file.kind == kind]
            if getattr(_module(kind), "IS_ONE_FILE", False):
                tables += [(kind, [name]) for name in names]
            elif names:
                tables.append((kind, names))
        return tables


def is_configuration(name: str) -> bool:
    """Whether ``name`` is to be read as a configuration: standard input, or TOML of sources.

    What cannot be read is one, too: whoever reads it says why.
    """
    if name == "-" or name.lower().endswith((".toml", *SUFFIXES)):
        return not Path(name).is_dir()
    if Path(name).is_dir():
        return False
    if not Path(name).is_file():
        return True
    head = read_head(Path(name), name)
    return bool(head.json is None and head.xml is None and _TOML.search(head.text[:65_536]))


def detect(paths: Sequence[str]) -> Detection:
    """Recognise every file of ``paths``; folders are walked.

    Args:
        paths: Files and folders, as they were given.

    Raises:
        UsageError: Nothing is there, or too much.
        DocumentError: A file is empty or cannot be read.
        ConfigError: A file is of no kind that is recognised, or could be of two; the hint has
            the table to write.
    """
    names, left_out = _expanded(paths)
    found: list[DetectedFile] = []
    unknown: list[str] = []
    for name in names:
        kinds = recognised(read_head(Path(name), name))
        if len(kinds) > 1:
            known = ", ".join(f"{kind} ({why})" for kind, why in kinds.items())
            raise ConfigError(
                f"{name}: could be of two kinds: {known}", _table(name, next(iter(kinds)))
            )
        for kind, why in kinds.items():
            found.append(DetectedFile(name, kind, why))
        if not kinds:
            unknown.append(name)
    if unknown:
        more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        raise ConfigError(
            f"{', '.join(unknown[:_SHOWN])}{more}: no kind of source is recognised by the content",
            _table(unknown[0], "…"),
        )
    return Detection(tuple(found), tuple(left_out))


def recognised(head: Head) -> dict[str, str]:
    """Return each kind that a file could be of by its beginning, and why."""
    found = {}
    for kind in SOURCES:
        recognise = getattr(_module(kind), "recognise", None)
        if recognise is not None and (why := recognise(head)):
            found[kind] = why
    return found


def _module(kind: str) -> object:
    return importlib.import_module(SOURCES[kind])


def _expanded(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    names: dict[str, None] = {}
    left_out: list[str] = []
    for path in paths:
        if path == "-":
            raise UsageError("standard input is no report among others", "name files and folders")
        if not Path(path).is_dir():
            names[path] = None
            continue
        below = files_below(path)
        if not below.files:
            raise UsageError(f"{path}: holds no file", "name the folder that the tools write to")
        deep = next((f for f in below.files if below.name_below(f).count("/") >= MAX_DEPTH), "")
        if deep:
            raise UsageError(f"{deep}: more than {MAX_DEPTH} folders deep", "name it by itself")
        names |= dict.fromkeys(below.files)
        left_out += remarks(path, below.left_out)
    if len(names) > MAX_FILES:
        raise UsageError(f"more than {MAX_FILES:,} files", "name the folder of the reports alone")
    return sorted(names), left_out


def _table(name: str, kind: str) -> str:
    """What to write into a configuration about a file of which nothing is sure."""
    known = ", ".join(SOURCES)
    return (
        "say what it is, in a gather.toml, or keep it elsewhere:\n"
        f"[[source]]\nkind = {_quoted(kind)}    # {known}\npath = {_quoted(_literal(name))}"
    )


def _quoted(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _literal(name: str) -> str:
    """A path that is no glob although it looks like one, as a glob that finds only it."""
    if not re.search(r"[*?\[]", name) or Path(name).is_file():
        return name
    return re.sub(r"([*?\[])", r"[\1]", name)


def subject_of_reports(name: str | None = None, artifact: str | None = None) -> dict[str, str]:
    """Return the subject that reports are about, as a configuration writes it.

    Args:
        name: What is released; None is the name of the repository that the working folder is in.
        artifact: Its file, for its digest.
    """
    subject = {"name": _repository_name() if name is None else name}
    return subject if artifact is None else {**subject, "artifact": artifact}


def _repository_name() -> str:
    from engine.system.git import repository

    here = Path.cwd()
    name = (repository(here) or here).name
    return name if 0 < len(name) <= 256 and is_seen(name) else "subject"
