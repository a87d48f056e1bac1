"""A run's .cfg: the base file, what the row substitutes, and what a failing run checks."""

from __future__ import annotations

import re
from pathlib import Path

from engine.errors import ConfigError
from engine.specs.manifest import MAX_BYTES, RunRow
from engine.system.reading import read_whole

_SECTIONS = {
    **{"CONSTANT": "CONSTANT", "CONSTANTS": "CONSTANT"},
    **{"INVARIANT": "INVARIANT", "INVARIANTS": "INVARIANT"},
    **{"PROPERTY": "PROPERTY", "PROPERTIES": "PROPERTY"},
    **{"CONSTRAINT": "CONSTRAINT", "CONSTRAINTS": "CONSTRAINT"},
    **{"ACTION_CONSTRAINT": "ACTION_CONSTRAINT", "ACTION_CONSTRAINTS": "ACTION_CONSTRAINT"},
    **{name: name for name in ("SPECIFICATION", "INIT", "NEXT", "SYMMETRY", "VIEW")},
    "CHECK_DEADLOCK": "CHECK_DEADLOCK",
}
_COMMENT = re.compile(r"\(\*.*?\*\)|\\\*[^\n]*", re.DOTALL)
_CONSTANT = re.compile(r"(\w+)\s*(<-|=)\s*")


def read(folder: Path, name: str) -> dict[str, list[str]]:
    """Return the sections of ``folder/name.cfg``: the constants one by one, else the words.

    Raises:
        ConfigError: It cannot be read, or does not begin with a section's name.
    """
    path = folder / f"{name}.cfg"
    try:
        text = read_whole(path, MAX_BYTES).decode()
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}", _NAMED) from None
    sections: dict[str, list[str]] = {}
    section = ""
    for line in _COMMENT.sub("", text).splitlines():
        words = line.split()
        if words and words[0] in _SECTIONS:
            section = _SECTIONS[words.pop(0)]
            sections.setdefault(section, [])
        if words and not section:
            raise ConfigError(f"{path}: {words[0]!r} begins no section", _NAMED)
        if section == "CONSTANT" and words:
            sections[section] += _constants(" ".join(words))
        elif words:
            sections[section] += words
    return sections


def _constants(line: str) -> list[str]:
    starts = [found.start() for found in _CONSTANT.finditer(line)]
    if not starts:
        return [line]
    ends = [*starts[1:], len(line)]
    return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def checked(sections: dict[str, list[str]]) -> set[str]:
    """Return the names of the invariants and properties that a .cfg checks."""
    return {*sections.get("INVARIANT", []), *sections.get("PROPERTY", [])}


def derived(folder: Path, row: RunRow) -> str:
    """Return the text of the .cfg that ``row`` is run with.

    A run that must fail checks its one invariant or property and nothing else, so that nothing
    else can fail first; one that must deadlock checks for deadlock only.

    Raises:
        ConfigError: The base file is missing or cannot be understood.
    """
    sections = read(folder, row.cfg)
    changes = [f"{name} = {value}" for name, value in row.constants.items()]
    changes += [row.mutant] if row.mutant else []
    changed = {change.split()[0] for change in changes}
    kept = [line for line in sections.get("CONSTANT", []) if line.split()[0] not in changed]
    sections["CONSTANT"] = kept + changes
    if row.expect != "ok":
        sections["INVARIANT"] = [row.violated] if row.expect.startswith("invariant") else []
        sections["PROPERTY"] = [row.violated] if row.expect.startswith("property") else []
        sections["CHECK_DEADLOCK"] = ["TRUE" if row.expect == "deadlock" else "FALSE"]
    return "".join(
        f"{section}\n" + "".join(f"    {item}\n" for item in items)
        for section, items in sections.items()
        if items
    )


_NAMED = "each run of tla/manifest.toml names a .cfg file that lies beside it"
