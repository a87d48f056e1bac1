"""Sessions on what a test has open already: its ledger, its key, its evaluator, its chance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from engine.decision.policies_in_use import ChosenBy, PoliciesInUse
from engine.decision.session import Session
from engine.policy.bundle import PolicyBundle
from engine.policy.evaluator import Evaluator
from tests.ledger.scribe import KEY


class FixedRuntime:
    """A clock that stands still until it is set, and chance that is no chance."""

    def __init__(self, random: Callable[[int], bytes], now: datetime | None = None) -> None:
        self.chance = random
        self.moment = now or datetime(2026, 11, 20, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def milliseconds(self) -> int:
        return int(self.moment.timestamp() * 1000)

    def random(self, size: int) -> bytes:
        return self.chance(size)


def session_over(
    ledger: Any,
    bundle: PolicyBundle,
    evaluator: Evaluator,
    random: Callable[[int], bytes],
    *,
    key: Any = KEY,
    chosen_by: ChosenBy = ChosenBy.SHIPPED,
) -> Session:
    """A session that records in ``ledger`` with ``key``, under policies that were shipped."""
    return Session.over(
        PoliciesInUse(bundle, chosen_by), evaluator, ledger, key, runtime=FixedRuntime(random)
    )
