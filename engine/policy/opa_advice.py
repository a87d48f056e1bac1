"""What an author can do about what OPA says of their Rego. Pure."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches

from engine.errors import suggest
from engine.policy.sources import CAPABILITIES, Sources

_LINE = re.compile(r"(?m)(?:^|: )(?:\./)?(?:policies/)?([\w./-]+\.rego):(\d+): (\w+): (.*)$")
_FUNCTION = re.compile(r"(?m)^([a-z]\w*)\([^)]*\) :=")
_RULE = re.compile(r"(?m)^(?:default )?([a-z_]\w*)\b")
_IMPORT = re.compile(r"(?m)^import ([\w.]+)")
_LIBRARY = "data.lib."
_MOST = 4
_LOOKUPS = ("_included", "_obligations")
_NO_RULES = {"package", "import", "default"}


def advice(words: str, files: Sources) -> str:
    """Return what to write instead, a line for each thing that OPA refuses; empty for none.

    Args:
        words: OPA's own, with its paths.
        files: The policy's files by path.
    """
    found: list[str] = []
    for path, row, _code, what in _LINE.findall(words):
        text = _text(files, path)
        lines = text.splitlines()
        line = lines[int(row) - 1] if 0 < int(row) <= len(lines) else ""
        hint = _of(what, path, text, line, files)
        if hint and hint not in found:
            found.append(hint)
    return "\n".join(found[:_MOST])


def _of(what: str, path: str, text: str, line: str, files: Sources) -> str:
    if match := re.match(r"undefined function ([\w.]+)", what):
        return _function(match[1], text, files)
    if match := re.match(r"var (\w+) is unsafe", what):
        return _variable(match[1], text, files)
    if match := re.match(r"import (data\S+) unused", what):
        packages = _packages(files)
        if match[1] not in packages and (near := get_close_matches(match[1], packages, 1)):
            return f"no package is called {match[1]!r}: did you mean {near[0]!r}?"
    if re.search("[\u2018-\u201f]", line):
        return 'write plain quotes, " and no others'
    folder = path.rpartition("/")[0].replace("/", ".")
    for pattern, instead in _ADVICE.items():
        if match := re.search(pattern, what):
            return instead.format(*match.groups(), folder=folder)
    return ""


_ADVICE = {
    r"function data\.lib\.check\.\w+ has arity": (
        "a comparison takes the id alone: its limit stands in limits/<profile>/data.yaml"
    ),
    r"import (\S+) unused": "take the line `import {0}` out, or call something of it",
    r"is recursive": "a rule cannot ask itself, also not by way of others",
    r"package expected": "begin the file with `package {folder}`, below its METADATA",
    r"^yaml: ": (
        "METADATA is YAML behind `# `: indent what belongs to `custom:` by two spaces, all alike, "
        "and use no tab"
    ),
    r"keyword is required|`if`|`contains`": (
        "write Rego of OPA 1.0: `checks contains check.at_most(…)`, `name := value if {{…}}`"
    ),
}
"""What to do, by what OPA says."""


def _function(name: str, text: str, files: Sources) -> str:
    package, _, short = name.rpartition(".")
    if package.startswith(_LIBRARY):
        called = package.removeprefix(_LIBRARY)
        known = [f"{called}.{function}" for function in _functions(package, files)]
        near = get_close_matches(f"{called}.{short}", known, 1, 0.75)
        meant = f"did you mean {near[0]!r}? " if near else ""
        return f"{meant}known: {', '.join(known)}"
    if package and f"{_LIBRARY}{package}" in _packages(files):
        imported, packages = f"import {_LIBRARY}{package}", _packages(files)
        near = [
            line
            for line in _IMPORT.findall(text)
            if line not in packages and suggest(line, [imported[7:]])[:3] == "did"
        ]
        instead = f", in place of `import {near[0]}`" if near else ""
        return f"write `{imported}` below the line `package …`{instead}"
    built_ins = json.loads(files[CAPABILITIES].content)["builtins"] if CAPABILITIES in files else []
    near = get_close_matches(name, [row["name"] for row in built_ins], 1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"{meant}{CAPABILITIES} lists the built-ins a policy may use: the ones that OPA and its "
        "Wasm answer alike. Compute everything else in Python, before the policy is asked"
    )


def _variable(name: str, text: str, files: Sources) -> str:
    package = _package(text)
    if name in _LOOKUPS:
        return (
            f"say what the gate asks in gates/{package.removeprefix('data.')}/data.yaml: "
            "includes: {<domain>: {}}"
        )
    if f"{_LIBRARY}{name}" in _packages(files):
        return f"write `import {_LIBRARY}{name}` below the line `package …`"
    rules = {
        rule
        for path, source in files.items()
        if path.endswith(".rego") and _package(_text(files, path)) == package
        for rule in _RULE.findall(source.content.decode(errors="replace"))
    }
    near = suggest(name, rules - set(_NO_RULES))
    return (
        f"nothing here is called {name!r}; {near}" if near else f"nothing here is called {name!r}"
    )


def _functions(package: str, files: Sources) -> list[str]:
    texts = (_text(files, path) for path in files if path.endswith(".rego"))
    return sorted(
        {name for text in texts if _package(text) == package for name in _FUNCTION.findall(text)}
    )


def _packages(files: Sources) -> set[str]:
    return {_package(_text(files, path)) for path in files if path.endswith(".rego")}


def _package(text: str) -> str:
    match = re.search(r"(?m)^package[ \t]+([\w.]+)", text)
    return f"data.{match[1]}" if match else ""


def _text(files: Sources, path: str) -> str:
    return files[path].content.decode(errors="replace") if path in files else ""
