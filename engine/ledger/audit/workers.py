"""Other processes that verify their share of a ledger's parts.

Each is a fork, made before the ledger is opened: a connection to SQLite must not be carried
into a child. It reads through a connection of its own, and answers over a pipe; if it dies,
the pipe ends early, and that is an error.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from engine.errors import LedgerError
from engine.ledger.audit.walk import Part, Scope, audit_part
from engine.ledger.store import Reader
from engine.system.closing import Closing
from engine.system.processes import Crashed, Fork, end

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


@dataclass(frozen=True, slots=True)
class Task:
    """What :meth:`AuditWorkers.share` was given, for the other processes."""

    reopen: Callable[[], Reader]
    scope: Scope
    parts: Sequence[tuple[int, int]]


def can_fork() -> bool:
    """Whether workers can be started: only where a fork is safe, and before any thread."""
    return sys.platform == "linux" and threading.active_count() == 1


class AuditWorkers(Closing):
    """``count`` processes that wait for a task. Use it as a context; before opening the ledger."""

    def __init__(self, count: int) -> None:
        self._workers = [Fork(partial(_serve, number, count + 1)) for number in range(1, count + 1)]

    def close(self) -> None:
        """End the processes."""
        end(self._workers)
        self._workers.clear()

    def share(
        self,
        reopen: Callable[[], Reader],
        scope: Scope,
        parts: Sequence[tuple[int, int]],
        reader: Reader,
    ) -> Iterator[Part]:
        """Verify the parts, in turn here and in each process; yield them in order.

        Args:
            reopen: Gives a reader of the same ledger in another process; can be pickled.
            scope: What is held against what.
            parts: First entry of each part and the one after its last, in order.
            reader: For this process's own share.

        Raises:
            VerificationError: The first thing, in the order of entries, that does not hold.
            LedgerError: It cannot be read, or a process was lost.
        """
        task = Task(reopen, scope, parts)
        for worker in self._workers:
            worker.ask(task)
        for number, (first, stop) in enumerate(parts):
            turn = number % (len(self._workers) + 1)
            if turn == 0:
                yield audit_part(reader, scope, first, stop)
            else:
                yield _answer(self._workers[turn - 1], first, stop)


def _answer(worker: Fork, first: int, stop: int) -> Part:
    try:
        part: Part = worker.answer()
    except EOFError:
        raise LedgerError(
            f"a process was lost while it verified entries {first} to {stop - 1}",
            "was it killed, or out of memory? nothing is known of them: verify with --jobs 1",
        ) from None
    except Crashed as crash:
        raise LedgerError(f"entries {first} to {stop - 1} could not be verified: {crash}") from None
    return part


def _serve(turn: int, turns: int, questions: Connection, answers: Connection) -> None:
    task: Task = questions.recv()
    reader = task.reopen()
    for first, stop in task.parts[turn::turns]:
        answers.send(audit_part(reader, task.scope, first, stop))
