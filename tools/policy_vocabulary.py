"""The vocabulary of ``docs/policies.md``: what the METADATA of the shipped policies says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from engine.policy.bundle import PolicyBundle

BEGINS = "<!-- vocabulary: tools/spec_docs.py writes what follows -->\n"
ENDS = "<!-- vocabulary ends -->\n"
_DESCRIBED = re.compile(
    r"^# METADATA\n((?:#[^\n]*\n)+)(?:default )?([a-z]\w*\([\w, ]*\)) :=", re.MULTILINE
)
_LIBRARIES = {
    "check": "Comparisons, `import data.lib.check`",
    "gate": "Verdicts, `import data.lib.gate`",
}


def page_with(page: str, policies: Path, bundle: PolicyBundle) -> str:
    """Return ``page`` with the vocabulary of ``bundle``, whose Rego lies in ``policies``."""
    before, _, rest = page.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    return f"{before}{BEGINS}{''.join(_sections(policies, bundle))}{ENDS}{after}"


def _sections(policies: Path, bundle: PolicyBundle) -> Iterator[str]:
    for library, title in _LIBRARIES.items():
        yield f"\n### {title}\n\n| call | what it does |\n|---|---|\n"
        for call, description in sorted(_functions(policies / "lib" / library)):
            yield f"| `{library}.{call}` | {_cell(description)} |\n"
    yield "\n### Gates that ship\n\n| gate | asks | decides |\n|---|---|---|\n"
    for gate in bundle.gates():
        domains = ", ".join(f"`{name}`" for name in gate.includes)
        yield f"| `{gate.name}` | {domains} | {_cell(gate.description)} |\n"
    yield "\n### Checks that ship\n\n| check | compares | demands |\n|---|---|---|\n"
    for check in bundle.checks():
        yield f"| `{check.id}` | `{check.metric}` {check.operator} | {_cell(check.description)} |\n"
    yield "\n"


def _functions(folder: Path) -> Iterator[tuple[str, str]]:
    """Each function of a library that others may call, and its description."""
    for path in folder.glob("*.rego"):
        for comment, call in _DESCRIBED.findall(path.read_text()):
            says: dict[str, Any] = yaml.safe_load(re.sub(r"(?m)^# ?", "", comment))
            yield call, says["description"]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
