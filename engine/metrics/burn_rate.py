"""How fast an error budget burns, over several windows at once.

    burn rate = (Σ errors / Σ total) / (1 - objective)

1 uses the budget up exactly at its period's end. One window alone is either slow to notice or slow
to forget, so each pair below has a long and a short one: it is over where **both** burn faster
than its factor. Source: Beyer et al. (2018), The Site Reliability Workbook, chapter 5,
"Multiwindow, Multi-Burn-Rate Alerts"; the factors spend 2 %, 5 %, 10 % and 10 % of a budget of
30 days in their long windows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Pair:
    """Two windows that have to agree, and the burn rate that both have to pass.

    Attributes:
        long_s: Length of the window that shows it matters, seconds.
        short_s: Length of the window that shows it still goes on, seconds.
        factor: Burn rate past which both are over.
    """

    long_s: int
    short_s: int
    factor: float


PAIRS = (
    Pair(HOUR_S, 300, 14.4),
    Pair(6 * HOUR_S, 1800, 6),
    Pair(24 * HOUR_S, 2 * HOUR_S, 3),
    Pair(72 * HOUR_S, 6 * HOUR_S, 1),
)
"""1 h and 5 min, 6 h and 30 min, 1 d and 2 h, 3 d and 6 h."""

WINDOWS_S = tuple(sorted({length for pair in PAIRS for length in (pair.long_s, pair.short_s)}))
"""Every window that is needed, shortest first: six, of which two serve two pairs."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a window saw.

    Attributes:
        errors: Requests that failed; finite, 0 to ``total``.
        total: Requests.
    """

    errors: float
    total: float

    @property
    def ratio(self) -> float | None:
        """Σ errors / Σ total; None without traffic: nothing failed is not nothing came."""
        return self.errors / self.total if self.total > 0 else None

    @property
    def is_possible(self) -> bool:
        """Whether such counts can be: finite, not negative, and no more errors than requests."""
        finite = math.isfinite(self.errors) and math.isfinite(self.total)
        return finite and 0 <= self.errors <= self.total


NO_TRAFFIC = Traffic(0.0, 0.0)
"""Nothing came, or nothing is known of what came: either way there is no ratio."""


@dataclass(frozen=True, slots=True)
class BurnRateResult:
    """What the pairs show together.

    Attributes:
        value: Largest over the pairs of ``min(long, short) / factor``: past 1 exactly where a
            pair is over, and the burn rate itself where that is the same in all windows. None
            where a window without traffic could have changed it.
        over: The pairs that are over for certain.
        rates: Burn rate by window length; None without traffic.
        missing: Lengths of the windows for want of whose traffic there is no value.
    """

    value: float | None
    over: tuple[Pair, ...]
    rates: Mapping[int, float | None]
    missing: tuple[int, ...] = ()


def burn_rate(ratio: float | None, objective: float) -> float | None:
    """Return the burn rate of an error ratio; None stays None.

    Args:
        ratio: 0 to 1.
        objective: Share that has to succeed, above 0 and below 1, such as 0.999.
    """
    return None if ratio is None else ratio / (1 - objective)


def burning(traffic: Mapping[int, Traffic], objective: float) -> BurnRateResult:
    """Return what ``PAIRS`` show about ``traffic``.

    A pair of which one window is unknown is over at most as far as the other one. Where that
    could not change the answer there is a value; where a pair is over for certain there is one
    too, since whatever the unknown window held could only have raised it.

    Args:
        traffic: By window length; every one of ``WINDOWS_S``.
        objective: Share that has to succeed, above 0 and below 1.
    """
    rates = {length: burn_rate(traffic[length].ratio, objective) for length in WINDOWS_S}
    least, most = 0.0, 0.0
    over: list[Pair] = []
    missing: set[int] = set()
    known = False
    for pair in PAIRS:
        both = [rates[pair.long_s], rates[pair.short_s]]
        there = [rate / pair.factor for rate in both if rate is not None]
        most = max(most, min(there, default=math.inf))
        if len(there) < len(both):
            missing.update(at for at in (pair.long_s, pair.short_s) if rates[at] is None)
            continue
        known = True
        least = max(least, min(there))
        if min(there) > 1:
            over.append(pair)
    if known and (over or most <= least):
        return BurnRateResult(least, tuple(over), rates)
    return BurnRateResult(None, tuple(over), rates, tuple(sorted(missing)))
