"""Many inputs in one call: streamed, summarised, stopped half-way; nothing is ever lost."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import pytest

from bench import corpus
from engine.cli.decide.batches import BATCH, LAST
from engine.cli.decide.summary import Summary, standing_against
from engine.errors import UsageError
from engine.model import Json
from tests.cli.conftest import Engine

ENGINE = Path(sys.executable).with_name("engine")


def _environ(home: Path, cache: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "XDG_CACHE_HOME": str(cache)}


def _files(folder: Path, count: int) -> None:
    corpus.write(folder, count, datetime.now(UTC).replace(microsecond=0))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_finishes_what_it_records_and_says_what_was_done(
    engine: Engine, tmp_path: Path, module_cache: Path, number: signal.Signals
) -> None:
    """INV-LEDGER-1: what was printed is recorded, and what is recorded was printed."""
    work = tmp_path / "work"
    _files(work / "in", 3 * BATCH)
    process = subprocess.Popen(
        [ENGINE, "decide", "in", "--jobs", "2", "--format", "jsonl", "--output", "json=all.json"],
        cwd=work,
        env=_environ(tmp_path / "home", module_cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    select.select([process.stdout], [], [])  # its first batch is more than the pipe holds
    process.send_signal(number)
    out, err = process.communicate()
    printed = [json.loads(line)["decision_id"] for line in out.splitlines()]
    assert process.returncode == 3
    assert 0 < len(printed) < 3 * BATCH
    left = 3 * BATCH - len(printed)
    assert f"engine: stopped; {left} of {3 * BATCH} inputs were not decided" in err.decode()
    assert f"engine: {len(printed)} decided: " in err.decode()
    whole = json.loads((work / "all.json").read_text())
    assert [decision["decision_id"] for decision in whole] == printed
    log = engine("ledger", "verify")
    assert log.code == 0
    assert f"{len(printed)} decisions" in log.out


def test_at_a_terminal_there_is_a_bar_and_every_line_stays_whole(
    tmp_path: Path, module_cache: Path
) -> None:
    _files(tmp_path / "in", 3)
    here, there = pty.openpty()
    process = subprocess.Popen(
        [ENGINE, "decide", "in"],
        cwd=tmp_path,
        env={**_environ(tmp_path, module_cache), "TERM": "xterm", "COLUMNS": "200"},
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    seen = b""
    while chunk := _read(here):
        seen += chunk
    process.wait()
    os.close(here)
    assert b"3/3" in seen
    for name in sorted(path.name for path in (tmp_path / "in").iterdir()):
        assert f"in/{name}  entry ".encode() in seen
    assert b"\x1b[1;" in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed
        return b""


def test_the_summary_counts_verdicts_failures_and_the_checks_against() -> None:
    summary = Summary()
    summary.add("BLOCK", [("a.x", "fail"), ("a.y", "stale")])
    summary.add("BLOCK", [("a.x", "fail")])
    summary.add("PROMOTE", [])
    summary.failed(UsageError("no"))
    assert summary.done == 4
    head, title, first, second = summary.lines()
    assert head == "3 decided: 2 BLOCK, 1 PROMOTE; 1 could not be decided"
    assert title.split() == ["blocking", "check", "fail", "unknown", "stale", "insufficient"]
    assert first.split() == ["a.x", "2", "-", "-", "-"]
    assert second.split() == ["a.y", "-", "-", "1", "-"]


def test_the_table_shows_the_worst_and_counts_the_rest() -> None:
    summary = Summary()
    summary.add("BLOCK", [(f"a.c{number:02}", "fail") for number in range(14)])
    assert summary.lines()[-1] == "  and 2 more"
    assert Summary().lines() == ["0 decided"]


def test_only_blocking_checks_that_nobody_waived_stand_against() -> None:
    def check(name: str, status: str, severity: str = "block", waiver: str | None = None) -> Json:
        return {"id": name, "status": status, "severity": severity, "waived_by": waiver}

    checks = [
        check("a", "fail"),
        check("b", "fail", "warn"),
        check("c", "fail", waiver="W-1"),
        check("d", "pass"),
        check("e", "unknown"),
        check("f", "off", "off"),
    ]
    assert standing_against(checks) == (("a", "fail"), ("e", "unknown"))


def test_the_last_batch_of_many_is_short(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody judges while it is recorded; and every batch has one checkpoint."""
    monkeypatch.setattr("engine.cli.decide.batches.BATCH_S", float("inf"))
    _files(Path("in"), BATCH + LAST + 16)
    answer = engine("decide", "in", "--format", "jsonl")
    notes = [json.loads(line)["checkpoint"] for line in answer.out.splitlines()]
    assert [len(list(same)) for _, same in groupby(notes)] == [BATCH, 16, LAST]
