"""``tla/manifest.toml``: one row per run of TLC, with everything that it must say.

A row::

    [[run]]
    name = "breaker-any-probe"            # unique
    module = "MCBreaker"                  # tla/MCBreaker.tla; the spec's name is Breaker
    cfg = "Breaker"                       # tla/Breaker.cfg
    mutant = "MayProbe <- MutAnyProbe"    # one substitution (or "Deadline = 3")
    expect = "invariant OneProbeInv"      # ok, assumption, deadlock, invariant X, property X
    states = 17                           # distinct states found
    depth = 5                             # of the search, or of the counterexample

A run that must fail checks nothing but what it must violate. ``constants`` makes a model
smaller (``{MaxAge = "1"}``), and ``graph`` names the snapshot of an ``ok`` run's states.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import ConfigError, suggest
from engine.model import Json
from engine.settings.config import toml_document
from engine.system.reading import read_whole

FILE = "manifest.toml"
MAX_BYTES = 4 * 1024 * 1024
"""Of each text of the specs that is read."""

_EXPECT = re.compile(r"(ok|assumption|deadlock)|(invariant|property) (\w+)")
_MUTANT = re.compile(r"(\w+) (<-|=) (\S(?:.*\S)?)")
_MEMBERS: dict[str, type] = {
    **dict.fromkeys(("name", "module", "cfg", "expect", "mutant", "graph"), str),
    **{"states": int, "depth": int, "constants": dict},
}
_REQUIRED = ("name", "module", "cfg", "expect")


@dataclass(frozen=True)
class RunRow:
    """One run of TLC.

    Attributes:
        name: Unique.
        module: Module that is checked, such as ``MCBreaker``.
        cfg: Name of the .cfg file, without ``.cfg``.
        expect: What TLC must say, in the words of ``engine.specs.conform.tlc.TlcResult``.
        states: Distinct states it must find; -1 where the row does not say.
        depth: How deep; -1 where the row does not say.
        mutant: The one substitution; ``""`` for none.
        constants: Other values than the .cfg file's, by name, as TLA+ text.
        graph: Name of the snapshot of the run's states; ``""`` for none.
    """

    name: str
    module: str
    cfg: str
    expect: str
    states: int = -1
    depth: int = -1
    mutant: str = ""
    constants: Mapping[str, str] = field(default_factory=dict)
    graph: str = ""

    @property
    def spec(self) -> str:
        """Name of the spec: the module's, without its ``MC``."""
        return self.module.removeprefix("MC")

    @property
    def violated(self) -> str:
        """The invariant or property that must fail; ``""`` for none."""
        return self.expect.partition(" ")[2]

    @property
    def mutated(self) -> str:
        """What the mutant replaces; ``""`` for none."""
        return self.mutant.partition(" ")[0]

    @property
    def replacement(self) -> str:
        """What the mutant puts there; ``""`` for none."""
        return self.mutant.rpartition(" ")[2] if " <- " in self.mutant else ""


def read(folder: Path) -> list[RunRow]:
    """Return the rows of ``folder``'s manifest, in order.

    Raises:
        ConfigError: There is none, or a row is wrong; names the row and the key.
    """
    path = folder / FILE
    try:
        document = toml_document(read_whole(path, MAX_BYTES).decode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{path}: {reason}", "give the folder of the specs: --tla") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}", _LOOK) from None
    rows = document.pop("run", [])
    if document or not isinstance(rows, list) or not rows:
        raise ConfigError(f"{path}: nothing but [[run]] tables are expected", _LOOK)
    found = [_row(row, f"{path}: run {number}") for number, row in enumerate(rows, 1)]
    for row in found:
        if sum(other.name == row.name for other in found) > 1:
            raise ConfigError(f"{path}: two runs are named {row.name!r}", "give each its own name")
    return found


def _row(row: Json, where: str) -> RunRow:
    where = f"{where} ({row.get('name', '?')})"
    for name, value in row.items():
        if name not in _MEMBERS:
            raise ConfigError(f"{where}: {name!r} is not known", suggest(name, _MEMBERS) or _LOOK)
        if not isinstance(value, _MEMBERS[name]) or isinstance(value, bool):
            kind = {str: "text", int: "whole number", dict: "table"}[_MEMBERS[name]]
            raise ConfigError(f"{where}: {name} is no {kind}", _LOOK)
    if missing := [name for name in _REQUIRED if not row.get(name)]:
        raise ConfigError(f"{where}: {missing[0]} is missing", _LOOK)
    if not _EXPECT.fullmatch(row["expect"]):
        raise ConfigError(
            f"{where}: expect is {row['expect']!r}",
            "one of: ok, assumption, deadlock, invariant NAME, property NAME",
        )
    if row.get("mutant") and not _MUTANT.fullmatch(row["mutant"]):
        raise ConfigError(
            f"{where}: mutant is {row['mutant']!r}", "write it as 'Name <- Other' or 'Name = value'"
        )
    if row.get("graph") and row["expect"] != "ok":
        raise ConfigError(f"{where}: a graph of a run that must fail", "graphs are of ok runs")
    if not all(isinstance(value, str) for value in row.get("constants", {}).values()):
        raise ConfigError(f"{where}: constants are not all texts", 'write them as {MaxAge = "1"}')
    return RunRow(**row)


def with_counts(text: str, counts: Mapping[str, tuple[int, int]]) -> str:
    """Return a manifest's text with states and depth added to the rows that do not say them.

    Args:
        text: The manifest, each row's name above its ``expect``.
        counts: States and depth by the row's name.
    """
    known = {row["name"]: row for row in tomllib.loads(text)["run"]}
    lines, name = [], ""
    for line in text.splitlines():
        lines.append(line)
        if found := re.fullmatch(r'name = "([^"]+)"', line):
            name = found[1]
        if line.startswith("expect = ") and name in counts and "states" not in known[name]:
            lines += [f"states = {counts[name][0]}", f"depth = {counts[name][1]}"]
    return "\n".join(lines) + "\n"


def selected(rows: list[RunRow], names: list[str]) -> list[RunRow]:
    """Return the rows that ``names`` names, by their own name or their spec's; all for none.

    Raises:
        ConfigError: A name is neither; says the nearest.
    """
    known = {row.name for row in rows} | {row.spec for row in rows}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{name!r} is neither a run nor a spec",
                suggest(name, known) or "`engine spec list` shows both",
            )
    return [row for row in rows if not names or {row.name, row.spec} & set(names)]


_LOOK = "compare with the other rows of tla/manifest.toml"
