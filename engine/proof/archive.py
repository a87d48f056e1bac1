"""Archives that are the same bytes on every machine: plain ustar files, nothing else.

The reader takes only what the writer here would have written, so that an archive has one
reading: no links, no devices, no extended headers, nothing between or behind the files.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping

from engine.formats.signed_json import refuse

BLOCK = 512
MAX_BYTES = 16 * 1024 * 1024
"""Bytes of a policy archive that are read."""
_END = bytes(2 * BLOCK)
_PATH = re.compile(rb"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*")


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a ustar archive of ``files`` in the order given; every time 0, every mode 0644.

    Args:
        files: Contents by path; letters, digits and ``_.-/``, at most 100 characters.

    Raises:
        ValueError: A path that the archive cannot hold.

    Source: POSIX.1-2017, pax, "ustar Interchange Format".
    """
    parts: list[bytes] = []
    for path, content in files.items():
        parts += (_header(path.encode(), len(content)), content, bytes(-len(content) % BLOCK))
    return b"".join((*parts, _END))


def unpack(archive: bytes) -> dict[str, bytes]:
    """Return the files of an archive that :func:`pack` wrote, in its order.

    Raises:
        VerificationError: Not byte for byte what :func:`pack` writes for some files.
    """
    files: dict[str, bytes] = {}
    for path, content in _members(archive):
        if path in files:
            refuse(f"the policy archive has {path!r} twice")
        files[path] = content
    return files


def _members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while (header := archive[at : at + BLOCK]) != _END[:BLOCK]:
        path, size = _parsed(header, at)
        start, at = at + BLOCK, at + BLOCK + size + -size % BLOCK
        content = archive[start : start + size]
        if len(content) != size or any(archive[start + size : at]):
            refuse(f"the policy archive ends within {path!r}, or more than zeros follow it")
        yield path, content
    if archive[at:] != _END:
        refuse("the policy archive does not end where its last file ends")


def _parsed(header: bytes, at: int) -> tuple[str, int]:
    path = header[:100].rstrip(b"\0")
    digits = header[124:135]
    try:
        size = int(digits, 8)
        plain = header == _header(path, size)
    except ValueError:
        plain = False
    if not plain:
        refuse(
            f"the policy archive has no plain file at byte {at}",
            "only archives that the engine wrote are read",
        )
    return path.decode("ascii"), size


def _header(path: bytes, size: int) -> bytes:
    if len(path) > 100 or not _PATH.fullmatch(path) or not 0 <= size < 8**11:
        raise ValueError(f"{path!r} does not fit a ustar header")
    fields = struct.pack(
        "100s8s8s8s12s12s8ss100s6s2s32s32s8s8s155s12x",
        *(path, b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size, b"00000000000\0"),
        *(b" " * 8, b"0", b"", b"ustar\0", b"00", b"", b"", b"0000000\0", b"0000000\0", b""),
    )
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]
