"""Writing a file whole or not at all, and for good; writing into what is no file.

A regular file is replaced, through links, and keeps its mode. A pipe, a character device, ``-`` and
the descriptors below ``/dev/fd`` are written into, as the shell's ``>`` does. Nothing else is
written, and no ledger, database or private key.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from engine.errors import OutputError, UsageError
from engine.system.key_material import require_no_private_key

LONGEST_PATH = 4095
LONGEST_NAME = 240
"""Bytes of one part of a path: 255 less what the name of a temporary file has besides."""


def path_of(text: str, name: str) -> Path:
    """Return ``text`` as a path that an operating system can be asked for.

    Args:
        text: The path.
        name: What it is for, for the message.

    Raises:
        UsageError: It is empty, has a NUL in it, or one of its parts is too long.
        ConfigError: It is no path, but a private key.
    """
    require_no_private_key(name, text)
    try:
        longest = max(map(len, os.fsencode(text).split(b"/")))
    except UnicodeEncodeError:
        longest = LONGEST_NAME + 1
    if not text or "\0" in text:
        raise UsageError(f"{name}: {text[:40]!r} is no path", f"{name}: name a file or a folder")
    if longest > LONGEST_NAME or len(text) > LONGEST_PATH:
        raise UsageError(f"{name}: {text[:40]!r}…: file name too long", "give a shorter one")
    return Path(text)


def output_path(text: str) -> Path:
    """Return ``text``, which names what will be written, as a path.

    ``Path`` drops a slash at the end, and would lead from ``proof/`` to a file ``proof``.

    Raises:
        UsageError: It ends as the name of a folder does, and no such folder is there.
    """
    if text.endswith(("/", "/.")) and not os.path.isdir(text):  # noqa: PTH112  (Path drops it)
        raise UsageError(
            f"{text}: names a folder, and there is none; nothing is written",
            "make the folder, or drop the slash",
        )
    return Path(text)


def real_path(path: str | Path) -> Path:
    """Return where ``path`` leads, through links; in a loop of them as far as they can be followed.

    ``Path.resolve`` raises a RuntimeError there, before Python 3.13.
    """
    try:
        return Path(path).resolve()
    except RuntimeError:
        return Path(os.path.realpath(path))


WRITTEN: deque[Path] = deque(maxlen=8)
"""The last files that this process has written whole, for whoever has to say what holds."""
RECORDED: deque[str] = deque(maxlen=8)
"""Likewise the last decisions, by id, and other entries that it has recorded in a ledger."""


class WholeFile:
    """A file that is written in pieces and never seen half-written: it appears with ``keep``.

    What is no regular file cannot appear: pieces go into it as they come.

    Args:
        path: Where it appears; what was there before stays until then, or for good. ``-`` is
            standard output.
        mode: Permissions of a new file, as far as the process's own mask grants them.

    Raises:
        OutputError: It cannot be written there; any method may find out.
        UsageError: See :func:`require_replaceable`.
    """

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        import secrets

        require_replaceable(path)
        self._path = path
        self._temporary: Path | None = None
        try:
            descriptor = _stream_of(path)
            if descriptor is None:
                self._target = target = real_path(path)
                self._temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                descriptor = os.open(self._temporary, flags, mode)
                with suppress(FileNotFoundError):
                    os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            self._file = os.fdopen(descriptor, "wb")
        except OSError as error:
            raise self._refused(error) from None

    def write(self, content: bytes) -> None:
        """Add ``content``; nothing once the file was dropped."""
        if self._file.closed:
            return
        try:
            self._file.write(content)
        except OSError as error:
            self.drop()
            raise self._refused(error) from None

    def keep(self) -> None:
        """Let the file appear: durable when this returns; nothing once it was dropped."""
        if self._file.closed:
            return
        try:
            with self._file as file:
                file.flush()
                if self._temporary is not None:
                    os.fsync(file.fileno())
            if self._temporary is not None:
                self._temporary.replace(self._target)
                sync_folder(self._target.parent)
                WRITTEN.append(self._path)
        except OSError as error:
            self.drop()
            raise self._refused(error) from None

    def drop(self) -> None:
        """Leave nothing behind, but for what went into a pipe or a device."""
        with suppress(OSError):
            self._file.close()
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink()

    def _refused(self, error: OSError) -> OutputError:
        reason = (error.strerror or str(error)).lower()
        if error.errno == errno.ENXIO:
            reason = "nobody reads this pipe"
        return OutputError(f"{self._path}: {reason}", _WRITABLE)


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write ``content`` to ``path``: durable when this returns, and never seen half-written.

    Raises:
        OutputError: It cannot be written there; what was there before is still there.
    """
    file = WholeFile(path, mode)
    file.write(content)
    file.keep()


def append(path: Path, content: bytes) -> None:
    """Write ``content`` at the end of ``path``, or into what is no regular file.

    Raises:
        OutputError: It cannot be written there.
        UsageError: See :func:`require_replaceable`.
    """
    if is_stream(path):
        write_whole(path, content)
        return
    require_replaceable(path)
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError as error:
        raise OutputError(f"{path}: {(error.strerror or str(error)).lower()}", _WRITABLE) from None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable.

    Raises:
        OSError: It cannot be known that they are.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None
    finally:
        os.close(descriptor)


def require_writable(path: Path) -> None:
    """Find out beforehand that ``path`` cannot be written, as far as that can be known.

    Raises:
        UsageError: Its folder is missing or read-only, ``path`` is a folder itself, its name is
            too long, or it is what :func:`require_replaceable` refuses.
    """
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise UsageError(
            f"{path.name[:60]}…: file name too long",
            f"give a shorter one: at most {LONGEST_NAME} bytes",
        )
    require_replaceable(path)
    if is_stream(path):
        _require_open(path)
        return
    if not real_path(path).parent.is_dir():
        raise UsageError(f"{path}: its folder does not exist", _WRITABLE)
    if real_path(path).is_symlink():
        raise UsageError(f"{path}: is a link to itself", _WRITABLE)
    if path.is_dir():
        raise UsageError(f"{path}: is a folder", _WRITABLE)
    if not os.access(real_path(path).parent, os.W_OK):
        raise UsageError(f"{path}: its folder cannot be written to", _WRITABLE)


def require_apart(outputs: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Refuse an output in the place of a file that the same command reads, or of another output.

    Raises:
        UsageError: One of ``outputs`` is one of ``inputs``, or another of them, by whatever name.
    """
    read = {place for name in inputs for place in _places(Path(name))}
    written: set[Path | tuple[int, int]] = set()
    for path in outputs:
        places = _places(path)
        if not read.isdisjoint(places):
            raise UsageError(f"{path}: is read, and cannot be written, too", "name another file")
        if not written.isdisjoint(places):
            raise UsageError(
                f"{path}: is another output, too, and cannot be written twice", "name another file"
            )
        written.update(places)


def _places(path: Path) -> list[Path | tuple[int, int]]:
    """What ``path`` has in common with every other name of the same file."""
    places: list[Path | tuple[int, int]] = [real_path(path)]
    with suppress(OSError):  # who reads or writes it says it better
        found = path.stat()
        places.append((found.st_dev, found.st_ino))
    return places


def require_replaceable(path: Path) -> None:
    """Refuse to write over what nobody can make again, such as a ledger or a private key.

    Raises:
        UsageError: ``path`` is a database, a file that belongs to one, a private key, a disk or a
            socket.
    """
    if path.is_block_device() or path.is_socket():
        what = "a socket" if path.is_socket() else "a disk"
        raise UsageError(f"{path}: is {what}, and is not written into", _WRITABLE)
    require_expendable(path)


def is_stream(path: Path) -> bool:
    """Whether ``path`` is written into, and not replaced: no regular file, nor a folder."""
    return _descriptor_of(path) is not None or (
        path.exists() and not path.is_file() and not path.is_dir()
    )


def _descriptor_of(path: Path) -> int | None:
    """The descriptor of this process that ``path`` names, whatever is behind it."""
    named = _DESCRIPTORS.fullmatch(str(path))
    if named is None:
        return None
    return int(named[1]) if named[1] else {"/dev/stderr": 2}.get(str(path), 1)


def _stream_of(path: Path) -> int | None:
    """A descriptor to write into; None where a file is to appear."""
    number = _descriptor_of(path)
    if number is not None:
        return os.dup(number)
    if not is_stream(path):
        return None
    # Opened without waiting, because a pipe that nobody reads would keep it for ever.
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    ends_at = time.monotonic() + _READER_S
    while True:
        try:
            descriptor = os.open(path, flags)
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > ends_at:
                raise
            time.sleep(0.01)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


def _require_open(path: Path) -> None:
    number = _descriptor_of(path)
    try:
        if number is not None:
            os.fstat(number)
    except OSError:
        raise UsageError(f"{path}: is not open", _WRITABLE) from None
    if number is None and not os.access(path, os.W_OK):
        raise UsageError(f"{path}: cannot be written to", _WRITABLE)


def require_appendable(path: Path) -> None:
    """Find out beforehand that nothing can be written at the end of ``path``.

    Raises:
        UsageError: It is what :func:`require_expendable` refuses; it cannot be written to; or it
            is not there and :func:`require_writable` refuses it.
    """
    require_expendable(path)
    if not path.is_file():
        require_writable(path)
    elif not os.access(path, os.W_OK):
        raise UsageError(f"{path}: cannot be written to", _WRITABLE)


def require_expendable(path: Path) -> None:
    """Refuse to write into what nobody can make again, be it at its end.

    Raises:
        UsageError: ``path`` is a database, a file that belongs to one, or a private key.
    """
    start = _start(path)
    if start.startswith(b"-----BEGIN") and b"PRIVATE KEY" in start:
        raise UsageError(f"{path}: is a private key, and is not written over", _WRITABLE)
    owners = (_start(path.with_name(name)) for name in _owners(path.name))
    if any(known.startswith(b"SQLite format 3\0") for known in (start, *owners)):
        raise UsageError(
            f"{path}: is a ledger or another database, and is not written over", _WRITABLE
        )


def _owners(name: str) -> list[str]:
    """The database that a file of that name would belong to."""
    suffixes = ("-wal", "-shm", "-journal", ".lock")
    return [
        name.removesuffix(suffix) for suffix in suffixes if name.endswith(suffix) and name != suffix
    ]


def _start(path: Path) -> bytes:
    """The first bytes of a regular file; nothing of what is none, and might never answer."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(64)
    return b""


_DESCRIPTORS = re.compile(r"-|/dev/stdout|/dev/stderr|/(?:dev|proc/self)/fd/(\d{1,6})")
_READER_S = 5.0
"""How long the reader of a pipe is waited for."""
_WRITABLE = "name a file in a folder that can be written"
