"""Which rules a report of each format is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from tests.consumers import azure, github, gitlab, jenkins, people, sarif

Rule: TypeAlias = Callable[[str], Iterable[str]]

JUNIT: tuple[Rule, ...] = (*gitlab.JUNIT, *jenkins.JUNIT, *azure.JUNIT)
RULES: dict[str, tuple[Rule, ...]] = {
    "text": people.TERMINAL,
    "json": people.JSON,
    "jsonl": people.LINES,
    "markdown": people.MARKDOWN,
    "github": (*people.LOG, *github.COMMANDS),
    "sarif": (*people.JSON, *sarif.CODE_SCANNING, *jenkins.SARIF),
    "junit": (*people.TERMINAL, *JUNIT),
    "gitlab": (*people.JSON, *gitlab.CODE_QUALITY),
    "html": people.HTML,
}
"""By format. The rules of what GitHub gives a step besides are in ``github``."""


def complaints(name: str, text: str) -> list[str]:
    """Return what any consumer of the format ``name`` has against ``text``."""
    return [
        f"{name}: {rule.__module__.rpartition('.')[2]}.{rule.__name__}: {complaint}"
        for rule in RULES[name]
        for complaint in broken(rule, text)
    ]


def broken(rule: Rule, text: str) -> list[str]:
    """Return what ``rule`` says of ``text``; that it cannot be read, where that is so."""
    try:
        return list(rule(text))
    except (ValueError, SyntaxError, LookupError, TypeError, AttributeError) as error:
        return [f"cannot be read: {error!r}"]
