"""Other processes of ours: forks that work something off and answer over a pipe.

A fork has all that its parent had, so nothing has to be sent to it first. It must be made before
any thread is started and before a ledger is opened: neither may be carried into a child.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from engine.errors import GovernanceError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    Work = Callable[[Connection, Connection], None]

PIPE_BYTES = 1 << 20
"""How far a fork may be ahead of who reads its answers, where the system allows it."""


class Crashed(Exception):  # noqa: N818  (what a fork died of; whoever asked it words the error)
    """A fork ended with an exception that is no error of ours."""


class Fork:
    """One fork. It leaves interrupts to its parent and does not outlive it.

    Args:
        work: Called in the fork with the pipe that questions come from, and the one that
            answers go to. What it raises is the last answer.
    """

    def __init__(self, work: Work) -> None:
        from multiprocessing import get_context

        context = get_context("fork")
        questions, self._questions = context.Pipe(duplex=False)
        self._answers, answers = context.Pipe(duplex=False)
        _widen(answers)
        self._process = context.Process(target=_run, args=(work, questions, answers), daemon=True)
        self._process.start()
        questions.close()
        answers.close()  # only the fork has this end now: if it dies, its answers end

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid or 0

    @property
    def overdue(self) -> bool:
        """Whether its own alarm has ended it; asked of a fork that is lost."""
        import signal

        self._process.join()
        return self._process.exitcode == -signal.SIGALRM

    def ask(self, question: object) -> None:
        """Send a question; a fork that is lost is noticed when it is to answer."""
        with suppress(BrokenPipeError):
            self._questions.send(question)

    def answer(self) -> Any:
        """Return the next answer.

        Raises:
            EOFError: The fork is lost.
            Crashed: It ended with a bug.
            GovernanceError: What it raised.
        """
        try:
            answer = self._answers.recv()
        except OSError as error:
            raise EOFError from error
        if isinstance(answer, (GovernanceError, Crashed)):
            raise answer
        return answer

    def kill(self) -> None:
        """End the fork at once; who waits for its answer learns that there is none."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """Let go of the pipes. Nobody may wait for an answer any more."""
        self._questions.close()
        self._answers.close()


def end(children: Sequence[Fork], drain: Callable[[], None] = lambda: None) -> None:
    """End forks; ``drain`` waits for who still reads their answers, before the pipes go."""
    for fork in children:
        fork.kill()
    drain()
    for fork in children:
        fork.close()


def _widen(pipe: Connection) -> None:
    import fcntl

    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _run(work: Work, questions: Connection, answers: Connection) -> None:
    import ctypes
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(ctypes.CDLL(None), "prctl"):
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    with suppress(BrokenPipeError):  # the parent has stopped reading
        try:
            work(questions, answers)
        except GovernanceError as error:
            answers.send(error)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001  it must arrive where it can be told
            answers.send(Crashed(f"{type(error).__name__}: {error}"))
