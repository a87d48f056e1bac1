"""Texts of strangers, made fit to be printed: nothing unseen in them, and no line of their own.

Nor a command to the CI system whose log they are in: GitHub obeys a line that begins with ``::``,
GitHub and Azure ``##[error]`` and ``##vso[…]`` anywhere, TeamCity ``##teamcity[…]``. Nor two
spaces, which stand between the columns of the engine's own lines.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands,
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands,
https://www.jetbrains.com/help/teamcity/service-messages.html and, of what is not seen,
https://www.unicode.org/reports/tr44/ (General_Category, Default_Ignorable_Code_Point)
"""

from __future__ import annotations

import re
from collections.abc import Callable

_UNSEEN = (
    "\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
UNSEEN = f"\x00-\x1f{_UNSEEN}"
"""What no text of evidence may hold, as ranges of a regular expression's class: controls, line
and paragraph separators, marks of format (of direction, joiners, tags), fillers and selectors."""
OBEYED_AT_START = r"\s*(?:::|##)"
"""What no line may begin with, as a regular expression: a CI system may take it for a command."""
# Patterns as texts: `re` keeps what it compiled, and a start that needs none compiles none.
_REPLACED = f"[\x00-\x08\x0b-\x1f{_UNSEEN}]"
_REPLACED_ASCII = "[\x00-\x08\x0b-\x1f\x7f]"
_NO_TEXT = f"[{UNSEEN}]"
# Of what is not seen, what joins letters or signs, or chooses between two shapes of one.
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
_BREAKS = "[ \t\r\n\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+"
_OBEYED_LINE = r"(?m)^(\s*:)(?=:)"
_OBEYED = r"(?i)##(?=[a-z]*\[)"


def is_seen(text: str) -> bool:
    """Whether all of ``text`` is seen, on one line."""
    return (text.isascii() and text.isprintable()) or re.search(_NO_TEXT, text) is None


def is_seen_in_lines(text: str) -> bool:
    """Whether all of ``text`` is seen, on as many lines as it has; a joiner where it joins."""
    return all(_joins(text, found.start()) for found in re.finditer(_REPLACED, text))


def plain(text: str) -> str:
    """Return ``text`` on one line, its words a space apart, ``\\ufffd`` for what is not seen.

    A joiner stays where Arabic, Indic scripts and emoji need it, and nowhere else.
    """
    return plain_lines(re.sub(_BREAKS, " ", text)).strip()


def on_one_line(text: str) -> str:
    """Return ``text`` as :func:`plain_lines` does, on one line, with all its spaces."""
    return plain_lines(re.sub("[\r\n]+", " ", text))


def plain_lines(text: str) -> str:
    """Return ``text`` with its line breaks and tabs, and ``\\ufffd`` for what else is not seen.

    A space stands in what a CI system would take for a command.
    """
    shown = _seen(text, lambda _unseen: "\ufffd")
    if "::" in shown:
        shown = re.sub(_OBEYED_LINE, r"\1 ", shown)
    return re.sub(_OBEYED, "## ", shown) if "##" in shown else shown


def plain_json(text: str) -> str:
    """Return JSON of the same value, with an escape for what is not seen or would be obeyed."""
    seen = _seen(text, _escaped)
    return re.sub(_OBEYED, r"\\u0023#", seen) if "##" in seen else seen


def _seen(text: str, replacement: Callable[[str], str]) -> str:
    pattern = _REPLACED_ASCII if text.isascii() else _REPLACED

    def shown(found: re.Match[str]) -> str:
        return found[0] if _joins(text, found.start()) else replacement(found[0])

    return re.sub(pattern, shown, text)


def _escaped(character: str) -> str:
    """As in JSON. Source: RFC 8259 section 7, of two escapes for one character."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _joins(text: str, at: int) -> bool:
    """Whether it stands behind a letter without case, its marks or a sign, and so changes it."""
    if at == 0 or text[at] not in _JOINERS:
        return False
    import unicodedata

    before = text[at - 1]
    if before == "\ufe0f":
        return text[at] == "\u200d" and _joins(text, at - 1)  # between two emoji
    is_letter = unicodedata.category(before) in ("Lo", "Mn", "Mc", "So", "Sk")
    return is_letter and not before.isascii() and is_seen(before)
