"""What is due by the clocks alone while the gate cannot decide."""

from __future__ import annotations

import pytest

from engine.lifecycle import Reading, undecided
from engine.lifecycle.contract import Phase
from engine.lifecycle.machine import LifecycleState, times
from engine.model import Json

CHECK = "lifecycle.breached_s"
BREACHED = times(LifecycleState(phase=Phase.BREACHED, tick=101, breached=100), Reading.NONE)


@pytest.mark.parametrize("limit", ["300", None, [300], {}])
def test_a_limit_that_is_no_number_counts_as_reached(limit: Json) -> None:
    """INV-PROMO-5: a damaged limit must not leave a breach in production for ever."""
    rows = {CHECK: {"severity": "block", "limit": limit}}
    assert undecided.due(BREACHED, rows) == {("rollback", CHECK)}


def test_a_limit_is_reached_at_its_very_second_and_not_before() -> None:
    """INV-PROMO-5."""
    assert undecided.due(BREACHED, {CHECK: {"severity": "block", "limit": 60}})
    assert not undecided.due(BREACHED, {CHECK: {"severity": "block", "limit": 61}})
