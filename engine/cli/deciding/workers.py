"""Judging in several processes: the order of the files is kept, and only the parent records.

Workers read, validate and ask the policy; they never see the ledger or the key.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from engine.errors import GovernanceError, PolicyError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from queue import Queue
    from types import TracebackType

Judge: TypeAlias = Callable[[list[str]], object]
"""Files of one decision in, what became of them out."""
Judged: TypeAlias = tuple[list[str], object]

CHUNK = 24
"""Decisions that cross at once: some 30 kB each, so that they fit into the pipe."""
PIPE_BYTES = 1 << 20
"""How far a worker may be ahead; memory does not grow with the number of files."""
AHEAD = 4
"""Chunks per worker that may wait to be recorded."""
WORTH_IT = 400
"""From so many files on, a second process saves more than it costs to start."""


def worth(files: int) -> int:
    """Return how many processes to use for ``files`` files when nobody says."""
    if files < WORTH_IT or sys.platform != "linux":  # elsewhere a fork may not outlive its threads
        return 1
    return min(2, os.cpu_count() or 1)


class Workers:
    """Processes that judge. Start them before any thread: they are forks of this process.

    Of n workers each has every nth chunk of the files, and writes what became of it into a pipe
    of its own; the pipes are read in turn, so the order of the files is kept.

    Args:
        count: How many.
        open_judge: Called once in each worker; returns what judges.
        groups: The files of each decision.
    """

    def __init__(
        self, count: int, open_judge: Callable[[], Judge], groups: Sequence[list[str]]
    ) -> None:
        from multiprocessing import get_context
        from queue import Queue
        from threading import Thread

        context = get_context("fork")
        self._chunks = -(-len(groups) // CHUNK)
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._ready: Queue[list[Judged] | GovernanceError] = Queue(AHEAD * count)
        for number in range(min(count, self._chunks)):
            here, there = context.Pipe(duplex=False)
            _widen(there)
            chunks = [groups[at : at + CHUNK] for at in range(0, len(groups), CHUNK)][number::count]
            process = context.Process(target=_work, args=(there, open_judge, chunks), daemon=True)
            process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)
        self._reader = Thread(target=self._read, name="worker-pipes", daemon=True)
        self._reader.start()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from contextlib import suppress
        from queue import Empty

        for process in self._processes:
            process.kill()
            process.join()
        while self._reader.is_alive():  # it may wait for room, and then finds no more to read
            with suppress(Empty):
                self._ready.get(timeout=0.01)
        for pipe in self._pipes:
            pipe.close()

    def judged(self) -> Iterator[Judged]:
        """Yield each group of files with what became of it, in order.

        Raises:
            PolicyError: A worker was lost, and with it what it was judging.
            GovernanceError: A worker could not be set up.
        """
        for _ in range(self._chunks):
            said = self._ready.get()
            if isinstance(said, GovernanceError):
                raise said
            yield from said

    def _read(self) -> None:
        """Empty the pipes in turn while others record, so that no worker waits for that."""
        for number in range(self._chunks):
            try:
                said = self._pipes[number % len(self._pipes)].recv()
            except (EOFError, OSError):  # nobody else holds the other end
                said = PolicyError(
                    "a worker process was lost while it judged",
                    "was it killed, or out of memory? what was printed is recorded",
                )
            self._ready.put(said)
            if isinstance(said, GovernanceError):
                return


def _widen(pipe: Connection) -> None:
    """Let ``pipe`` hold a whole chunk, where the system allows it."""
    import fcntl
    from contextlib import suppress

    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _work(pipe: Connection, open_judge: Callable[[], Judge], chunks: list[list[list[str]]]) -> None:
    """Judge in a fresh fork: it leaves interrupts to the parent and does not outlive it."""
    import ctypes
    from contextlib import suppress

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(ctypes.CDLL(None), "prctl"):
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    with suppress(BrokenPipeError):  # the parent has stopped reading
        try:
            judge = open_judge()
            for chunk in chunks:
                pipe.send([(names, judge(names)) for names in chunk])
        except GovernanceError as error:
            pipe.send(error)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, nothing was decided
            pipe.send(PolicyError(f"a worker process failed: {type(error).__name__}: {error}"))
