"""Fairness: one minus the largest difference between groups in what a model gets right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.errors import requires_extra
from engine.metrics.counts import Counts, Outcomes
from engine.metrics.eligible import eligible
from engine.metrics.intervals import Counted, Floats, newcombe, normal_quantile, pairs
from engine.metrics.outcome import INSUFFICIENT, OK, ComputedMetric

with requires_extra("data"):
    import numpy as np

METHOD = "fairness/1"


class Gaps(NamedTuple):
    """Largest difference between two groups' rates and its bounds, one of each per table."""

    gap: Floats
    low: Floats
    high: Floats


def gaps(cases: Counted, n: Counted) -> Gaps:
    """Return the largest difference of rates with the Newcombe interval of that pair of groups.

    The interval holds for all k(k - 1)/2 pairs at once (Bonferroni).

    Args:
        cases: Cases by table and group, shape (…, k), k ≥ 2.
        n: Rows by table and group, at least 1, of the same shape.
    """
    rates = cases / n
    top = np.argmax(rates, axis=-1)[..., None]
    least = np.argmin(rates, axis=-1)[..., None]
    of_top, of_least = (
        [np.take_along_axis(counts, at, axis=-1)[..., 0] for counts in (cases, n)]
        for at in (top, least)
    )
    z = normal_quantile(pairs(cases.shape[-1]))
    low, high = newcombe(of_top[0], of_top[1], of_least[0], of_least[1], z)
    return Gaps(of_top[0] / of_top[1] - of_least[0] / of_least[1], low, high)


def score(of_positives: Gaps, of_negatives: Gaps) -> tuple[Floats, Floats, Floats]:
    """Return 1 - max(ΔTPR, ΔFPR) and the bounds of the larger one's interval, within 0 and 1."""
    larger = of_positives.gap >= of_negatives.gap
    gap, low, high = (
        np.where(larger, *both) for both in zip(of_positives, of_negatives, strict=True)
    )
    return 1 - gap, 1 - np.minimum(high, 1.0), 1 - np.maximum(low, 0.0)


def fairness(counts: Counts, min_n: int = 30) -> ComputedMetric:
    """Return 1 - max(ΔTPR, ΔFPR) over the groups that have at least ``min_n`` rows.

    Each group needs ``min_n`` rows in the denominator of each rate: as many with the positive
    label, and as many without. A group that has fewer is unestimable: it is neither counted as
    equal nor left out, so that there is no value, ``insufficient_data``.

    Source: Hardt, Price, Srebro (2016), Equality of opportunity in supervised learning; the
    difference as fairlearn's ``equalized_odds_difference``; interval see
    :func:`engine.metrics.intervals.newcombe`.
    """
    able = eligible(counts, min_n)
    about = able.about("newcombe")
    if able.lacking:
        return ComputedMetric(METHOD, INSUFFICIENT, because=able.lacking, **about)
    compared = able.groups
    if because := _unestimable(compared, min_n):
        return ComputedMetric(METHOD, INSUFFICIENT, because=because, **about)
    positives = gaps(*_arrays(compared, "true_positives", "positives"))
    negatives = gaps(*_arrays(compared, "false_positives", "negatives"))
    value, low, high = score(positives, negatives)
    about["reference"] = {
        "groups_eligible": len(compared),
        "pairs": pairs(len(compared)),
        "tpr_difference": float(positives.gap),
        "fpr_difference": float(negatives.gap),
        **{
            f"tpr.{name}": group.true_positives / group.positives
            for name, group in compared.items()
        },
        **{
            f"fpr.{name}": group.false_positives / group.negatives
            for name, group in compared.items()
        },
    }
    return ComputedMetric(METHOD, OK, float(value), ci=(float(low), float(high)), **about)


def _unestimable(able: Mapping[str, Outcomes], min_n: int) -> str:
    """Which groups have too few rows of which label; empty when none has."""
    short = [
        f"{name!r} has {count:,} {kind}"
        for name, group in able.items()
        for count, kind in ((group.positives, "positives"), (group.negatives, "negatives"))
        if count < max(min_n, 1)
    ]
    more = f" and {len(short) - 3} more" if len(short) > 3 else ""
    return f"unestimable: {', '.join(short[:3])}{more}; {min_n} are needed" if short else ""


def _arrays(able: Mapping[str, Outcomes], cases: str, n: str) -> tuple[Counted, Counted]:
    return (
        np.array([getattr(group, cases) for group in able.values()], dtype=np.int64),
        np.array([getattr(group, n) for group in able.values()], dtype=np.int64),
    )
