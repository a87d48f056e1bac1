"""The policy author's loop, driven by what happens while it waits."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.console.shell import Shell, parser_of
from engine.cli.decide import verb
from engine.cli.decide.on_change import watch
from engine.errors import UsageError
from engine.model import Json
from tests.cli.conftest import Engine
from tests.repository import ROOT

Event = Callable[[], object]


class Session:
    """Runs the loop; at each wait the next event happens, after the last the person leaves."""

    def __init__(self, home: Path) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
        self.shell = Shell(environ, Path.cwd(), io.BytesIO(), self.out, self.err)

    def run(self, argv: list[str], events: list[Event], *, calm: bool = True) -> int:
        """Let ``events`` happen; when ``calm``, nothing follows each until it was seen."""
        waiting = iter(
            [step for event in events for step in ([event, nothing] if calm else [event])]
        )

        def pause(_seconds: float) -> None:
            event = next(waiting, None)
            if event is None:
                raise KeyboardInterrupt
            event()

        args = parser_of("decide", verb).parse_args([*argv, "--watch", "--format", "jsonl"])
        return watch(args, self.shell, verb.run, pause)

    @property
    def verdicts(self) -> list[str]:
        return [json.loads(line)["verdict"] for line in self.out.getvalue().splitlines()]


@pytest.fixture
def session(engine: Engine, tmp_path: Path) -> Session:
    """A session in a folder with metrics that pass."""
    Path("metrics.json").write_text(engine("example", "promote").out)
    return Session(tmp_path / "home")


def change(path: str, text: str) -> Event:
    def happen() -> None:
        before = Path(path).stat().st_mtime_ns if Path(path).exists() else 0
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        os.utime(path, ns=(before + 10**9, before + 10**9))

    return happen


def nothing() -> None:
    """Nothing happens."""


def metrics(**values: Json) -> str:
    document = json.loads(Path("metrics.json").read_text())
    document["metrics"] |= values
    return json.dumps(document)


def test_it_decides_again_when_the_metrics_change(session: Session) -> None:
    blocked = metrics(**{"slo.dec_5xx": 3})
    code = session.run(["metrics.json"], [nothing, change("metrics.json", blocked), nothing])
    assert session.verdicts == ["PROMOTE", "BLOCK"]
    assert code == 5
    assert "metrics.json changed, deciding again; a dry run: nothing is recorded" in (
        session.err.getvalue()
    )
    assert session.err.getvalue().endswith("no longer watching; nothing was recorded\n")


def test_nothing_is_recorded_and_a_pass_is_not_0(session: Session) -> None:
    """INV-RECORD-2: what is not recorded says so and never exits with 0."""
    assert session.run(["metrics.json"], []) == 5
    assert not Path(".engine").exists()


def test_it_decides_again_when_limits_change(session: Session) -> None:
    limits = "extends: default\nchecks:\n  slo.dec_p95_ms: {limit: %d}\n"
    change("policies/limits/own/data.yaml", limits % 600)()
    argv = ["metrics.json", "--policies", "policies", "--profile", "own"]
    session.run(argv, [change("policies/limits/own/data.yaml", limits % 500)])
    assert session.verdicts == ["PROMOTE", "BLOCK"]


def test_it_decides_again_when_engine_toml_or_the_artifact_changes(session: Session) -> None:
    change("engine.toml", 'gate = "slo"\n')()
    change("app.tgz", "one")()
    document = json.loads(Path("metrics.json").read_text())
    del document["subject"]["digest"]
    change("metrics.json", json.dumps(document))()
    session.run(
        ["metrics.json", "--artifact", "app.tgz"],
        [change("app.tgz", "two"), change("engine.toml", 'gate = "data"\n')],
    )
    decisions = [json.loads(line) for line in session.out.getvalue().splitlines()]
    assert [decision["gate"] for decision in decisions] == ["slo", "slo", "data"]
    digests = [decision["subject"]["digest"]["sha256"] for decision in decisions]
    assert digests[0] != digests[1] == digests[2]


def test_what_is_broken_is_printed_and_the_loop_goes_on(session: Session) -> None:
    good = Path("metrics.json").read_text()
    session.run(
        ["metrics.json"],
        [
            change("metrics.json", good[:40]),
            change("engine.toml", "gaet = 1\n"),
            change("engine.toml", ""),
            lambda: Path("metrics.json").unlink(),
            change("metrics.json", good),
        ],
    )
    assert session.verdicts == ["PROMOTE", "PROMOTE"]
    messages = session.err.getvalue()
    assert "did you mean 'gate'?" in messages
    assert "metrics.json: no such file or directory" in messages


def test_broken_rego_is_reported_in_opas_words_and_mended_rego_counts(
    session: Session, opa: Path
) -> None:
    shipped = ROOT / "policies" / "slo" / "slo.rego"
    text = shipped.read_text()
    change("policies/slo/slo.rego", text)()
    session.shell = Shell(
        {**session.shell.environ, "ENGINE_OPA": str(opa)},
        Path.cwd(), io.BytesIO(), session.out, session.err,
    )  # fmt: skip
    Path("metrics.json").write_text(metrics(**{"slo.dec_p95_ms": 800}))  # at its limit
    stricter = text.replace(
        'check.at_most("slo.dec_p95_ms")', 'check.below("slo.dec_p95_ms", "slo.dec_p95_ms")'
    )
    session.run(
        ["metrics.json", "--policies", "policies"],
        [
            change("policies/slo/slo.rego", text + "deny if\n"),
            change("policies/slo/slo.rego", stricter),
        ],
    )
    assert session.verdicts == ["PROMOTE", "BLOCK"]
    assert "rego_parse_error" in session.err.getvalue()


def test_a_file_that_is_still_being_written_is_waited_for(session: Session) -> None:
    half = Path("metrics.json").read_text()[:100]
    whole = metrics(**{"slo.dec_5xx": 3})
    events = [change("metrics.json", half), change("metrics.json", whole), nothing]
    session.run(["metrics.json"], events, calm=False)
    assert session.verdicts == ["PROMOTE", "BLOCK"]
    assert "metrics.json:" not in session.err.getvalue()


def test_a_folder_is_watched_with_files_that_come_and_go(session: Session) -> None:
    Path("in").mkdir()
    Path("metrics.json").rename("in/a.json")
    text = Path("in/a.json").read_text()
    session.run(
        ["in"],
        [
            change("in/b.json", text),
            change("in/.hidden.json", text),
            lambda: Path("in/a.json").unlink(),
        ],
    )
    assert session.verdicts == ["PROMOTE"] * (1 + 2 + 1)


def test_its_own_output_is_no_change(session: Session) -> None:
    Path("in").mkdir()
    Path("metrics.json").rename("in/a.json")
    session.run(["in/a.json", "--output", "json=in/a.out"], [nothing, nothing])
    assert len(session.verdicts) == 1


def test_standard_input_cannot_be_watched(session: Session) -> None:
    with pytest.raises(UsageError, match="cannot be watched\nwrite it to a file"):
        session.run(["-"], [])


def test_a_proof_of_it_cannot_be_exported(session: Session) -> None:
    assert session.run(["metrics.json", "--export", "proof.json"], []) == 5
    assert "a dry run has no proof to export" in session.err.getvalue()


def test_ctrl_c_ends_it_in_order(session: Session, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "decide", "metrics.json", "--watch", "--format", "jsonl"],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["verdict"] == "PROMOTE"
        change("metrics.json", metrics(**{"slo.dec_5xx": 3}))()
        assert json.loads(process.stdout.readline())["verdict"] == "BLOCK"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert err.endswith("\nengine: no longer watching; nothing was recorded\n")


def test_ctrl_c_ends_it_in_the_middle_of_many_files(session: Session, tmp_path: Path) -> None:
    Path("in").mkdir()
    for number in range(600):
        shutil.copyfile("metrics.json", f"in/{number:03}.json")
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "decide", "in", "--watch", "--jobs", "1"],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        process.stdout.readline()  # others follow
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert err.endswith("\nengine: no longer watching; nothing was recorded\n")
