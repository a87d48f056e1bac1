"""Metrics that are what a query says: one number now, or a series."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

from engine.evidence.sources.prometheus_api import QueryResult, SampleQuery
from engine.metrics.outcome import INVALID, OK, UNDEFINED
from engine.model import Json

MAX_POINTS = 1000
_LARGEST_WHOLE = 2**53


@dataclass(frozen=True, slots=True)
class Sample:
    """What was found out about one metric.

    Attributes:
        value: None unless ``status`` is ``ok``.
        status: ``ok``, ``undefined`` or ``invalid_input``.
        because: Why there is no value, or what else should be known of it, in one clause.
        n: What it rests on; None when nobody counted.
        reference: Numbers that came with it.
        newest: Unix time of the newest sample behind it; None when nobody asked.
    """

    value: Json
    status: str = OK
    because: str = ""
    n: int | None = None
    reference: dict[str, float] = field(default_factory=dict)
    newest: float | None = None

    @staticmethod
    def without(status: str, because: str) -> Sample:
        """Return that there is no value, and why."""
        return Sample(None, status, because)


class NoNumber(Exception):  # noqa: N818  (an outcome: the metric's status)
    """An answer is no finite number.

    Args:
        status: Of the metric instead.
        because: Why, in one clause.
    """

    def __init__(self, status: str, because: str) -> None:
        super().__init__(because)
        self.sample = Sample.without(status, because)


def number_of(found: QueryResult) -> float:
    """Return the one number that an instant query found.

    Raises:
        NoNumber: There is none, or more than one.
    """
    if not found.series:
        raise NoNumber(UNDEFINED, "no sample: nothing matches, or nothing came lately")
    if len(found.series) > 1:
        hint = "sum, max or another aggregation makes them one"
        raise NoNumber(INVALID, f"{len(found.series)} series where one is meant; {hint}")
    ((_at, value),) = found.series[0].points
    return finite(value)


def finite(value: float | None) -> float:
    """Return ``value`` if it is a finite number.

    Raises:
        NoNumber: It is NaN, which is a stale sample or 0 / 0; infinite; or no number at all.
    """
    if value is None:
        raise NoNumber(INVALID, "a text or a native histogram, and no number")
    if math.isnan(value):
        raise NoNumber(UNDEFINED, "NaN: nothing was divided by nothing, or the sample is stale")
    if math.isinf(value):
        raise NoNumber(INVALID, "infinite: a division by nothing, or the last bucket")
    return value


def written(value: float) -> int | float:
    """Return ``value`` as a document writes it: whole numbers without a fraction."""
    return int(value) if value.is_integer() and abs(value) < _LARGEST_WHOLE else value


@dataclass(frozen=True, slots=True)
class Instant:
    """``query = …``: one number.

    Attributes:
        query: PromQL.
        fresh: Selector whose newest sample says how old the number is. Without it a number that
            is a sample is as old as that; another counts as new, though a rate over an hour has a
            value long after the last sample.
        n: PromQL that counts what the number rests on; None: nobody counts.
        boolean: 0 and 1 mean false and true, and nothing else does.
    """

    query: str
    fresh: str | None = None
    n: str | None = None
    boolean: bool = False

    @property
    def shown(self) -> str:
        """What is asked, in one line."""
        return " ".join(self.query.split())

    @property
    def parameters(self) -> dict[str, Json]:
        """What was set."""
        return {} if self.fresh is None else {"fresh": " ".join(self.fresh.split())[:256]}

    def tell(self, asking: SampleQuery) -> Sample:
        """Ask, and return what the answers come to."""
        try:
            found = asking.query(self.query)
            value = number_of(found)
            n = None if self.n is None else int(number_of(asking.query(self.n)))
            newest = None
            if self.fresh is not None:
                newest = number_of(asking.query(f"max(timestamp({self.fresh}))"))
            elif "__name__" in found.series[0].labels:  # samples themselves, which may be older
                newest = number_of(asking.query(f"min(timestamp({self.query}))"))
        except NoNumber as none:
            return none.sample
        if n is not None and n < 0:
            return Sample.without(INVALID, f"rests on {n} samples")
        if self.boolean and value not in (0, 1):
            return Sample.without(INVALID, f"{value:g} where 0 or 1 is meant")
        answer: Json = value == 1 if self.boolean else written(value)
        return Sample(answer, n=n, newest=newest)


@dataclass(frozen=True, slots=True)
class Range:
    """``range = …``: a series, oldest first, with no point missing.

    Attributes:
        query: PromQL.
        window_s: How far back, seconds.
        step_s: Seconds between points; a whole part of the window.
    """

    query: str
    window_s: int
    step_s: int

    @property
    def shown(self) -> str:
        """What is asked, in one line."""
        return " ".join(self.query.split())

    @property
    def parameters(self) -> dict[str, Json]:
        """What was set."""
        return {"window_s": self.window_s, "step_s": self.step_s}

    def tell(self, asking: SampleQuery) -> Sample:
        """Ask, and return what the answers come to."""
        found = asking.range(self.query, self.window_s, self.step_s)
        expected = self.window_s // self.step_s
        if not found.series:
            return Sample.without(UNDEFINED, "no sample: nothing matches in the whole window")
        if len(found.series) > 1:
            return Sample.without(INVALID, f"{len(found.series)} series where one is meant")
        points = found.series[0].points
        evenly = all(after - at == self.step_s for (at, _), (after, _) in pairwise(points))
        if len(points) != expected or not evenly:
            # a gap that was closed up would make windows neighbours that are not
            return Sample.without(UNDEFINED, f"{len(points)} of {expected} points are there")
        try:
            values = [written(finite(value)) for _at, value in points]
        except NoNumber as none:
            return none.sample
        return Sample(values, newest=points[-1][0])
