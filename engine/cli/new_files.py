"""Files for a user's folder: all of them or none, and nothing overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.errors import OutputError, UsageError
from engine.settings.config import MOST_TOML_BYTES
from engine.system.files import real_path, write_whole
from engine.system.reading import read_whole


@dataclass(frozen=True, slots=True)
class PlacementReport:
    """What became of the files, in their order.

    Attributes:
        written: New, or replaced by ``force`` or as an extension.
        same: There already, with the same content.
        kept: There already, with other content, and left alone.
        undo: Makes all as it was before.
    """

    written: tuple[Path, ...]
    same: tuple[Path, ...]
    kept: tuple[Path, ...]
    undo: Callable[[], None]


def place(
    files: Mapping[Path, str], *, force: bool, extended: Set[Path] = frozenset()
) -> PlacementReport:
    """Write ``files``; what is there with other content stays, unless ``force``.

    When one cannot be written, those before it are as they were again.

    Args:
        files: Content by path.
        force: Whether to replace what is there.
        extended: Files whose new content begins with what is there; they are replaced.

    Raises:
        UsageError: A folder stands where a file should, or a file is in the way of a folder.
        OutputError: A file cannot be written.
    """
    before = {path: _content(path) for path in files}
    changed = [path for path in files if before[path] != files[path].encode()]
    kept = tuple(
        path for path in changed if before[path] is not None and not (force or path in extended)
    )
    written = tuple(path for path in changed if path not in kept)
    folders: list[Path] = []
    done: list[Path] = []
    try:
        for path in written:
            folders += _make_folders(path.parent)
            done.append(path)  # it may be there and its name not be durable
            write_whole(path, files[path].encode())
    except OutputError:
        _undo({path: before[path] for path in done}, folders)
        raise
    same = tuple(path for path in files if path not in changed)
    undo = partial(_undo, {path: before[path] for path in done}, folders)
    return PlacementReport(written, same, kept, undo)


def require_placeable(
    paths: Iterable[Path], folder: Path, *, force: bool, extended: Set[Path] = frozenset()
) -> None:
    """Find out beforehand that :func:`place` could not write one of ``paths``, or not there.

    Args:
        paths: What is to be written, also what has no content yet.
        folder: What lies in it leads through no link out of it.
        force: As :func:`place` takes it.
        extended: As :func:`place` takes it.

    Raises:
        UsageError: A folder or a pipe stands where a file should, or a link would be written
            through that leads out of ``folder``.
    """
    for path in paths:
        is_new = _content(path) is None
        real = real_path(path)
        is_inside = Path(os.path.normpath(path)).is_relative_to(folder)
        leads_out = is_inside and not real.is_relative_to(real_path(folder))
        if leads_out and (is_new or force or path in extended):
            raise UsageError(
                f"{path}: is behind a link that leads out of this folder, to {real}",
                "move the link away, or work in the folder it leads to; nothing was written",
            )


def _content(path: Path) -> bytes | None:
    try:
        return read_whole(path, MOST_TOML_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"{path}: {(error.strerror or str(error)).lower()}",
            "move it away, or work in another folder; nothing was written",
        ) from None


def _make_folders(folder: Path) -> list[Path]:
    """Make ``folder``; return what was made, the innermost last."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: {(error.strerror or str(error)).lower()}",
            "work in a folder that can be written",
        ) from None
    return missing[::-1]


def _undo(before: Mapping[Path, bytes | None], folders: list[Path]) -> None:
    for path, content in before.items():
        with suppress(OSError, OutputError):
            path.unlink() if content is None else write_whole(path, content)
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()
