"""Compiled Wasm, kept between runs: native code, so only where nobody else can have put it.

wasmtime runs whatever it is given here; a flipped byte would be a forged verdict. Hence a
folder of the user's own that only the user can open, files of the user's own, and a digest
that is checked over the very bytes that are then loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_SUFFIX = ".cwasm"
_DIGEST_BYTES = 32
_MAX_BYTES = 64 * 1024 * 1024
_KEPT = 8


class ModuleCache:
    """Keeps compiled modules in one folder. Never raises: one that cannot be used is empty.

    Args:
        folder: Made with mode 0700 if it is not there. Unless it is this user's own and closed
            to everybody else, nothing is read from it and nothing written.
        suffix: Of its files; those of another suffix are another cache's.
    """

    def __init__(self, folder: Path, suffix: str = _SUFFIX) -> None:
        self._folder, self._suffix = folder, suffix

    def load(self, name: str) -> bytes | None:
        """Return what :meth:`keep` was given for ``name``; None when it is not there intact."""
        try:
            with _own_folder(self._folder) as folder:
                content = _read_own(name + self._suffix, folder)
        except OSError:
            return None
        digest, compiled = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        return compiled if digest == _digest(name, compiled) else None

    def keep(self, name: str, compiled: bytes) -> None:
        """Keep ``compiled`` under ``name`` if the folder may be used; forget the oldest."""
        with contextlib.suppress(OSError):
            if not self._folder.exists():
                self._folder.parent.mkdir(parents=True, exist_ok=True)
                self._folder.mkdir(mode=0o700, exist_ok=True)
            with _own_folder(self._folder) as folder:
                _write_own(name + self._suffix, _digest(name, compiled) + compiled, folder)
                _forget(folder, self._suffix)


def _digest(name: str, compiled: bytes) -> bytes:
    """Covers the name, so that one module's code is not taken for another's."""
    return hashlib.sha256(name.encode() + b"\0" + compiled).digest()


@contextlib.contextmanager
def _own_folder(path: Path) -> Iterator[int]:
    """A descriptor of ``path``; OSError unless it is this user's and closed to all others."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    try:
        _demand_own(os.fstat(descriptor), stat.S_IRWXG | stat.S_IRWXO)
        yield descriptor
    finally:
        os.close(descriptor)


def _demand_own(status: os.stat_result, forbidden: int) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & forbidden:
        raise PermissionError("others could have written here")


def _read_own(name: str, folder: int) -> bytes:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor, not a path)
        status = os.fstat(descriptor)
        _demand_own(status, stat.S_IWGRP | stat.S_IWOTH)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise PermissionError("no plain file")
        return file.read(_MAX_BYTES)


def _write_own(name: str, content: bytes, folder: int) -> None:
    """Write under another name, then rename: a reader never sees half a file."""
    temporary = f".{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  (a descriptor, not a path)
            file.write(content)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(temporary, dir_fd=folder)
        raise


def _forget(folder: int, suffix: str) -> None:
    names = [name for name in os.listdir(folder) if name.endswith(suffix)]
    names.sort(key=lambda name: os.stat(name, dir_fd=folder).st_mtime, reverse=True)
    for name in names[_KEPT:]:
        os.unlink(name, dir_fd=folder)
