"""Multi-window, multi-burn-rate: both windows of a pair, and nothing made of no traffic."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.metrics.burn_rate import PAIRS, WINDOWS_S, Traffic, burn_rate, burning

OBJECTIVE = 0.999
objectives = st.sampled_from([0.5, 0.9, 0.99, 0.999, 0.9999])
shares = st.fractions(min_value=0, max_value=1, max_denominator=1000)


@st.composite
def windows(draw: st.DrawFn, *, idle: bool = True) -> dict[int, Traffic]:
    """Traffic by window; a window now and then had none."""
    totals = st.integers(0 if idle else 1, 10**6)
    made = {}
    for length in WINDOWS_S:
        total = draw(totals)
        made[length] = Traffic(draw(st.integers(0, total)), total)
    return made


def steady(ratio: float, total: float = 1_000_000) -> dict[int, Traffic]:
    return {length: Traffic(ratio * total, total) for length in WINDOWS_S}


def test_the_pairs_are_the_workbooks() -> None:
    """The Site Reliability Workbook, table 5-8, with its 1 d and 3 d rows."""
    assert [(pair.long_s, pair.short_s, pair.factor) for pair in PAIRS] == [
        (3_600, 300, 14.4), (21_600, 1_800, 6), (86_400, 7_200, 3), (259_200, 21_600, 1),
    ]  # fmt: skip
    month = 30 * 86_400
    spent = [pair.factor * pair.long_s / month for pair in PAIRS]
    assert spent == pytest.approx([0.02, 0.05, 0.10, 0.10])


@pytest.mark.parametrize(
    ("rates", "over", "value"),
    [
        ({300: 20, 3600: 20}, [14.4], 20 / 14.4),
        ({300: 20, 3600: 14}, [], 0.0),  # the long window does not agree
        ({300: 14, 3600: 20}, [], 0.0),  # it is over by now; the short one says so
        ({300: 14.4, 3600: 14.4}, [], 1.0),  # at the factor is not past it
        ({1800: 7, 21_600: 9}, [6], 7 / 6),
        ({7200: 3.3, 86_400: 3.6}, [3], 1.1),
        ({21_600: 1.2, 259_200: 1.5}, [1], 1.2),
        (dict.fromkeys(WINDOWS_S, 15), [14.4, 6, 3, 1], 15.0),
    ],
)
def test_a_pair_is_over_where_both_windows_are(
    rates: dict[int, float], over: list[float], value: float
) -> None:
    """INV-WATCH-1"""
    total = 10.0**9
    traffic = {
        length: Traffic(rates.get(length, 0) * (1 - OBJECTIVE) * total, total)
        for length in WINDOWS_S
    }
    found = burning(traffic, OBJECTIVE)
    assert found.value is not None
    if value == 1.0:
        assert found.value == pytest.approx(1)
    else:
        assert [pair.factor for pair in found.over] == over
        expected = max(
            value, *(_plain(pair.long_s, pair.short_s, pair.factor, rates) for pair in PAIRS)
        )
        assert found.value == pytest.approx(expected)


def _plain(long_s: int, short_s: int, factor: float, rates: dict[int, float]) -> float:
    return min(rates.get(long_s, 0), rates.get(short_s, 0)) / factor


def test_at_the_factor_is_not_past_it() -> None:
    """A budget that lasts exactly its period is not overspent; nobody is to be paged for it."""
    found = burning(steady(0.5), 0.5)
    assert (found.value, found.over) == (1.0, ())


@given(windows(idle=False), objectives)
def test_with_traffic_everywhere_the_value_is_past_1_exactly_where_a_pair_is_over(
    traffic: dict[int, Traffic], objective: float
) -> None:
    found = burning(traffic, objective)
    assert found.value is not None
    assert (found.value > 1) == bool(found.over)
    for pair in PAIRS:
        both = [
            traffic[at].errors / traffic[at].total / (1 - objective)
            for at in (pair.long_s, pair.short_s)
        ]
        assert (pair in found.over) == all(rate / pair.factor > 1 for rate in both)


@given(shares, objectives)
def test_a_steady_rate_is_told_as_it_is(share: float, objective: float) -> None:
    found = burning(steady(float(share)), objective)
    assert found.value == pytest.approx(float(share) / (1 - objective))


@given(windows(), st.sampled_from(WINDOWS_S), objectives)
def test_more_errors_never_burn_less(
    traffic: dict[int, Traffic], where: int, objective: float
) -> None:
    before = burning(traffic, objective)
    worse = {**traffic, where: Traffic(traffic[where].total, traffic[where].total)}
    after = burning(worse, objective)
    assert set(before.over) <= set(after.over)
    if before.value is not None and after.value is not None:
        assert after.value >= before.value


@given(windows(), windows(idle=False), objectives)
def test_what_an_idle_window_held_could_not_have_made_a_value_smaller(
    traffic: dict[int, Traffic], held: dict[int, Traffic], objective: float
) -> None:
    """INV-WATCH-1: no traffic is undefined, unless whatever had come would leave the answer."""
    found = burning(traffic, objective)
    filled = {at: seen if seen.total else held[at] for at, seen in traffic.items()}
    whole = burning(filled, objective)
    assert whole.value is not None
    assert set(found.over) <= set(whole.over)
    if found.value is None:
        assert found.missing
        assert all(traffic[at].total == 0 for at in found.missing)
    elif found.value <= 1:
        assert whole.value == found.value
    else:
        assert whole.value >= found.value


def test_no_traffic_at_all_is_undefined() -> None:
    found = burning(dict.fromkeys(WINDOWS_S, Traffic(0, 0)), OBJECTIVE)
    assert (found.value, found.over, found.missing) == (None, (), WINDOWS_S)
    assert burn_rate(None, OBJECTIVE) is None


def test_a_quiet_night_is_undefined_only_where_it_matters() -> None:
    healthy = steady(0.0) | {300: Traffic(0, 0)}
    assert burning(healthy, OBJECTIVE).value == 0  # the hour has no errors, whatever came since
    unsure = steady(0.0) | {300: Traffic(0, 0), 3600: Traffic(50, 1000)}
    assert burning(unsure, OBJECTIVE).value is None
    assert burning(unsure, OBJECTIVE).missing == (300,)
    burnt = steady(0.01) | {300: Traffic(0, 0)}
    assert burning(burnt, OBJECTIVE).value == pytest.approx(10)


@pytest.mark.parametrize(
    ("errors", "total", "possible"),
    [
        (0, 0, True), (1, 1, True), (2, 1, False), (-1, 1, False),
        (math.nan, 1, False), (0, math.inf, False),
    ],
)  # fmt: skip
def test_impossible_counts_are_known_as_such(errors: float, total: float, possible: bool) -> None:
    assert Traffic(errors, total).is_possible is possible
