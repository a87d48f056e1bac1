"""Metrics that are made of counters: a ratio of errors, and how fast the error budget burns.

A ratio is Σ errors / Σ total over the window, never a mean of ratios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.evidence.sources.prometheus_api import SampleQuery
from engine.evidence.sources.prometheus_counters import Selectors, grown
from engine.evidence.sources.prometheus_value import NoNumber, Sample, written
from engine.metrics.burn_rate import NO_TRAFFIC, WINDOWS_S, burning
from engine.metrics.outcome import UNDEFINED
from engine.model import Json


@dataclass(frozen=True, slots=True)
class _OfCounters:
    """What both metrics are made of."""

    selectors: Selectors

    @property
    def shown(self) -> str:
        """What is asked, in one line."""
        return " ".join(f"errors {self.selectors.errors}, total {self.selectors.total}".split())


@dataclass(frozen=True, slots=True)
class Ratio(_OfCounters):
    """``errors``, ``total`` and ``window``: the share that failed."""

    window_s: int

    @property
    def parameters(self) -> dict[str, Json]:
        """What was set."""
        return {"window_s": self.window_s}

    def tell(self, asking: SampleQuery) -> Sample:
        """Ask, and return what the answers come to."""
        try:
            traffic, newest = grown(asking, self.selectors, (self.window_s,))
        except NoNumber as none:
            return none.sample
        seen = traffic[self.window_s]
        if seen is None:
            return Sample.without(UNDEFINED, _unproven([self.window_s]))
        if seen.ratio is None:
            return Sample(None, UNDEFINED, "no traffic in the window", n=0, newest=newest)
        reference = {"errors": written(seen.errors), "total": written(seen.total)}
        return Sample(written(seen.ratio), n=int(seen.total), reference=reference, newest=newest)


@dataclass(frozen=True, slots=True)
class Burn(_OfCounters):
    """``errors``, ``total`` and ``objective``: see :mod:`engine.metrics.burn_rate`."""

    objective: float

    @property
    def parameters(self) -> dict[str, Json]:
        """What was set."""
        return {"objective": self.objective}

    def tell(self, asking: SampleQuery) -> Sample:
        """Ask, and return what the answers come to."""
        try:
            traffic, newest = grown(asking, self.selectors, WINDOWS_S)
        except NoNumber as none:
            return none.sample
        found = burning({at: seen or NO_TRAFFIC for at, seen in traffic.items()}, self.objective)
        rates = {f"rate_{at}s": rate for at, rate in found.rates.items() if rate is not None}
        if found.value is None:
            if unproven := [at for at in found.missing if traffic[at] is None]:
                return Sample(None, UNDEFINED, _unproven(unproven), reference=rates)
            idle = ", ".join(f"{length} s" for length in found.missing)
            because = f"no traffic in the last {idle}"
            return Sample(None, UNDEFINED, because, n=0, reference=rates, newest=newest)
        over = "; ".join(
            f"past {pair.factor:g} in {pair.long_s} s and {pair.short_s} s" for pair in found.over
        )
        n = int((traffic[max(WINDOWS_S)] or NO_TRAFFIC).total)
        return Sample(written(found.value), because=over, n=n, reference=rates, newest=newest)


def _unproven(windows: Sequence[int]) -> str:
    lengths = ", ".join(f"{length} s" for length in windows)
    return (
        f"counters were first seen in the last {lengths}, and nothing says whether they began "
        "then: their targets export no process_start_time_seconds"
    )
