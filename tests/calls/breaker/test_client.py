from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.calls.breaker import CallOutcome, CircuitBreaker, Phase
from engine.decision.runtime import SystemRuntime
from engine.errors import CircuitOpenError, UsageError
from tests.calls.breaker.fakes import Clock, HttpError, Provider, fail
from tests.signers.pem import pem


def test_processes_that_name_one_ledger_share_its_circuits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, provider = Clock(), Provider()
    monkeypatch.setattr(SystemRuntime, "milliseconds", lambda _: clock())
    shared = {"ledger": tmp_path / "ledger.db", "key": pem()}
    with CircuitBreaker("acme", "large", **shared) as one:  # type: ignore[arg-type]
        fail(one, provider, 5)
        assert one.of("acme", "small").call(provider.ask) == "answer to ?"
    with (
        CircuitBreaker("acme", "large", **shared) as other,  # type: ignore[arg-type]
        pytest.raises(CircuitOpenError),
    ):
        other.call(provider.ask)


def test_without_a_ledger_it_is_kept_in_memory_by_the_systems_clock() -> None:
    provider = Provider()
    with CircuitBreaker("acme", "large", failure_threshold=1, timeout_s=0.5) as breaker:
        provider.fails = HttpError(500)
        with pytest.raises(HttpError):
            breaker.call(provider.ask)
        assert breaker.state().phase is Phase.OPEN
        assert breaker.settings.timeout_ms == 500


@pytest.mark.parametrize(
    "wrong", [{"ledger": "l.db"}, {"key": b"k"}, {"failure_threshold": 0}, {"timeout_s": -1},
              {"lease_s": float("nan")}, {"success_threshold": 1.5}, {"timeout_s": "60"},
              {"failure_rate": 0}, {"failure_rate": 1.01}, {"failure_rate": True},
              {"failure_rate": float("nan")}, {"failure_rate": "0.5"}, {"window_calls": 0},
              {"window_calls": 1001}, {"window_calls": 20.0}, {"window_calls": True}],
    ids=str,
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        CircuitBreaker("acme", "large", **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "calls", "failures"),
    [(0.5, 20, 10), (0.5, 5, 3), (0.3, 10, 3), (0.1, 3, 1), (1, 20, 20), (0.07, 100, 7)],
)
def test_a_rate_is_so_many_of_the_last_calls(rate: float, calls: int, failures: int) -> None:
    """Rounded up, and by the decimal that was written."""
    with CircuitBreaker("acme", "large", failure_rate=rate, window_calls=calls) as breaker:
        settings = breaker.settings
        assert (settings.window_calls, settings.window_failures) == (calls, failures)


def test_a_circuits_clock_is_the_systems() -> None:
    """ADR 0008: an instant of the caller's choosing would have been recorded."""
    clock: dict[str, object] = {"clock": lambda: 0}
    with pytest.raises(TypeError, match="clock"):
        CircuitBreaker("acme", "large", **clock)  # type: ignore[arg-type]


def _broken(_: object) -> CallOutcome:
    raise ZeroDivisionError


def _silent(_: object) -> CallOutcome:
    nothing: Any = None
    return nothing  # type: ignore[no-any-return]


@pytest.mark.parametrize("classify", [_broken, _silent])
def test_a_classifier_that_fails_costs_nobody_an_answer(
    classify: Callable[[object], CallOutcome],
) -> None:
    with CircuitBreaker("acme", "large", classify_answer=classify) as breaker:
        assert breaker.call(lambda: "answer") == "answer"
        assert asyncio.run(breaker.call_async(_answer)) == "answer"
        assert breaker.unrecorded == 2


@pytest.mark.parametrize("classify", [_broken, _silent])
def test_a_classifier_that_fails_does_not_replace_the_calls_own_error(
    classify: Callable[[object], CallOutcome],
) -> None:
    provider = Provider()
    provider.fails = HttpError(500)
    with CircuitBreaker("acme", "large", classify=classify) as breaker:
        with pytest.raises(HttpError) as caught:
            breaker.call(provider.ask)
        assert "classifier failed" in caught.value.__notes__[0]
        assert breaker.unrecorded == 1


async def _answer() -> str:
    return "answer"
