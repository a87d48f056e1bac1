"""The one walk over a folder: evidence, policies, schemas, tables and logs are found by its rule.

Links are followed, to files and to folders; a folder is entered once, whatever its names are. What
a link leads to belongs to this user, to root, or to the owner of the folder that was given. What
cannot be read is an error. What the reader does not read is left out and reported, because a file
that nobody looked at must not pass for one that holds nothing.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.errors import UsageError

MOST_ENTRIES = 1_000_000
"""Of one folder with all below it."""
_SHOWN = 3


class LeftOut(NamedTuple):
    """An entry that was not looked at.

    Attributes:
        path: Its name, as that of a file would have been given.
        same_as: The name under which this folder was entered, if it was.
    """

    path: str
    same_as: str = ""

    @property
    def reason(self) -> str:
        """Why: ``entered`` already, ``hidden``, or of a ``suffix`` that is not read."""
        if self.same_as:
            return "entered"
        return "hidden" if self.path.rpartition("/")[2].startswith(".") else "suffix"


class FilesBelow(NamedTuple):
    """What is below a folder.

    Attributes:
        files: What is read, sorted: regular files, and links and special files that
            whoever opens them may refuse.
        left_out: The others, sorted; a folder that is not entered is one entry.
        folders: What was entered, the folder that was given first.
    """

    files: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    folders: tuple[str, ...] = ()

    def name_below(self, path: str) -> str:
        """Return a path of ``files`` or ``left_out`` as it is called from the given folder."""
        top = self.folders[0]
        return path if top == "." else path[len(top.rstrip("/")) + 1 :]


def files_below(
    folder: str | Path, is_read: Callable[[str], bool] | None = None, *, hidden: bool = False
) -> FilesBelow:
    """Find the files below ``folder``.

    Args:
        folder: Where to look; it may be a link itself.
        is_read: Whether a file of that path below ``folder``, with ``/``, is one that is read;
            None is all.
        hidden: Whether names that begin with a dot count like others.

    Raises:
        UsageError: A folder cannot be read, a link leads to what another user owns, or there are
            more than :data:`MOST_ENTRIES` entries.
    """
    files: list[str] = []
    left_out: list[LeftOut] = []
    top = str(Path(folder))
    before = 0 if top == "." else len(top.rstrip("/")) + 1
    facts = _facts(top)
    owners = {os.geteuid(), 0, facts.st_uid}
    entered: dict[tuple[int, int], str] = {}
    folders, linked = deque([top]), deque[str]()
    count = 0
    while folders or linked:
        # Linked folders come last, so that a folder is entered under its own name.
        path = folders.popleft() if folders else linked.popleft()
        facts = _facts(path)
        name = entered.setdefault((facts.st_dev, facts.st_ino), path)
        if name != path:
            left_out.append(LeftOut(path, same_as=name))
            continue
        for entry in _entries(path):
            count += 1
            below = entry.path.removeprefix("./")
            if entry.name.startswith(".") and not hidden:
                left_out.append(LeftOut(below))
            elif entry.is_symlink() and not _is_ours(below, owners):
                raise UsageError(f"{below}: leads to what another user owns", "copy what is meant")
            elif _is_folder(entry):
                (linked if entry.is_symlink() else folders).append(below)
            elif is_read is None or is_read(below[before:]):
                files.append(below)
            else:
                left_out.append(LeftOut(below))
        if count > MOST_ENTRIES:
            raise UsageError(f"{top}: more than {MOST_ENTRIES:,} entries", "name a smaller folder")
    return FilesBelow(
        tuple(sorted(files)), tuple(sorted(left_out)), folders=tuple(entered.values())
    )


def has_suffix(path: str, suffixes: tuple[str, ...]) -> bool:
    """Whether ``path`` ends with one of ``suffixes``, in whatever case."""
    return path.lower().endswith(suffixes)


def remarks(name: str, left_out: Sequence[LeftOut]) -> list[str]:
    """Return a line on what was left out of the folder ``name``; none where nothing was."""
    if not left_out:
        return []
    names = [
        f"{path} (the folder {same_as} once more)" if same_as else path
        for path, same_as in left_out[:_SHOWN]
    ]
    more = ["…"] if len(left_out) > _SHOWN else []
    return [f"{name}: {len(left_out):,} not looked at: {', '.join(names + more)}"]


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise _unreadable(folder, error) from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # a link into itself, or to where nothing may be looked up
        raise _unreadable(entry.path, error) from None


def _facts(folder: str) -> os.stat_result:
    try:
        return Path(folder).stat()
    except OSError as error:
        raise _unreadable(folder, error) from None


def _unreadable(folder: str, error: OSError) -> UsageError:
    return UsageError(
        f"{folder}: {(error.strerror or 'unreadable').lower()}",
        "all below the given folder must be readable, or a part is missed",
    )


def _is_ours(path: str, owners: set[int]) -> bool:
    try:
        return Path(path).stat().st_uid in owners
    except OSError:  # who opens it says it better
        return True
