"""Expected calibration error: how far predicted probabilities are from what came true.

    ECE = Σ n_b/n · |confidence_b - accuracy_b|

over bins of the score, L1. Sources: Naeini, Cooper, Hauskrecht (2015), Obtaining well calibrated
probabilities using Bayesian binning; Guo et al. (2017), On calibration of modern neural networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.errors import requires_extra
from engine.metrics.counts import MILLION, Bin, Counts
from engine.metrics.outcome import INSUFFICIENT, OK, ComputedMetric

with requires_extra("data"):
    import numpy as np
    from numpy.random import RandomState
    from numpy.typing import NDArray

METHOD = "ece/1"
REPLICATES = 2_000
LEVEL = 0.95
MAX_BINS = 100
STRATEGIES = ("equal_width", "equal_mass")
TASKS = ("binary", "multiclass")
_SCORE_OF = {"binary": "P(y = 1)", "multiclass": "top-1 confidence"}


class Calibration(NamedTuple):
    """What the bins show.

    Attributes:
        ece: Expected calibration error.
        mce: Largest |confidence - accuracy| of a bin.
        q95_null: 95th percentile of the ECE of a perfectly calibrated model with these scores.
        debiased: ECE less its bias, at least 0.
        upper_debiased: Upper 95 % bound of that.
    """

    ece: float
    mce: float
    q95_null: float
    debiased: float
    upper_debiased: float

    @property
    def interval(self) -> tuple[float, float]:
        """What a gate compares: [max(0, ece - q95_null), min(ece, upper_debiased)].

        All of it past a limit is an error beyond what chance gives a perfectly calibrated
        model; all of it within is an error that is small, or shown to be small but for its
        bias. In between nothing is known.
        """
        low = max(0.0, self.ece - self.q95_null)
        return low, max(low, min(self.ece, self.upper_debiased))


def error(bins: Sequence[Bin]) -> float:
    """Return the ECE of ``bins``: a sum of whole numbers, and one division."""
    n = sum(bin_.n for bin_ in bins)
    return sum(abs(bin_.score_sum - MILLION * bin_.hits) for bin_ in bins) / (MILLION * n)


def calibration(bins: Sequence[Bin], *, seed: int = 0, replicates: int = REPLICATES) -> Calibration:
    """Return the calibration that ``bins`` show, none of them empty.

    Both references are simulated on the bins. Null: the hits of each bin are drawn with the
    bin's mean score, which spreads no less than drawing each row with its own (Hoeffding 1956,
    On the distribution of the number of successes in independent trials), so that the
    percentile is not too small. Bias: the hits are drawn with the rate that was seen, smoothed
    as Jeffreys does; what the mean of the drawn errors is above the error seen is its bias.

    Args:
        bins: See :meth:`Counts.bins`.
        seed: Of the draws. numpy's RandomState never changes what it draws for a seed.
        replicates: How many are drawn.

    Sources: Bröcker, Smith (2007), Increasing the reliability of reliability diagrams (the null
    reference, "consistency resampling"); Kumar, Liang, Ma (2019), Verified uncertainty
    calibration, and Ferro, Fricker (2012) (the bias).
    """
    n = np.array([bin_.n for bin_ in bins], dtype=np.int64)
    scores = np.array([bin_.score_sum for bin_ in bins], dtype=np.float64) / MILLION
    hits = np.array([bin_.hits for bin_ in bins], dtype=np.int64)
    observed = error(bins)
    chance = np.random.RandomState(seed)
    null = _drawn(chance, n, np.clip(scores / n, 0.0, 1.0), scores, replicates)
    again = _drawn(chance, n, (hits + 0.5) / (n + 1), scores, replicates)
    debiased = max(0.0, observed - max(0.0, float(again.mean()) - observed))
    spread = _percentile(again) - float(again.mean())
    mce = float(np.max(np.abs(scores - hits) / n))
    return Calibration(observed, mce, _percentile(null), debiased, debiased + spread)


def _drawn(
    chance: RandomState,
    n: NDArray[np.int64],
    rates: NDArray[np.float64],
    scores: NDArray[np.float64],
    replicates: int,
) -> NDArray[np.float64]:
    """The errors of ``replicates`` draws of each bin's hits, sorted."""
    hits = chance.binomial(n, rates, size=(replicates, len(n)))
    errors: NDArray[np.float64] = np.abs(hits - scores).sum(axis=1) / n.sum()
    return np.sort(errors)


def _percentile(ordered: NDArray[np.float64]) -> float:
    """The smallest of ``ordered`` that at least 95 % do not exceed."""
    return float(ordered[math.ceil(LEVEL * len(ordered)) - 1])


def expected_calibration_error(
    counts: Counts,
    *,
    bins: int = 15,
    strategy: str = "equal_width",
    min_n: int = 1_000,
    task: str = "binary",
    seed: int = 0,
) -> ComputedMetric:
    """Return the ECE of what was counted.

    Args:
        counts: Counted into at most ``bins`` bins by ``strategy``.
        bins: Number of bins that was requested.
        strategy: ``equal_width`` or ``equal_mass``.
        min_n: Fewer rows than these are ``insufficient_data``.
        task: ``binary``, the score is P(y = 1); or ``multiclass``, it is the confidence in the
            class that was predicted.
        seed: Of the references' draws.
    """
    found = counts.bins()
    n = sum(bin_.n for bin_ in found)
    parameters = {
        "bins": bins,
        "strategy": strategy,
        "norm": "L1",
        "score": _SCORE_OF[task],
        "min_n": min_n,
        "seed": seed,
        "replicates": REPLICATES,
    }
    about: dict[str, Any] = {"n": n, "parameters": parameters, "excluded": counts.excluded}
    if n < max(min_n, 1):
        because = f"{n:,} rows with score and label; {max(min_n, 1):,} are needed"
        return ComputedMetric(METHOD, INSUFFICIENT, because=because, **about)
    seen = calibration(found, seed=seed)
    about["reference"] = {
        "mce": seen.mce,
        "q95_null": seen.q95_null,
        "debiased": seen.debiased,
        "upper_debiased": seen.upper_debiased,
        "bins_used": len(found),
    } | _by_bin(found)
    return ComputedMetric(METHOD, OK, seen.ece, ci=seen.interval, **about)


def _by_bin(bins: Sequence[Bin]) -> dict[str, float]:
    reference: dict[str, float] = {}
    for bin_ in bins:
        reference[f"bin.{bin_.at:02}.n"] = bin_.n
        reference[f"bin.{bin_.at:02}.confidence"] = bin_.score_sum / MILLION / bin_.n
        reference[f"bin.{bin_.at:02}.accuracy"] = bin_.hits / bin_.n
    return reference
