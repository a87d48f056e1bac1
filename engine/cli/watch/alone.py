"""One watcher per ledger: two would both perform what one decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import LedgerBusyError
from engine.ledger.sqlite.locking import FileLock


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Be the only watcher of the ledger at ``url`` inside the ``with``.

    The lock is the kernel's: it ends with its holder, however that ends.

    Raises:
        LedgerBusyError: Somebody else watches it.
        LedgerError: Its folder cannot be written to.
    """
    path = Path(url.removeprefix("sqlite:///").removeprefix("sqlite:"))
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
