"""``kind = "prometheus"``: what a Prometheus knows, by query; see ``docs/watch.md``.

Every metric is one of four: ``query`` (one number now), ``range`` (a series), ``errors`` and
``total`` with a ``window`` (a ratio, Σ errors / Σ total), or with an ``objective`` (how fast the
error budget burns). What has no finite number has no value: no sample, NaN, infinity, several
series where one is meant, a native histogram, or an answer that Prometheus itself calls partial.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.prometheus_api import BadQuery, Prometheus, SampleQuery
from engine.evidence.sources.prometheus_counters import Selectors
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


@dataclass(frozen=True, slots=True)
class _MetricQuery:
    measure: Measure
    tolerant: bool


def read(request: SourceRequest) -> Evidence:
    """Ask every query and return the metrics they make."""
    table = request.table
    endpoint = endpoint_of(table, request.folder)
    deadline_s = table.number("timeout_s", 10.0, least=0.1, most=300)
    names = table.table("metrics", required=True)
    ids = names.keys()
    queries = {name: _query_of(names.table(name)) for name in ids}
    if not ids:
        raise table.refused("metrics", "names no metric", 'such as "slo.dec_5xx" = {query = "…"}')
    table.finish()
    prometheus = Prometheus(endpoint, deadline_s)
    metrics: dict[str, dict[str, Json]] = {}
    notes: list[str] = []
    for name, query in queries.items():
        asking = SampleQuery(prometheus, int(request.now.timestamp()))
        try:
            sample = query.measure.tell(asking)
        except BadQuery as bad:
            raise names.refused(name, f"Prometheus: {bad.reason}", "mend the query") from None
        notes += [f"{name}: Prometheus warns: {warning}" for warning in asking.warnings]
        if asking.warnings and not query.tolerant and sample.status == OK:
            sample = Sample.without(INVALID, "partial: see its warning")
        if sample.because:
            notes.append(f"{name}: {sample.status}: {sample.because}")
        source = f"prometheus {endpoint.shown}: {query.measure.shown}"
        metrics[name] = _metric(sample, query.measure, asking) | {"source": source[:_LONGEST_SHOWN]}
    return Evidence(metrics, tuple(notes))


def _query_of(table: Table) -> _MetricQuery:
    """The measure that a metric's table describes."""
    kinds = [key for key in ("query", "range", "errors") if table.has(key)]
    if len(kinds) != 1:
        found = " and ".join(repr(key) for key in kinds) if kinds else "none of them"
        raise table.refused(
            kinds[1] if kinds else "query",
            f"one of query, range, errors is expected; there is {found}",
            "docs/watch.md of the project shows each",
        )
    tolerant = table.flag("allow_warnings", default=False)
    if kinds == ["query"]:
        return _MetricQuery(_instant(table), tolerant)
    if kinds == ["range"]:
        return _MetricQuery(_range(table), tolerant)
    return _MetricQuery(_ratio(table), tolerant)


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
    selectors = Selectors(
        _promql(table, "errors"),
        _promql(table, "total"),
        absent_is_zero=table.choice("errors_absent", ("undefined", "zero"), "undefined") == "zero",
        same_targets=table.choice("targets", ("same", "any"), "same") == "same",
    )
    if table.has("objective") == table.has("window"):
        raise table.refused(
            "window", "either a window, for a ratio, or an objective, for a burn rate",
            'window = "1h", or objective = 0.999',
        )  # fmt: skip
    if table.has("window"):
        return Ratio(selectors, table.seconds("window"))
    objective = table.number("objective", least=0.0, most=0.999_999)
    if objective == 0:
        raise table.refused("objective", "0 leaves nothing to burn", "such as 0.999")
    return Burn(selectors, objective)


def _promql(table: Table, key: str) -> str:
    return table.text(key, longest=_LONGEST_QUERY)


def _metric(sample: Sample, measure: Measure, asking: SampleQuery) -> dict[str, Json]:
    newest = int(min(asking.answered, asking.at if sample.newest is None else sample.newest))
    computed: dict[str, Json] = {"method": "prometheus/1", "source_sha256": asking.sha256}
    if measure.parameters:
        computed["parameters"] = measure.parameters
    if sample.reference:
        computed["reference"] = sample.reference
    metric: dict[str, Json] = {
        "value": sample.value,
        "status": sample.status,
        "observed_at": write_time(datetime.fromtimestamp(newest, UTC)),
        "computed": computed,
    }
    return metric if sample.n is None else metric | {"n": sample.n}
