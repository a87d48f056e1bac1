"""Other processes that verify their share of a ledger's parts.

Each is a fork, made before the ledger is opened: a connection to SQLite must not be carried
into a child. It reads through a connection of its own, and answers over a pipe; if it dies,
the pipe ends early, and that is an error.
"""

from __future__ import annotations

import os
import pickle  # only between a process and its own fork
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO

from engine.errors import GovernanceError, LedgerError
from engine.ledger.store import Reader
from engine.ledger.walk import Part, Scope, audit_part


@dataclass(frozen=True, slots=True)
class Task:
    """What :meth:`Companions.share` was given, for the other processes."""

    reopen: Callable[[], Reader]
    scope: Scope
    parts: Sequence[tuple[int, int]]


@dataclass(slots=True)
class _Child:
    pid: int
    commands: BinaryIO
    answers: BinaryIO


def can_fork() -> bool:
    """Whether companions can be had: only where a fork is safe, and before any thread."""
    return sys.platform == "linux" and threading.active_count() == 1


class Companions:
    """``count`` processes that wait for a task. Use it as a context; before opening the ledger."""

    def __init__(self, count: int) -> None:
        self._children: list[_Child] = []
        for number in range(count):
            self._children.append(_fork(number + 1, count + 1))

    def __enter__(self) -> Companions:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            with suppress(OSError):
                child.commands.close()
            child.answers.close()
        self._children.clear()

    @property
    def pids(self) -> list[int]:
        """Process ids."""
        return [child.pid for child in self._children]

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
        for child in self._children:
            with suppress(BrokenPipeError):  # a lost process is noticed when it is to answer
                pickle.dump(task, child.commands)
                child.commands.flush()
        for number, (first, stop) in enumerate(parts):
            turn = number % (len(self._children) + 1)
            if turn == 0:
                yield audit_part(reader, scope, first, stop)
            else:
                yield _answer(self._children[turn - 1], first, stop)


def _answer(child: _Child, first: int, stop: int) -> Part:
    try:
        answer = pickle.load(child.answers)  # noqa: S301  written by our own fork
    except (EOFError, pickle.UnpicklingError, OSError):
        raise LedgerError(
            f"a process was lost while it verified entries {first} to {stop - 1}",
            "was it killed, or out of memory? nothing is known of them: verify with --jobs 1",
        ) from None
    if isinstance(answer, GovernanceError):
        raise answer
    if not isinstance(answer, Part):
        raise LedgerError(f"entries {first} to {stop - 1} could not be verified: {answer}")
    return answer


def _fork(turn: int, turns: int) -> _Child:
    command_end, commands = os.pipe()
    answers, answer_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(commands)
            os.close(answers)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
            with os.fdopen(command_end, "rb") as task, os.fdopen(answer_end, "wb") as out:
                _serve(task, out, turn, turns)
        finally:  # nothing of the parent's is flushed or closed twice
            os._exit(0)
    os.close(command_end)
    os.close(answer_end)
    return _Child(pid, os.fdopen(commands, "wb"), os.fdopen(answers, "rb"))


def _serve(commands: BinaryIO, answers: BinaryIO, turn: int, turns: int) -> None:
    try:
        task: Task = pickle.load(commands)  # noqa: S301  written by our own parent
    except EOFError:
        return  # there was nothing to do
    try:
        reader = task.reopen()
        for first, stop in task.parts[turn::turns]:
            pickle.dump(audit_part(reader, task.scope, first, stop), answers)
            answers.flush()
    except GovernanceError as error:
        pickle.dump(error, answers)
    except Exception as error:  # noqa: BLE001  it must arrive where it can be told
        pickle.dump(f"{type(error).__name__}: {error}", answers)
    answers.flush()
