"""What a program sees: leases in ``with`` and ``async with``, and how they end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import engine
from engine.calls.budget.client import Budget
from engine.calls.budget.verify import verify
from engine.decision.runtime import SystemRuntime
from engine.errors import BudgetDeniedError, CircuitOpenError, ConfigError, UsageError
from tests.calls.budget.shop import NOON, POLICIES

PEM = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


_CACHE = TemporaryDirectory()
"""Keeps the compiled policy for all tests of this module."""


def opened(folder: Path, **options: Any) -> Budget:
    chosen: dict[str, Any] = {"policies": POLICIES, "daily_usd": "1", "cache": Path(_CACHE.name)}
    return engine.Budget(folder / "ledger.db", key=PEM, **{**chosen, **options})


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The system's clock: it shows the last of these."""
    instants = [NOON]
    monkeypatch.setattr(SystemRuntime, "now", lambda _: instants[-1])
    return instants


@pytest.fixture
def budget(tmp_path: Path) -> Iterator[Budget]:
    with opened(tmp_path) as budget:
        yield budget


def book(budget: Budget) -> tuple[int, int, int]:
    there = budget.tracker.documents().book("2026-11-20", "daily")
    assert there is not None
    return there.within.usd_micros, there.overrun.usd_micros, there.reserved.usd_micros


def test_what_was_told_is_settled_on_leaving(budget: Budget) -> None:
    with budget.reserve("acme", "large", usd="0.05", tokens=900) as lease:
        assert book(budget) == (0, 0, 50_000)
        lease.settle({"prompt_tokens": 1000, "completion_tokens": 100})
    assert book(budget) == (3500, 0, 0)
    assert lease.granted.reason == "OK"


def test_what_an_sdk_gives_is_read_too(budget: Budget) -> None:
    @dataclass
    class Usage:
        def model_dump(self) -> dict[str, Any]:
            return {"input_tokens": 1000, "output_tokens": 0, "cache_read_input_tokens": 1000}

    with budget.reserve("acme", "large", usd=Decimal("0.05")) as lease:
        lease.settle(Usage())
    assert book(budget) == (3750, 0, 0)


def test_nothing_told_gives_everything_back(budget: Budget) -> None:
    with budget.reserve("acme", "large", usd="0.05"):
        pass
    assert book(budget) == (0, 0, 0)


def test_a_body_that_fails_is_settled_as_reserved_unless_something_was_told(
    budget: Budget,
) -> None:
    """INV-BUDGET-18: the provider may have answered, whatever happened to the answer."""
    with pytest.raises(ZeroDivisionError), budget.reserve("acme", "large", usd="0.05"):
        raise ZeroDivisionError
    assert book(budget) == (50_000, 0, 0)
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        budget.reserve("acme", "large", usd="0.05") as lease,
    ):
        lease.settle(usd="0.01")
        raise ZeroDivisionError
    assert book(budget) == (60_000, 0, 0)


def test_three_answers_that_nobody_could_read_are_paid(tmp_path: Path) -> None:
    """INV-BUDGET-18: three of 4 USD on a budget of 10 settled at 0."""
    with opened(tmp_path, daily_usd="10") as budget:
        for _ in range(2):
            with (
                pytest.raises(ValueError, match="no JSON"),
                budget.reserve("acme", "large", usd="4"),
            ):
                raise ValueError("no JSON in the answer")
        with pytest.raises(BudgetDeniedError), budget.reserve("acme", "large", usd="4"):
            pytest.fail("it was granted")
        assert book(budget) == (8_000_000, 0, 0)


def test_a_body_that_fails_gives_back_where_it_says_that_nothing_was_spent(
    budget: Budget,
) -> None:
    """INV-BUDGET-18"""
    with (  # noqa: PT012
        pytest.raises(ConnectionRefusedError),
        budget.reserve("acme", "large", usd="0.05") as lease,
    ):
        lease.unspent()
        raise ConnectionRefusedError
    assert book(budget) == (0, 0, 0)
    with pytest.raises(CircuitOpenError), budget.reserve("acme", "large", usd="0.05"):
        raise CircuitOpenError("acme", "large", "open", 1_000)
    assert book(budget) == (0, 0, 0)
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        budget.reserve("acme", "large", usd="0.05") as lease,
    ):
        lease.settle(usd="0.02")
        lease.unspent()
        raise ZeroDivisionError
    assert book(budget) == (20_000, 0, 0)
    with pytest.raises(UsageError, match="not entered"):
        budget.reserve("acme", "large", usd="0.05").unspent()


def test_what_has_no_price_is_denied_before_and_paid_in_full_after(budget: Budget) -> None:
    """INV-BUDGET-17"""
    with (
        pytest.raises(BudgetDeniedError, match="UNKNOWN_PRICE"),
        budget.reserve("acme", "large", usd="0.05", uses=["audio_input"]),
    ):
        pytest.fail("it was granted")
    with pytest.raises(UsageError, match="did you mean 'audio_input'"):
        budget.reserve("acme", "large", usd="0.05", uses=["audio_inputs"])
    usage = {"prompt_tokens": 100, "completion_tokens": 1, "moonbeams": 3}
    with budget.reserve("acme", "large", usd="0.05") as lease:
        lease.settle(usage)
    assert book(budget) == (50_000, 0, 0)
    with budget.reserve("acme", "large", usd="0.05") as lease:
        lease.settle({**usage, "moonbeams": 0})
    assert 50_000 < book(budget)[0] < 60_000


def test_a_usage_that_cannot_be_read_counts_as_reserved(budget: Budget) -> None:
    """INV-BUDGET-8: something was spent, and nobody can say how much."""
    with (
        pytest.raises(UsageError, match="neither prompt_tokens"),
        budget.reserve("acme", "large", usd="0.05") as lease,
    ):
        lease.settle({"total": 7})
    assert book(budget) == (50_000, 0, 0)
    with pytest.raises(UsageError, match="a int"), budget.reserve("acme", "large", usd=0) as lease:
        lease.settle(7)


def test_a_denial_never_enters_the_body(budget: Budget) -> None:
    with (
        pytest.raises(BudgetDeniedError, match=r"HARD_LIMIT_EXCEEDED: 1 of 11.*usd_fits") as denied,
        budget.reserve("acme", "large", usd="1.01"),
    ):
        pytest.fail("spent without a grant")
    assert denied.value.exit_code == 1
    assert denied.value.reason == "HARD_LIMIT_EXCEEDED"
    assert denied.value.decision_id in denied.value.hint


def test_a_lease_is_entered_once_and_not_told_before(budget: Budget) -> None:
    lease = budget.reserve("acme", "large", usd="0.05")
    with pytest.raises(UsageError, match="was not entered"):
        lease.settle(usd="0.01")
    with lease, pytest.raises(UsageError, match="was entered before"):
        lease.__enter__()


def test_a_float_holds_no_money(budget: Budget) -> None:
    with pytest.raises(UsageError, match="is a float"):
        budget.reserve("acme", "large", usd=0.05)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="more than 6 decimals"):
        budget.reserve("acme", "large", usd="0.0000001")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time_zone": "Europe/Wien"}, "no time zone"),
        ({"daily_usd": "-1"}, "budget_daily_usd: '-1' is not an amount"),
        ({"daily_tokens": "many"}, "budget_daily_tokens: 'many' is not a whole number"),
        ({"profile": "lenent"}, "did you mean 'lenient'"),
    ],
)
def test_what_is_not_fit_to_use_is_said_at_once(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        opened(tmp_path, **options)


def test_threads_share_one_budget(tmp_path: Path) -> None:
    """INV-BUDGET-3: of 40 who want a tenth each, ten get it."""
    with opened(tmp_path, profile="lenient") as budget:
        granted: list[str] = []

        def ask() -> None:
            try:
                with budget.reserve("acme", "large", usd="0.1", route="chat") as lease:
                    lease.settle(usd="0.1")
                    granted.append(lease.id)
            except BudgetDeniedError:
                pass

        threads = [threading.Thread(target=ask) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(granted) == 10
        assert book(budget) == (1_000_000, 0, 0)
        assert verify(budget._session.ledger).counted == 50


# async with


def test_async_settles_and_gives_back_as_sync_does(budget: Budget) -> None:
    async def calls() -> None:
        async with budget.reserve("acme", "large", usd="0.05") as lease:
            lease.settle(usd="0.02")
        async with budget.reserve("acme", "large", usd="0.05"):
            pass
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with budget.reserve("acme", "large", usd="0.05") as lease:
                lease.settle(usd="0.01")
                raise ZeroDivisionError
        with pytest.raises(BudgetDeniedError):
            async with budget.reserve("acme", "large", usd="2"):
                pytest.fail("spent without a grant")

    asyncio.run(calls())
    assert book(budget) == (30_000, 0, 0)


def test_many_coroutines_share_one_budget(tmp_path: Path) -> None:
    with opened(tmp_path, profile="lenient") as budget:

        async def ask() -> bool:
            try:
                async with budget.reserve("acme", "large", usd="0.1", route="chat") as lease:
                    await asyncio.sleep(0)
                    lease.settle(usd="0.1")
            except BudgetDeniedError:
                return False
            return True

        async def everybody() -> list[bool]:
            return await asyncio.gather(*(ask() for _ in range(25)))

        assert asyncio.run(everybody()).count(True) == 10
        assert book(budget) == (1_000_000, 0, 0)


def test_cancelled_in_the_body_it_settles_as_reserved_or_as_told(budget: Budget) -> None:
    async def call(told: str | None, inside: asyncio.Event) -> None:
        async with budget.reserve("acme", "large", usd="0.05") as lease:
            if told is not None:
                lease.settle(usd=told)
            inside.set()
            await asyncio.Event().wait()

    async def cancelled(told: str | None) -> None:
        inside = asyncio.Event()
        task = asyncio.create_task(call(told, inside))
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled(None))
    assert book(budget) == (50_000, 0, 0)
    asyncio.run(cancelled("0.03"))
    assert book(budget) == (80_000, 0, 0)


class Slow:
    """Holds a call up until it is let go, in the thread that makes it."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.begun.set()
        assert self.go_on.wait(30)
        return self._call(*args, **named)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(("method", "told"), [("ask", None), ("settle", "0.03"), ("release", None)])
def test_cancelled_while_it_is_recorded_nothing_is_left_open(
    budget: Budget, monkeypatch: pytest.MonkeyPatch, method: str, told: str | None, times: int
) -> None:
    """The thread that records goes on; what it was granted is given back, what it was told kept."""
    slow = Slow(getattr(budget, method))
    monkeypatch.setattr(budget, method, slow)

    async def call() -> None:
        async with budget.reserve("acme", "large", usd="0.05") as lease:
            if told is not None:
                lease.settle(usd=told)

    async def cancelled() -> None:
        task = asyncio.create_task(call())
        await asyncio.to_thread(slow.begun.wait, 30)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        slow.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert book(budget) == (0 if told is None else 30_000, 0, 0)
    assert not list(budget.tracker.documents().open_leases())


def test_what_nobody_ended_expires(tmp_path: Path, noon: list[datetime]) -> None:
    with opened(tmp_path) as budget:
        budget.reserve("acme", "large", usd="0.9").__enter__()
        noon.append(NOON + timedelta(seconds=300))
        with budget.reserve("acme", "large", usd="0.9") as lease:
            lease.settle(usd="0.8")
        assert book(budget) == (800_000, 0, 0)


def test_another_process_opens_the_same_ledger(tmp_path: Path) -> None:
    with opened(tmp_path) as one, closing(opened(tmp_path)) as other:
        with one.reserve("acme", "large", usd="0.6"), pytest.raises(BudgetDeniedError):
            other.reserve("acme", "large", usd="0.6").__enter__()
        with other.reserve("acme", "large", usd="0.6"):
            pass


def test_a_lease_that_two_threads_enter_is_granted_once(budget: Budget) -> None:
    """Else two are held, and only one of them ever ends."""
    lease = budget.reserve("acme", "large", usd="0.5", tokens=10)
    together = threading.Barrier(2)
    ended: list[str] = []

    def enter() -> None:
        together.wait()
        try:
            lease.__enter__()
        except UsageError:
            ended.append("refused")
        else:
            ended.append("granted")

    threads = [threading.Thread(target=enter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["granted", "refused"]
