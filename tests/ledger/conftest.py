"""What the tests of the ledger's rooms share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from engine.ledger.sqlite.file import connect
from engine.ledger.sqlite.reader import SqliteReader


@pytest.fixture
def reader_of() -> Iterator[Callable[[Path], SqliteReader]]:
    """Readers of ledgers' files, as another process opens them; closed when the test ends."""
    with ExitStack() as opened:
        yield lambda file: SqliteReader(
            opened.enter_context(closing(connect(file, "ro"))), str(file)
        )
