"""The domains of a gate by data, ``gates/<gate>/data.yaml``, and the Rego made of it. Pure.

``includes`` holds a row ``<domain>: {}`` for each domain, so that a folder adds one by a row and
takes one away by ``null``. The build writes the module ``<gate>/includes.rego`` of it, which the
rule ``decision`` of the gate names: ``gate.release(_included, _obligations)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from engine.errors import ConfigError, suggest
from engine.policy.sources import DATA, Source, Sources
from engine.policy.tables.nodes import Node, read
from engine.policy.tables.rows import GATES

MODULE = "includes.rego"
INCLUDED = "_included"
WITH_METADATA = (
    "put `# METADATA` above this rule, with `# title:`, `# description:` and `# custom:` (check, "
    "invariant, why, fix)"
)
"""What to do about a rule ``checks`` of which nothing is said."""

_DOMAIN_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_PLACE = re.compile(rf"{GATES}/([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)/{re.escape(DATA)}")
_GENERATED = "# Code generated from "
_PACKAGE = re.compile(r"(?m)^package[ \t]+([\w.]+)")


def with_includes(files: Sources) -> dict[str, Source]:
    """Return ``files`` with the module of each gate that has its domains by data, sorted by path.

    The same bytes wherever it is called; a module that is there already is made anew.

    Raises:
        ConfigError: A table of domains is wrong, or a file stands where a module belongs.
    """
    modules: dict[str, Source] = {}
    for gate, (table, source) in tables(files).items():
        path = f"{gate.replace('.', '/')}/{MODULE}"
        there = files.get(path)
        if there is not None and not there.content.startswith(_GENERATED.encode()):
            raise ConfigError(
                f"{there.shown}: this name is of the module that {GATES}/{gate}/{DATA} becomes",
                "give your file another name",
            )
        text = _module(gate, sorted(table), _with_obligations(files))
        modules[path] = Source(source.shown, text.encode(), is_shipped=source.is_shipped)
    return dict(sorted({**files, **modules}.items()))


def tables(files: Sources) -> dict[str, tuple[dict[str, Node], Source]]:
    """Return the rows of ``includes`` by gate, each by domain, and the file they are from.

    Raises:
        ConfigError: Says file, line and what to write.
    """
    found = {}
    for path, source in files.items():
        if match := _PLACE.fullmatch(path):
            root = source.laid.root if source.laid else read(source.shown, source.content)
            found[match[1]] = _rows(root), source
    return found


def _rows(root: Node) -> dict[str, Node]:
    includes = root.keys(("includes",), ("includes",))["includes"]
    if isinstance(includes.value, list):
        written = ", ".join(f"{name}: {{}}" for name in includes.value)
        raise includes.wrong("a row for each domain is expected here", f"write {{{written}}}")
    rows = includes.members()
    if not rows:
        raise includes.wrong("no domain is included", "a gate asks one or more")
    for name, row in rows.items():
        if not _DOMAIN_NAME.fullmatch(name):
            raise row.wrong(
                f"{name!a} is no name of a Rego package",
                "such as checkout, or ethics.own",
                key=True,
            )
        if row.value is None:
            raise row.wrong("nothing is said of this domain", f"write `{name}: {{}}`", key=True)
        if row.members():
            raise row.wrong("a row of a domain has no members", f"write `{name}: {{}}`", key=True)
    return rows


def included(
    gate: str,
    files: Sources,
    domains: Mapping[str, bool],
) -> list[str] | None:
    """Return the domains that the data says ``gate`` includes; None where it says none.

    Args:
        gate: Its package.
        files: The policy's files, with modules.
        domains: Whether it has checks with METADATA, by package.

    Raises:
        ConfigError: A domain is unknown or has no checks, or the gate does not ask by data.
    """
    if gate not in (found := tables(files)):
        return None
    rows, source = found[gate]
    if not _asks_by_data(gate, files):
        if source.is_shipped:
            return None  # a copy from before, which imports its domains itself
        raise _written(rows, source).wrong(
            f"the rule `decision` of gate {gate!r} does not ask what is included here",
            f"write there: decision := gate.release({INCLUDED}, _obligations)",
            key=True,
        )
    for name, row in rows.items():
        if not domains.get(name) and name == gate:
            raise row.wrong("a gate cannot include itself", "take the row out", key=True)
        if not domains.get(name):
            known = [domain for domain, has_checks in domains.items() if has_checks]
            raise row.wrong(*_no_domain(name, files, known), key=True)
    return sorted(rows)


def require_gates(files: Sources, gates: Mapping[str, object]) -> None:
    """Refuse domains of a gate that there is not.

    Raises:
        ConfigError: Says the file, and the nearest gate.
    """
    for gate, (rows, source) in tables(files).items():
        if gate not in gates:
            row = _written(rows, source)
            hint = _no_entrypoint(gate, files) or suggest(gate, gates)
            raise row.wrong(
                f"no gate {gate!r}, by the name of this file's folder",
                f"{hint}; the file is {GATES}/<gate>/{DATA}",
                key=True,
            )


def _no_entrypoint(gate: str, files: Sources) -> str:
    for package, path in _packages(files):
        text = files[path].content.decode(errors="replace")
        if package == gate and (match := re.search(r"(?m)^decision\b", text)):
            line = text.count("\n", 0, match.start()) + 1
            return (
                f"{files[path].shown}:{line}: `decision` needs `# entrypoint: true` in its METADATA"
            )
    return ""


def _written(rows: Mapping[str, Node], source: Source) -> Node:
    """A row that the folder's own file says, if there is one; else the first."""
    own = {row.pointer for row in source.laid.rows()} if source.laid else set()
    return next((row for row in rows.values() if row.pointer in own), next(iter(rows.values())))


def _no_domain(name: str, files: Sources, known: list[str]) -> tuple[str, str]:
    """What is wrong with a domain, and what to do, by what lies in its folder."""
    below = f"{name.replace('.', '/')}/"
    for package, path in _packages(files):
        source = files[path]
        if package == name:
            text = source.content.decode(errors="replace")
            if match := re.search(r"(?m)^checks\b", text):
                line = text.count("\n", 0, match.start()) + 1
                return (
                    f"domain {name!r} has no check with METADATA",
                    f"{source.shown}:{line}: {WITH_METADATA}",
                )
            return (
                f"domain {name!r} has no checks",
                f"add one to {source.shown}, with its METADATA: checks contains check.at_most(…)",
            )
        if path.startswith(below) and path.count("/") == below.count("/"):
            line = source.content.decode(errors="replace").partition("package")[0].count("\n") + 1
            return (
                f"no domain {name!r}",
                f"{source.shown}:{line} says `package {package}`: write `package {name}`",
            )
    return f"no domain {name!r}", suggest(name, known) or f"known: {', '.join(known)}"


def _asks_by_data(gate: str, files: Sources) -> bool:
    return any(
        re.search(rf"(?m)^[^#\n]*\b{INCLUDED}\b", files[path].content.decode(errors="replace"))
        for package, path in _packages(files)
        if package == gate and not path.endswith(f"/{MODULE}")
    )


def _with_obligations(files: Sources) -> set[str]:
    """The packages that may have a rule ``obligations``; one too many costs nothing."""
    word = re.compile(rb"\bobligations\b")
    return {package for package, path in _packages(files) if word.search(files[path].content)}


def _packages(files: Sources) -> Iterator[tuple[str, str]]:
    """Each package and a path of it; tests are none."""
    for path, source in files.items():
        is_rule = path.endswith(".rego") and not path.endswith("_test.rego")
        if is_rule and (match := _PACKAGE.search(source.content.decode(errors="replace"))):
            yield match[1], path


def _module(gate: str, domains: list[str], with_obligations: set[str]) -> str:
    """The module, as ``opa fmt`` writes it."""
    checks = "".join(f"\tdata.{domain}.checks,\n" for domain in domains)
    carried = [
        f"{_OBLIGATION} data.{domain}.obligations\n"
        for domain in domains
        if domain in with_obligations
    ] or ["_obligations := set()\n"]
    return "\n".join(
        (
            f"{_GENERATED}{GATES}/{gate}/{DATA}. DO NOT EDIT.\npackage {gate}\n",
            f"{INCLUDED} := [\n{checks}]\n",
            *carried,
        )
    )


_OBLIGATION = "_obligations contains obligation if some obligation in"
