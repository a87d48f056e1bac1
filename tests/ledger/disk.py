"""A disk that forgets what was not synced, driven by a recorded trace of system calls.

``strace`` writes down every call by which a process changes files. :class:`Disk` carries them
out on a model that keeps apart what a program sees and what would be there after the power
went: a file's bytes after ``fsync`` or ``fdatasync`` of that file, a name after ``fsync`` of
its folder. :meth:`Disk.crash` gives the files as the next boot would find them.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeAlias

CALLS = (
    "openat,open,creat,close,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync,syncfs,"
    "sync_file_range,ftruncate,truncate,rename,renameat,renameat2,unlink,unlinkat,link,linkat,"
    "symlink,symlinkat,mkdir,mkdirat,rmdir,fallocate,copy_file_range,sendfile,msync"
)
IGNORED = ("close", "sync_file_range")

_LINE = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?.*")
_FILE = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2})*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')

Change: TypeAlias = tuple[int, bytes | None]
"""Bytes written at an offset, or None: cut off there."""


@dataclass(frozen=True, slots=True)
class Call:
    """One successful system call.

    Attributes:
        name: Such as ``pwrite64``.
        files: Descriptor and path of each descriptor among the arguments.
        texts: String arguments.
        rest: The other arguments as they were written down.
        result: What it returned.
        opened: Path that the returned descriptor stands for.
    """

    name: str
    files: tuple[tuple[int, str], ...]
    texts: tuple[bytes, ...] = field(repr=False)
    rest: str
    result: int
    opened: str


def trace(command: Sequence[str], output: Path, *options: str, cwd: Path) -> tuple[int, str]:
    """Run a command under strace; return its exit code and what it wrote to stderr."""
    watched = ["-y", "-xx", "-s", "200000", "-e", f"trace={CALLS}", "-o", str(output)]
    done = subprocess.run(
        ["strace", *watched, *options, *command],
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # the same calls in every run
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def calls(output: Path) -> Iterator[Call]:
    """Yield the successful calls that a trace has written down, in order."""
    with output.open() as lines:
        for line in lines:
            if line.startswith(("---", "+++")):
                continue
            match = _LINE.fullmatch(line.rstrip("\n"))
            assert match, f"not understood: {line[:200]}"
            name, arguments, result, opened = match.groups()
            if int(result) < 0:
                continue
            texts = _TEXT.findall(arguments)
            assert not any(cut for _, cut in texts), "a string was cut short in the trace"
            yield Call(
                name,
                tuple(
                    (int(number), _plain(path).decode())
                    for number, path in _FILE.findall(arguments)
                ),
                tuple(_plain(text) for text, _ in texts),
                _TEXT.sub('""', arguments),
                int(result),
                _plain(opened or "").decode(),
            )


def _plain(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


@dataclass(slots=True)
class File:
    """A file's bytes as they are on the disk, and the changes that are not there yet."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)

    def after(self, chance: Random | None) -> bytes:
        """The bytes after a crash: none of the pending changes, or some, in any order."""
        content = bytearray(self.synced)
        if chance is not None:
            some = [change for change in self.pending if chance.random() < 0.5]
            chance.shuffle(some)
            for change in some:
                _apply(content, change)
        return bytes(content)

    def sync(self) -> None:
        """Everything written so far reaches the disk."""
        for change in self.pending:
            _apply(self.synced, change)
        self.pending.clear()


def _apply(content: bytearray, change: Change) -> None:
    offset, data = change
    end = offset if data is None else offset + len(data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if data is None:
        del content[offset:]
    else:
        content[offset:end] = data


@dataclass(slots=True)
class Folder:
    """A folder's names on the disk, and the changes that are not there yet."""

    synced: dict[str, File | None] = field(default_factory=dict)  # None is a folder
    pending: list[tuple[str, File | None, bool]] = field(default_factory=list)

    def after(self, chance: Random | None) -> dict[str, File | None]:
        """The names after a crash: a file system writes its changes of names in order."""
        names = dict(self.synced)
        most = chance.randint(0, len(self.pending)) if chance else 0
        _rename(names, self.pending[:most])
        return names

    def sync(self) -> None:
        """Every name so far reaches the disk."""
        _rename(self.synced, self.pending)
        self.pending.clear()


def _rename(
    names: dict[str, File | None], changes: Sequence[tuple[str, File | None, bool]]
) -> None:
    for name, what, there in changes:
        if there:
            names[name] = what
        else:
            names.pop(name, None)


class Disk:
    """What becomes of one folder, empty at first, that a traced process works in."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._seen: dict[str, File] = {}
        self._folders: dict[str, Folder] = {self._root: Folder()}
        self._at: dict[int, int] = {}

    def file(self, path: Path) -> File:
        """The file that a program sees at ``path``."""
        return self._seen[str(path)]

    def carry_out(self, call: Call) -> None:
        """Do what a traced call did to this folder; refuse a call that the model lacks."""
        number, path = call.files[-1] if call.files else (-1, "")
        if call.name == "openat":
            self._open(call)
        elif call.name in ("write", "pwrite64") and self._is_ours(path):
            self._write(call, number, path)
        elif call.name in ("fsync", "fdatasync") and self._is_ours(path):
            (self._folders.get(path) or self._seen[path]).sync()
        elif call.name == "ftruncate" and self._is_ours(path):
            self._seen[path].pending.append((int(call.rest.rsplit(",", 1)[1]), None))
        elif call.name == "rename":
            old, new = (text.decode() for text in call.texts)
            if self._is_ours(old):
                self._name(new, self._seen.pop(old))
                self._unname(old)
        elif call.name == "unlink":
            target = call.texts[0].decode()
            if self._is_ours(target):
                del self._seen[target]
                self._unname(target)
        elif call.name == "mkdir":
            target = call.texts[0].decode()
            if self._is_ours(target):
                self._folders[target] = Folder()
                folder, name = _split(target)
                self._folders[folder].pending.append((name, None, True))
        else:
            ours = [path, *(text[:512].decode(errors="replace") for text in call.texts)]
            assert call.name in IGNORED or not any(map(self._is_ours, ours)), call

    def crash(self, chance: Random | None = None) -> dict[Path, bytes]:
        """The files that the next boot finds.

        Args:
            chance: Lets some of what was not synced be there too; None loses all of it.
        """
        found: dict[Path, bytes] = {}
        self._collect(self._root, chance, found)
        return found

    def _collect(self, folder: str, chance: Random | None, found: dict[Path, bytes]) -> None:
        for name, what in self._folders[folder].after(chance).items():
            path = f"{folder}/{name}"
            if what is None:
                self._collect(path, chance, found)
            else:
                found[Path(path).relative_to(self._root)] = what.after(chance)

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self._root + "/") or path == self._root

    def _open(self, call: Call) -> None:
        path = call.opened
        self._at[call.result] = 0
        if not self._is_ours(path) or path in self._folders:
            return
        assert "O_APPEND" not in call.rest, call
        if path not in self._seen:
            assert "O_CREAT" in call.rest, call
            self._name(path, File())
        if "O_TRUNC" in call.rest:
            self._seen[path].pending.append((0, None))

    def _write(self, call: Call, number: int, path: str) -> None:
        data = call.texts[-1][: call.result]
        if call.name == "pwrite64":
            offset = int(call.rest.rsplit(",", 1)[1])
        else:
            offset = self._at[number]
            self._at[number] += len(data)
        self._seen[path].pending.append((offset, data))

    def _name(self, path: str, file: File) -> None:
        self._seen[path] = file
        folder, name = _split(path)
        self._folders[folder].pending.append((name, file, True))

    def _unname(self, path: str) -> None:
        folder, name = _split(path)
        self._folders[folder].pending.append((name, None, False))


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name
