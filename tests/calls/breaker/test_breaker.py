"""The breaker around calls: threads, coroutines, a store that fails, entries of the ledger."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.calls.breaker import Breaker, CallOutcome, Circuit, Circuits, Phase, Settings
from engine.calls.breaker.circuits import KIND, MemoryCircuits
from engine.errors import CircuitOpenError, LedgerBusyError, LedgerError, UsageError
from engine.ledger import EntryDraft, Ledger, State
from tests.calls.breaker.fakes import (
    NOON_MS,
    Clock,
    HttpError,
    Provider,
    breaker_of,
    circuits_in,
    fail,
)
from tests.ledger.scribe import open_at, predicate


@pytest.fixture(params=["memory", "sqlite"])
def circuits(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Circuits]:
    with circuits_in(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def breaker(circuits: Circuits, clock: Clock) -> Breaker:
    return breaker_of(circuits, clock)


def opened(breaker: Breaker, provider: Provider, clock: Clock) -> None:
    """Opened, and its time is over."""
    fail(breaker, provider, 5)
    clock.passes(60)


def test_a_provider_that_fails_five_times_is_asked_no_more(
    breaker: Breaker, provider: Provider, clock: Clock
) -> None:
    fail(breaker, provider, 5)
    clock.passes(18)

    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(provider.ask)
    assert caught.value.retry_after_s == 42.0
    assert str(caught.value) == (
        "acme/large: the circuit is open for another 42 s, because calls to it failed\n"
        "try again when that time is over, or ask another model"
    )
    assert provider.calls == 5


def test_four_failures_and_a_success_begin_the_row_anew(
    breaker: Breaker, provider: Provider
) -> None:
    for _ in range(2):
        fail(breaker, provider, 4)
        assert breaker.call(provider.ask, question="x") == "answer to x"
    assert breaker.state().phase is Phase.CLOSED
    assert breaker.state().failures == 0


def test_four_of_five_that_fail_for_ever_open_it(breaker: Breaker, provider: Provider) -> None:
    """INV-BREAKER-3: ten of the last twenty, in a row or not."""
    for _ in range(2):
        fail(breaker, provider, 4)
        breaker.call(provider.ask)
    fail(breaker, provider, 1)
    assert breaker.state().window == "11110111101"
    fail(breaker, provider, 1)

    with pytest.raises(CircuitOpenError):
        breaker.call(provider.ask)
    assert provider.calls == 12


def test_failures_that_are_rare_are_forgotten_with_the_calls_after_them(
    clock: Clock, provider: Provider
) -> None:
    """And then a success writes nothing again."""
    circuits = Counting()
    breaker = breaker_of(circuits, clock)
    for _ in range(30):
        fail(breaker, provider, 1)
        for _ in range(20):
            breaker.call(provider.ask)
        assert breaker.state().window == ""
    written = circuits.changes_made
    for _ in range(20):
        breaker.call(provider.ask)
    assert (breaker.state().phase, circuits.changes_made) == (Phase.CLOSED, written)


def test_failures_of_several_processes_make_one_rate(circuits: Circuits, clock: Clock) -> None:
    breakers = [breaker_of(circuits, clock, f"b{number}") for number in range(4)]
    good, bad = Provider(), Provider()
    for number in range(20):
        breaker = breakers[number % 4]
        if breaker.state().phase is not Phase.CLOSED:
            break
        clock.passes(0.1)
        if number % 2:
            breaker.call(good.ask)
        else:
            fail(breaker, bad, 1)
    assert breakers[0].state().phase is Phase.OPEN
    assert (bad.calls, good.calls) == (10, 9)


def test_a_reset_closes_it_and_is_recorded(tmp_path: Path, clock: Clock) -> None:
    """INV-BREAKER-5 INV-BREAKER-6"""
    provider = Provider()
    with circuits_in("sqlite", tmp_path) as circuits:
        breaker = breaker_of(circuits, clock)
        slow = breaker.admit()
        fail(breaker, provider, 5)
        assert breaker.reset("a new quota").phase is Phase.CLOSED
        assert breaker.call(provider.ask) == "answer to ?"
        breaker.failed(slow, HttpError(503))
        assert (breaker.state().failures, breaker.state().turn) == (0, 2)
    with closing(open_at(tmp_path, signer=None)) as ledger:
        opened, reset = [predicate(entry) for _, entry in ledger.entries(1)]
    assert opened["to"] == "open"
    assert (reset["from"], reset["to"], reset["cause"]) == ("open", "closed", "reset")
    assert (reset["reason"], reset["turn"]) == ("a new quota", 2)


@pytest.mark.parametrize("reason", ["", "x" * 1025, "two\nlines", 7])
def test_a_reason_that_is_none_resets_nothing(breaker: Breaker, reason: Any) -> None:
    fail(breaker, Provider(), 5)
    with pytest.raises(UsageError, match="reason"):
        breaker.reset(reason)
    assert breaker.state().phase is Phase.OPEN


def test_a_reset_that_the_store_does_not_take_says_so(clock: Clock, provider: Provider) -> None:
    circuits = Counting()
    breaker = breaker_of(circuits, clock)
    fail(breaker, provider, 5)
    circuits.broken = True

    with pytest.raises(LedgerError):
        breaker.reset()
    assert breaker.state().phase is Phase.OPEN


def test_a_reset_is_seen_by_another_process_within_the_age_that_was_said(
    circuits: Circuits, clock: Clock, provider: Provider
) -> None:
    one, other = breaker_of(circuits, clock, "one"), breaker_of(circuits, clock, "other")
    fail(one, provider, 5)
    with pytest.raises(CircuitOpenError):
        other.call(provider.ask)
    one.reset()
    clock.passes(0.1)

    assert other.call(provider.ask) == "answer to ?"


@pytest.mark.parametrize("failures", [0, 4])
def test_a_circuit_that_an_older_engine_kept_opens_with_an_empty_window(
    tmp_path: Path, clock: Clock, provider: Provider, failures: int
) -> None:
    kept = {"failures": failures, "leased_ms": 0, "phase": "closed", "probe": None}
    kept |= {"since_ms": 0, "successes": 0, "turn": 0, "version": failures, "wait_ms": 0}

    def older(state: State) -> list[EntryDraft]:
        state.put(KIND, "acme/large", json.dumps(kept).encode())
        return []

    with closing(open_at(tmp_path)) as ledger:
        ledger.transact(older)
    with circuits_in("sqlite", tmp_path) as circuits:
        breaker = breaker_of(circuits, clock)
        assert breaker.state() == Circuit(failures=failures, version=failures)
        if failures:
            fail(breaker, provider, 1)
            assert breaker.state().phase is Phase.OPEN
        else:
            breaker.call(provider.ask)
            assert breaker.state().version == 0


def test_an_older_engine_reads_what_has_an_empty_window(
    tmp_path: Path, clock: Clock, provider: Provider
) -> None:
    with circuits_in("sqlite", tmp_path) as circuits:
        breaker = breaker_of(circuits, clock)
        fail(breaker, provider, 1)
        with closing(open_at(tmp_path, signer=None)) as ledger:
            body = ledger.state().get(KIND, "acme/large")
            assert body is not None
            assert json.loads(body)["window"] == "1"
            fail(breaker, provider, 4)
            body = ledger.state().get(KIND, "acme/large")
            assert body is not None
            assert "window" not in json.loads(body)


def test_a_success_ends_the_row_that_an_older_engine_kept(clock: Clock, provider: Provider) -> None:
    circuits = MemoryCircuits()
    circuits._kept["acme/large"] = Circuit(failures=4, version=4)
    breaker = breaker_of(circuits, clock)
    breaker.call(provider.ask)
    assert breaker.state().failures == 0


def test_it_closes_after_two_probes(breaker: Breaker, provider: Provider, clock: Clock) -> None:
    opened(breaker, provider, clock)

    breaker.call(provider.ask)
    assert (breaker.state().phase, breaker.state().successes) == (Phase.HALF_OPEN, 1)
    breaker.call(provider.ask)

    assert breaker.state().phase is Phase.CLOSED
    fail(breaker, provider, 4)
    assert breaker.state().phase is Phase.CLOSED


def test_a_probe_that_fails_opens_it_for_another_minute(
    breaker: Breaker, provider: Provider, clock: Clock
) -> None:
    opened(breaker, provider, clock)
    fail(breaker, provider, 1)
    clock.passes(59.999)

    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(provider.ask)
    assert caught.value.retry_after_s == 0.001


def test_errors_that_say_nothing_of_the_provider_pass_through(
    breaker: Breaker, provider: Provider
) -> None:
    provider.fails = HttpError(400)
    for _ in range(20):
        with pytest.raises(HttpError):
            breaker.call(provider.ask)
    assert breaker.state() == Circuit()


def test_a_cancelled_probe_gives_way_at_once(
    breaker: Breaker, provider: Provider, clock: Clock
) -> None:
    opened(breaker, provider, clock)
    provider.fails = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        breaker.call(provider.ask)
    provider.fails = None

    assert breaker.state().probe is None
    assert breaker.call(provider.ask) == "answer to ?"


def test_the_body_of_a_with_is_a_call(breaker: Breaker, provider: Provider, clock: Clock) -> None:
    for _ in range(5):
        with pytest.raises(TimeoutError), breaker.guard():
            raise TimeoutError
    clock.passes(60)
    for _ in range(2):
        with breaker.guard() as ticket:
            assert ticket.probe
    assert breaker.state().phase is Phase.CLOSED


def test_what_counts_can_be_said(circuits: Circuits, clock: Clock, provider: Provider) -> None:
    breaker = breaker_of(
        circuits,
        clock,
        settings=Settings(failure_threshold=1),
        classify=lambda error: (
            CallOutcome.FAILURE if "quota" in str(error) else CallOutcome.NEUTRAL
        ),
        classify_answer=lambda answer: (
            CallOutcome.FAILURE if answer is None else CallOutcome.SUCCESS
        ),
    )
    provider.fails = HttpError(503)
    with pytest.raises(HttpError):
        breaker.call(provider.ask)
    assert breaker.state().phase is Phase.CLOSED
    assert breaker.call(lambda: None) is None
    assert breaker.state().phase is Phase.OPEN


def test_a_late_answer_of_an_earlier_turn_does_not_count(
    breaker: Breaker, provider: Provider, clock: Clock
) -> None:
    slow = breaker.admit()
    opened(breaker, provider, clock)
    probe = breaker.admit()

    breaker.failed(slow, HttpError(500))
    assert breaker.state().phase is Phase.HALF_OPEN
    breaker.reported(slow, CallOutcome.SUCCESS)
    assert breaker.state().successes == 0
    breaker.reported(probe, CallOutcome.SUCCESS)
    assert breaker.state().successes == 1


def test_the_happy_path_asks_the_store_once_in_a_while(clock: Clock, provider: Provider) -> None:
    circuits = Counting()
    breaker = breaker_of(circuits, clock)
    for _ in range(1000):
        breaker.call(provider.ask)
    assert (circuits.looks, circuits.changes_made) == (1, 0)
    clock.passes(0.1)
    breaker.call(provider.ask)
    assert (circuits.looks, circuits.changes_made) == (2, 0)
    breaker.call(lambda: clock.passes(30))
    assert (circuits.looks, circuits.changes_made) == (3, 0)


def test_a_success_ends_the_row_that_another_breaker_began_meanwhile(
    circuits: Circuits, clock: Clock, provider: Provider
) -> None:
    one, other = breaker_of(circuits, clock, "one"), breaker_of(circuits, clock, "other")

    def slow() -> None:
        fail(other, provider, 4)
        clock.passes(2)

    one.call(slow)
    assert one.state().failures == 0


def test_refusals_write_nothing(clock: Clock, provider: Provider) -> None:
    circuits = Counting()
    breaker = breaker_of(circuits, clock)
    fail(breaker, provider, 5)
    for _ in range(100):
        clock.passes(0.5)
        with pytest.raises(CircuitOpenError):
            breaker.call(provider.ask)
    assert circuits.changes_made == 5


def test_another_breakers_change_is_seen_within_the_age_that_was_said(
    circuits: Circuits, clock: Clock, provider: Provider
) -> None:
    one, other = breaker_of(circuits, clock, "one"), breaker_of(circuits, clock, "other")
    other.call(provider.ask)
    fail(one, provider, 5)

    clock.passes(0.099)
    other.call(provider.ask)
    clock.passes(0.001)
    with pytest.raises(CircuitOpenError):
        other.call(provider.ask)


def test_a_slow_look_does_not_bring_back_a_circuit_that_has_opened_meanwhile(
    clock: Clock, provider: Provider
) -> None:
    """INV-BREAKER-2: a thread that read an older circuit lets no call of its process through."""
    circuits = Counting()
    breaker = breaker_of(circuits, clock)
    circuits.while_looking = lambda: fail(breaker, provider, 5)

    with pytest.raises(CircuitOpenError):
        breaker.call(provider.ask)
    assert provider.calls == 5


def test_failures_add_up_over_breakers(circuits: Circuits, clock: Clock) -> None:
    breakers = [breaker_of(circuits, clock, f"b{number}") for number in range(5)]
    for breaker in breakers:
        fail(breaker, Provider(), 1)
    assert breakers[0].state().phase is Phase.OPEN


def test_models_do_not_stop_each_other(
    circuits: Circuits, clock: Clock, provider: Provider
) -> None:
    fail(breaker_of(circuits, clock), provider, 5)
    other = Breaker(circuits, "acme", "small", clock=clock, call_ids=lambda: "x")

    assert other.call(provider.ask) == "answer to ?"


def test_one_of_ten_threads_probes(breaker: Breaker, provider: Provider, clock: Clock) -> None:
    """INV-BREAKER-1"""
    opened(breaker, provider, clock)
    together, done = threading.Barrier(10), threading.Event()

    def slow() -> str:
        done.wait(30)
        return "answer"

    def one() -> bool:
        together.wait(30)
        try:
            breaker.call(slow)
        except CircuitOpenError as refused:
            return refused.retry_after_s > 60
        return True

    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(one) for _ in range(10)]
        while sum(answer.done() for answer in answers) < 9:
            pass
        done.set()
        let_through = [answer.result(30) for answer in answers]
    assert sum(let_through) == 1
    assert breaker.state().successes == 1


def test_one_of_ten_coroutines_probes(breaker: Breaker, provider: Provider, clock: Clock) -> None:
    """INV-BREAKER-1"""
    opened(breaker, provider, clock)

    async def all_of_them() -> list[str | BaseException]:
        gate = asyncio.Event()

        async def slow() -> str:
            await gate.wait()
            return "answer"

        calls = [asyncio.create_task(breaker.call_async(slow)) for _ in range(10)]
        while sum(call.done() for call in calls) < 9:
            await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = asyncio.run(all_of_them())

    assert answers.count("answer") == 1
    assert sum(isinstance(answer, CircuitOpenError) for answer in answers) == 9
    assert breaker.state().successes == 1


def test_coroutines_fail_open_and_recover(
    breaker: Breaker, provider: Provider, clock: Clock
) -> None:
    async def story() -> None:
        provider.fails = TimeoutError()
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await breaker.call_async(provider.ask_async)
        with pytest.raises(CircuitOpenError):
            await breaker.call_async(provider.ask_async)
        clock.passes(60)
        provider.fails = None
        for _ in range(3):
            assert await breaker.call_async(provider.ask_async, question="y") == "answer to y"

    asyncio.run(story())
    assert breaker.state().phase is Phase.CLOSED


def test_a_coroutine_cancelled_in_its_probe_gives_way(
    breaker: Breaker, provider: Provider, clock: Clock
) -> None:
    opened(breaker, provider, clock)

    async def story() -> None:
        begun = asyncio.Event()

        async def forever() -> None:
            begun.set()
            await asyncio.Event().wait()

        call = asyncio.create_task(breaker.call_async(forever))
        await begun.wait()
        assert breaker.state().probe is not None
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(story())
    assert (breaker.state().phase, breaker.state().probe) == (Phase.HALF_OPEN, None)


def test_a_coroutine_cancelled_while_it_asks_leaves_no_probe_behind(
    provider: Provider, clock: Clock
) -> None:
    circuits = Counting()
    breaker = breaker_of(circuits, clock)
    opened(breaker, provider, clock)
    circuits.gate = threading.Event()

    async def story() -> None:
        call = asyncio.create_task(breaker.call_async(provider.ask_async))
        while not circuits.waiting:
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert circuits.gate is not None
        circuits.gate.set()
        while breaker.state().probe is not None or breaker.state().phase is Phase.OPEN:
            await asyncio.sleep(0)

    asyncio.run(story())
    assert breaker.state().phase is Phase.HALF_OPEN
    assert provider.calls == 5


def test_a_store_that_fails_loses_no_answer_and_no_error(clock: Clock, provider: Provider) -> None:
    circuits = Counting()
    breaker = breaker_of(circuits, clock)
    fail(breaker, provider, 4)
    circuits.broken = True

    assert breaker.call(provider.ask) == "answer to ?"
    provider.fails = HttpError(503)
    with pytest.raises(HttpError) as caught:
        breaker.call(provider.ask)
    assert caught.value.__notes__ == ["the circuit breaker could not record this failure"]
    assert breaker.unrecorded == 2


def test_a_probe_without_its_lease_is_not_let_through(clock: Clock, provider: Provider) -> None:
    circuits = Counting()
    breaker = breaker_of(circuits, clock)
    opened(breaker, provider, clock)
    circuits.broken = True

    with pytest.raises(LedgerError):
        breaker.call(provider.ask)
    assert provider.calls == 5


@pytest.mark.parametrize(
    "names", [("", "m"), ("a/b", "m"), ("a", ""), ("a", "x\n"), ("a", "x" * 201)]
)
def test_a_circuit_has_a_name(names: tuple[str, str]) -> None:
    with pytest.raises(UsageError):
        Breaker(MemoryCircuits(), *names, clock=Clock(), call_ids=lambda: "x")


def _told(ledger: Ledger) -> list[dict[str, object]]:
    said = [predicate(entry) for _, entry in ledger.entries(1)]
    for one in said:
        assert one.pop("ledger") == {"id": ledger.id}
    return said


def test_each_change_of_phase_is_an_entry(tmp_path: Path, clock: Clock, provider: Provider) -> None:
    """INV-BREAKER-5"""
    settings = {
        "failure_threshold": 5,
        "timeout_ms": 60_000,
        "success_threshold": 2,
        "lease_ms": 60_000,
    }
    with circuits_in("sqlite", tmp_path) as circuits:
        breaker = breaker_of(circuits, clock)
        fail(breaker, provider, 5)
        clock.passes(61.5)
        breaker.call(provider.ask)
        clock.passes(1)
        breaker.call(provider.ask)
        breaker.call(provider.ask)
    about = {"provider": "acme", "model": "large", "settings": settings}
    with closing(open_at(tmp_path, signer=None)) as ledger:
        assert _told(ledger) == [
            {
                "at": "2026-11-21T12:00:00Z",
                "at_ms": NOON_MS,
                "from": "closed",
                "to": "open",
                "turn": 1,
                "failures": 5,
                "successes": 0,
                "waited_ms": 0,
                **about,
            },
            {
                "at": "2026-11-21T12:01:01Z",
                "at_ms": NOON_MS + 61_500,
                "from": "open",
                "to": "half-open",
                "turn": 2,
                "failures": 0,
                "successes": 0,
                "waited_ms": 61_500,
                **about,
            },
            {
                "at": "2026-11-21T12:01:02Z",
                "at_ms": NOON_MS + 62_500,
                "from": "half-open",
                "to": "closed",
                "turn": 3,
                "failures": 0,
                "successes": 2,
                "waited_ms": 1_000,
                **about,
            },
        ]
        assert ledger.verify().size == 4


def test_a_circuit_that_cannot_be_read_lets_nothing_through(
    tmp_path: Path, clock: Clock, provider: Provider
) -> None:
    def ajar(state: State) -> list[EntryDraft]:
        state.put(KIND, "acme/large", b'{"phase":"ajar"}')
        return []

    with closing(open_at(tmp_path)) as ledger:
        ledger.transact(ajar)
    with circuits_in("sqlite", tmp_path) as circuits, pytest.raises(LedgerError, match="ajar"):
        breaker_of(circuits, clock).call(provider.ask)
    assert provider.calls == 0


class Counting(MemoryCircuits):
    """Circuits in memory that count, wait, and break when told."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = self.changes_made = 0
        self.broken = self.waiting = False
        self.gate: threading.Event | None = None
        self.while_looking: Callable[[], None] | None = None

    def look(self, provider: str, model: str) -> Circuit:
        self.looks += 1
        circuit = super().look(provider, model)
        if self.while_looking is not None:
            meanwhile, self.while_looking = self.while_looking, None
            meanwhile()
        return circuit

    def change(self, *args: Any) -> Circuit:
        if self.broken:
            raise LedgerBusyError("another process holds the lock")
        if self.gate is not None:
            self.waiting = True
            self.gate.wait(30)
        self.changes_made += 1
        return super().change(*args)
