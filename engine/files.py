"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from engine.errors import OutputError, UsageError


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``: durable when this returns, and never seen half-written.

    Raises:
        OutputError: It cannot be written there; what was there before is still there.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{path}: {reason}", _WRITABLE) from None


def require_writable(path: Path) -> None:
    """Find out beforehand that ``path`` cannot be written, as far as that can be known.

    Raises:
        UsageError: Its folder is missing or read-only, or ``path`` is a folder itself.
    """
    if not path.parent.is_dir():
        raise UsageError(f"{path}: its folder does not exist", _WRITABLE)
    if path.is_dir():
        raise UsageError(f"{path}: is a folder", _WRITABLE)
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path}: its folder cannot be written to", _WRITABLE)


_WRITABLE = "name a file in a folder that can be written"
