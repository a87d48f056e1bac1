"""What was read, as one digest, and whether it stayed the same meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from engine.errors import DocumentError, Position
from engine.system.reading import open_to_read


def sha256_of(files: Sequence[Path], folder: Path) -> str:
    """Return the SHA-256 of a file, or of the lines that ``sha256sum`` prints for several.

    Args:
        files: Sorted.
        folder: What their names are relative to, as far as they lie below it.

    Raises:
        DocumentError: One cannot be read.
    """
    digests = [(file, _digest_of(file)) for file in files]
    if len(digests) == 1:
        return digests[0][1]
    lines = "".join(f"{digest}  {_name(file, folder)}\n" for file, digest in digests)
    return hashlib.sha256(lines.encode()).hexdigest()


class FileFingerprints:
    """Remembers what files looked like, so that a digest is of what was counted.

    Args:
        files: Which.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._before = {file: _look(file) for file in files}

    def require(self) -> None:
        """Refuse files that were written to since.

        Raises:
            DocumentError: One was.
        """
        for file, before in self._before.items():
            if _look(file) != before:
                raise DocumentError(
                    Position(str(file)), "was written to while it was read", "gather again"
                )


def _look(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError as error:
        raise _unreadable(file, error) from None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _digest_of(file: Path) -> str:
    try:
        with open_to_read(file) as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(file, error) from None


def _name(file: Path, folder: Path) -> str:
    return (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()


def _unreadable(file: Path, error: OSError) -> DocumentError:
    reason = (error.strerror or str(error)).lower()
    return DocumentError(Position(str(file)), reason, "name a file that can be read")
