"""The lock of a watched ledger: two watchers would both perform what one decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import LedgerBusyError
from engine.ledger import store_at
from engine.ledger.sqlite.address import file_of
from engine.system.locking import FileLock


@contextmanager
def watch_lock(url: str) -> Iterator[None]:
    """Keep every other watcher off the ledger at ``url`` inside the ``with``.

    The lock is the kernel's: it ends with its holder, however that process ends.

    Raises:
        LedgerBusyError: Another process watches it.
        LedgerError: Its folder cannot be written to.
        UsageError: There is no such folder.
    """
    store_at(url).require_creatable()
    path = file_of(url)
    lock = FileLock(path.with_name(f"{path.name}-watch"), timeout_s=0)
    try:
        holding = lock.hold()
        holding.__enter__()
    except LedgerBusyError as busy:
        holder = busy.message.partition(": ")[2].partition(" has held")[0]
        raise LedgerBusyError(
            f"{url}: {holder} watches this ledger already",
            "one watcher per ledger; stop that one first, or watch more subjects with it",
        ) from None
    try:
        yield
    finally:
        holding.__exit__(None, None, None)
