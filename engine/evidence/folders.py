"""What a record says of the folder that its evidence was found in: what was looked at, what not.

The digest is over names, because a decision is recorded before the files behind it are read; what
a file says is in the Input of its own decision.

Source: spec/predicate-v2.md section 5.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from engine.model import Json
from engine.proof.decision_version import MOST_LEFT_OUT, recordable
from engine.system.walk import FilesBelow, LeftOut


@dataclass(frozen=True, eq=False)
class ReadFolder:
    """A folder of the caller's, walked once.

    Attributes:
        names: Each file's name below it, followed by a zero byte, in the order of their decisions.
        left_out: What was not looked at, its names below the folder.
        files: How many were.
        alone: What the record of a file in it says, but for which file it is.
    """

    names: bytes = field(repr=False)
    left_out: tuple[LeftOut, ...]
    files: int
    alone: Json = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "alone", _described([self]))

    @classmethod
    def of(cls, below: FilesBelow) -> ReadFolder:
        """Return what a walk found."""
        named = b"".join(os.fsencode(below.name_below(path)) + b"\0" for path in below.files)
        left_out = (row._replace(path=below.name_below(row.path)) for row in below.left_out)
        return cls(named, tuple(left_out), len(below.files))


class FolderFile(NamedTuple):
    """A file that was found in a folder.

    Attributes:
        folder: The folder.
        place: Which of its files it is, from 1.
    """

    folder: ReadFolder
    place: int


def evidence_files(found: Sequence[FolderFile | None]) -> Json:
    """Return the member ``evidence_files`` of a record; None where no folder was read.

    Args:
        found: For each document of the decision, where it was found.
    """
    files = [file for file in found if file is not None]
    if not files:
        return None
    if len(found) == 1:
        return {**files[0].folder.alone, "file": files[0].place}
    return _described(list(dict.fromkeys(file.folder for file in files)))


def _described(folders: Sequence[ReadFolder]) -> dict[str, Json]:
    left_out = (row for folder in folders for row in folder.left_out)
    return {
        "folders": len(folders),
        "files": sum(folder.files for folder in folders),
        "names": {
            "sha256": hashlib.sha256(b"".join(folder.names for folder in folders)).hexdigest()
        },
        "left_out": {
            "count": sum(len(folder.left_out) for folder in folders),
            "first": [
                {"name": recordable(row.path), "reason": row.reason}
                for row in islice(left_out, MOST_LEFT_OUT)
            ],
        },
    }
