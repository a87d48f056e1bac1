"""INV-BREAKER-1, between processes: one probe, and one whose process died frees its lease."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.calls.breaker import Phase
from engine.errors import CircuitOpenError
from tests.calls.breaker.fakes import Clock, Provider, breaker_of, circuits_in, fail
from tests.forking import forking

pytestmark = forking

PROCESSES = 10


def forked(work: Callable[[], int]) -> int:
    """Start a process that exits with what ``work`` returns; its id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        code = work()
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """How a process ended: its exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def open_circuit(folder: Path, clock: Clock) -> None:
    with circuits_in("sqlite", folder) as circuits:
        fail(breaker_of(circuits, clock), Provider(), 5)
    clock.passes(60)


def test_one_of_ten_processes_probes(tmp_path: Path) -> None:
    clock = Clock()
    open_circuit(tmp_path, clock)
    start, begin = os.pipe()
    ready_read, ready = os.pipe()
    over, finish = os.pipe()

    def work(name: str) -> Callable[[], int]:
        def one() -> int:
            os.close(begin)
            os.close(finish)
            with circuits_in("sqlite", tmp_path) as circuits:
                breaker = breaker_of(circuits, clock, name)
                os.write(ready, b".")
                os.read(start, 1)  # until the parent closes its end
                try:
                    breaker.call(lambda: (os.write(ready, b"p"), os.read(over, 1)))
                except CircuitOpenError:
                    os.write(ready, b"r")
                    return 1
            return 0

        return one

    children = [forked(work(f"process {number}")) for number in range(PROCESSES)]
    for _ in range(PROCESSES):
        assert os.read(ready_read, 1) == b"."
    os.close(begin)
    told = b"".join(os.read(ready_read, 1) for _ in range(PROCESSES))
    os.close(finish)

    assert sorted(ended(child) for child in children) == [0] + [1] * (PROCESSES - 1)
    assert (told.count(b"p"), told.count(b"r")) == (1, PROCESSES - 1)
    for end in (start, ready_read, ready, over):
        os.close(end)


def test_a_probe_whose_process_was_killed_gives_way_after_its_lease(tmp_path: Path) -> None:
    clock = Clock()
    open_circuit(tmp_path, clock)

    def probe() -> int:
        with circuits_in("sqlite", tmp_path) as circuits:
            breaker_of(circuits, clock, "dead").call(lambda: os.kill(os.getpid(), signal.SIGKILL))
        return 0

    assert ended(forked(probe)) == -signal.SIGKILL
    with circuits_in("sqlite", tmp_path) as circuits:
        breaker, provider = breaker_of(circuits, clock), Provider()
        assert (breaker.state().phase, breaker.state().probe) == (Phase.HALF_OPEN, "dead-1")
        clock.passes(59.999)
        with pytest.raises(CircuitOpenError) as caught:
            breaker.call(provider.ask)
        assert caught.value.retry_after_s == 0.001
        clock.passes(0.001)
        assert breaker.call(provider.ask) == "answer to ?"
        assert breaker.state().successes == 1


def test_another_process_hears_of_it_after_a_tenth_of_a_second_and_changes_nothing(
    tmp_path: Path,
) -> None:
    """INV-BREAKER-2 INV-BREAKER-4: with a cache of its own; what it lets through counts no more."""
    clock, provider = Clock(), Provider()
    go, begin = os.pipe()
    ready_read, ready = os.pipe()

    def other() -> int:
        os.close(begin)
        with circuits_in("sqlite", tmp_path) as circuits:
            breaker = breaker_of(circuits, clock, "other")
            breaker.call(provider.ask)
            os.write(ready, b".")
            os.read(go, 1)  # until the parent has opened the circuit
            clock.passes(0.099)
            breaker.call(provider.ask)
            provider.fails = TimeoutError()
            try:
                breaker.call(provider.ask)
            except TimeoutError:
                os.write(ready, b"t")
            clock.passes(0.001)
            try:
                breaker.call(provider.ask)
            except CircuitOpenError:
                return 1
        return 0

    with circuits_in("sqlite", tmp_path):
        pass
    child = forked(other)
    assert os.read(ready_read, 1) == b"."
    with circuits_in("sqlite", tmp_path) as circuits:
        breaker = breaker_of(circuits, clock)
        fail(breaker, Provider(), 5)
        opened = breaker.state()
        os.close(begin)
        assert os.read(ready_read, 1) == b"t"
        assert ended(child) == 1
        assert breaker.state() == opened
    for end in (go, ready_read, ready):
        os.close(end)
