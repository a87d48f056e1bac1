"""Requests to stop half-way through many inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class Interrupts:
    """Within it the first Ctrl-C or SIGTERM only sets ``pending``; the second stops at once.

    What is being recorded is finished, so that the ledger, the output and the summary agree.
    Outside the main thread signals cannot be caught, and nothing is.
    """

    def __init__(self, *, patient: bool) -> None:
        self._patient = patient
        self._before: dict[int, object] = {}
        self.pending = False

    def __enter__(self) -> Interrupts:
        if not self._patient:
            return self
        import signal
        import threading

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            import signal

            signal.signal(number, handler)  # type: ignore[arg-type]

    def _receive(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.pending:
            raise KeyboardInterrupt
        self.pending = True
