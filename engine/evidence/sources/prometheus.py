"""``kind = "prometheus"``: what a Prometheus knows, by query; see ``docs/watch.md``.

Every metric is one of four: ``query`` (one number now), ``range`` (a series), ``errors`` and
``total`` with a ``window`` (a ratio, Σ errors / Σ total), or with an ``objective`` (how fast the
error budget burns). What has no finite number has no value: no sample, NaN, infinity, several
series where one is meant, a native histogram, or an answer that Prometheus itself calls partial.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from engine.evidence.sources import Evidence, SourceRequest
from engine.evidence.sources.prometheus_api import BadQuery, Prometheus, QueryResult
from engine.evidence.sources.prometheus_ratio import Burn, Ratio
from engine.evidence.sources.prometheus_value import MAX_POINTS, Instant, Range, Sample
from engine.formats.times import write_time
from engine.metrics.outcome import INVALID, OK
from engine.model import Json
from engine.net.endpoint import endpoint_of
from engine.settings.table import Table

EXAMPLE = """\
[[source]]
kind = "prometheus"
url = "https://prometheus.example.org:9090"
token_file = "prometheus.token"     # mode 0600; also ca_file, client_cert, client_key
timeout_s = 10                      # for all queries together
[source.metrics]
"slo.cdc_lag_p95_s" = {query = "max(cdc_lag_seconds_p95)", fresh = "cdc_lag_seconds_p95"}
"slo.burn_rate" = {errors = 'hits{code=~"5.."}', total = "hits", objective = 0.999}
"""

_LONGEST_QUERY = 8192
_LONGEST_SHOWN = 1024


class Measure(Protocol):
    """How one metric is asked for."""

    @property
    def shown(self) -> str:
        """What is asked, in one line."""

    @property
    def parameters(self) -> dict[str, Json]:
        """What was set."""

    def tell(self, asking: SampleQuery) -> Sample:
        """Ask, and return what the answers come to."""


class SampleQuery:
    """The queries of one metric at one instant: remembers what the answers said besides.

    Args:
        prometheus: Asked.
        at: The instant, Unix seconds.
    """

    def __init__(self, prometheus: Prometheus, at: int) -> None:
        self._prometheus = prometheus
        self.at = at
        self.warnings: list[str] = []
        self._digests: list[str] = []

    def query(self, promql: str) -> QueryResult:
        """Return what ``promql`` is at the instant."""
        return self._kept(self._prometheus.query(promql, self.at))

    def range(self, promql: str, window_s: int, step_s: int) -> QueryResult:
        """Return what ``promql`` was, every ``step_s`` seconds of the window up to the instant."""
        start = self.at - window_s + step_s
        return self._kept(self._prometheus.query_range(promql, start, self.at, step_s))

    @property
    def sha256(self) -> str:
        """Digest of the answers: of the one body, or of the list of their digests."""
        if len(self._digests) == 1:
            return self._digests[0]
        return hashlib.sha256("".join(f"{each}\n" for each in self._digests).encode()).hexdigest()

    def _kept(self, found: QueryResult) -> QueryResult:
        self.warnings += [each for each in found.warnings if each not in self.warnings]
        self._digests.append(found.sha256)
        return found


@dataclass(frozen=True, slots=True)
class _Wanted:
    measure: Measure
    tolerant: bool


def read(asked: SourceRequest) -> Evidence:
    """Ask every query and return the metrics they make."""
    table = asked.table
    endpoint = endpoint_of(table, asked.folder)
    deadline_s = table.number("timeout_s", 10.0, least=0.1, most=300)
    names = table.table("metrics", required=True)
    ids = names.keys()
    wanted = {name: _wanted(names.table(name)) for name in ids}
    if not ids:
        raise table.refused("metrics", "names no metric", 'such as "slo.dec_5xx" = {query = "…"}')
    table.finish()
    prometheus = Prometheus(endpoint, deadline_s)
    metrics: dict[str, dict[str, Json]] = {}
    notes: list[str] = []
    for name, want in wanted.items():
        asking = SampleQuery(prometheus, int(asked.now.timestamp()))
        try:
            told = want.measure.tell(asking)
        except BadQuery as bad:
            raise names.refused(name, f"Prometheus: {bad.reason}", "mend the query") from None
        notes += [f"{name}: Prometheus warns: {warning}" for warning in asking.warnings]
        if asking.warnings and not want.tolerant and told.status == OK:
            told = Sample.without(INVALID, "partial: see its warning")
        if told.because:
            notes.append(f"{name}: {told.status}: {told.because}")
        source = f"prometheus {endpoint.shown}: {want.measure.shown}"
        metrics[name] = _metric(told, want.measure, asking) | {"source": source[:_LONGEST_SHOWN]}
    return Evidence(metrics, tuple(notes))


def _wanted(table: Table) -> _Wanted:
    """The measure that a metric's table describes."""
    kinds = [key for key in ("query", "range", "errors") if table.has(key)]
    if len(kinds) != 1:
        said = " and ".join(repr(key) for key in kinds) if kinds else "none of them"
        raise table.refused(
            kinds[1] if kinds else "query",
            f"one of query, range, errors is expected; there is {said}",
            "docs/watch.md shows each",
        )
    tolerant = table.flag("allow_warnings", default=False)
    if kinds == ["query"]:
        return _Wanted(_instant(table), tolerant)
    if kinds == ["range"]:
        return _Wanted(_range(table), tolerant)
    return _Wanted(_ratio(table), tolerant)


def _instant(table: Table) -> Instant:
    shape = table.choice("as", ("number", "boolean"), "number")
    return Instant(
        _promql(table, "query"),
        fresh=_promql(table, "fresh") if table.has("fresh") else None,
        n=_promql(table, "n") if table.has("n") else None,
        boolean=shape == "boolean",
    )


def _range(table: Table) -> Range:
    window_s, step_s = table.seconds("window"), table.seconds("step")
    if window_s % step_s or window_s // step_s > MAX_POINTS:
        raise table.refused(
            "step", f"the window is no whole number of steps, or more than {MAX_POINTS:,}",
            "such as window = \"2d\", step = \"4h\"",
        )  # fmt: skip
    return Range(_promql(table, "range"), window_s, step_s)


def _ratio(table: Table) -> Ratio | Burn:
    errors, total = _promql(table, "errors"), _promql(table, "total")
    absent_is_zero = table.choice("errors_absent", ("undefined", "zero"), "undefined") == "zero"
    if table.has("objective") == table.has("window"):
        raise table.refused(
            "window", "either a window, for a ratio, or an objective, for a burn rate",
            'window = "1h", or objective = 0.999',
        )  # fmt: skip
    if table.has("window"):
        return Ratio(errors, total, absent_is_zero, table.seconds("window"))
    objective = table.number("objective", least=0.0, most=0.999_999)
    if objective == 0:
        raise table.refused("objective", "0 leaves nothing to burn", "such as 0.999")
    return Burn(errors, total, absent_is_zero, objective)


def _promql(table: Table, key: str) -> str:
    return table.text(key, longest=_LONGEST_QUERY)


def _metric(told: Sample, measure: Measure, asking: SampleQuery) -> dict[str, Json]:
    newest = asking.at if told.newest is None else min(int(told.newest), asking.at)
    computed: dict[str, Json] = {"method": "prometheus/1", "source_sha256": asking.sha256}
    if measure.parameters:
        computed["parameters"] = measure.parameters
    if told.reference:
        computed["reference"] = told.reference
    metric: dict[str, Json] = {
        "value": told.value,
        "status": told.status,
        "observed_at": write_time(datetime.fromtimestamp(newest, UTC)),
        "computed": computed,
    }
    return metric if told.n is None else metric | {"n": told.n}
