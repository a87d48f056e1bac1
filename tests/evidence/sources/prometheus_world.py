"""A Prometheus for tests: the same four days in a real one and in a small fake one.

``samples()`` is what a real server is given (``promtool tsdb create-blocks-from openmetrics``);
``tests/data/prometheus.json`` is what one answered to the queries of ``CONFIG``. The fake server
gives those answers to those queries and knows no other; the system test asks a real server them
again. To record anew, with Prometheus installed::

    python -m tests.evidence.sources.prometheus_world > tests/data/prometheus.json
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from engine.evidence.sources import Evidence, SourceRequest
from engine.evidence.sources.prometheus import read
from engine.model import Json
from engine.settings.table import Table
from tests.loopback import Reply, ServedRequest, Server, running, serving
from tests.repository import DATA

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECORDED = DATA / "prometheus.json"
_END = int(AT.timestamp())
_DAY_S = 86_400

_FAILED = 'errors = "decisions_total{code=\\"500\\"}", total = "decisions_total"'
_MISSPELT = _FAILED.replace("500", "5oo")
_P95 = "histogram_quantile(0.95, sum by (le) (rate(decision_seconds_bucket[10m]))) * 1000"
_LAG = 'query = "max(lag_seconds)", fresh = "lag_seconds", n = "count(lag_seconds)"'

METRICS = {
    "slo.cdc_lag_p95_s": f"{{{_LAG}}}",
    "slo.dec_p95_ms": f'{{query = "{_P95}"}}',
    "slo.dec_5xx": '{query = "odd"}',
    "slo.dec_rps": '{query = "1 / 0"}',
    "slo.dec_window_min": '{query = "ended"}',
    "slo.inp_p75_ms": '{query = "decisions_total"}',
    "slo.hook_coverage_ratio": f'{{{_FAILED}, window = "1h"}}',
    "slo.audit_coverage_ratio": f'{{{_MISSPELT}, window = "1h"}}',
    "slo.burn_rate": f"{{{_FAILED}, objective = 0.999}}",
    "market.frozen": '{query = "max(lag_seconds) > bool 20", as = "boolean"}',
    "market.burn_rate_4h": '{range = "lag_seconds / 30", window = "12h", step = "4h"}',
    "market.twap_divergence_percent": '{range = "ended", window = "12h", step = "4h"}',
}
"""By metric id, its table: every kind, and every way of having no value."""


def samples() -> str:
    """Four days up to ``AT``, a sample a minute: 10/s decisions, of which in the last two hours
    5 % failed; a lag of 30 s; a gauge of NaN; one that ended three hours ago; a histogram."""
    times = range(_END - 4 * _DAY_S, _END + 1, 60)
    lines = ["# TYPE decisions counter"]
    for code in ("200", "500"):
        value = 0.0
        for at in times:
            lines.append(f'decisions_total{{code="{code}"}} {value:g} {at}')
            failing = at >= _END - 2 * 3600
            value += {"200": 570 if failing else 600, "500": 30 if failing else 0}[code]
    lines.append("# TYPE decision_seconds histogram")
    for le, share in (("0.1", 0.5), ("0.5", 0.9), ("1.0", 1.0), ("+Inf", 1.0)):
        counts = ((at, 600 * share * number) for number, at in enumerate(times))
        lines += [f'decision_seconds_bucket{{le="{le}"}} {n:g} {at}' for at, n in counts]
    gauges = (("lag_seconds", "30", _END), ("odd", "NaN", _END), ("ended", "7", _END - 3 * 3600))
    for name, constant, stop in gauges:
        lines.append(f"# TYPE {name} gauge")
        lines += [f"{name} {constant} {at}" for at in times if at <= stop]
    return "\n".join([*lines, "# EOF", ""])


def table(url: str, metrics: dict[str, str] | None = None, more: str = "") -> Table:
    """A source's table that asks the server at ``url``."""
    rows = "\n".join(f'"{name}" = {row}' for name, row in (metrics or METRICS).items())
    text = f'[[source]]\nkind = "prometheus"\nurl = "{url}"\n{more}\n[source.metrics]\n{rows}\n'
    (found,) = Table("g.toml", text, tomllib.loads(text)).tables("source")
    found.text("kind")
    return found


def measured(url: str, metrics: dict[str, str] | None = None, more: str = "") -> Evidence:
    """What the source says of the server at ``url``."""
    return read(SourceRequest(table(url, metrics, more), Path(), AT))


def form_of(request: ServedRequest) -> dict[str, str]:
    """What was asked, but for how long it may take."""
    form = dict(parse_qsl(request.body.decode()))
    form.pop("timeout", None)
    return {"path": request.path, **form}


def recorded(file: Path = RECORDED) -> list[dict[str, Any]]:
    """Every question and its answer: ``asked``, ``status`` and ``said``."""
    found: list[dict[str, Any]] = json.loads(file.read_bytes())
    return found


@contextmanager
def fake(file: Path = RECORDED) -> Iterator[Server]:
    """A server that answers what the real one answered, and knows nothing else."""
    known = {json.dumps(answer["asked"], sort_keys=True): answer for answer in recorded(file)}

    def answer(request: ServedRequest) -> Reply:
        found = known.get(json.dumps(form_of(request), sort_keys=True))
        if found is None:
            return Reply(500, b"nobody recorded an answer to this")
        return Reply(found["status"], json.dumps(found["said"]).encode())

    with serving(answer) as server:
        yield server


def said_by(url: str, form: dict[str, str]) -> tuple[int, Json]:
    """What the server at ``url`` answers to what :func:`form_of` gave."""
    body = urlencode({key: value for key, value in form.items() if key != "path"}).encode()
    try:
        with urllib.request.urlopen(url + form["path"], body) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@contextmanager
def real(folder: Path, text: str) -> Iterator[str]:
    """The address of a Prometheus that holds the samples in ``text``."""
    for program in ("prometheus", "promtool"):
        assert shutil.which(program), f"{program} is not installed"
    (folder / "samples").write_text(text)
    build = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "samples", "data"]
    subprocess.run(build, cwd=folder, check=True, capture_output=True, timeout=60)
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 60s}\n")
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    options += ["--storage.tsdb.retention.time=50y"]

    def argv(address: str) -> list[str]:
        return ["prometheus", *options, f"--web.listen-address={address}"]

    with running(argv, folder) as url:
        yield url


def print_answers(text: str, metrics: dict[str, str]) -> None:
    """Ask a real server everything that ``metrics`` make the source ask, and print the answers."""
    with tempfile.TemporaryDirectory() as name, real(Path(name), text) as url:
        forms: list[dict[str, str]] = []

        def pass_on(request: ServedRequest) -> Reply:
            forms.append(form_of(request))
            status, body = said_by(url, forms[-1])
            return Reply(status, json.dumps(body).encode())

        with serving(pass_on) as between:
            measured(between.url, metrics)
        answers = [(form, *said_by(url, form)) for form in forms]
    found = [{"asked": form, "status": status, "said": body} for form, status, body in answers]
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    print_answers(samples(), METRICS)
