"""All cases."""

from __future__ import annotations

from collections.abc import Iterator

from tests.edges import arguments, files, metrics, targets
from tests.edges.case import Case


def every() -> Iterator[Case]:
    """Each case once, in an order that stays."""
    yield from arguments.cases()
    yield from metrics.cases()
    yield from files.cases()
    yield from targets.cases()
