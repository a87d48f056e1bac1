"""Circuit breakers for a program: with the system's clock, in a ledger or in memory.

>>> from engine import CircuitBreaker
>>> with CircuitBreaker("openai", "gpt-4o", ledger="ledger.db", key=pem) as breaker:
...     answer = breaker.call(client.chat.completions.create, model="gpt-4o", messages=messages)
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from engine.calls.breaker.breaker import Breaker
from engine.calls.breaker.circuits import Circuits, LedgerCircuits, MemoryCircuits
from engine.calls.breaker.classify import classify as by_status
from engine.calls.breaker.machine import CallOutcome, Settings
from engine.decision.runtime import SystemRuntime
from engine.errors import UsageError
from engine.system.closing import Closing

if TYPE_CHECKING:
    from engine.ledger import Ledger


class CircuitBreaker(Breaker, Closing):
    """The circuit breaker of one model; :meth:`of` gives that of another on the same ledger.

    Args:
        provider: Such as ``openai``.
        model: As the provider's API takes it.
        ledger: SQLite file that all processes share, created when it is not there; None keeps
            the circuit in this process's memory.
        key: Private key, PEM; with ``ledger``.
        failure_threshold: Failures in a row that open it.
        timeout_s: Seconds that it stays open before a probe.
        success_threshold: Probes that must succeed before it is closed.
        lease_s: Seconds that a probe may take: longer than the longest call.
        failure_rate: Share of the last ``window_calls`` calls that must fail to open it, whether
            in a row or not.
        window_calls: How many calls that is.
        classify: What an error says; :func:`engine.calls.breaker.classify.classify` if left out.
        classify_answer: What an answer says; if left out, an HTTP client's answer says what its
            status does, and every other one is a success.

    Raises:
        UsageError: A ledger without a key or a key without a ledger; a setting that is none.
        GovernanceError: Key or ledger are not fit to use.
    """

    def __init__(
        self,
        provider: str,
        model: str,
        *,
        ledger: str | Path | None = None,
        key: bytes | None = None,
        failure_threshold: int = 5,
        timeout_s: float = 60,
        success_threshold: int = 2,
        lease_s: float = 60,
        failure_rate: float = 0.5,
        window_calls: int = 20,
        classify: Callable[[BaseException], CallOutcome] = by_status,
        classify_answer: Callable[[object], CallOutcome] | None = None,
    ) -> None:
        try:
            settings = Settings(
                failure_threshold,
                _milliseconds(timeout_s),
                success_threshold,
                _milliseconds(lease_s),
                window_calls,
                _share(failure_rate, window_calls),
            )
        except ValueError as error:
            raise UsageError(f"{provider}/{model}: {error}") from None
        self._ledger, circuits = _kept(ledger, key)
        super().__init__(
            circuits,
            provider,
            model,
            clock=SystemRuntime().milliseconds,
            call_ids=_call_id,
            settings=settings,
            classify=classify,
            classify_answer=classify_answer,
        )

    def of(self, provider: str, model: str) -> Breaker:
        """Return the breaker of another model, with the same settings, on the same circuits."""
        return Breaker(
            self._circuits,
            provider,
            model,
            clock=self._clock,
            call_ids=self._call_ids,
            settings=self.settings,
            classify=self._classify,
            classify_answer=self._classify_answer,
        )

    def close(self) -> None:
        """Let go of the ledger; the circuits stay as they are."""
        if self._ledger is not None:
            self._ledger.close()


def _kept(file: str | Path | None, key: bytes | None) -> tuple[Ledger | None, Circuits]:
    from engine.decision.program import record_to

    target = record_to(file, key)
    if target is None:
        return None, MemoryCircuits()
    target.require_kept(exports=False)
    ledger, signer = target.open(SystemRuntime())
    return ledger, LedgerCircuits(ledger, signer)


def _milliseconds(seconds: float) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
        raise ValueError(f"{seconds!r} is no number of seconds")
    return max(1, round(seconds * 1000))


def _share(rate: float, calls: int) -> int:
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1:
        raise ValueError(f"failure_rate is {rate!r}; a share above 0, at most 1, is expected")
    whole = isinstance(calls, int) and not isinstance(calls, bool)
    return max(1, ceil(Fraction(str(rate)) * calls)) if whole else 1


def _call_id() -> str:
    return secrets.token_hex(16)
