"""Metrics that are made of counters: a ratio of errors, and how fast the error budget burns.

A ratio is Σ errors / Σ total over the window, never a mean of ratios. All counts of one metric
are asked in one query, so that they are of one instant and of one look at the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.evidence.sources.prometheus_api import QueryResult, SampleQuery
from engine.evidence.sources.prometheus_value import NoNumber, Sample, finite, written
from engine.metrics.burn_rate import WINDOWS_S, Traffic, burning
from engine.metrics.outcome import INVALID, UNDEFINED
from engine.model import Json

_PART = "engine_part"
_NEWEST = "newest"
_SHARE_OF_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class _Counters:
    """What both metrics are made of.

    Attributes:
        errors: Selector of counters of what failed.
        total: Selector of counters of everything.
        absent_is_zero: Whether no counter of errors at all means that nothing failed; else
            it may as well be a misspelt selector, and there is no value.
    """

    errors: str
    total: str
    absent_is_zero: bool

    @property
    def shown(self) -> str:
        """What is asked, in one line."""
        return " ".join(f"errors {self.errors}, total {self.total}".split())

    def seen(self, asking: SampleQuery, windows: Sequence[int]) -> tuple[dict[int, Traffic], float]:
        """Return the traffic by window, and the time of the newest sample.

        Raises:
            NoNumber: A count is none, or nothing was scraped lately.
        """
        parts = _parts(asking.query(self._query(windows)))
        if _NEWEST not in parts:
            raise NoNumber(UNDEFINED, "nothing matches total, or it was not scraped lately")
        ever = any(f"errors {length}" in parts for length in windows)
        if not ever and not self.absent_is_zero:
            raise NoNumber(
                UNDEFINED,
                "nothing matches errors: none yet, or a misspelt selector; "
                'errors_absent = "zero" says it is the former',
            )
        return {length: self._traffic(parts, length) for length in windows}, parts[_NEWEST]

    def _query(self, windows: Sequence[int]) -> str:
        counts = {
            f"{part} {length}": f"sum(increase({selector}[{length}s]))"
            for length in windows
            for part, selector in (("errors", self.errors), ("total", self.total))
        }
        everything = {**counts, _NEWEST: f"max(timestamp({self.total}))"}
        return " or ".join(
            f'label_replace({promql}, "{_PART}", "{name}", "", "")'
            for name, promql in everything.items()
        )

    @staticmethod
    def _traffic(parts: Mapping[str, float], length: int) -> Traffic:
        """No counter of a window's total is no traffic; of its errors, where others are, none."""
        errors, total = parts.get(f"errors {length}", 0.0), parts.get(f"total {length}", 0.0)
        if total < errors <= total * (1 + _SHARE_OF_ROUNDING):
            errors = total  # both were extrapolated to the window's edges, in floats
        if not Traffic(errors, total).is_possible:
            raise NoNumber(INVALID, f"{errors:g} errors of {total:g} in {length} s")
        return Traffic(errors, total)


@dataclass(frozen=True, slots=True)
class Ratio(_Counters):
    """``errors``, ``total`` and ``window``: the share that failed."""

    window_s: int

    @property
    def parameters(self) -> dict[str, Json]:
        """What was set."""
        return {"window_s": self.window_s}

    def tell(self, asking: SampleQuery) -> Sample:
        """Ask, and return what the answers come to."""
        try:
            traffic, newest = self.seen(asking, (self.window_s,))
        except NoNumber as none:
            return none.sample
        seen = traffic[self.window_s]
        if seen.ratio is None:
            return Sample.without(UNDEFINED, "no traffic in the window")
        reference = {"errors": written(seen.errors), "total": written(seen.total)}
        return Sample(written(seen.ratio), n=int(seen.total), reference=reference, newest=newest)


@dataclass(frozen=True, slots=True)
class Burn(_Counters):
    """``errors``, ``total`` and ``objective``: see :mod:`engine.metrics.burn_rate`."""

    objective: float

    @property
    def parameters(self) -> dict[str, Json]:
        """What was set."""
        return {"objective": self.objective}

    def tell(self, asking: SampleQuery) -> Sample:
        """Ask, and return what the answers come to."""
        try:
            traffic, newest = self.seen(asking, WINDOWS_S)
        except NoNumber as none:
            return none.sample
        found = burning(traffic, self.objective)
        rates = {f"rate_{at}s": rate for at, rate in found.rates.items() if rate is not None}
        if found.value is None:
            idle = ", ".join(f"{length} s" for length in found.missing)
            return Sample(None, UNDEFINED, f"no traffic in the last {idle}", reference=rates)
        over = "; ".join(
            f"past {pair.factor:g} in {pair.long_s} s and {pair.short_s} s" for pair in found.over
        )
        n = int(traffic[max(WINDOWS_S)].total)
        return Sample(written(found.value), because=over, n=n, reference=rates, newest=newest)


def _parts(found: QueryResult) -> dict[str, float]:
    parts: dict[str, float] = {}
    for series in found.series:
        (_at, value), *_more = series.points
        parts[series.labels.get(_PART, "")] = finite(value)
    return parts
