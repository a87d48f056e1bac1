"""What the tests of budgets begin with: prices, budgets, a ledger, and who asks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from engine.calls.budget.limits import Budgets
from engine.calls.budget.request import Request
from engine.calls.budget.reservation import Reservation
from engine.calls.budget.tracker import LeaseEnd, Tracker
from engine.calls.budget.usage import Usage
from engine.ledger import Ledger
from engine.metrics.amounts import AmountLimits
from engine.model import Json
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.laying import merged, with_data
from engine.policy.overlay import load_policies
from engine.policy.sources import Source
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import predicate
from tests.sessions import session_over

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICIES = Path(__file__).with_name("policies")


@cache
def policies() -> PolicyBundle:
    """The shipped policies with prices, budgets and a profile."""
    return load_policies(POLICIES, opa=None)


@cache
def without_budgets() -> PolicyBundle:
    """The same policies, which limit nothing themselves."""
    read = {str(path.relative_to(POLICIES)): path for path in POLICIES.rglob("*.yaml")}
    files = {name: Source(name, path.read_bytes()) for name, path in read.items()}
    del files["budgets/data.yaml"]
    return with_data(shipped_bundle(), merged(shipped_bundle(), files))


@cache
def evaluator(bundle: PolicyBundle) -> WasmEvaluator:
    """OPA, compiled once for all tests of this process."""
    return WasmEvaluator(bundle, cache=None)


class Shop:
    """A tracker in a ledger, and a clock that is set by hand.

    Args:
        ledger: Where to; one in memory if left out.
        usd: Micro-dollars a day for everything; None is no such budget.
        bundle: The policies; if left out :func:`policies`, or without rows those of no budget.
        options: Of the tracker: ``profile``, ``zone``.
    """

    def __init__(
        self,
        ledger: Ledger | None = None,
        usd: int | None = 1_000_000,
        *,
        rows: Sequence[Json] = (),
        bundle: PolicyBundle | None = None,
        **options: Any,
    ) -> None:
        self.ledger = begun(MemoryStore()) if ledger is None else ledger
        self.now = NOON
        numbers = itertools.count(1)
        self.random: Callable[[int], bytes] = lambda size: next(numbers).to_bytes(size, "big")
        daily = None if usd is None else AmountLimits(None, None, usd)
        bundle = bundle or (policies() if rows else without_budgets())
        self.session = session_over(self.ledger, bundle, evaluator(bundle), self._chance)
        self.tracker = Tracker(
            self.session,
            budgets=Budgets(rows, daily),
            zone=options.pop("zone", "UTC"),
            profile=options.pop("profile", "default"),
            **options,
        )

    def _chance(self, size: int) -> bytes:
        return self.random(size)  # tests put another one there

    def later(self, **passed: int) -> None:
        """Set the clock on, or back."""
        self.now += timedelta(**passed)

    def reserve(self, usd: int | None = 100_000, *, ttl_s: int = 300, **said: Any) -> Reservation:
        """Ask for one call to a model that has a price."""
        asked = {"provider": "acme", "model": "large", "tokens": 100, **said}
        request = Request(usd_micros=usd, **asked)
        return self.tracker.reserve(request, self.now, _milliseconds(self.now), ttl_s=ttl_s)

    def settle(self, lease: str, usd: int | None = 100_000, **said: Any) -> LeaseEnd:
        """Say what it cost."""
        return self.tracker.settle(lease, Usage(usd, **said), self.now)

    def release(self, lease: str) -> LeaseEnd:
        """Give it back."""
        return self.tracker.release(lease, self.now)

    def book(self, budget: str = "daily", day: str = "2026-11-20") -> tuple[int, int, int]:
        """Micro-dollars of a budget: within, overrun, reserved."""
        there = self.tracker.documents().book(day, budget)
        if there is None:
            return 0, 0, 0
        return there.within.usd_micros, there.overrun.usd_micros, there.reserved.usd_micros

    def said(self, index: int = -1) -> Json:
        """The predicate of an entry; of the last one if none is named."""
        return predicate(self.ledger.entry(index % self.ledger.size()))


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1000)
