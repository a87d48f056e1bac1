"""A bar for a person who waits for TLC: how far, which runs are under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from engine.system.closing import Closing

if TYPE_CHECKING:
    from rich.console import Console

    from engine.specs.checking import Result
    from engine.specs.manifest import RunRow


class Bar(Closing):
    """Shows each run's line above a bar.

    Args:
        console: Where.
        total: How many runs there are.
        worded: A result in lines.
    """

    def __init__(self, console: Console, total: int, worded: Callable[[Result], list[str]]) -> None:
        self._progress = Progress(
            MofNCompleteColumn(),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=total)
        self._worded = worded
        self._running: list[str] = []

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def close(self) -> None:
        """Take it away."""
        self._progress.stop()

    def started(self, row: RunRow) -> None:
        """Show that ``row`` is under way."""
        self._running.append(row.name)
        self._show()

    def ended(self, result: Result) -> None:
        """Show how it went."""
        self._running.remove(result.row.name)
        for line in self._worded(result):
            style = "bold red" if line.startswith("FAIL") else "green"
            word = (line[:4], style) if line[:1] != " " else line[:4]
            self._progress.console.print(Text.assemble(word, line[4:]))
        self._progress.advance(self._task)
        self._show()

    def _show(self) -> None:
        self._progress.update(self._task, description=" ".join(self._running))
