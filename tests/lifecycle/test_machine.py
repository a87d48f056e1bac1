"""What a breach obliges to, in order, and when the clocks of a mitigation start."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.lifecycle import Phase, machine
from engine.lifecycle.machine import LifecycleState

ROLLBACK = {("rollback", "lifecycle.breached_s")}
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("paged", "actions"), [(False, ["page", "rollback"]), (True, ["rollback"])]
)
def test_nothing_is_rolled_back_that_nobody_was_paged_about(
    paged: bool, actions: list[str]
) -> None:
    """INV-PROMO-3: a page comes before the rollback, once per breach."""
    life = LifecycleState(phase=Phase.BREACHED, paged=paged)
    assert machine.plan(life, ROLLBACK) == actions


@pytest.mark.parametrize(("mitigated", "since"), [(None, 100), (95, 95)])
def test_a_rollback_starts_the_clock_of_the_mitigation(mitigated: int | None, since: int) -> None:
    """Without it nobody is alerted when the lag stays high after the rollback."""
    life = LifecycleState(phase=Phase.BREACHED, tick=100, breached=90, mitigated=mitigated)
    assert machine.acted(life, "rollback", NOW).mitigated == since
