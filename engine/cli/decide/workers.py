"""Judging in several processes: the order of the files is kept, and only the parent records.

Workers read, validate and ask the policy; they never see the ledger or the key. Where requests are
recorded, a worker reads a block of files, hands over what is to be requested, and judges once it is
told that the requests are durable.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from engine.cli.decide.requests import BLOCK, judge_all, read_all
from engine.errors import GovernanceError, LedgerError, PolicyError
from engine.system.closing import Closing

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from queue import Queue

    from engine.cli.decide.judge import Judge as FileJudge
    from engine.cli.decide.requests import RecordRequests
    from engine.decision.request import Requested

Judge: TypeAlias = Callable[[list[str]], object]
"""Files of one decision in, what became of them out; where requests are recorded a FileJudge."""
GroupOutcome: TypeAlias = tuple[list[str], object]

CHUNK = 12
"""Decisions that cross at once, some 30 kB each; the system is slow to give larger buffers."""
CHUNKS = BLOCK // CHUNK
"""Chunks of a worker whose requests share one commit."""
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
        record: Records requests before anything is judged; None where none are recorded.
    """

    def __init__(
        self,
        count: int,
        open_judge: Callable[[], Judge],
        groups: Sequence[list[str]],
        open_careful: Callable[[], Judge],
        record: RecordRequests | None = None,
    ) -> None:
        from queue import Queue
        from threading import Thread

        from engine.system.processes import Fork

        chunks = [groups[at : at + CHUNK] for at in range(0, len(groups), CHUNK)]
        self._chunks, self._record = chunks, record
        self._requested: dict[int, list[Requested | None]] = {}
        self._ready: Queue[list[GroupOutcome] | GovernanceError] = Queue(AHEAD * count)
        self._processes = [
            Fork(partial(_work, open_judge, chunks[number::count], record is not None))
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
        try:
            for number in range(len(self._chunks)):
                if self._record is not None and number % (len(self._processes) * CHUNKS) == 0:
                    self._request(number, self._record)
                self._ready.put(self._outcomes(number))
        except GovernanceError as error:
            self._ready.put(error)

    def _request(self, first: int, record: RecordRequests) -> None:
        """Let the requests of the next block of every worker be recorded, in one commit."""
        every = len(self._processes)
        block = range(first, min(first + every * CHUNKS, len(self._chunks)))
        shares = [list(block[worker::every]) for worker in range(min(every, len(block)))]
        requests = [
            self._answer(worker, [names for number in share for names in self._chunks[number]])
            for worker, share in enumerate(shares)
        ]
        try:
            recorded = record([request for share in requests for request in share])
        except GovernanceError:
            raise
        except Exception as error:  # else nobody would ever hear of it
            raise LedgerError(f"the requests cannot be recorded: {error}") from error
        answers = iter(recorded)
        for worker, share in enumerate(shares):
            for number in share:
                self._requested[number] = [next(answers) for _ in self._chunks[number]]
            if worker not in self._overdue:
                own = [given for number in share for given in self._requested[number]]
                self._processes[worker].ask(own)

    def _outcomes(self, number: int) -> list[GroupOutcome]:
        """What became of a chunk."""
        requested = self._requested.pop(number, None)
        return self._answer(number % len(self._processes), self._chunks[number], requested)

    def _answer(
        self,
        worker: int,
        groups: Sequence[list[str]],
        requested: Sequence[Requested | None] | None = None,
    ) -> list[Any]:
        """What a worker, or the careful process in its stead, has to say next.

        Raises:
            PolicyError: It was lost.
            GovernanceError: What it raised.
        """
        from engine.system.processes import Crashed

        late = worker in self._overdue
        fork = self._careful if late else self._processes[worker]
        try:
            if late:
                fork.ask((groups, requested, self._record is not None))
            answer: list[Any] = fork.answer()
        except EOFError:
            if not late and fork.overdue:
                self._overdue.add(worker)
                return self._answer(worker, groups, requested)
            raise PolicyError(
                "a worker process was lost while it judged",
                "was it killed, or out of memory? what was printed is recorded",
            ) from None
        except Crashed as crash:
            raise PolicyError(f"a worker process failed: {crash}") from None
        return answer


def _work(
    open_judge: Callable[[], Judge],
    chunks: Sequence[Sequence[list[str]]],
    requests: bool,
    questions: Connection,
    answers: Connection,
) -> None:
    judge = open_judge()
    if not requests:
        for chunk in chunks:
            answers.send([(names, judge(names)) for names in chunk])
        return
    file_judge = cast("FileJudge", judge)
    for at in range(0, len(chunks), CHUNKS):
        block = chunks[at : at + CHUNKS]
        found, to_request = read_all(file_judge, [names for chunk in block for names in chunk])
        answers.send(to_request)
        outcomes = judge_all(file_judge, found, questions.recv())
        for chunk in block:
            answers.send(list(islice(outcomes, len(chunk))))


def _work_carefully(
    open_judge: Callable[[], Judge], questions: Connection, answers: Connection
) -> None:
    """Read what is to be requested, where that comes first, and judge it when asked again."""
    judge: Judge | None = None
    while True:
        groups, requested, requests = questions.recv()
        judge = judge or open_judge()
        if not requests:
            answers.send([(names, judge(names)) for names in groups])
        elif requested is None:
            answers.send(read_all(cast("FileJudge", judge), groups)[1])
        else:
            again = cast("FileJudge", judge)
            pairs = zip(groups, requested, strict=True)
            answers.send([(names, again(names, given)) for names, given in pairs])
