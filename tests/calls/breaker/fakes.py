"""What breaker tests begin with: a clock that only moves when told, and a provider."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.calls.breaker import Breaker, Circuits, LedgerCircuits, MemoryCircuits
from tests.ledger.scribe import KEY, open_at

NOON_MS = 1_795_262_400_000
"""2026-11-21T12:00:00Z."""


class Clock:
    """Milliseconds since 1970, as the test says."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def passes(self, seconds: float) -> None:
        """Time passes; it goes back if negative."""
        self.now_ms += round(seconds * 1000)


class HttpError(Exception):
    """An error with a status, as client libraries raise them."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code


class Provider:
    """A model that answers, or fails while it is told to."""

    def __init__(self) -> None:
        self.fails: BaseException | None = None
        self.calls = 0

    def ask(self, question: str = "?") -> str:
        self.calls += 1
        if self.fails is not None:
            raise self.fails
        return f"answer to {question}"

    async def ask_async(self, question: str = "?") -> str:
        return self.ask(question)


@contextmanager
def circuits_in(kind: str, folder: Path) -> Iterator[Circuits]:
    """Circuits in memory, or in a ledger of ``folder``."""
    if kind == "memory":
        yield MemoryCircuits()
        return
    ledger = open_at(folder, lock_timeout_s=30)
    try:
        yield LedgerCircuits(ledger, KEY)
    finally:
        ledger.close()


def breaker_of(circuits: Circuits, clock: Clock, name: str = "call", **given: Any) -> Breaker:
    """A breaker of acme's large model; its probes are called ``name-1``, ``name-2``, …"""
    ids = (f"{name}-{number}" for number in itertools.count(1))
    return Breaker(circuits, "acme", "large", clock=clock, call_ids=lambda: next(ids), **given)


def fail(breaker: Breaker, provider: Provider, times: int) -> None:
    """The provider fails so often, with HTTP 503."""
    provider.fails = HttpError(503)
    for _ in range(times):
        try:
            breaker.call(provider.ask)
        except HttpError:
            continue
        raise AssertionError("the provider was to fail")
    provider.fails = None
