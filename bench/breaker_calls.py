"""What our circuit breaker adds to a call, against the ``circuitbreaker`` package.

A call that does nothing is made bare, through theirs, and through ours: on circuits in memory and
on circuits in a SQLite ledger, with the clock that programs use. What is compared is what each
adds to the bare call. The circuit is closed, as it is nearly always.
"""

from __future__ import annotations

import asyncio
import resource
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from circuitbreaker import CircuitBreaker

from bench import ledger_fill
from bench.contests import Result, row_of
from bench.errors import BenchError
from bench.process import Run
from engine.calls.breaker import Breaker, Circuits, LedgerCircuits, MemoryCircuits

CALLS = 200_000
THEIRS, THEIRS_ASYNC = "circuitbreaker", "circuitbreaker, async"
IN_MEMORY, IN_LEDGER = "breaker, in memory", "breaker, in a ledger"
IN_MEMORY_ASYNC, IN_LEDGER_ASYNC = "breaker, in memory, async", "breaker, in a ledger, async"
PAIRS = (
    (IN_MEMORY, THEIRS),
    (IN_LEDGER, THEIRS),
    (IN_MEMORY_ASYNC, THEIRS_ASYNC),
    (IN_LEDGER_ASYNC, THEIRS_ASYNC),
)


def hold(
    key_folder: Path,
    home: Path,
    *,
    rounds: int,
    say: Callable[[str], None],
    calls: int = CALLS,
) -> Result:
    """Measure each breaker in turn, and return the ratios of what they add.

    Args:
        key_folder: A folder of the engine's with a key.
        home: Where the ledger is made; removed again.
        rounds: How many count. One more comes first and warms up.
        say: Narrates.
        calls: Of each measurement.

    Raises:
        BenchError: A breaker did not let every call through.
    """
    (home / ".engine").mkdir(parents=True)
    signer = ledger_fill.key_in(key_folder)
    ledger = ledger_fill.open_in(home, signer=signer)
    runs: dict[str, list[Run]] = {name: [] for pair in PAIRS for name in pair}
    try:
        timers = _timers(LedgerCircuits(ledger, signer), calls)
        for number in range(rounds + 1):
            order = list(timers.items())[:: -1 if number % 2 else 1]
            for name, timer in order:
                run = timer()
                say(f"{name}, round {number}: {run.wall_s * 1e9:.0f} ns a call")
                if number:
                    runs[name].append(run)
        if ledger.size() != 1:
            raise BenchError("a breaker wrote to the ledger, though every call succeeded")
    finally:
        ledger.close()
        shutil.rmtree(home, ignore_errors=True)
    return Result("breaker", tuple(row_of(runs, *pair) for pair in PAIRS), runs, {})


def _timers(kept: Circuits, calls: int) -> dict[str, Callable[[], Run]]:
    """What measures each contender once."""
    theirs = CircuitBreaker(name="sync")
    memory, shared = _breaker(MemoryCircuits()), _breaker(kept)
    their_call, their_async = theirs.decorate(_work), theirs.decorate(_work_async)
    return {
        THEIRS: lambda: _added(lambda: their_call(1), calls),
        IN_MEMORY: lambda: _added(lambda: memory.call(_work, 1), calls),
        IN_LEDGER: lambda: _added(lambda: shared.call(_work, 1), calls),
        THEIRS_ASYNC: lambda: _added_async(lambda: their_async(1), calls),
        IN_MEMORY_ASYNC: lambda: _added_async(lambda: memory.call_async(_work_async, 1), calls),
        IN_LEDGER_ASYNC: lambda: _added_async(lambda: shared.call_async(_work_async, 1), calls),
    }


def _breaker(circuits: Circuits) -> Breaker:
    return Breaker(
        circuits,
        "acme",
        "large",
        clock=lambda: time.time_ns() // 1_000_000,
        call_ids=lambda: secrets.token_hex(8),
    )


def _work(number: int) -> int:
    return number


async def _work_async(number: int) -> int:
    return number


def _added(call: Callable[[], Any], calls: int) -> Run:
    """What ``call`` takes beyond the bare call, each."""
    return _less(_timed(call, calls), _timed(lambda: _work(1), calls))


def _added_async(call: Callable[[], Awaitable[Any]], calls: int) -> Run:
    async def both() -> Run:
        return _less(
            await _timed_async(call, calls), await _timed_async(lambda: _work_async(1), calls)
        )

    return asyncio.run(both())


def _timed(call: Callable[[], Any], calls: int) -> Run:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return _run(time.perf_counter() - wall, time.process_time() - cpu, calls)


async def _timed_async(call: Callable[[], Awaitable[Any]], calls: int) -> Run:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        await call()
    return _run(time.perf_counter() - wall, time.process_time() - cpu, calls)


def _run(wall_s: float, cpu_s: float, calls: int) -> Run:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Run(wall_s / calls, cpu_s / calls, peak, b"")


def _less(whole: Run, bare: Run) -> Run:
    # A busy neighbour can make the bare call the dearer one; a nanosecond is what is left then.
    wall_s, cpu_s = whole.wall_s - bare.wall_s, whole.cpu_s - bare.cpu_s
    return Run(max(wall_s, 1e-9), max(cpu_s, 1e-9), whole.peak_bytes, b"")
