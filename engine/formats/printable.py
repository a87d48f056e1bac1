"""Texts of strangers, made fit to be printed: nothing unseen in them, and no line of their own.

Nor a command to the CI system whose log they are in: GitHub obeys a line that begins with ``::``,
GitHub and Azure ``##[error]`` and ``##vso[…]`` anywhere, TeamCity ``##teamcity[…]``.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands,
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands and
https://www.jetbrains.com/help/teamcity/service-messages.html
"""

from __future__ import annotations

import re

# Line and paragraph separators, controls, and marks that turn the direction of what follows.
_UNSEEN = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
_BREAKS = "[ \t\r\n]+"
_OBEYED_LINE = re.compile(r"^(\s*:)(?=:)", re.MULTILINE)
_OBEYED = re.compile(r"##(?=[a-z]*\[)", re.IGNORECASE)


def is_seen(text: str) -> bool:
    """Whether all of ``text`` is seen, on one line."""
    return text.isprintable() or re.search(f"[{_UNSEEN}\t\n]", text) is None


def plain(text: str) -> str:
    """Return ``text`` on one line, with ``\\ufffd`` for each character that is not seen."""
    return plain_lines(re.sub(_BREAKS, " ", text)).strip()


def on_one_line(text: str) -> str:
    """Return ``text`` as :func:`plain_lines` does, on one line, with all its spaces."""
    return plain_lines(re.sub("[\r\n]+", " ", text))


def plain_lines(text: str) -> str:
    """Return ``text`` with its line breaks and tabs, and ``\\ufffd`` for what else is not seen.

    A space stands in what a CI system would take for a command.
    """
    shown = re.sub(f"[{_UNSEEN}]", "\ufffd", text)
    if "::" in shown:
        shown = _OBEYED_LINE.sub(r"\1 ", shown)
    return _OBEYED.sub("## ", shown) if "##" in shown else shown


def plain_json(text: str) -> str:
    """Return JSON of the same value, with an escape for what is not seen or would be obeyed."""
    seen = re.sub(f"[{_UNSEEN}]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return _OBEYED.sub(r"\\u0023#", seen) if "##" in seen else seen
