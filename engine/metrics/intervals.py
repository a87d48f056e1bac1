"""Confidence intervals of rates, of their ratio and of their difference.

Counts may be arrays of any shape; every function works element by element.
"""

from __future__ import annotations

from statistics import NormalDist

from engine.errors import requires_extra

with requires_extra("data"):
    import numpy as np
    from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counted = NDArray[np.int64]

CONFIDENCE = 0.95
HALF_A_CASE = 0.5


def pairs(groups: int) -> int:
    """Return how many pairs ``groups`` groups make: k(k - 1)/2."""
    return groups * (groups - 1) // 2


def normal_quantile(comparisons: int, confidence: float = CONFIDENCE) -> float:
    """Return z of a two-sided interval that holds for all of ``comparisons`` at once.

    Source: Bonferroni's inequality; Dunn (1961), Multiple comparisons among means.
    """
    return NormalDist().inv_cdf(1 - (1 - confidence) / (2 * max(comparisons, 1)))


def wilson(cases: Counted | Floats, n: Counted | Floats, z: float) -> tuple[Floats, Floats]:
    """Return lower and upper bound of the rate ``cases / n``; ``n`` is at least 1.

    (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n)

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    rate = cases / n
    middle = rate + z * z / (2 * n)
    half = z * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return np.maximum((middle - half) / scale, 0.0), np.minimum((middle + half) / scale, 1.0)


def katz(
    cases: Counted | Floats,
    n: Counted | Floats,
    other_cases: Counted | Floats,
    other_n: Counted | Floats,
    z: float,
) -> tuple[Floats, Floats]:
    """Return bounds of the ratio of two rates, ``(cases / n) / (other_cases / other_n)``.

    ratio · exp(± z √(1/x - 1/n + 1/x' - 1/n')). Where nobody was selected, or everybody, half
    a case takes the place of none, because the variance would be infinite, or zero.

    Source: Katz, Baptista, Azen, Pike (1978), Obtaining confidence intervals for the risk ratio
    in cohort studies; half a case as in Walter (1975) and Pettigrew, Gart, Thomas (1986).
    """
    ratio = half_case(cases) / n / (half_case(other_cases) / other_n)
    variance = _log_variance(cases, n) + _log_variance(other_cases, other_n)
    spread = np.exp(z * np.sqrt(variance))
    return ratio / spread, ratio * spread


def half_case(cases: Counted | Floats) -> Floats:
    """Return ``cases`` with half a case in place of none."""
    return np.maximum(np.asarray(cases, dtype=np.float64), HALF_A_CASE)


def _log_variance(cases: Counted | Floats, n: Counted | Floats) -> Floats:
    inside = np.minimum(half_case(cases), n - HALF_A_CASE)
    return np.asarray(1 / inside - 1 / n, dtype=np.float64)


def newcombe(
    cases: Counted | Floats,
    n: Counted | Floats,
    other_cases: Counted | Floats,
    other_n: Counted | Floats,
    z: float,
) -> tuple[Floats, Floats]:
    """Return bounds of the difference of two rates, ``cases / n - other_cases / other_n``.

    d - √((p - l)² + (u' - p')²) … d + √((u - p)² + (p' - l')²), where l and u are the bounds of
    each rate's Wilson interval.

    Source: Newcombe (1998), Interval estimation for the difference between independent
    proportions: comparison of eleven methods; method 10.
    """
    rate, other = cases / n, other_cases / other_n
    low, high = wilson(cases, n, z)
    other_low, other_high = wilson(other_cases, other_n, z)
    below = np.sqrt((rate - low) ** 2 + (other_high - other) ** 2)
    above = np.sqrt((high - rate) ** 2 + (other - other_low) ** 2)
    return rate - other - below, rate - other + above
