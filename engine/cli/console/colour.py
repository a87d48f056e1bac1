"""Colour for people at a terminal; the words are the same without."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Two spaces, or a line's end, stand behind the engine's own word in its own place: a stranger's
# text has neither (engine.formats.printable.plain), and never begins a line that short.
_OWN = "(?=  |$)"
_STYLES = (
    (rf"^((✓|ok) )?(PROMOTE|ALLOW){_OWN}|^GENUINE RECORD OF (PROMOTE|ALLOW)\b", "bold green"),
    (
        rf"^([✗←X<] )?(BLOCK|ROLLBACK|DENY){_OWN}|^GENUINE RECORD OF (BLOCK|ROLLBACK|DENY)\b",
        "bold red",
    ),
    (
        rf"^([…H] )?HOLD{_OWN}|^[…H] (PROMOTE|ALLOW){_OWN}|^GENUINE RECORD OF HOLD\b",
        "bold yellow",
    ),
    (r"NOT RECORDED|NOT AS REQUIRED", "bold yellow"),
    (r"^(  )?[✗X] FAIL  .*$", "red"),
    (r"^(  )?! warns  .*$|^(  )?[…H] (STALE|UNSURE)  .*$", "yellow"),
    (r"^(  )?[…H] (UNKNOWN|UNSIGNED|INVALID|TOO FEW) [^ ]+(  .*)?$", "yellow"),
    (r"^(  )?(✓|ok) (\d+ passed(, \d+ exempt)?|pass|exempt)(?=  )", "green"),
    (r"^(  )?[⚑W] waived  .*$", "magenta"),
    (r"^(  )?- \d+ off  .*$|^  (checkpoint|recorded)$|^  recorded  .*$", "dim"),
    (r"^  checkpoint( \d+ entries, root [^ ]*|:)$", "dim"),
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
