"""ECE against an oracle, its edges, and what is said of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.metrics.calibration import calibration, error, expected_calibration_error
from engine.metrics.counts import Bin, Counts, merge
from tests.metrics.tables import Array, counts, equal_mass, equal_width


def rows(n: int, seed: int, shift: float = 0.0) -> tuple[Array, Array]:
    chance = np.random.default_rng(seed)
    score = chance.beta(2, 3, n)
    return score, (chance.random(n) < np.clip(score + shift, 0, 1)).astype(int)


def by_definition(score: Array, label: Array, binned: Array) -> float:
    """Σ n_b/n |mean score - mean label|, in floats."""
    inside = [binned == at for at in np.unique(binned)]
    return float(sum(abs(score[at].mean() - label[at].mean()) * at.mean() for at in inside))


@pytest.mark.parametrize("bins", [1, 5, 15, 100])
@pytest.mark.parametrize("seed", range(3))
def test_the_error_is_that_of_scikit_learns_calibration_curve(bins: int, seed: int) -> None:
    """Its bins are closed on the right, which differs only where a score is an edge."""
    from sklearn.calibration import calibration_curve  # takes seconds, in every process of a run

    score, label = rows(20_000, seed, 0.03)
    accuracy, confidence = calibration_curve(label, score, n_bins=bins)
    share = np.unique(equal_width(score, bins), return_counts=True)[1] / len(score)
    expected = float((np.abs(accuracy - confidence) * share).sum())
    found = expected_calibration_error(counts(score, label, bins=bins), bins=bins)
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert found.reference["mce"] == pytest.approx(np.abs(accuracy - confidence).max(), abs=1e-6)
    accuracies = [
        found.reference[key] for key in sorted(found.reference) if key.endswith("accuracy")
    ]
    assert accuracies == pytest.approx(accuracy.tolist(), abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_error_is_the_definitions(pairs: list[tuple[float, bool]]) -> None:
    score = np.array([pair[0] for pair in pairs])
    label = np.array([pair[1] for pair in pairs], dtype=int)
    expected = by_definition(score, label, equal_width(score))
    assert error(counts(score, label).bins()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("score", "bins", "expected"),
    [(0.0, 10, 0), (0.1, 10, 1), (0.3, 10, 3), (0.7, 10, 7), (0.29, 100, 29), (0.57, 100, 57),
     (0.999999999, 15, 14), (1.0, 15, 14), (0.0999999, 10, 0)],
)  # fmt: skip
def test_a_bin_holds_its_lower_edge_and_the_last_one_its_upper(
    score: float, bins: int, expected: int
) -> None:
    assert equal_width(np.array([score]), bins).tolist() == [expected]


def test_equal_mass_keeps_ties_together_whatever_the_order() -> None:
    score = np.array([0.5] * 7 + [0.1, 0.2, 0.9])
    found = equal_mass(score, 5)
    assert len(set(found[:7].tolist())) == 1
    turned = equal_mass(score[::-1], 5)[::-1]
    assert (found == turned).all()
    assert set(equal_mass(np.full(50, 0.3), 15).tolist()) == {0}


def test_a_constant_score_is_one_bin_and_compared_with_the_base_rate() -> None:
    label = np.arange(2_000) % 4 == 0
    found = expected_calibration_error(counts(np.full(2_000, 0.3), label.astype(int)))
    assert found.value == pytest.approx(0.05, abs=1e-12)
    assert found.reference["bins_used"] == 1


def test_too_few_rows_are_no_value() -> None:
    score, label = rows(999, 0)
    found = expected_calibration_error(counts(score, label), min_n=1_000)
    assert (found.status, found.value, found.ci, found.n) == ("insufficient_data", None, None, 999)
    assert found.because == "999 rows with score and label; 1,000 are needed"
    nothing = expected_calibration_error(Counts({}, {}), min_n=0)
    assert nothing.status == "insufficient_data"


def test_what_is_set_and_counted_is_told() -> None:
    score, label = rows(5_000, 1)
    found = expected_calibration_error(counts(score, label), task="multiclass", seed=7)
    metric = found.metric(source="p.csv", source_sha256="ab" * 32)
    assert metric["computed"]["parameters"] == {
        "bins": 15, "strategy": "equal_width", "norm": "L1", "score": "top-1 confidence",
        "min_n": 1_000, "seed": 7, "replicates": 2_000,
    }  # fmt: skip
    assert metric["computed"]["method"] == "ece/1"
    assert metric["computed"]["source_sha256"] == "ab" * 32
    assert (metric["n"], metric["source"], metric["status"]) == (5_000, "p.csv", "ok")


def test_the_null_reference_is_what_calibrated_labels_give() -> None:
    """Against drawing every row with its own probability, as the reference is defined."""
    score, label = rows(4_000, 3)
    binned = equal_width(score)
    chance = np.random.default_rng(5)
    drawn = chance.random((2_000, len(score))) < score
    gaps = np.stack(
        [np.abs((drawn - score)[:, binned == at].sum(axis=1)) for at in np.unique(binned)]
    ).sum(axis=0)
    expected = float(np.quantile(gaps / len(score), 0.95))
    seen = calibration(counts(score, label).bins())
    assert seen.q95_null == pytest.approx(expected, rel=0.03)


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    score, label = rows(4_000, 3)
    table = counts(score, label)
    assert calibration(table.bins(), seed=1) == calibration(table.bins(), seed=1)
    assert calibration(table.bins(), seed=1) != calibration(table.bins(), seed=2)


def test_what_numpy_draws_for_a_seed_has_not_changed() -> None:
    seen = calibration([Bin(0, 400, 40_000_000, 60), Bin(1, 600, 420_000_000, 400)])
    assert seen.ece == 0.04
    assert seen.q95_null == 0.028
    assert seen.upper_debiased == pytest.approx(0.060832, abs=1e-12)


def test_the_percentile_is_the_smallest_draw_that_95_of_100_do_not_exceed() -> None:
    """One place higher, chance is granted more than it takes, and a biased model passes.

    The draws are made again here, as the reference is defined; 19 of 20 is where they differ.
    """
    bins = [Bin(0, 400, 40_000_000, 60), Bin(1, 600, 420_000_000, 400)]
    scores = np.array([40.0, 420.0])
    hits = np.random.RandomState(7).binomial([400, 600], [0.1, 0.7], size=(20, 2))
    errors = np.sort(np.abs(hits - scores).sum(axis=1) / 1_000)
    assert errors[18] < errors[19]
    seen = calibration(bins, seed=7, replicates=20)
    assert seen.q95_null == errors[18]
    assert (errors <= seen.q95_null).mean() == 0.95


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.05, 0.2])
@pytest.mark.parametrize("n", [1_000, 20_000])
def test_the_interval_is_in_order_and_holds_what_the_rule_asks_for(n: int, shift: float) -> None:
    """Fails iff ece - q95 is past the limit; passes iff ece, or its debiased bound, is within."""
    score, label = rows(n, 11, shift)
    seen = calibration(counts(score, label).bins())
    low, high = seen.interval
    assert 0 <= low <= high <= 1
    for limit in (0.001, 0.01, 0.03, 0.1):
        assert (low > limit) == (seen.ece - seen.q95_null > limit)
        passes = min(seen.ece, seen.upper_debiased) <= limit
        assert (high <= limit) == (passes and low <= limit)


def test_tables_add_up_bit_for_bit_in_any_order() -> None:
    score, label = rows(6_000, 9)
    whole = counts(score, label)
    chance = np.random.default_rng(0)
    part = chance.integers(0, 7, len(score))
    parts = [counts(score[part == at], label[part == at]) for at in range(7)]
    for order in (parts, parts[::-1], [merge(parts[:3]), merge(parts[3:])]):
        added = merge(order)
        assert added.cells == whole.cells
        assert expected_calibration_error(added) == expected_calibration_error(whole)
    assert math.isfinite(error(whole.bins()))
