"""Standard output, with a bar below it for people at a terminal."""

from __future__ import annotations

import os
from io import BufferedWriter
from typing import TYPE_CHECKING, TextIO

from engine.cli.console.colour import coloured, is_plain, write
from engine.cli.console.shell import Shell
from engine.formats.printable import on_one_line, plain_lines
from engine.system.closing import Closing

if TYPE_CHECKING:
    from engine.cli.console.progress_bar import Bar


class Screen(Closing):
    """Standard output with, on a terminal and when several inputs are decided, a bar below it.

    Args:
        shell: Has the streams; a bar is shown where standard error is a terminal.
        total: Inputs that will be decided.
        several: Whether a bar is worth it.
    """

    def __init__(self, shell: Shell, total: int, *, several: bool) -> None:
        self._shell = shell
        self._total = total
        self._for_people = shell.stdout.isatty()
        self._bytes = None if self._for_people else _below(shell.stdout)
        self._shown = several and shell.stderr.isatty()
        self._bar: Bar | None = None

    def __enter__(self) -> Screen:
        if self._shown:
            from rich.console import Console
            from rich.progress import TimeRemainingColumn

            from engine.cli.console.progress_bar import Bar

            # One console for bar and lines, so that neither writes over the other.
            stream = self._shell.stdout if self._for_people else self._shell.stderr
            console = Console(file=stream, highlight=False, markup=False, soft_wrap=True)
            self._bar = Bar(console, self._total, TimeRemainingColumn())
        return self

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def write(self, text: str) -> None:
        """Write a result for people to standard output; see :meth:`Shell.print`."""
        text = plain_lines(text)
        if not self._for_people:
            self._shell.stdout.write(text)
        elif self._bar is not None:
            if text:
                console = self._bar.console
                console.print(text.removesuffix("\n") if is_plain(console) else coloured(text))
        elif text:
            write(text, self._shell.stdout)

    def write_as_is(self, text: str) -> None:
        """Write a result for programs to standard output, never in colour."""
        if self._bytes is not None:
            self._bytes.write(text.encode(errors=self._shell.stdout.errors or "strict"))
        elif self._bar is not None and self._for_people:
            if text:
                self._bar.console.print(text.removesuffix("\n"))
        else:
            self._shell.stdout.write(text)

    def write_encoded(self, text: bytes) -> None:
        """:meth:`write_as_is`, of UTF-8 text."""
        if self._bytes is not None:
            self._bytes.write(text)
        else:
            self.write_as_is(text.decode())

    def say(self, *lines: str) -> None:
        """Narrate, a line each."""
        if self._bar is not None:
            self._bar.console.print(*map(on_one_line, lines), sep="\n")
        else:
            self._shell.say(*lines)

    def advance(self, count: int) -> None:
        """Say that ``count`` more inputs are done."""
        if self._bar is not None:
            self._bar.advance(count)


def _below(stream: TextIO) -> BufferedWriter | None:
    """What takes the bytes of ``stream`` as they are; None where they would be other bytes."""
    below = getattr(stream, "buffer", None)
    if not isinstance(below, BufferedWriter) or os.linesep != "\n":
        return None
    return below if (stream.encoding or "").lower().replace("_", "-") == "utf-8" else None
