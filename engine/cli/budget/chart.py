"""The lines of a chart, in colour at a terminal; the words are the same without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.cli.console.shell import Shell

if TYPE_CHECKING:
    from engine.report.spending import Line

_STYLES = {"": "", "dim": "dim", "soft": "yellow", "hard": "bold red"}


def write(lines: Sequence[Line], shell: Shell) -> None:
    """Write ``lines`` to standard output."""
    from engine.report.spending import plain

    stream = shell.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    texts = [plain(line.text.rstrip(), encoding) for line in lines]
    if stream.isatty():
        from rich.console import Console
        from rich.text import Text

        from engine.cli.console.colour import is_plain

        console = Console(file=stream, highlight=False, markup=False, soft_wrap=True)
        if not is_plain(console):
            for line, text in zip(lines, texts, strict=True):
                console.print(Text(text, style=_STYLES[line.style]))
            return
    for text in texts:
        print(text, file=stream)
