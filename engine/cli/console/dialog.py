"""Questions for a person at a terminal, one at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from engine.cli.console.shell import Shell
from engine.errors import GovernanceError

if TYPE_CHECKING:
    from rich.console import Console

NONE = "none"


@contextmanager
def dialog_at(shell: Shell) -> Iterator[Dialog]:
    """Ask on standard error, and take lines of standard input; it stays open afterwards.

    A question is repeated until its answer can be used. The end of input takes defaults.
    """
    from rich.console import Console

    with _lines(shell) as stream:
        yield Dialog(Console(file=shell.stderr, highlight=False), stream)


class Dialog:
    """Asks one question at a time."""

    def __init__(self, console: Console, stream: TextIO) -> None:
        self.console = console
        self._stream = stream

    def one_of(
        self, question: str, default: str, known: Sequence[str], *, shown: bool = True
    ) -> str:
        """Return one of ``known``; they are ``shown`` where they do not stand above already."""
        return self._answer(question, default, list(known), shown=shown)

    def maybe(self, question: str, default: str, flaw: Callable[[str], str]) -> str | None:
        """Return an answer in which ``flaw`` finds nothing; None for none."""
        while (answer := self._answer(question, default, None)) != NONE:
            if not (reason := flaw(answer)):
                return answer
            self.console.print(f"  {reason}", markup=False)
        return None

    def _answer(
        self, question: str, default: str, choices: list[str] | None, *, shown: bool = True
    ) -> str:
        from rich.prompt import Prompt

        class Line(Prompt):
            """A line without its end, so that an empty one means the default."""

            @classmethod
            def get_input(cls, *arguments: Any, **more: Any) -> str:
                return super().get_input(*arguments, **more).strip()

        return Line.ask(
            question,
            console=self.console,
            stream=self._stream,
            default=default,
            choices=choices,
            show_choices=shown,
        )


def flaw_of(accept: Callable[[str], object]) -> Callable[[str], str]:
    """Return what says why ``accept`` refuses an answer; ``""`` where it takes it."""

    def flaw(answer: str) -> str:
        try:
            accept(answer)
        except GovernanceError as error:
            return str(error).replace("\n", ": ")
        return ""

    return flaw


@contextmanager
def _lines(shell: Shell) -> Iterator[TextIO]:
    """Standard input as lines; it stays open afterwards."""
    stream = io.TextIOWrapper(shell.stdin, encoding="utf-8", errors="replace")
    try:
        yield stream
    finally:
        stream.detach()
