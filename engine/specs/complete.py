"""What is left unproved: guards without a mutant, properties that nothing kills, and the like."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.policy.bundle import shipped_bundle
from engine.specs import config, limits, source
from engine.specs.conform.graph import SUFFIX
from engine.specs.manifest import MAX_BYTES, RunRow
from engine.specs.source import Definition
from engine.system.reading import read_whole


def complaints(folder: Path, rows: Sequence[RunRow], specs: set[str]) -> list[str]:
    """Return what ``rows`` leave unproved of ``specs``, each in one clause that names the thing.

    Args:
        folder: Where the specs lie.
        rows: The whole manifest.
        specs: Names of the specs that are asked about.

    Raises:
        ConfigError: A module or a .cfg file is missing.
    """
    found: list[str] = []
    for module in dict.fromkeys(row.module for row in rows if row.spec in specs):
        own = [row for row in rows if row.module == module]
        defined = source.read(folder, module)
        holding = {
            row.cfg: config.checked(config.read(folder, row.cfg))
            for row in own
            if row.expect == "ok"
        }
        spec = own[0].spec
        for complaint in (
            *_of_rows(own, defined, holding),
            *_of_definitions(own, defined, set().union(*holding.values())),
        ):
            found.append(f"{spec}: {complaint}")
    if specs >= {row.spec for row in rows}:
        found += _of_folder(folder, [row.graph for row in rows if row.graph])
    return found


def _of_folder(folder: Path, graphs: Sequence[str]) -> list[str]:
    """Return what is wrong with what is derived: snapshots and limits."""
    found = [f"graph {name}: kept of two runs" for name in set(graphs) if graphs.count(name) > 1]
    kept = {path.name.removesuffix(SUFFIX) for path in (folder / "graph").glob(f"*{SUFFIX}")}
    found += [f"graph {name}: no run makes it" for name in sorted(kept - set(graphs))]
    if not (folder / limits.ROWS).is_file():
        return found
    path = folder / f"{limits.MODULE}.tla"
    table = shipped_bundle().data["limits"][limits.PROFILE]
    right = limits.names(limits.text(folder, limits.PROFILE, table))
    written = limits.names(read_whole(path, MAX_BYTES).decode()) if path.is_file() else {}
    for name in sorted(right.keys() | written.keys()):
        if (ours := written.get(name)) != (theirs := right.get(name)):
            found.append(
                f"{path.name}: {name} is {ours}, but policy and code say {theirs}; "
                "write it anew: python tools/spec_docs.py"
            )
    return found


def _of_rows(
    rows: Sequence[RunRow], defined: Mapping[str, Definition], holding: Mapping[str, set[str]]
) -> Iterator[str]:
    if not holding:
        yield "no run of it is expected to be ok"
    for row in rows:
        if row.mutant and row.expect == "ok":
            yield f"run {row.name}: a mutant that nothing kills proves nothing"
        if row.replacement and row.mutated not in defined:
            yield f"run {row.name}: {row.mutated} is not defined"
        if row.replacement and row.replacement not in defined:
            yield f"run {row.name}: {row.replacement} is not defined"
        if not row.violated:
            continue
        if row.violated not in defined:
            yield f"run {row.name}: {row.violated} is not defined"
        elif not defined[row.violated].is_reachability and row.violated not in holding.get(
            row.cfg, set()
        ):
            yield f"run {row.name}: no ok run of {row.cfg}.cfg shows that {row.violated} holds"


def _of_definitions(
    rows: Sequence[RunRow], defined: Mapping[str, Definition], holding: set[str]
) -> Iterator[str]:
    mutated = {row.mutated for row in rows if row.mutant and row.expect != "ok"}
    killed = {row.violated for row in rows if row.mutant}
    failing = {row.violated for row in rows}
    used = {row.replacement for row in rows}
    for name, definition in defined.items():
        label = f"{definition.module}.{name}"
        is_mutant = name.startswith("Mut")
        if is_mutant and name not in used:
            yield f"{label}: no run puts this mutant in"
        if definition.is_guard and name not in mutated:
            yield f"{label}: a guard without a mutant"
        if definition.fairness and not is_mutant:
            if definition.fairness > 1 or not name.endswith("Fair"):
                yield (
                    f"{label}: give each WF_ and SF_ an operator of its own, "
                    "named …Fair, so that a mutant can take it away"
                )
            elif name not in mutated:
                yield f"{label}: a fairness conjunct without a mutant"
        if definition.is_property and name not in holding:
            yield f"{label}: no run checks it"
        if definition.is_property and name not in killed:
            yield f"{label}: no mutant kills it, so nothing shows that it bites"
        if definition.is_reachability and name not in failing:
            yield f"{label}: no run expects it to fail"
        for function in definition.code:
            if not exists(function):
                yield f"{label}: engine.{function} does not exist"


def exists(name: str) -> bool:
    """Whether ``engine.<name>`` is a module, a class, a function or a method."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return False
    for end in range(len(parts), -1, -1):
        path = ".".join(["engine", *parts[:end]])
        try:
            found: object = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{path}.".startswith(f"{error.name}."):
                raise
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
