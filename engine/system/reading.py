"""Reading a file that somebody names: within a limit, and never for ever.

A regular file and a pipe are read; a folder, a device and a socket are not. A pipe that nobody has
open is waited for :data:`WRITER_S` seconds, and one that somebody has open until it ends, as
standard input is. Whoever calls turns an :class:`OSError` into an error of its own.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

WRITER_S = 5.0
"""How long somebody who writes to a pipe is waited for."""
TRANSIENT = frozenset((errno.EIO, errno.EINTR, errno.EAGAIN))
"""What a disk or a file system answers that may answer the next time."""
_PIECE = 1024 * 1024

_T = TypeVar("_T")


def is_transient(error: Exception) -> bool:
    """Whether ``error`` says that a read failed now, and not what is wrong with the file."""
    return isinstance(error, OSError) and error.errno in TRANSIENT


def read_again(read: Callable[[], _T], transient: Callable[[Exception], bool] = is_transient) -> _T:
    """Return what ``read`` returns, which is called once more where it fails for the moment.

    Nothing is called damaged or missing because of one answer of a disk.

    Args:
        read: Reads, and leaves all as it was where it fails.
        transient: Whether its error is one to try once more after.
    """
    try:
        return read()
    except Exception as error:
        if not transient(error):
            raise
    return read()


def read_whole(path: str | Path, most: int) -> bytes:
    """Return the bytes of the regular file or pipe ``path``.

    Args:
        path: Its name.
        most: Bytes; of what is larger no more than that is read.

    Raises:
        OSError: It cannot be read, is neither file nor pipe, nobody writes to it, or it is larger
            than ``most`` (``EFBIG``).
    """
    descriptor, facts = _opened(path)
    try:
        return _read(path, descriptor, facts, most)
    finally:
        os.close(descriptor)


def _read(path: str | Path, descriptor: int, facts: os.stat_result, most: int) -> bytes:
    if facts.st_size > most:
        raise _too_large(path, most)
    # What says that it is empty may be a pipe, or a file of /proc.
    pieces = [read_again(partial(os.read, descriptor, (facts.st_size or _PIECE) + 1))]
    count = len(pieces[0])
    while pieces[-1] and count <= most:
        room = min(_PIECE, most - count) + 1
        pieces.append(read_again(partial(os.read, descriptor, room)))
        count += len(pieces[-1])
    if count > most:
        raise _too_large(path, most)
    return b"".join(pieces)


class ExposedFileError(OSError):
    """A file that holds a secret can be read or changed by others than its owner.

    Attributes:
        mode: Its permissions, four octal digits.
    """

    def __init__(self, path: str | Path, mode: str) -> None:
        super().__init__(errno.EPERM, f"others can read it (mode {mode})", str(path))
        self.mode = mode


def read_private(path: str | Path, most: int, *, pipes: bool = False) -> bytes:
    """Return the bytes of the file ``path``, which only its owner can read: a key, a token.

    A symbolic link is followed; what is looked at is the file that was opened, and nothing is read
    of one that others can read.

    Args:
        path: Its name.
        most: Bytes; a larger one is refused, not cut.
        pipes: Whether a pipe is read, too; else it is refused, not waited for.

    Raises:
        ExposedFileError: Group or others have any permission on it.
        OSError: It cannot be read, is no plain file, or is larger than ``most`` (``EFBIG``).
    """
    descriptor, facts = _opened(path, pipes=pipes)
    try:
        if facts.st_mode & 0o077:
            raise ExposedFileError(path, f"{stat.S_IMODE(facts.st_mode):04o}")
        return _read(path, descriptor, facts, most)
    finally:
        os.close(descriptor)


def _too_large(path: str | Path, most: int) -> OSError:
    return OSError(errno.EFBIG, f"larger than {most:,} bytes", str(path))


def open_to_read(path: str | Path) -> BufferedReader:
    """Return the regular file or pipe ``path``, open, for who reads it in pieces.

    Raises:
        OSError: As :func:`read_whole`, but for its size.
    """
    return os.fdopen(_opened(path)[0], "rb")


def require_regular(path: str | Path, most: int | None = None) -> None:
    """Refuse what a library that opens files itself would wait for, or read for ever.

    Raises:
        OSError: ``path`` is missing, no regular file, or larger than ``most`` bytes.
    """
    facts = read_again(partial(os.stat, path))
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    if most is not None and facts.st_size > most:
        raise _too_large(path, most)


def _opened(path: str | Path, *, pipes: bool = True) -> tuple[int, os.stat_result]:
    # Non-blocking, so that opening a pipe that nobody writes to does not hang.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = read_again(partial(os.open, path, flags))
    try:
        facts = os.fstat(descriptor)
        if not (pipes or stat.S_ISREG(facts.st_mode)):
            raise OSError(errno.EINVAL, "not a plain file", str(path))
        if stat.S_ISFIFO(facts.st_mode):
            _await_writer(path, descriptor)
            os.set_blocking(descriptor, True)
        elif not stat.S_ISREG(facts.st_mode):
            what = "is a folder" if stat.S_ISDIR(facts.st_mode) else "is neither a file nor a pipe"
            raise OSError(errno.EINVAL, what, str(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, facts


def _await_writer(path: str | Path, descriptor: int) -> None:
    """Wait until somebody has the pipe open for writing, has written to it, or has closed it."""
    import select

    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    if waiting.poll(WRITER_S * 1000):
        return
    # Whether somebody has it open and is silent, the system tells only after a writer has gone.
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
        is_alone = any(events & select.POLLHUP for _, events in waiting.poll(0))
    except OSError:
        is_alone = True
    if is_alone:
        raise OSError(errno.ENXIO, f"nobody wrote to this pipe in {WRITER_S:g} seconds", str(path))
