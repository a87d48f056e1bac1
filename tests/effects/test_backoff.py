"""When a failed attempt is followed by the next one."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.effects import AttemptOutcome, AttemptStatus
from engine.effects.backoff import Backoff, backoff_of
from engine.errors import ConfigError
from engine.settings.table import Table

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
chances = st.floats(0, 1, exclude_max=True)
asked_for = st.none() | st.integers(0, 10**6)


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first_s=5, most_s=60, attempts=20)
    assert [backoff.wait_s(n, 0.999) for n in range(1, 8)] == [5, 10, 20, 40, 60, 60, 60]
    assert [backoff.wait_s(n, 0.0) for n in range(1, 8)] == [3, 5, 10, 20, 30, 30, 30]
    assert backoff.wait_s(10_000, 0.5) == 45


@given(st.integers(1, 3600), st.integers(1, 24), st.integers(1, 1000), chances, asked_for)
def test_a_wait_is_in_bounds_whatever_the_receiver_asks_for(
    first_s: int, times: int, attempt: int, chance: float, retry_after_s: int | None
) -> None:
    """INV-WATCH-3"""
    backoff = Backoff(first_s, first_s * times, 20)
    wait_s = backoff.wait_s(attempt, chance, retry_after_s)
    assert 1 <= wait_s <= backoff.most_s
    if retry_after_s is not None:
        assert wait_s >= min(retry_after_s, backoff.most_s)


def test_only_a_failure_is_followed_by_another_attempt_and_not_for_ever() -> None:
    backoff = Backoff(5, 60, attempts=3)
    failed = AttemptOutcome(AttemptStatus.FAILED, "no answer")
    assert backoff.next_at(failed, 1, NOW, 0.999) == NOW + timedelta(seconds=5)
    assert backoff.next_at(failed, 2, NOW, 0.999) == NOW + timedelta(seconds=10)
    assert backoff.next_at(failed, 3, NOW, 0.999) is None
    assert backoff.next_at(AttemptOutcome(AttemptStatus.REFUSED, "404"), 1, NOW, 0.5) is None
    later = AttemptOutcome(AttemptStatus.FAILED, "busy", retry_after_s=45)
    assert backoff.next_at(later, 1, NOW, 0.5) == NOW + timedelta(seconds=45)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Backoff(5, 60, 120)),
        ("retry = {first_s = 90}", Backoff(90, 90, 120)),
        ("retry = {first_s = 1, most_s = 2, attempts = 3}", Backoff(1, 2, 3)),
        ("retry = {first_s = 9, most_s = 2}", None),
        ("retry = {attempts = 0}", None),
        ("retry = {atempts = 5}", None),
    ],
)
def test_a_table_says_how_patient_a_hook_is(text: str, expected: Backoff | None) -> None:
    table = Table("w.toml", text, tomllib.loads(text))
    if expected is not None:
        assert backoff_of(table) == expected
        return
    with pytest.raises(ConfigError, match=r"w\.toml:1: key 'retry\."):
        read(table)


def read(table: Table) -> None:
    backoff_of(table)
    table.finish()
