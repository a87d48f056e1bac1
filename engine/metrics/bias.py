"""Bias ratio ρ: how much more often the most selected group is selected than the least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.errors import requires_extra
from engine.metrics.counts import Counts, Outcomes
from engine.metrics.eligible import eligible
from engine.metrics.intervals import Counted, Floats, half_case, katz, normal_quantile, pairs
from engine.metrics.outcome import INSUFFICIENT, OK, UNDEFINED, ComputedMetric

with requires_extra("data"):
    import numpy as np

METHOD = "rho/1"


class Ratios(NamedTuple):
    """ρ and the bounds of its interval, one of each per table."""

    ratio: Floats
    low: Floats
    high: Floats


def ratios(selected: Counted, n: Counted) -> Ratios:
    """Return ρ = max / min selection rate, with the Katz interval of that pair of groups.

    The interval holds for all k(k - 1)/2 pairs at once (Bonferroni), since the pair was chosen
    for being the extreme one; two groups have one pair, and plain Katz.

    Args:
        selected: Selected by table and group, shape (…, k), k ≥ 2; where none of a group is
            selected, half a case takes its place.
        n: Rows by table and group, at least 1, of the same shape.

    Source: Feldman et al. (2015), Certifying and removing disparate impact, whose ratio this
    is, inverted; interval see :func:`engine.metrics.intervals.katz`.
    """
    rates = half_case(selected) / n
    top = np.argmax(rates, axis=-1)[..., None]
    least = np.argmin(rates, axis=-1)[..., None]
    of_top, of_least = (
        [np.take_along_axis(counts, at, axis=-1)[..., 0] for counts in (selected, n)]
        for at in (top, least)
    )
    z = normal_quantile(pairs(selected.shape[-1]))
    low, high = katz(of_top[0], of_top[1], of_least[0], of_least[1], z)
    highest, lowest = (np.take_along_axis(rates, at, axis=-1)[..., 0] for at in (top, least))
    return Ratios(highest / lowest, low, high)


def bias_ratio(counts: Counts, min_n: int = 30) -> ComputedMetric:
    """Return ρ over the groups that have at least ``min_n`` rows.

    Fewer than two such groups are ``insufficient_data``, never 1.0. Where nobody is selected
    at all, ρ is ``undefined``. Where one group has none selected, half a case takes its place,
    and ``reference`` says so in ``groups_without_selection``.
    """
    able = eligible(counts, min_n)
    about = able.about("katz log")
    if able.lacking:
        return ComputedMetric(METHOD, INSUFFICIENT, because=able.lacking, **about)
    compared = able.groups
    if not any(group.selected for group in compared.values()):
        return ComputedMetric(METHOD, UNDEFINED, because="nobody is selected in any group", **about)
    selected = np.array([group.selected for group in compared.values()], dtype=np.int64)
    n = np.array([group.n for group in compared.values()], dtype=np.int64)
    found = ratios(selected, n)
    about["reference"] = _reference(compared, selected, n)
    return ComputedMetric(
        METHOD, OK, float(found.ratio), ci=(float(found.low), float(found.high)), **about
    )


def _reference(able: Mapping[str, Outcomes], selected: Counted, n: Counted) -> dict[str, float]:
    """Rates by group, and how far ρ could be off if another pair than the extreme one counts."""
    size = len(able)
    first, other = np.nonzero(~np.eye(size, dtype=bool))
    _, highs = katz(
        selected[first], n[first], selected[other], n[other], normal_quantile(pairs(size))
    )
    rates = {f"rate.{name}": group.selected / group.n for name, group in able.items()}
    return {
        "groups_eligible": size,
        "groups_without_selection": int(np.count_nonzero(selected == 0)),
        "pairs": pairs(size),
        "upper_of_any_pair": float(highs.max()),
        **rates,
    }
