"""The bar at the foot of a terminal while somebody waits: for many decisions, or for TLC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

from engine.system.closing import Closing

if TYPE_CHECKING:
    from rich.console import Console


class Bar(Closing):
    """Shows how many of all are done and what is under way, until it is closed.

    Args:
        console: Where; what is printed to it stands above the bar.
        total: How many there are.
        time: The time that is shown: what has passed, or what is left.
    """

    def __init__(self, console: Console, total: int, time: ProgressColumn) -> None:
        self.console = console
        columns = (BarColumn(), MofNCompleteColumn(), time, TextColumn("{task.description}"))
        self._progress = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._progress.add_task("", total=total)
        self._progress.start()

    def close(self) -> None:
        """Take it away."""
        self._progress.stop()

    def advance(self, count: int = 1) -> None:
        """Show that ``count`` more are done."""
        self._progress.advance(self._task, count)

    def describe(self, text: str) -> None:
        """Show what is under way."""
        self._progress.update(self._task, description=text)
