"""Advisory file locks: one around everything that writes a ledger file, and one of any file.

``flock`` locks belong to the open file: two handles of one process exclude each other as
two processes do, and the kernel gives the lock up when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.errors import LedgerBusyError, LedgerError

_FIRST_PAUSE_S = 0.0005
_LONGEST_PAUSE_S = 0.005


class FileLock:
    """The lock file beside a ledger. It is never removed: removing one races with taking it.

    Args:
        path: The lock file; made when missing.
        timeout_s: How long to wait for another holder.
        sleep: Waits that many seconds.

    Attributes:
        gave_up: Whether the last wait for it was in vain: whoever only tidies up does not wait
            for the same holder again.
        left_s: Of the timeout, what the last wait left for what is waited for next.
    """

    def __init__(
        self, path: Path, timeout_s: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._sleep = sleep
        self.gave_up = False
        self.left_s = timeout_s

    @contextmanager
    def hold(self, *, wait: bool = True) -> Iterator[None]:
        """Hold the lock inside the ``with``.

        Args:
            wait: Whether another holder is waited for at all.

        Raises:
            LedgerBusyError: Somebody else held it for the whole time.
            LedgerError: The lock file cannot be made or locked.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LedgerError(
                f"{self._path}: the lock file cannot be opened: {error.strerror}",
                "a writer needs write permission on the ledger and on its folder",
            ) from error
        try:
            self._wait_for(descriptor, self._timeout_s if wait else 0.0)
            try:
                _write_holder(descriptor)
                yield
            finally:  # by name: a child that was forked meanwhile has the open file too
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int, timeout_s: float) -> None:
        waited_s, pause_s = 0.0, _FIRST_PAUSE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waited_s >= timeout_s:
                    self.gave_up = True
                    raise self._busy(descriptor) from None
            except OSError as error:
                raise LedgerError(
                    f"{self._path}: this file system has no locks: {error.strerror}",
                    "keep the ledger on a local disk",
                ) from error
            else:
                self.gave_up, self.left_s = False, max(0.0, timeout_s - waited_s)
                return
            self._sleep(pause_s)
            waited_s += pause_s
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _busy(self, descriptor: int) -> LedgerBusyError:
        holder = _living_holder(descriptor)
        return LedgerBusyError(
            f"{self._path}: {holder} has held the ledger's lock for {self._timeout_s:g} s",
            "wait for it to finish, or raise --lock-timeout; nothing was recorded",
        )


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of a file that is there, for what is written beside it; waits for others.

    Nothing is left behind, which suits a file that people keep in version control.

    Raises:
        OSError: There is no such file, it cannot be read, or its file system has no locks.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_holder(descriptor: int) -> None:
    with suppress(OSError):  # a full disk must not keep a reader's courtesy from failing a write
        os.pwrite(descriptor, b"%-10d\n" % os.getpid(), 0)


def _living_holder(descriptor: int) -> str:
    text = os.pread(descriptor, 16, 0).strip()
    try:
        os.kill(int(text), 0)
    except (ValueError, ProcessLookupError):
        return "another process"
    except PermissionError:
        pass
    return f"process {int(text)}"
