"""A process that spends: the tests run ``python -m tests.calls.budget.spender FOLDER CACHE …``.

It reserves and settles again and again in the ledger of FOLDER, and prints what was acknowledged,
line by line: ``ALLOW lease micros``, ``DENY id 0``, ``settled lease micros``. With ``--die STEP N``
it is killed at the Nth time that it comes to a step; with ``--limit BYTES`` no file of it grows
past that, which is what a full disk looks like to one process.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.calls.budget.limits import Budgets
from engine.calls.budget.request import Request
from engine.calls.budget.tracker import Tracker
from engine.calls.budget.usage import Usage
from engine.metrics.amounts import AmountLimits
from engine.policy.evaluators.wasm import WasmEvaluator
from tests.calls.budget.shop import NOON, without_budgets
from tests.ledger.scribe import open_at
from tests.sessions import session_over

STEPS = ("work", "begin", "add", "commit", "committed", "checkpoint", "head", "tidy", "told")
"""Where a process may die: before each of these of the store and the heads, and after a commit."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--number", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--budget", type=int, default=1_000_000)
    parser.add_argument("--die", nargs=2, metavar=("STEP", "N"))
    parser.add_argument("--limit", type=int)
    asked = parser.parse_args()
    ledger: Any
    with closing(open_at(asked.folder, lock_timeout_s=120.0)) as ledger:
        tracker = _tracker(ledger, asked.cache, asked.budget)
        if asked.limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (asked.limit, resource.RLIM_INFINITY))
        die = _doom(ledger, asked.die) if asked.die else None
        for turn in range(asked.count):
            _spend(tracker, asked.number * 7919 + turn, die)
    return 0


def _tracker(ledger: Any, cache: Path, budget: int) -> Tracker:
    bundle = without_budgets()
    return Tracker(
        session_over(ledger, bundle, WasmEvaluator(bundle, cache=cache), os.urandom),
        budgets=Budgets([], AmountLimits(None, None, budget)),
        zone="UTC",
        profile="lenient",
    )


def _spend(tracker: Tracker, seed: int, die: Callable[[str], None] | None) -> None:
    """One call to a model: now and then never settled, released, or dearer than it said."""
    asked = 1 + seed % 97
    request = Request("acme", "large", asked, tokens=1, route="chat")
    now = NOON + timedelta(seconds=seed % 7)
    answer = tracker.reserve(request, now, seed, ttl_s=604_800)
    if die:
        die("told")
    print(answer.verdict, answer.lease, answer.granted.usd_micros, flush=True)
    if not answer.allowed or seed % 11 == 0:
        return
    if seed % 5 == 0:
        tracker.release(answer.lease, now)
        print("released", answer.lease, 0, flush=True)
        return
    spent = asked - seed % (asked + 1)
    tracker.settle(answer.lease, Usage(spent), now)
    print("settled", answer.lease, spent, flush=True)


def _doom(ledger: Any, when: list[str]) -> Callable[[str], None]:
    """Be killed when it comes to a step for the Nth time from now on."""
    step, left = when[0], [int(when[1])]
    assert step in STEPS, step

    def die(reached: str) -> None:
        if reached == step:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def before(thing: Any, name: str, reached: str, after: str = "") -> None:
        real = getattr(thing, name)

        def doomed(*args: Any, **named: Any) -> Any:
            die(reached)
            answer = real(*args, **named)
            die(after)
            return answer

        setattr(thing, name, doomed)

    store = ledger._store
    before(store, "begin", "begin", after="work")
    before(store, "add", "add")
    before(store, "commit", "commit", after="committed")
    before(store, "keep_checkpoint", "checkpoint")
    before(store, "tidy", "tidy")
    before(ledger._heads, "keep", "head")
    return die


if __name__ == "__main__":
    sys.exit(main())
