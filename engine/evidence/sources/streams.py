"""Log files as streams of bytes: plain or compressed, within limits, in bounded memory."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from engine.errors import DocumentError, Position, UsageError
from engine.system.reading import open_to_read
from engine.system.walk import LeftOut, files_below, remarks

STANDARD_INPUT = "-"
PIECE = 256 * 1024
"""Bytes that are read, or decompressed, at once."""
RATIO_FROM = 16 * 1024 * 1024
"""Decompressed bytes from which on the ratio counts; a small log may well be mostly one line."""
_XZ_MEMORY = 256 * 1024 * 1024

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_CLOSED = {
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\x04\x22\x4d\x18": "compressed with lz4",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x9d": "compressed with compress",
    b"PAR1": "a Parquet file",
}
_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much of one file is read.

    Attributes:
        max_bytes: Most bytes after decompression.
        max_ratio: Most bytes after decompression for each byte before it.
    """

    max_bytes: int = 64 * 1024**3
    max_ratio: int = 400


@dataclass
class Stream:
    """One file, read once from start to end.

    Attributes:
        name: As the caller gave it.
        limits: How much of it is read.
        as_it_is: Never decompress and never rewrite as UTF-8.
        size: Bytes given so far, after decompression.
        packing: ``gzip``, ``bzip2``, ``xz``, or empty.
        encoding: ``utf-16`` or the like where the text was rewritten as UTF-8; else empty.
        truncated: Why not all of it was read; empty where it was.
    """

    name: str
    file: BinaryIO = field(repr=False)
    limits: ReadLimits = field(default_factory=ReadLimits)
    as_it_is: bool = False
    size: int = 0
    packing: str = ""
    encoding: str = ""
    truncated: str = ""

    def pieces(self) -> Iterator[bytes]:
        """Yield the text in pieces; afterwards, ``truncated`` says whether that was all.

        Raises:
            DocumentError: It cannot be read.
        """
        try:
            for piece in self._transcoded(self._unpacked()):
                room = self.limits.max_bytes - self.size
                if len(piece) > room:
                    self.truncated = f"longer than {self.limits.max_bytes:,} bytes"
                self.size += min(len(piece), room)
                if piece and room:
                    yield piece[:room]
                if len(piece) > room:
                    return
        except OSError as error:
            raise DocumentError(
                Position(self.name), (error.strerror or str(error)).lower(), _READABLE
            ) from None
        finally:
            self.file.close()

    def _unpacked(self) -> Iterator[bytes]:
        first = self.file.read(PIECE)
        if not self.as_it_is:
            if what := _begins(first, _CLOSED):
                self.truncated = f"{what}, which is not looked into"
                return
            self.packing = _begins(first, _PACKED)
        if self.packing:
            yield from self._members(first)
            return
        while first:
            yield first
            first = self.file.read(PIECE)

    def _members(self, packed: bytes) -> Iterator[bytes]:
        """Every member of a compressed file, one after the other."""
        read, given = len(packed), 0
        member = _member(self.packing)
        while True:
            try:
                piece = member.decompress(packed, PIECE)
            except (_BadMember, EOFError, OSError):
                self.truncated = f"damaged {self.packing} data"
                return
            if not given and (what := _begins(piece, _PACKED) or _begins(piece, _CLOSED)):
                self.truncated = f"{self.packing} data inside which is {what}"
                return
            given += len(piece)
            yield piece
            if given > max(RATIO_FROM, self.limits.max_ratio * read):
                times = f"over {self.limits.max_ratio:,} times"
                self.truncated = f"{times} as long as its {self.packing} data"
                return
            packed = b""
            if member.eof:
                packed = member.unused_data or self.file.read(PIECE)
                read += 0 if member.unused_data else len(packed)
                packed = packed.lstrip(b"\0")
                if not packed and not (packed := self.file.read(PIECE).lstrip(b"\0")):
                    return
                member = _member(self.packing)
            elif member.needs_input:
                packed = self.file.read(PIECE)
                read += len(packed)
                if not packed:
                    self.truncated = f"{self.packing} data that ends too early"
                    return

    def _transcoded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """UTF-16 and UTF-32 as UTF-8: every rule is about bytes of ASCII."""
        first = next(pieces, b"")
        self.encoding = "" if self.as_it_is else _wide(first)
        if not self.encoding:
            yield first
            yield from pieces
            return
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
        yield decoder.decode(first).encode("utf-8", "replace")
        for piece in pieces:
            yield decoder.decode(piece).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _begins(first: bytes, magics: Mapping[bytes, str]) -> str:
    return next((name for magic, name in magics.items() if first.startswith(magic)), "")


def _wide(first: bytes) -> str:
    """The name of a wide encoding that a text begins in; empty for all that hold ASCII as it is."""
    for mark, name in _WIDE.items():
        if first.startswith(mark):
            return name
    even, odd = first[0:4096:2], first[1:4096:2]
    if len(odd) < 8:
        return ""
    zeros = (even.count(0) / len(even), odd.count(0) / len(odd))
    if zeros[1] > 0.7 and zeros[0] < 0.1:
        return "utf-16-le"
    return "utf-16-be" if zeros[0] > 0.7 and zeros[1] < 0.1 else ""


class _BadMember(Exception):  # noqa: N818  (turned into a reason, goes no further)
    """Compressed data that its format does not allow."""


class _Member(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _member(packing: str) -> _Member:
    if packing == "bzip2":
        import bz2

        return bz2.BZ2Decompressor()
    if packing == "xz":
        return _Xz()
    return _Gzip()


class _Gzip:
    """``zlib`` with the members that the other decompressors have. RFC 1952."""

    def __init__(self) -> None:
        import zlib

        self._zlib = zlib.decompressobj(wbits=31)
        self._error = zlib.error
        self._is_full = False

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        # What did not fit into the last piece may be inside zlib, with no input left over.
        return not (self._zlib.eof or self._zlib.unconsumed_tail or self._is_full)

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        except self._error:
            raise _BadMember from None
        self._is_full = len(piece) == max_length
        return piece


class _Xz:
    """``lzma`` within a limit on its memory."""

    def __init__(self) -> None:
        import lzma

        self._lzma = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
        self._error = lzma.LZMAError

    @property
    def eof(self) -> bool:
        return self._lzma.eof

    @property
    def needs_input(self) -> bool:
        return self._lzma.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._lzma.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            return self._lzma.decompress(data, max_length)
        except self._error:
            raise _BadMember from None


_READABLE = "give a log that can be read, seen from the folder you are in"


def open_stream(
    name: str, *, stdin: BinaryIO, limits: ReadLimits, as_it_is: bool = False
) -> Stream:
    """Open the regular file or pipe ``name``, or standard input when it is ``-``.

    Raises:
        DocumentError: Missing, unreadable, or neither file nor pipe.
    """
    if name == STANDARD_INPUT:
        return Stream(name, stdin, limits, as_it_is)
    try:
        return Stream(name, open_to_read(name), limits, as_it_is)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DocumentError(Position(name), reason, _READABLE) from None


def expand(names: list[str], folder: Path, say: Callable[[str], None]) -> Iterator[str]:
    """Yield the files that ``names`` mean: a folder is every file below it, a glob what it matches.

    Hidden files count: a log that nobody looks at is where things are found.

    Args:
        names: Files, folders, globs; ``-`` is standard input.
        folder: What a relative name is relative to.
        say: Receives, per folder, what was not looked at.

    Raises:
        UsageError: A folder or a glob with no file in it.
    """
    import re

    for name in names:
        path = folder / name
        if name == STANDARD_INPUT or path.is_file():
            yield name if name == STANDARD_INPUT else str(path)
            continue
        if path.is_dir():
            found = _below(path, say)
        elif re.search(r"[*?\[]", name) and not path.exists():
            found = _matching(folder, name, say)
        else:
            yield str(path)
            continue
        if not found:
            raise UsageError(f"{name}: no file is there", "give the folder that the logs are in")
        yield from found


def _below(folder: Path, say: Callable[[str], None]) -> list[str]:
    found = files_below(folder, hidden=True)
    special = [LeftOut(file) for file in found.files if _is_special(file)]
    for line in remarks(str(folder), (*found.left_out, *special)):
        say(line)
    return [file for file in found.files if not _is_special(file)]


def _is_special(file: str) -> bool:
    """Whether it is a pipe, a socket or a device: no log that a service has written."""
    path = Path(file)
    return path.exists() and not path.is_file()


def _matching(folder: Path, name: str, say: Callable[[str], None]) -> list[str]:
    import glob

    pattern = str(folder / name)
    found = sorted(glob.glob(pattern, recursive=True, include_hidden=True))  # noqa: PTH207
    folders = [match for match in found if Path(match).is_dir()]
    below = [file for match in folders for file in _below(Path(match), say)]
    return [match for match in found if Path(match).is_file()] + below
