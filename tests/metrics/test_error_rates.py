"""How often a gate with the shipped limits blocks what is fair, and lets through what is not.

Everything is drawn with a seed. What a gate says of an interval is :func:`status_of`, the
rule that engine and verifier share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.formats.json_text import read_yaml
from engine.metrics.bias import ratios
from engine.metrics.calibration import calibration
from engine.metrics.counts import Bin
from engine.metrics.fairness import Gaps, gaps, score
from engine.proof.verdict_rules import recompute_status
from tests.metrics.tables import Array, equal_mass, equal_width, millionths
from tests.repository import ROOT

LIMITS = read_yaml((ROOT / "policies" / "limits" / "default" / "data.yaml").read_bytes())[0][
    "checks"
]
GROUPS = (2, 3, 6, 10)
SIZES = (50, 200, 1_000, 10_000, 100_000)
"""Rows of each group."""
Bounds = NDArray[np.float64]


def past(low: Bounds, high: Bounds, limit: float, sign: str) -> NDArray[np.bool_]:
    """Whether the whole interval is past the limit, as :func:`recompute_status` has it."""
    blocked = low > limit if sign == "<=" else high < limit
    check: dict[str, Any] = {
        **{"operator": sign, "limit": limit, "observed": 0.5, "compare": "ci", "severity": "block"},
        **{"metric_status": "ok", "age_s": 0, "max_age_s": 1},
    }
    for at in range(0, low.size, max(1, low.size // 20)):
        ci = [float(low.flat[at]), float(high.flat[at])]
        assert (recompute_status({**check, "ci": ci}) == "fail") == blocked.flat[at]
    return blocked


def rho_blocked(chance: np.random.Generator, rates: Array, n: int, times: int) -> float:
    """Share of ``times`` draws that ethics.rho_bias blocks."""
    sizes = np.full((times, len(rates)), n)
    selected = chance.binomial(sizes, rates)
    drawn = selected.any(axis=1)  # where nobody is selected it is undefined
    found = ratios(selected[drawn], sizes[drawn])
    limit = LIMITS["ethics.rho_bias"]["limit"]
    return float(past(found.low, found.high, limit, "<=").sum()) / times


def fairness_blocked(
    chance: np.random.Generator, tpr: Array, fpr: Array, n: int, times: int
) -> float:
    """Share that ethics.fairness blocks; half of each group's rows are positive."""
    sizes = np.full((times, len(tpr)), n // 2)
    found: list[Gaps] = [gaps(chance.binomial(sizes, rates), sizes) for rates in (tpr, fpr)]
    _value, low, high = score(*found)
    return float(past(low, high, LIMITS["ethics.fairness"]["limit"], ">=").mean())


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("groups", GROUPS)
def test_groups_that_are_treated_alike_are_seldom_blocked(groups: int, n: int) -> None:
    """INV-ETHICS-5: at most 5 % of fair models, whatever the rate, the groups and their size."""
    chance = np.random.default_rng([groups, n])
    for rate in (0.02, 0.3, 0.9, 0.99):
        same = np.full(groups, rate)
        assert rho_blocked(chance, same, n, 2_000) <= 0.05
        assert fairness_blocked(chance, same, same, n, 2_000) <= 0.05


@pytest.mark.parametrize("groups", GROUPS)
def test_exactly_at_the_limit_is_seldom_blocked_either(groups: int) -> None:
    chance = np.random.default_rng(groups)
    rates = np.full(groups, 0.4)
    rates[0] *= LIMITS["ethics.rho_bias"]["limit"]
    gap = np.full(groups, 0.7)
    gap[0] -= 1 - LIMITS["ethics.fairness"]["limit"]
    for n in (200, 10_000):
        assert rho_blocked(chance, rates, n, 2_000) <= 0.05
        assert fairness_blocked(chance, gap, np.full(groups, 0.2), n, 2_000) <= 0.05


@pytest.mark.parametrize("groups", GROUPS)
def test_half_as_much_again_is_blocked(groups: int) -> None:
    """INV-ETHICS-5: ρ = 1.5 at n ≥ 5,000 a group is blocked at least 99 % of the time."""
    chance = np.random.default_rng(groups)
    rates = np.linspace(0.3, 0.2, groups)
    for n in (5_000, 20_000):
        assert rho_blocked(chance, rates, n, 2_000) >= 0.99


def test_two_groups_of_together_five_thousand_are_enough_to_see_it() -> None:
    chance = np.random.default_rng(1)
    for rates in ([0.3, 0.2], [0.6, 0.4], [0.2, 0.3]):
        assert rho_blocked(chance, np.array(rates), 2_500, 2_000) >= 0.99


# Calibration.


def ece_blocked(
    chance: np.random.Generator, n: int, shift: float, times: int, strategy: str, scores: str
) -> float:
    """Share of ``times`` models, whose outcomes are ``shift`` off, that ethics.ece blocks."""
    low, high = np.empty(times), np.empty(times)
    for at in range(times):
        drawn = SCORES[scores](chance, n)
        label = chance.random(n) < np.clip(drawn + shift, 0, 1)
        binned = (equal_width if strategy == "equal_width" else equal_mass)(drawn)
        low[at], high[at] = calibration(table(drawn, label, binned), replicates=400).interval
    return float(past(low, high, LIMITS["ethics.ece"]["limit"], "<=").mean())


SCORES: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "spread": lambda chance, n: chance.uniform(0.0, 0.9, n),
    "skewed": lambda chance, n: chance.beta(0.5, 8, n),
    "constant": lambda chance, n: np.full(n, chance.uniform(0.1, 0.9)),
}


def table(drawn: Array, label: Array, binned: Array) -> list[Bin]:
    n, sums, hits = (
        np.bincount(binned, weights=weights, minlength=15).astype(np.int64)
        for weights in (None, millionths(drawn), label)
    )
    return [Bin(at, int(n[at]), int(sums[at]), int(hits[at])) for at in range(len(n)) if n[at]]


@pytest.mark.parametrize("scores", SCORES)
@pytest.mark.parametrize("strategy", ["equal_width", "equal_mass"])
def test_a_calibrated_model_is_seldom_blocked(strategy: str, scores: str) -> None:
    """INV-ETHICS-5: at most 5 % of calibrated models."""
    chance = np.random.default_rng(3)
    for n, times in ((50, 100), (200, 100), (1_000, 100), (10_000, 60), (100_000, 20)):
        assert ece_blocked(chance, n, 0.0, times, strategy, scores) <= 0.05


def test_a_model_that_is_off_by_a_twentieth_is_blocked() -> None:
    """INV-ETHICS-5: miscalibrated by 0.05 at n ≥ 5,000, at least 99 %."""
    chance = np.random.default_rng(4)
    for n, times in ((5_000, 200), (20_000, 100)):
        assert ece_blocked(chance, n, 0.05, times, "equal_width", "spread") >= 0.99


def test_a_model_that_is_off_is_not_passed_by_taking_few_rows() -> None:
    """What lies between is held, not passed: the debiased bound is no loophole."""
    chance = np.random.default_rng(5)
    limit = LIMITS["ethics.ece"]["limit"]
    passed = 0
    for _ in range(200):
        drawn = chance.uniform(0.0, 0.9, 1_000)
        label = chance.random(1_000) < drawn + 0.05
        bins = table(drawn, label, equal_width(drawn))
        passed += calibration(bins, replicates=400).interval[1] <= limit
    assert passed <= 2


@pytest.mark.soak
@pytest.mark.parametrize("n", [50, 100, 500, 1_000, 5_000, 20_000, 100_000])
def test_error_rates_in_many_more_draws(n: int) -> None:
    """INV-ETHICS-5: the same, with 100,000 draws per cell."""
    chance = np.random.default_rng([9, n])
    for groups in GROUPS:
        for rate in (0.01, 0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
            same = np.full(groups, rate)
            assert rho_blocked(chance, same, n, 100_000) <= 0.05
            assert fairness_blocked(chance, same, same, n, 100_000) <= 0.05
    times = 1_000 if n <= 5_000 else 200
    for scores in SCORES:
        assert ece_blocked(chance, n, 0.0, times, "equal_width", scores) <= 0.05
    if n >= 5_000:
        assert rho_blocked(chance, np.linspace(0.3, 0.2, 10), n, 100_000) >= 0.99
        assert ece_blocked(chance, n, 0.05, times, "equal_width", "spread") >= 0.99
