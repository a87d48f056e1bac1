"""How much counters grew in a window: from the last sample at its start to the last one in it.

PromQL's ``increase`` begins at a counter's first sample in the window, so it does not see what
failed before that: a label that is first seen with its first error, a new pod. Here

- a counter that is first seen inside the window grew from 0, where its target (``job`` and
  ``instance``) was seen before the window, or ``process_start_time_seconds`` says that its process
  began inside it. Of another new target nothing says whether its counters are new: the window
  counts where it makes no difference;
- across a gap the counter grew by the difference of the samples around it;
- a counter that began again grew from 0 there. Where ``increase`` cannot tell by how much, its
  samples are read.

Source: Prometheus documentation, "Query functions" (``increase``, ``resets``, ``last_over_time``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from engine.evidence.sources.prometheus_api import QueryResult, SampleQuery
from engine.evidence.sources.prometheus_value import NoNumber, finite
from engine.metrics.burn_rate import Traffic
from engine.metrics.outcome import INVALID, UNDEFINED

_KNOWN_S = 86_400
"""How long before a window a sample may be and still say that its counter was there."""
_LOOKBACK_S = 300
"""How long a sample counts as the present one; longer than any step between scrapes."""
_PART = "engine_part"
_NEWEST, _ELSEWHERE = "newest", "elsewhere"
_TARGET = "(job, instance)"
_MOST_READ = 32
_SHARE_OF_ROUNDING = 1e-9
_SHARE_THAT_MATTERS = 0.05


class Growth(NamedTuple):
    """What the counters of one metric did.

    Attributes:
        traffic: By window length in seconds; None where nothing says how much came.
        newest: Unix time of the newest sample.
    """

    traffic: dict[int, Traffic | None]
    newest: float


class Selectors(NamedTuple):
    """Which counters are meant.

    Attributes:
        errors: Selector of counters of what failed.
        total: Selector of counters of everything.
        absent_is_zero: Whether no counter of errors at all means that nothing failed; else it may
            as well be a misspelt selector, and there is no value.
        same_targets: Whether every target that counts errors has to count everything, too.
    """

    errors: str
    total: str
    absent_is_zero: bool
    same_targets: bool

    @property
    def both(self) -> tuple[tuple[str, str], ...]:
        """Each by its name."""
        return ("errors", self.errors), ("total", self.total)


def grown(asking: SampleQuery, selectors: Selectors, windows: Sequence[int]) -> Growth:
    """Return how much the counters grew in each window that ends at the instant of asking.

    All that can be is asked at once, so that it is of one look at the data.

    Raises:
        NoNumber: A count is none, nothing was scraped lately, or the counters do not fit.
    """
    parts = _parts(asking.query(_query(selectors, windows)))
    if _NEWEST not in parts:
        raise NoNumber(UNDEFINED, "nothing matches total, or it was not scraped lately")
    ever = {f"errors {at}{how}" for at in windows for how in ("", " untold")}
    if not selectors.absent_is_zero and ever.isdisjoint(parts):
        raise NoNumber(
            UNDEFINED,
            "nothing matches errors: none yet, or a misspelt selector; "
            'errors_absent = "zero" says it is the former',
        )
    if selectors.same_targets and (count := int(parts.get(_ELSEWHERE, 0))):
        raise NoNumber(
            INVALID,
            f"{count} of the targets that count errors count nothing in total; "
            'targets = "any" says that it is meant so',
        )
    read = _read(asking, selectors, list(windows), parts)
    return Growth({at: _traffic(parts, read, at) for at in windows}, parts[_NEWEST])


class _Counters:
    """The PromQL of one selector and one window.

    Attributes:
        now: Last sample in the window.
        before: Last sample at or before its start.
        again: Those that began again in the window, or shortly before it.
        again_known: How much those grew of which ``increase`` knows it.
    """

    def __init__(self, selector: str, length: int) -> None:
        begun = f"{selector} offset {length}s"
        self.now = f"last_over_time({selector}[{length}s])"
        self.before = f"last_over_time({selector}[{_KNOWN_S}s] offset {length}s)"
        resets = f"resets({selector}[{length + _LOOKBACK_S}s]) > 0"
        self.again = f"({resets} or {self.now} < {self.before})"
        self.again_known = f"(increase({selector}[{length}s]) and {self.again} and {begun})"
        self.new = f"({self.now} unless {self.before} unless {self.again})"
        first = f"min_over_time({selector}[{length}s])"
        self.new_from_first = f"({self.now} - {first} unless {self.before} unless {self.again})"

    @property
    def grown(self) -> str:
        """How much each grew whose growth a query can tell."""
        steady = f"({self.now} - {self.before} unless {self.again})"
        return f"{steady} or {self.again_known} or {self.new}"

    @property
    def uncounted(self) -> str:
        """Those whose growth no query can tell."""
        return f"({self.now} and {self.again} unless {self.again_known})"


def _query(selectors: Selectors, windows: Sequence[int]) -> str:
    queries: dict[str, str] = {_NEWEST: f"max(timestamp({selectors.total}))"}
    for length in windows:
        everything = _Counters(selectors.total, length)
        seen = [f"group by {_TARGET} ({promql})" for promql in (everything.now, everything.before)]
        began = f"process_start_time_seconds >= time() - {length}"
        unproven = f"({seen[0]} unless {seen[1]} unless on {_TARGET} ({began}))"
        for name, selector in selectors.both:
            counters = _Counters(selector, length)
            queries[f"{name} {length}"] = f"sum({counters.grown})"
            queries[f"{name} {length} untold"] = f"count({counters.uncounted})"
            for how, new in (("zero", counters.new), ("first", counters.new_from_first)):
                part = f"{name} {length} from {how}"
                queries[part] = f"sum({new} and on {_TARGET} {unproven})"
            new = f"({counters.uncounted} unless {counters.before} and on {_TARGET} {unproven})"
            queries[f"{name} {length} unproven"] = f"count({new})"
    if selectors.same_targets:
        seen = [f"last_over_time({promql}[{max(windows)}s])" for _, promql in selectors.both]
        targets = " unless ".join(f"group by {_TARGET} ({promql})" for promql in seen)
        queries[_ELSEWHERE] = f"count({targets})"
    return " or ".join(
        f'label_replace({promql}, "{_PART}", "{name}", "", "")' for name, promql in queries.items()
    )


def _parts(found: QueryResult) -> dict[str, float]:
    parts: dict[str, float] = {}
    for series in found.series:
        (_at, value), *_more = series.points
        parts[series.labels.get(_PART, "")] = finite(value)
    return parts


def _read(
    asking: SampleQuery, selectors: Selectors, windows: Iterable[int], parts: Mapping[str, float]
) -> dict[str, float]:
    """How much those grew whose growth no query can tell, by part; their samples are read."""
    growth: dict[str, float] = {}
    samples: dict[str, list[tuple[float, float]]] = {}
    for length in sorted(windows, reverse=True):
        for name, selector in selectors.both:
            part = f"{name} {length}"
            if not parts.get(f"{part} untold"):
                continue
            for series in asking.query(_Counters(selector, length).uncounted).series:
                selected = _selector_of(series.labels)
                if selected not in samples and len(samples) >= _MOST_READ:
                    reason = f"more than {_MOST_READ} counters began again where it cannot be told"
                    raise NoNumber(INVALID, f"{reason} from what; sum them in a recording rule")
                if selected not in samples:
                    samples[selected] = _samples(asking, selected, length + _KNOWN_S)
                grew = grown_by(samples[selected], asking.at - length)
                growth[part] = growth.get(part, 0.0) + grew
    return growth


def _selector_of(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


def _samples(asking: SampleQuery, selector: str, length: int) -> list[tuple[float, float]]:
    found = asking.samples(selector, length).series
    if len(found) != 1:
        raise NoNumber(INVALID, f"{selector} is {len(found)} series, and was one")
    return [(at, finite(value)) for at, value in found[0].points]


def grown_by(samples: Iterable[tuple[float, float]], start: float) -> float:
    """Return how much a counter grew after ``start``, through every time that it began again.

    Args:
        samples: ``(unix seconds, value)``, oldest first.
        start: Unix seconds; the last sample at or before it is what it grew from, else 0.
    """
    grew = last = 0.0
    for at, value in samples:
        if at > start:
            grew += value - last if value >= last else value
        last = value
    return grew


def _traffic(parts: Mapping[str, float], read: Mapping[str, float], length: int) -> Traffic | None:
    """The traffic of a window; None where it is not told whether counters that are new began at 0.

    No counter of a window's total is no traffic; of its errors, where others are, no error.
    """
    names = [f"{name} {length}" for name in ("errors", "total")]
    if any(f"{name} unproven" in parts for name in names):
        return None
    errors, total = (parts.get(name, 0.0) + read.get(name, 0.0) for name in names)
    from_zero = _possible(errors, total, length)
    if not any(f"{name} from zero" in parts for name in names):
        return from_zero
    more = [parts.get(f"{name} from zero", 0.0) for name in names]
    less = [parts.get(f"{name} from first", 0.0) for name in names]
    from_first = _possible(errors - more[0] + less[0], total - more[1] + less[1], length)
    ratios = (from_zero.ratio or 0.0, from_first.ratio or 0.0)
    if abs(ratios[0] - ratios[1]) > _SHARE_THAT_MATTERS * max(ratios):
        return None
    return from_zero if ratios[0] >= ratios[1] else from_first


def _possible(errors: float, total: float, length: int) -> Traffic:
    if total < errors <= total * (1 + _SHARE_OF_ROUNDING):
        errors = total  # what began again was extrapolated to the window's edges, in floats
    if not Traffic(errors, total).is_possible:
        raise NoNumber(INVALID, f"{errors:g} errors of {total:g} in {length} s")
    return Traffic(errors, total)
