"""Colour for people at a terminal; the words are the same without."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLES = (
    (r"^((✓|ok) )?(PROMOTE|ALLOW)\b|^GENUINE RECORD OF (PROMOTE|ALLOW)\b", "bold green"),
    (r"^([✗←X<] )?(BLOCK|ROLLBACK|DENY)\b|^GENUINE RECORD OF (BLOCK|ROLLBACK|DENY)\b", "bold red"),
    (r"^([…H] )?HOLD\b|^[…H] (PROMOTE|ALLOW)\b|^GENUINE RECORD OF HOLD\b", "bold yellow"),
    (r"NOT RECORDED|NOT AS REQUIRED", "bold yellow"),
    (r"^ *[✗X] FAIL\b.*$", "red"),
    (r"^ *! warns\b.*$|^ *[…H] (UNKNOWN|INVALID|STALE|TOO FEW|UNSURE|INVALID)\b.*$", "yellow"),
    (r"^ *(✓|ok) (\d+ passed|pass|exempt)\b", "green"),
    (r"^ *[⚑W] waived\b.*$", "magenta"),
    (r"^ *- \d+ off\b.*$|^  (checkpoint|recorded)\b.*$", "dim"),
    (r"^ +fix: .*$", "bold"),
)


def write(text: str, stream: TextIO) -> None:
    """Write ``text`` to ``stream``; in colour when it is a terminal that may be coloured.

    A record's texts are a stranger's: what is not seen does not reach a terminal.
    """
    from engine.formats.printable import plain_lines

    text = plain_lines(text)
    if not stream.isatty():
        stream.write(text)
        return
    from rich.console import Console

    console = Console(file=stream, highlight=False, markup=False, soft_wrap=True)
    if is_plain(console):
        stream.write(text)
    else:
        console.print(coloured(text))


def is_plain(console: Console) -> bool:
    """Whether nothing but text is wanted: ``NO_COLOR`` is set, or ``TERM`` is dumb.

    Source: https://no-color.org
    """
    return console.no_color or console.is_dumb_terminal


def coloured(text: str) -> Text:
    """Return ``text``, which ends in a line break, with the styles of its words."""
    from rich.text import Text

    painted = Text(text.removesuffix("\n"))
    for pattern, style in _STYLES:
        painted.highlight_regex(f"(?m){pattern}", style)
    return painted
