from __future__ import annotations

from pathlib import Path

import pytest

from engine.calls.breaker import CircuitBreaker, Phase
from engine.errors import CircuitOpenError, UsageError
from tests.calls.breaker.fakes import Clock, HttpError, Provider, fail
from tests.signers.pem import pem


def test_processes_that_name_one_ledger_share_its_circuits(tmp_path: Path) -> None:
    clock, provider = Clock(), Provider()
    shared = {"ledger": tmp_path / "ledger.db", "key": pem(), "clock": clock}
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
              {"lease_s": float("nan")}, {"success_threshold": 1.5}, {"timeout_s": "60"}],
    ids=str,
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        CircuitBreaker("acme", "large", **wrong)  # type: ignore[arg-type]
