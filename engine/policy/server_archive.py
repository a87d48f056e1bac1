"""What an OPA server loads: Rego and data as an OPA bundle, the same bytes on every machine.

Compression libraries differ in the bytes they choose, so the gzip frame holds the archive as
it is.

Source: OPA's documentation, "Bundle File Format".
"""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Mapping

from engine.formats import canonical

_STORED = 65_535


def server_archive(revision: str, data_json: bytes, rego: Mapping[str, bytes]) -> bytes:
    """Return the bundle that an OPA server loads with ``--bundle``.

    Args:
        revision: What the server names as the provenance of its answers.
        data_json: What every rule sees below ``data``.
        rego: Sources by path.
    """
    manifest = canonical.encode({"revision": revision, "roots": [""], "rego_version": 1})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in {".manifest": manifest, "data.json": data_json, **rego}.items():
            member = tarfile.TarInfo(path)  # time 0, mode 0644, nobody's
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip(buffer.getvalue())


def gzip(content: bytes) -> bytes:
    """Return ``content`` as a gzip file of stored blocks, time 0.

    Source: RFC 1952 (the frame), RFC 1951 section 3.2.4 (stored blocks).
    """
    starts = range(0, max(len(content), 1), _STORED)
    blocks = (
        struct.pack("<BHH", start == starts[-1], len(chunk), len(chunk) ^ 0xFFFF) + chunk
        for start in starts
        for chunk in (content[start : start + _STORED],)
    )
    trailer = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"".join(blocks) + trailer
