"""Whose files are, and who else can write to them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from engine.system.files import real_path
from engine.system.walk import files_below


def others_can_write(facts: os.stat_result) -> bool:
    """Whether somebody besides its owner can write to a file or into a folder, by its mode.

    A group that is the owner's alone, as many systems give each user one, is nobody else.
    """
    mode = facts.st_mode
    if mode & stat.S_IWOTH:
        return True
    return bool(mode & stat.S_IWGRP) and not _is_alone(facts.st_uid, facts.st_gid)


def others_can_write_to(path: Path) -> bool:
    """Whether somebody else can change ``path``: the file, the folder it lies in, all below it.

    In a folder with the sticky bit, such as ``/tmp``, nobody replaces what is another's. What is
    not there, or cannot be looked at, is for whoever reads it to refuse.
    """
    try:  # a link can be replaced where it lies, and what it leads to where that does
        folders = [path.absolute().parent.stat(), real_path(path).parent.stat()]
    except OSError:
        return False
    if any(others_can_write(above) and not above.st_mode & stat.S_ISVTX for above in folders):
        return True
    return any(map(others_can_write, _facts(path)))


def _facts(path: Path) -> Iterator[os.stat_result]:
    """Of ``path``, and of all below it where it is a folder, as :mod:`engine.system.walk` finds it.

    Raises:
        UsageError: A folder below it cannot be read.
    """
    found = files_below(path) if path.is_dir() else None
    for inner in (str(path),) if found is None else (*found.folders, *found.files):
        try:
            yield Path(inner).stat()
        except OSError:
            continue


def _is_alone(owner: int, group: int) -> bool:
    import grp
    import pwd

    try:
        user, members = pwd.getpwuid(owner), grp.getgrgid(group)
    except KeyError:
        return False
    return (user.pw_gid, user.pw_name) == (group, members.gr_name) and not members.gr_mem
