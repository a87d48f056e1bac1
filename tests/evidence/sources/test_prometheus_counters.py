"""INV-WATCH-1: what counters did is counted, or there is no number: births, resets, gaps, idle."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evidence.sources import Evidence
from engine.evidence.sources.prometheus_counters import grown_by
from engine.formats.times import write_time
from tests.evidence.sources.prometheus_cases import CASES, METRICS, RECORDED
from tests.evidence.sources.prometheus_world import AT, fake, measured


@pytest.fixture(scope="module")
def world() -> Evidence:
    with fake(RECORDED) as server:
        return measured(server.url, METRICS)


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize("name", CASES)
def test_a_case_comes_to_what_was_counted_by_hand(world: Evidence, name: str) -> None:
    require(world, name)


def require(world: Evidence, name: str) -> None:
    """What the source said of a case is what the case says."""
    case, metric = CASES[name], world.metrics[f"x.{name}"]
    notes = [note for note in world.notes if note.startswith(f"x.{name}: ")]
    if isinstance(case.expected, str):
        assert (metric["value"], metric["status"]) == (None, case.expected), notes
    else:
        assert metric["status"] == "ok", notes
        assert metric["value"] == pytest.approx(float(case.expected), rel=1e-9)
    assert case.says in "".join(notes)
    if case.n is not None:
        assert metric["n"] == case.n
    if not isinstance(case.expected, str):
        assert metric["observed_at"] == write_time(AT + timedelta(seconds=case.observed_s))


@given(
    st.lists(
        st.lists(st.integers(0, 50), min_size=1, max_size=6).map(lambda life: [0, *life]),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 30),
)
def test_a_counter_grew_by_all_that_it_counted(lives: list[list[int]], start: int) -> None:
    """Each life of a process counts up from 0, and whoever scrapes sees every value."""
    samples, counted = list[tuple[float, float]](), 0
    for life in lives:
        value = 0
        for step in life:
            value += step
            samples.append((len(samples), value))
            counted += step if samples[-1][0] > start else 0
    assert grown_by(samples, start) == counted
