"""Judging in several processes: the order of the files is kept, and only the parent records.

Workers read, validate and ask the policy; they never see the ledger or the key.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from engine.errors import GovernanceError, PolicyError
from engine.system.closing import Closing

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from queue import Queue

Judge: TypeAlias = Callable[[list[str]], object]
"""Files of one decision in, what became of them out."""
GroupOutcome: TypeAlias = tuple[list[str], object]

CHUNK = 12
"""Decisions that cross at once, some 30 kB each; the system is slow to give larger buffers."""
AHEAD = 8
"""Chunks per worker that may wait to be recorded."""
WORTH_IT = 400
"""From so many files on, a second process saves more than it costs to start."""


def worth(files: int) -> int:
    """Return how many processes to use for ``files`` files when no flag does."""
    if files < WORTH_IT or sys.platform != "linux":  # elsewhere a fork may not outlive its threads
        return 1
    return min(2, os.cpu_count() or 1)


class Workers(Closing):
    """Processes that judge. Start them before any thread: they are forks of this process.

    Of n workers each has every nth chunk of the files, and writes what became of it into a pipe
    of its own; the pipes are read in turn, so the order of the files is kept.

    A policy that takes too long ends its worker. What that one had left is judged by one more
    process, which waits for such a case and cuts policies off without being ended itself.

    Args:
        count: How many.
        open_judge: Called once in each worker; returns what judges. Its alarm may end the worker.
        groups: The files of each decision.
        open_careful: The same for the process that waits, and without an alarm.
    """

    def __init__(
        self,
        count: int,
        open_judge: Callable[[], Judge],
        groups: Sequence[list[str]],
        open_careful: Callable[[], Judge],
    ) -> None:
        from queue import Queue
        from threading import Thread

        from engine.system.processes import Fork

        chunks = [groups[at : at + CHUNK] for at in range(0, len(groups), CHUNK)]
        self._chunks = chunks
        self._ready: Queue[list[GroupOutcome] | GovernanceError] = Queue(AHEAD * count)
        self._processes = [
            Fork(partial(_work, open_judge, chunks[number::count]))
            for number in range(min(count, len(chunks)))
        ]
        self._careful = Fork(partial(_work_carefully, open_careful))
        self._overdue: set[int] = set()
        self._reader = Thread(target=self._read, name="worker-pipes", daemon=True)
        self._reader.start()

    def close(self) -> None:
        """End the processes, and what reads their answers."""
        from contextlib import suppress
        from queue import Empty

        from engine.system.processes import end

        def drain() -> None:
            while self._reader.is_alive():  # it may wait for room, and then finds no more to read
                with suppress(Empty):
                    self._ready.get(timeout=0.01)

        end([*self._processes, self._careful], drain)

    def outcomes(self) -> Iterator[GroupOutcome]:
        """Yield each group of files with what became of it, in order.

        Raises:
            PolicyError: A worker was lost, and with it what it was judging.
            GovernanceError: A worker could not be set up.
        """
        for _ in self._chunks:
            answer = self._ready.get()
            if isinstance(answer, GovernanceError):
                raise answer
            yield from answer

    def _read(self) -> None:
        """Empty the pipes in turn while others record, so that no worker waits for that."""
        for number, chunk in enumerate(self._chunks):
            answer = self._answer(number % len(self._processes), chunk)
            self._ready.put(answer)
            if isinstance(answer, GovernanceError):
                return

    def _answer(
        self, number: int, chunk: Sequence[list[str]]
    ) -> list[GroupOutcome] | GovernanceError:
        """What the worker, or the careful process in its stead, made of its next chunk."""
        from engine.system.processes import Crashed

        late = number in self._overdue
        fork = self._careful if late else self._processes[number]
        try:
            if late:
                fork.ask(chunk)
            outcomes: list[GroupOutcome] = fork.answer()
        except EOFError:
            if not late and fork.overdue:
                self._overdue.add(number)
                return self._answer(number, chunk)
            return PolicyError(
                "a worker process was lost while it judged",
                "was it killed, or out of memory? what was printed is recorded",
            )
        except Crashed as crash:
            return PolicyError(f"a worker process failed: {crash}")
        except GovernanceError as error:
            return error
        return outcomes


def _work(
    open_judge: Callable[[], Judge],
    chunks: Sequence[Sequence[list[str]]],
    _questions: Connection,
    answers: Connection,
) -> None:
    judge = open_judge()
    for chunk in chunks:
        answers.send([(names, judge(names)) for names in chunk])


def _work_carefully(
    open_judge: Callable[[], Judge], questions: Connection, answers: Connection
) -> None:
    judge: Judge | None = None
    while True:
        chunk = questions.recv()
        judge = judge or open_judge()
        answers.send([(names, judge(names)) for names in chunk])
