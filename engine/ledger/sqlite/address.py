"""Which file the URL of a SQLite ledger names. Nothing here loads SQLite, which takes time."""

from __future__ import annotations

from pathlib import Path

from engine.errors import UsageError
from engine.system.files import path_of


def file_of(url: str) -> Path:
    """Return the file of the SQLite ledger at ``url``: a path, or ``sqlite:///PATH``.

    Raises:
        UsageError: It names none.
    """
    path = url.removeprefix("sqlite:///").removeprefix("sqlite:")
    if not path or path.startswith("//"):
        raise UsageError(
            f"{url!r} does not name a file", "write sqlite:///FOLDER/ledger.db, or just the path"
        )
    return path_of(path, "ledger")
