"""How many frames SQLite's write-ahead log holds, read from the file itself.

SQLite says so only while it copies the log into the database, and the file's length does
not tell: a finished log is written over from its start.

Source: SQLite database file format, section 4.1.
"""

from __future__ import annotations

import os
from pathlib import Path

FRAMES_BEFORE_CHECKPOINT = 1000

_HEADER = 32
_FRAME_HEADER = 24
_SALTS = slice(8, 16)  # of a frame header; bytes 16 to 24 of the log's header


def live_frames(log: Path, page_size: int) -> tuple[bytes, int]:
    """Return the log's salts and the number of frames written since they were chosen.

    Called under the ledger's lock. Closing the file here drops no lock of SQLite's: those
    are on the database and on the shared-memory file.
    """
    frame = _FRAME_HEADER + page_size
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b"", 0
    try:
        salts = os.pread(descriptor, _HEADER, 0)[16:24]
        low, high = 0, max(0, os.fstat(descriptor).st_size - _HEADER) // frame
        while low < high:  # live frames are a prefix: what follows has older salts
            middle = (low + high) // 2
            if os.pread(descriptor, _FRAME_HEADER, _HEADER + middle * frame)[_SALTS] == salts:
                low = middle + 1
            else:
                high = middle
    finally:
        os.close(descriptor)
    return salts, low
