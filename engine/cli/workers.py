"""Judging in several processes: the order of the files is kept, and only the parent records.

Workers read, validate and ask the policy; they never see the ledger or the key.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from engine.errors import PolicyError

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

Result = TypeVar("Result")
Judge = Callable[[list[str]], Result]
"""Files of one decision in, what became of them out."""

CHUNK = 32
AHEAD = 4
"""Chunks per worker that may wait, so that memory does not grow with the number of files."""
WORTH_IT = 400
"""From so many files on, a second process saves more than it costs to start."""

_open_judge: Callable[[], Judge[object]] | None = None
_judge: Judge[object] | None = None


def worth(files: int) -> int:
    """Return how many processes to use for ``files`` files when nobody says."""
    if files < WORTH_IT or sys.platform != "linux":  # elsewhere a fork may not outlive its threads
        return 1
    return min(2, os.cpu_count() or 1)


class Workers:
    """Processes that judge. Start them before any thread: they are forks of this process.

    Args:
        count: How many.
        open_judge: Called once in each worker; returns what judges.
    """

    def __init__(self, count: int, open_judge: Callable[[], Judge[object]]) -> None:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        global _open_judge  # noqa: PLW0603  (a fork inherits it; nothing has to be pickled)
        _open_judge = open_judge
        self._count = count
        self._pool = ProcessPoolExecutor(
            count, mp_context=multiprocessing.get_context("fork"), initializer=_begin
        )
        self._pool.submit(int)  # forks all of them, here and now; they set up while we go on

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def judged(self, groups: Iterable[list[str]]) -> Iterator[tuple[list[str], object]]:
        """Yield each group of files with what became of it, in order.

        Raises:
            PolicyError: A worker was lost, and with it what it was judging.
        """
        from concurrent.futures.process import BrokenProcessPool

        chunks = _chunks(groups)
        waiting: deque[Future[list[tuple[list[str], object]]]] = deque()
        try:
            for chunk in chunks:
                waiting.append(self._pool.submit(_work, chunk))
                if len(waiting) >= AHEAD * self._count:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool:
            raise PolicyError(
                "a worker process was lost while it judged",
                "was it killed, or out of memory? what was printed is recorded",
            ) from None


def _chunks(groups: Iterable[list[str]]) -> Iterator[Sequence[list[str]]]:
    rest = iter(groups)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _begin() -> None:
    """Make a fresh fork a worker: it leaves interrupts to the parent and does not outlive it."""
    import ctypes

    global _judge  # noqa: PLW0603
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(ctypes.CDLL(None), "prctl"):
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if _open_judge is not None:
        _judge = _open_judge()


def _work(chunk: Sequence[list[str]]) -> list[tuple[list[str], object]]:
    if _judge is None:
        raise PolicyError("a worker process was not set up")
    return [(names, _judge(names)) for names in chunk]
