"""Metrics files as pipelines write them: the same for the same seed and instant.

Four in ten are complete and good, four in ten lack evidence in one of the ways that evidence
is lacking, two in ten have a figure past its limit. Under the shipped `default` profile that
is PROMOTE, HOLD and BLOCK; the test of this module asks the engine itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

SEED = 20_261_120
FEWEST, MOST = 10, 28

_TEAMS = ("scoring", "pricing", "matching", "ranking", "fraud", "search", "ads", "risk", "routing")
_KINDS = ("model", "service", "features", "gateway", "index", "pipeline")
_REGIONS = ("eu-west", "us-east", "ap-south", "sa-east")


class _Ages(NamedTuple):
    """Ages in seconds: up to which evidence is written as fresh, and at which it is stale.

    Both are far from the profile's ``max_age_s``, as a run takes its time.
    """

    fresh_s: int
    stale_s: int


_WEEKLY, _DAILY = _Ages(250_000, 700_000), _Ages(7_200, 100_000)
_HOURLY, _BY_THE_MINUTE = _Ages(900, 9_000), _Ages(60, 9_000)


@dataclass(frozen=True, slots=True)
class _Metric:
    """How one metric looks in real files.

    Attributes:
        good: A value within the limit of profile ``default``.
        bad: A value past it.
        unit: As the catalogue writes it.
        source: Where it comes from.
        samples: Whether it is an estimate, with ``n``.
        gathered: How old it may be.
        bounded: Whether its confidence interval is compared, not its value.
    """

    good: Callable[[Random], Any]
    bad: Callable[[Random], Any]
    unit: str
    source: str
    samples: bool = False
    gathered: _Ages = _DAILY
    bounded: bool = False


def _between(low: float, high: float, digits: int) -> Callable[[Random], float]:
    return lambda random: round(random.uniform(low, high), digits)


def _whole(low: int, high: int) -> Callable[[Random], int]:
    return lambda random: random.randint(low, high)


def _is(value: Any) -> Callable[[Random], Any]:
    return lambda _random: value


_PREDICTIONS, _SUITE, _LOAD = "predictions.parquet", "evaluation suite", "prometheus"

_METRICS: dict[str, _Metric] = {
    "ethics.ece": _Metric(
        _between(0.002, 0.0099, 4),
        _between(0.0101, 0.06, 4),
        "ratio",
        _PREDICTIONS,
        samples=True,
        bounded=True,
    ),
    "ethics.rho_bias": _Metric(
        _between(1, 1.049, 3),
        _between(1.051, 1.4, 3),
        "ratio",
        _PREDICTIONS,
        samples=True,
        bounded=True,
    ),
    "ethics.fairness": _Metric(
        _between(0.951, 0.999, 3),
        _between(0.7, 0.949, 3),
        "ratio",
        _PREDICTIONS,
        samples=True,
        bounded=True,
    ),
    "ethics.consent": _Metric(_is(True), _is(False), "none", "consent register"),
    "model.delta_linf": _Metric(
        _between(0.011, 0.09, 3), _between(-0.02, 0.009, 3), "score", _SUITE, gathered=_WEEKLY
    ),
    "model.sr_score": _Metric(
        _between(0.81, 0.97, 3), _between(0.5, 0.79, 3), "score", _SUITE, gathered=_WEEKLY
    ),
    "model.ethical_score": _Metric(
        _between(0.81, 0.99, 3), _between(0.5, 0.79, 3), "score", _SUITE, gathered=_WEEKLY
    ),
    "model.caos_plus": _Metric(
        _between(1.06, 1.4, 3), _between(0.6, 0.99, 3), "score", _SUITE, gathered=_WEEKLY
    ),
    "slo.dec_p95_ms": _Metric(
        _between(120, 790, 1), _between(810, 2_400, 1), "ms", _LOAD, samples=True, gathered=_HOURLY
    ),
    "slo.dec_window_min": _Metric(_whole(60, 240), _is(60), "min", _LOAD, gathered=_HOURLY),
    "slo.dec_rps": _Metric(
        _between(121, 900, 2), _between(20, 119, 2), "1/s", _LOAD, gathered=_HOURLY
    ),
    "slo.dec_5xx": _Metric(_is(0), _whole(1, 40), "responses", _LOAD, gathered=_HOURLY),
    "slo.cdc_lag_p95_s": _Metric(
        _between(2, 118, 1), _between(122, 900, 1), "s", _LOAD, gathered=_HOURLY
    ),
    "slo.inp_p75_ms": _Metric(
        _between(80, 198, 1), _between(202, 480, 1), "ms", "web vitals", samples=True
    ),
    "slo.hook_coverage_ratio": _Metric(
        _between(0.981, 1, 4), _between(0.8, 0.979, 4), "ratio", "hook audit"
    ),
    "slo.audit_coverage_ratio": _Metric(
        _between(0.991, 1, 4), _between(0.9, 0.989, 4), "ratio", "hook audit"
    ),
    "slo.burn_rate": _Metric(
        _between(0.05, 0.95, 2), _between(1.1, 6, 2), "ratio", _LOAD, gathered=_HOURLY
    ),
    "data.schema_drift": _Metric(_is(0), _whole(1, 6), "columns", "dbt"),
    "data.contract_break": _Metric(_is(False), _is(True), "none", "dbt"),
    "data.dbt_tests": _Metric(
        _is("pass"), lambda random: random.choice(("warn", "fail", "error")), "none", "dbt"
    ),
    "data.schema_compatible": _Metric(_is(True), _is(False), "none", "schema registry"),
    "privacy.pii_findings": _Metric(_is(0), _whole(1, 12), "findings", "pii scan"),
    "privacy.scanned_bytes": _Metric(_whole(10**6, 10**10), _is(0), "bytes", "pii scan"),
    "privacy.truncated": _Metric(_is(False), _is(True), "none", "pii scan"),
    "security.critical_findings": _Metric(_is(0), _whole(1, 4), "findings", "trivy"),
    "budget.requests_ratio": _Metric(
        _between(0.1, 0.94, 3),
        _between(1.01, 1.4, 3),
        "ratio",
        "budget service",
        gathered=_BY_THE_MINUTE,
    ),
    "budget.tokens_ratio": _Metric(
        _between(0.1, 0.94, 3),
        _between(1.01, 1.4, 3),
        "ratio",
        "budget service",
        gathered=_BY_THE_MINUTE,
    ),
    "budget.usd_ratio": _Metric(
        _between(0.1, 0.99, 3),
        _between(1.01, 1.4, 3),
        "ratio",
        "budget service",
        gathered=_BY_THE_MINUTE,
    ),
}
_NEVER_FAILS = "slo.dec_window_min"  # says how much evidence there is, not whether it is good


def write(folder: Path, count: int, now: datetime, seed: int = SEED) -> frozenset[str]:
    """Write ``count`` metrics files into ``folder``, which is made, and return their names.

    Args:
        folder: Where to.
        count: How many.
        now: Instant at which they are to be fresh, for the next five minutes.
        seed: What chooses everything else.
    """
    folder.mkdir(parents=True)
    random = Random(seed)  # noqa: S311  (nothing secret: it only has to be the same again)
    names = []
    for number in range(count):
        document = metrics_file(random, now)
        subject = document["subject"]
        names.append(f"{subject['name']}-{number:05d}.json")
        indent = 2 if random.random() < 0.7 else None
        (folder / names[-1]).write_text(json.dumps(document, indent=indent) + "\n")
    return frozenset(names)


def metrics_file(random: Random, now: datetime) -> dict[str, Any]:
    """Return one metrics file that was gathered shortly before ``now``."""
    observed = now - timedelta(seconds=random.randint(1, 45))
    kind = random.choices(("good", "lacking", "bad"), (4, 4, 2))[0]
    names = list(_METRICS)
    if kind != "good" and random.random() < 0.6:
        names = _some(random, names, random.randint(FEWEST, MOST - 1))
    metrics = {name: _long_form(random, name, observed) for name in names}
    if kind == "bad":
        able = [name for name in names if name != _NEVER_FAILS]
        for name in _some(random, able, random.randint(1, 4)):
            metrics[name]["value"] = _METRICS[name].bad(random)
    elif kind == "lacking":
        for name in _some(random, names, random.randint(1, 3)):
            _weaken(random, metrics[name], _METRICS[name], observed)
    for name, metric in metrics.items():
        if _METRICS[name].bounded and metric["value"] is not None:
            metric["ci"] = [round(metric["value"] + end, 5) for end in (-0.00004, 0.00004)]
    return {
        "subject": _subject(random),
        "observed_at": _written(observed),
        "metrics": {name: _given(random, metric) for name, metric in metrics.items()},
    }


def _some(random: Random, names: Iterable[str], count: int) -> list[str]:
    """Choose ``count`` of ``names`` and keep their order."""
    every = list(names)
    chosen = set(random.sample(every, count))
    return [name for name in every if name in chosen]


def _long_form(random: Random, name: str, observed: datetime) -> dict[str, Any]:
    kind = _METRICS[name]
    metric: dict[str, Any] = {"value": kind.good(random)}
    if kind.samples:
        metric["n"] = random.randint(1_200, 400_000)
        if random.random() < 0.6:
            spread = metric["value"] * 0.05
            ends = (metric["value"] - spread, metric["value"] + spread)
            metric["ci"] = [round(end, 5) for end in ends]
    if name == "model.caos_plus":
        metric["baseline"] = round(metric["value"] - random.uniform(0.001, 0.05), 3)
    if random.random() < 0.35:
        metric["observed_at"] = _written(
            observed - timedelta(seconds=random.randint(0, kind.gathered.fresh_s))
        )
    if random.random() < 0.35:
        metric["unit"] = kind.unit
    if random.random() < 0.6:
        metric["source"] = kind.source
    return metric


def _weaken(random: Random, metric: dict[str, Any], kind: _Metric, observed: datetime) -> None:
    """Make ``metric`` something that cannot be judged by."""
    match random.randint(0, 3):
        case 0:
            metric["observed_at"] = _written(observed - timedelta(seconds=kind.gathered.stale_s))
        case 1:
            metric["value"] = None
            metric.pop("ci", None)
        case 2:
            metric["status"] = "insufficient_data"
        case _:
            metric["status"] = "invalid_input"


def _given(random: Random, metric: dict[str, Any]) -> Any:
    """Write what is nothing but a value as people do: most often short."""
    short = metric.keys() == {"value"} and random.random() < 0.9
    return metric["value"] if short else metric


def _subject(random: Random) -> dict[str, Any]:
    name = "-".join(map(random.choice, (_TEAMS, _KINDS, _REGIONS)))
    version = f"{random.randint(0, 9)}.{random.randint(0, 40)}.{random.randint(0, 20)}"
    return {"name": name, "version": version, "digest": {"sha256": random.randbytes(32).hex()}}


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
