"""A closed ledger, a copy of its files, and the copy put back in its place."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from tests.ledger.scribe import decision, open_at


def written(folder: Path, entries: int = 3) -> str:
    """A closed ledger with so many entries; returns its id."""
    with closing(open_at(folder)) as ledger:
        for number in range(1, entries):
            ledger.append([decision(number)])
        return ledger.id


def copied(folder: Path) -> Path:
    """A copy of a folder's ledger, to be put back later."""
    copy = folder / "copy"
    copy.mkdir()
    for file in folder.glob("ledger.db*"):
        shutil.copy(file, copy)
    return copy


def put_back(copy: Path, folder: Path) -> None:
    """Replace a folder's ledger by a copy that was made before."""
    for file in folder.glob("ledger.db*"):
        file.unlink()
    shutil.copytree(copy, folder, dirs_exist_ok=True)
