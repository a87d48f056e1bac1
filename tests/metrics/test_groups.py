"""ρ and fairness against fairlearn, published examples and their edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from engine.metrics.bias import bias_ratio
from engine.metrics.counts import Counts
from engine.metrics.fairness import fairness
from engine.metrics.intervals import katz, newcombe, normal_quantile, wilson
from engine.metrics.outcome import ComputedMetric
from tests.metrics.tables import Array, counts, served, treated

Computed = Callable[[Counts, int], ComputedMetric]


def rows(seed: int, groups: int) -> tuple[Array, Array, Array]:
    chance = np.random.default_rng(seed)
    n = 3_000
    group = np.array([f"g{at}" for at in chance.integers(0, groups, n)])
    label = chance.integers(0, 2, n)
    return label, (chance.random(n) < 0.3 + 0.3 * label).astype(int), group


@pytest.mark.parametrize("groups", [2, 3, 6])
@pytest.mark.parametrize("seed", range(4))
def test_both_are_fairlearns(seed: int, groups: int) -> None:
    from fairlearn.metrics import (  # takes seconds, in every process of a run
        demographic_parity_ratio,
        equalized_odds_difference,
        false_positive_rate,
        true_positive_rate,
    )

    label, prediction, group = rows(seed, groups)
    table = counts(label=label, prediction=prediction, group=group)
    ratio = demographic_parity_ratio(label, prediction, sensitive_features=group)
    assert bias_ratio(table).value == pytest.approx(1 / ratio, abs=1e-12)
    gap = equalized_odds_difference(label, prediction, sensitive_features=group)
    found = fairness(table)
    assert found.value == pytest.approx(1 - gap, abs=1e-12)
    inside = group == "g1"
    assert found.reference["tpr.g1"] == pytest.approx(
        true_positive_rate(label[inside], prediction[inside]), abs=1e-12
    )
    assert found.reference["fpr.g1"] == pytest.approx(
        false_positive_rate(label[inside], prediction[inside]), abs=1e-12
    )


# Intervals, as published.


def test_newcombes_worked_examples() -> None:
    """Newcombe (1998), table II, method 10: 56/70 - 48/80 and 9/10 - 3/10."""
    z = normal_quantile(1)
    low, high = newcombe(
        np.array([56, 9]), np.array([70, 10]), np.array([48, 3]), np.array([80, 10]), z
    )
    assert low == pytest.approx([0.0524, 0.1705], abs=5e-5)
    assert high == pytest.approx([0.3339, 0.8090], abs=5e-5)


def test_wilsons_interval_of_none_and_all() -> None:
    low, high = wilson(np.array([0, 10]), np.array([10, 10]), normal_quantile(1))
    assert low == pytest.approx([0, 0.7225], abs=5e-5)
    assert high == pytest.approx([0.2775, 1], abs=5e-5)


def test_katz_is_the_log_interval() -> None:
    low, high = katz(np.array([40]), np.array([100]), np.array([20]), np.array([100]), 1.96)
    half = 1.96 * math.sqrt(1 / 40 - 1 / 100 + 1 / 20 - 1 / 100)
    assert low[0] == pytest.approx(2 * math.exp(-half), abs=1e-12)
    assert high[0] == pytest.approx(2 * math.exp(half), abs=1e-12)


def test_more_pairs_widen_the_interval() -> None:
    two = bias_ratio(treated(a=(40, 100), b=(20, 100))).ci
    three = bias_ratio(treated(a=(40, 100), b=(20, 100), c=(30, 100))).ci
    assert two is not None
    assert three is not None
    assert two[0] == pytest.approx(2 * math.exp(-1.959964 * math.sqrt(0.055)), abs=1e-6)
    assert three[0] == pytest.approx(2 * math.exp(-2.393980 * math.sqrt(0.055)), abs=1e-6)


# Edges of ρ.


@pytest.mark.parametrize(
    "table",
    [
        Counts({}, {}),
        treated(a=(10, 100)),
        treated(a=(10, 100), b=(10, 29)),
        treated(a=(0, 0), b=(0, 0)),
    ],
)
def test_fewer_than_two_groups_are_never_even_handed(table: Counts) -> None:
    for found in (bias_ratio(table), fairness(table)):
        assert (found.status, found.value, found.ci) == ("insufficient_data", None, None)
        assert "2 are needed" in found.because


def test_nobody_selected_is_undefined() -> None:
    found = bias_ratio(treated(a=(0, 100), b=(0, 100)))
    assert (found.status, found.value) == ("undefined", None)


def test_one_group_with_nobody_selected_is_flagged_and_counts_half_a_case() -> None:
    found = bias_ratio(treated(a=(50, 100), b=(0, 100), c=(40, 100)))
    assert found.status == "ok"
    assert found.value == pytest.approx(100.0)
    assert found.reference["groups_without_selection"] == 1
    assert found.reference["rate.b"] == 0
    assert found.ci is not None
    assert found.ci[0] > 1.05


def test_everybody_selected_is_even_handed_but_not_beyond_doubt() -> None:
    found = bias_ratio(treated(a=(30, 30), b=(30, 30)))
    assert found.value == 1.0
    assert found.ci is not None
    assert found.ci[0] < 1
    assert found.ci[1] > 1.05


def test_a_small_group_is_left_out_and_told() -> None:
    found = bias_ratio(treated(a=(40, 100), b=(20, 100), tiny=(29, 29)))
    assert found.value == 2.0
    assert found.excluded == {"group_too_small": 29}
    assert found.groups == {"a": 100, "b": 100, "tiny": 29}
    assert found.n == 200


@pytest.mark.parametrize("computed", [bias_ratio, fairness])
def test_no_setting_leaves_out_a_group_that_is_large_enough(computed: Computed) -> None:
    """INV-INPUT-12: evidence does not get better by losing rows."""
    label, prediction, group = rows(1, 3)
    kept = (group != "g2") | (np.cumsum(group == "g2") <= 40)
    table = counts(label=label[kept], prediction=prediction[kept], group=group[kept])
    found = computed(table, 300)
    assert (found.status, found.value) == ("insufficient_data", None)
    assert (
        "group 'g2' has 40 rows, enough for an interval, and groups.min_n is 300" in found.because
    )
    assert found.excluded["group_too_small"] == 40


def test_a_small_groups_wide_bound_is_told_though_it_is_not_the_extreme_pair() -> None:
    found = bias_ratio(treated(a=(40_200, 100_000), b=(40_000, 100_000), c=(14, 35)))
    assert found.ci is not None
    assert found.ci[1] < 1.05 < found.reference["upper_of_any_pair"]


# Edges of fairness.


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (served(a=(30, 60, 10, 60), b=(0, 0, 10, 60)), "'b' has 0 positives"),
        (served(a=(30, 60, 10, 60), b=(10, 29, 10, 60)), "'b' has 29 positives"),
        (served(a=(30, 60, 10, 60), b=(30, 60, 0, 0)), "'b' has 0 negatives"),
    ],
)
def test_a_group_without_positives_is_neither_nought_nor_dropped(
    table: Counts, reason: str
) -> None:
    found = fairness(table)
    assert (found.status, found.value) == ("insufficient_data", None)
    assert found.because.startswith("unestimable: ")
    assert reason in found.because


@pytest.mark.parametrize("table", [
    served(a=(20, 60, 10, 60), b=(10, 30, 10, 60)),
    served(a=(20, 60, 10, 60), b=(20, 60, 5, 30)),
])  # fmt: skip
def test_a_group_with_exactly_as_many_as_are_needed_is_compared(table: Counts) -> None:
    """The limit that was agreed on is enough: asking one more withholds a value that is there."""
    found = fairness(table, min_n=30)
    assert (found.status, found.value) == ("ok", 1)


def test_the_larger_of_the_two_differences_counts() -> None:
    found = fairness(served(a=(80, 100, 10, 100), b=(70, 100, 30, 100)))
    assert found.value == pytest.approx(0.8)
    assert found.reference["tpr_difference"] == pytest.approx(0.1)
    assert found.reference["fpr_difference"] == pytest.approx(0.2)
    low, high = newcombe(
        np.array(30), np.array(100), np.array(10), np.array(100), normal_quantile(1)
    )
    assert found.ci is not None
    assert list(found.ci) == pytest.approx([1 - float(high), 1 - float(low)])


def test_the_interval_stays_within_nought_and_one() -> None:
    found = fairness(served(a=(50, 50, 25, 50), b=(0, 50, 25, 50)))
    assert found.ci is not None
    assert found.value == 0.0
    assert 0 <= found.ci[0] <= found.ci[1] <= 1
    same = fairness(served(a=(25, 50, 25, 50), b=(25, 50, 25, 50)))
    assert same.ci is not None
    assert (same.value, same.ci[1]) == (1.0, 1.0)
