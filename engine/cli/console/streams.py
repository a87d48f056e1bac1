"""The standard streams: what a shell leaves of them, and the encoding of what is written."""

from __future__ import annotations

import io
import os
import stat
import sys
from typing import TextIO


class _Pipe(io.FileIO):
    """A pipe that takes what nobody reads any more: ``engine ledger log | head`` is no error.

    A verb that reads then ends as it would have ended. One that recorded asks :func:`is_broken`.
    """

    is_broken = False

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            self.is_broken = True
            return memoryview(data).nbytes  # type: ignore[arg-type]


def own_streams() -> None:
    """Make the process's streams fit to be written to, whatever became of their other ends.

    A stream that was closed (``<&-``, ``>&-``) is opened on the null device, so that no other
    file, such as the ledger, gets its number. What goes to a file or a pipe is UTF-8, whatever
    locale or ``PYTHONIOENCODING`` say, because JSON, HTML and XML say so of themselves; a terminal
    keeps its own encoding, and what that lacks is replaced.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # 0, 1, 2, in order
        stream = getattr(sys, name)
        if stream is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
        elif mode == "w":
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
            if _is_pipe(stream):
                setattr(sys, name, _unbreakable(stream))


def is_broken(stream: TextIO) -> bool:
    """Whether something that was written to ``stream`` reached nobody."""
    return bool(getattr(getattr(getattr(stream, "buffer", None), "raw", None), "is_broken", False))


def _is_pipe(stream: TextIO) -> bool:
    mode = os.fstat(stream.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _unbreakable(stream: TextIO) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
    )
