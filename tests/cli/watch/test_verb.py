"""``engine watch`` as a person or a supervisor runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from engine.cli.watch.lock import watch_lock
from engine.model import Json
from tests.cli.conftest import Engine
from tests.loopback import Reply, ServedRequest, Server, serving

PROGRAM = """\
#!/bin/sh
read -r order
echo "$ENGINE_ACTION" >> done.log
"""


class Service:
    """A Prometheus that says what it is told to say of the service."""

    def __init__(self) -> None:
        self.p95_ms: float | None = 400

    def __call__(self, request: ServedRequest) -> Reply:
        if self.p95_ms is None:
            return Reply(503, b"down")
        value = self.p95_ms if b"p95" in request.body else 0.5
        at = int(parse_qs(request.body.decode())["time"][0])
        result = [{"metric": {}, "value": [at, str(value)]}]
        answer = {"status": "success", "data": {"resultType": "vector", "result": result}}
        return Reply(200, json.dumps(answer).encode())


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def prometheus(service: Service) -> Iterator[Server]:
    with serving(service) as server:
        yield server


def configure(url: str, *, promote: bool = True, more: str = "") -> None:
    """Write ``watch.toml`` and what it names into the working folder."""
    Path("model.onnx").write_text("weights")
    Path("hook.sh").write_text(PROGRAM)
    Path("hook.sh").chmod(0o755)
    Path("watch.toml").write_text(f"""\
[watch]
period = "60s"
{more}
[[subject]]
name = "scoring-model"
version = "2.4.1"
artifact = "model.onnx"
gate = "security"
promote = {str(promote).lower()}
[[subject.source]]
kind = "prometheus"
url = "{url}"
[subject.source.metrics]
"slo.dec_p95_ms" = {{query = "p95"}}
"slo.burn_rate" = {{query = "burn"}}
"slo.cdc_lag_p95_s" = {{query = "lag"}}

[[hook]]
on = ["promote", "page", "degrade", "rollback", "recover", "escalate"]
kind = "command"
argv = ["./hook.sh"]
""")


def evidence() -> bytes:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    subject = {"name": "scoring-model", "version": "2.4.1"}
    metrics = {"security.critical_findings": 0}
    return json.dumps({"subject": subject, "observed_at": now, "metrics": metrics}).encode()


def decided(engine: Engine) -> None:
    answer = engine(
        "decide", "-", "--gate", "security", "--artifact", "model.onnx", stdin=evidence()
    )
    assert answer.code == 0


def lines(out: str) -> list[Json]:
    return [json.loads(line) for line in out.splitlines()]


def test_what_was_decided_goes_into_production_and_is_looked_after(
    engine: Engine, service: Service, prometheus: Server
) -> None:
    configure(prometheus.url)
    waiting = engine("watch", "watch.toml", "--once")
    assert waiting.code == 5
    assert "candidate" in waiting.out
    assert "not in production: no decision of gate 'security'" in waiting.out

    decided(engine)
    answer = engine("watch", "watch.toml", "--once")
    assert answer.code == 0
    assert "candidate → serving" in answer.out
    assert "PROMOTE  reading under" in answer.out
    assert "promote done" in answer.out
    assert Path("done.log").read_text() == "promote\n"

    service.p95_ms = 900
    over = engine("watch", "watch.toml", "--once", "--format", "json")
    assert over.code == 5
    (subject, *_rest) = lines(over.out)
    assert (subject["event"], subject["reading"], subject["after"]) == (
        "subject", "over", "serving",
    )  # fmt: skip
    assert engine("conform").code == 0
    assert engine("ledger", "verify").code == 0


def test_a_source_that_is_down_is_told_and_is_no_pass(
    engine: Engine, service: Service, prometheus: Server
) -> None:
    """INV-WATCH-7"""
    configure(prometheus.url)
    decided(engine)
    service.p95_ms = None
    answer = engine("watch", "watch.toml", "--once")
    assert answer.code == 3
    assert "HTTP 503" in answer.err
    assert "reading none" in answer.out
    assert "sources failed: 1" in answer.out


def test_without_promote_nothing_is_put_into_production(engine: Engine, prometheus: Server) -> None:
    configure(prometheus.url, promote=False)
    decided(engine)
    answer = engine("watch", "watch.toml", "--once")
    assert answer.code == 5
    assert "not in production" in answer.out
    assert not Path("done.log").exists()


def test_a_second_watcher_says_so_and_leaves(engine: Engine, prometheus: Server) -> None:
    """INV-WATCH-7"""
    configure(prometheus.url)
    decided(engine)
    with watch_lock(".engine/ledger.db"):
        answer = engine("watch", "watch.toml", "--once")
    assert answer.code == 3
    assert f"process {os.getpid()} watches this ledger already" in answer.err
    assert engine("watch", "watch.toml", "--once").code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_watch_whole(
    engine: Engine, prometheus: Server, number: signal.Signals
) -> None:
    configure(prometheus.url)
    decided(engine)
    command = [sys.executable, "-m", "engine", "watch", "watch.toml", "--format", "json"]
    home = str(Path.cwd().parent / "home")
    environ = {"HOME": home, "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["after"] == "serving"
        process.send_signal(number)
        assert process.wait(60) == 0  # as its last cycle ended
        assert "no longer watching; what was decided is recorded" in process.stderr.read()
    assert engine("ledger", "verify").code == 0
    assert Path("done.log").read_text() == "promote\n"


def test_a_ledger_of_one_run_cannot_be_watched(engine: Engine, prometheus: Server) -> None:
    configure(prometheus.url)
    answer = engine("watch", "watch.toml", "--ledger", "run:")
    assert answer.code == 2
    assert "forgets what it decided" in answer.err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('period = "60s"', 'peroid = "60s"', "watch.toml:2: key 'watch.peroid': is not known here"),
        ('period = "60s"', 'period = "5m"', "watch.toml:2: key 'watch.period': clocks count"),
        ("promote = true", "promot = true", "watch.toml:9: key 'promot': is not known here"),
        ('gate = "security"', 'gate = "securty"', "did you mean 'security'?"),
        ("[[subject.source]]", "[[subject.sources]]", "tables that start with [[subject.source]]"),
        ('kind = "prometheus"', 'kind = "promethus"', "did you mean 'prometheus'?"),
        ('"rollback", ', '"rolback", ', "did you mean 'rollback'?"),
        ('"rollback", ', "", "nothing performs 'rollback'"),
        ('"page", ', '"page", "page", ', ""),
        ("[[hook]]", "[[hooks]]", "key 'hooks': is not known here"),
        ("./hook.sh", "./hok.sh", "no program './hok.sh'"),
        ('artifact = "model.onnx"', 'artifact = "modl.onnx"', "did you mean 'model.onnx'?"),
        ('artifact = "model.onnx"', "", "what is in production is known by its digest"),
        ("[watch]", "[watch", "watch.toml:1:7: "),
    ],
)
def test_a_mistake_in_the_configuration_is_named_with_its_line(
    engine: Engine, prometheus: Server, old: str, new: str, message: str
) -> None:
    configure(prometheus.url)
    path = Path("watch.toml")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    answer = engine("watch", "watch.toml", "--once")
    if not message:
        assert answer.code == 5
        return
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert ("watch.toml" in answer.err) == (new != 'gate = "securty"')


def test_what_is_only_recorded_is_said_so_in_the_configuration(
    engine: Engine, prometheus: Server
) -> None:
    configure(prometheus.url, more='record_only = ["degrade"]')
    both = engine("watch", "watch.toml", "--once")
    assert both.code == 2
    assert "'degrade' is in record_only, too" in both.err
    path = Path("watch.toml")
    path.write_text(path.read_text().replace('"page", "degrade"', '"page"'))
    assert engine("watch", "watch.toml", "--once").code == 5


def test_a_subject_is_watched_once(engine: Engine, prometheus: Server) -> None:
    configure(prometheus.url)
    path = Path("watch.toml")
    (head, hook) = path.read_text().split("[[hook]]")
    subject = head[head.index("[[subject]]") :]
    path.write_text(f"{head}{subject}[[hook]]{hook}")
    answer = engine("watch", "watch.toml", "--once")
    assert answer.code == 2
    assert "scoring-model 2.4.1 is watched twice" in answer.err


@pytest.mark.parametrize(
    ("name", "value"), [("ENGINE_KEY", "x"), ("ENGINE_BUDGET_DAILY_USD", "plenty")]
)
def test_a_setting_that_no_cycle_could_use_is_exit_2(
    name: str, value: str, engine: Engine, prometheus: Server
) -> None:
    configure(prometheus.url)
    assert engine("watch", "watch.toml", "--once", **{name: value}).code == 2
