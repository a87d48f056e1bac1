"""What a reservation and its settlement cost, against as many bare transactions.

Eight threads reserve and settle, by OPA's verdict, signed, with a checkpoint over each commit. The
other side commits as many transactions with ``synchronous=FULL`` into a database of its own on the
same disk, one small row each and nothing else: by eight threads with a connection each, and by one
alone, which is the quickest that SQLite can. Times are per reservation and settlement, or per two
transactions; half the throughput is twice the time.
"""

from __future__ import annotations

import resource
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import ledger_fill
from bench.contests import Result, row_of
from bench.errors import BenchError
from bench.process import Run
from engine.calls.budget.limits import Budgets
from engine.calls.budget.request import Request
from engine.calls.budget.tracker import Tracker
from engine.calls.budget.usage import Usage
from engine.calls.budget.verify import verify
from engine.decision.policies_in_use import PoliciesInUse
from engine.decision.session import Session
from engine.metrics.amounts import AmountLimits
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.overlay import load_policies
from engine.signers.ed25519 import Ed25519Signer

THREADS, EACH = 8, 100
SPEND = "reserve + settle, 8 threads"
BARE, BARE_ALONE = "bare transactions, 8 threads", "bare transactions, one thread"
PAIRS = ((SPEND, BARE), (SPEND, BARE_ALONE))
_ROW = bytes(200)
_PRICE = 'prices: [{provider: acme, model: large, from: "2026-01-01", input: "2.50", output: 10}]\n'


def hold(home: Path, *, rounds: int, say: Callable[[str], None], calls: int = EACH) -> Result:
    """Measure all three in turn, and return the ratios.

    Args:
        home: Where ledger and databases are made; removed again.
        rounds: How many count. One more comes first and warms up.
        say: Narrates.
        calls: Reservations of each thread in a round.

    Raises:
        BenchError: Something was denied, or entries and state differ.
    """
    (home / ".engine").mkdir(parents=True)
    signer = Ed25519Signer(Ed25519PrivateKey.generate())
    runs: dict[str, list[Run]] = {name: [] for name in (SPEND, BARE, BARE_ALONE)}
    try:
        bundle = _policies(home / "policies")
        with (
            closing(WasmEvaluator(bundle, cache=None)) as evaluator,
            closing(ledger_fill.open_in(home, signer=signer)) as ledger,
        ):
            tracker = Tracker(
                Session.over(PoliciesInUse(bundle), evaluator, ledger, signer),
                budgets=Budgets([], AmountLimits(None, None, 10**15)),
                zone="UTC",
                profile="default",
            )
            timers: dict[str, Callable[[], Run]] = {
                SPEND: lambda: _timed(THREADS, lambda: _spend(tracker, calls), calls * THREADS),
                BARE: lambda: _timed(
                    THREADS,
                    lambda: _commit(home / "eight.db", 2 * calls),
                    calls * THREADS,
                ),
                BARE_ALONE: lambda: _timed(
                    1,
                    lambda: _commit(home / "one.db", 2 * calls * THREADS),
                    calls * THREADS,
                ),
            }
            for number in range(rounds + 1):
                order = list(timers.items())[:: -1 if number % 2 else 1]
                for name, timer in order:
                    run = timer()
                    say(f"{name}, round {number}: {run.wall_s * 1e6:.0f} µs")
                    if number:
                        runs[name].append(run)
            if verify(ledger).counted != 2 * calls * THREADS * (rounds + 1):
                raise BenchError("reservations or settlements are missing from the ledger")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return Result("budget", tuple(row_of(runs, *pair) for pair in PAIRS), runs, {})


def _policies(folder: Path) -> PolicyBundle:
    (folder / "prices").mkdir(parents=True)
    (folder / "prices" / "data.yaml").write_text(_PRICE)
    bundle = load_policies(folder, opa=None)
    if bundle.revision != shipped_bundle().revision:
        raise BenchError("the policies of the bench are not the shipped ones")
    return bundle


def _spend(tracker: Tracker, count: int) -> None:
    for _ in range(count):
        now = datetime.now(UTC).replace(microsecond=0)
        milliseconds = time.time_ns() // 1_000_000
        answer = tracker.reserve(Request("acme", "large", 300, tokens=100), now, milliseconds)
        if not answer.allowed:
            raise BenchError(f"a reservation was denied: {answer.message}")
        tracker.settle(answer.lease, Usage(200, tokens=70), now)


def _commit(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE IF NOT EXISTS entry (body BLOB)")
        for _ in range(count):
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO entry VALUES (?)", (_ROW,))
            database.execute("COMMIT")


def _timed(threads: int, work: Callable[[], None], count: int) -> Run:
    failures: list[BaseException] = []

    def caught() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  told by the thread that waits
            failures.append(error)

    everybody = [threading.Thread(target=caught) for _ in range(threads)]
    wall, cpu = time.perf_counter(), time.process_time()
    for thread in everybody:
        thread.start()
    for thread in everybody:
        thread.join()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if failures:
        raise BenchError(f"a thread failed: {failures[0]!r}") from failures[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Run(wall / count, cpu / count, peak, b"")
