"""Several processes judge, one records: the same decisions in the same order."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from engine.cli.decide.workers import CHUNK, WORTH_IT, Judge, Workers, worth
from engine.errors import DocumentError, PolicyError, Position
from tests.cli.conftest import Engine


def _echo() -> Judge:
    return lambda names: (os.getpid(), names)


def _refuse() -> Judge:
    return lambda names: DocumentError(Position(names[0], 3, 4, "/a"), "is wrong", "mend it")


def _die() -> Judge:
    return lambda _names: os.kill(os.getpid(), signal.SIGKILL)


def _not_opened() -> Judge:
    raise PolicyError("no such module")


def test_the_order_of_the_files_is_kept() -> None:
    groups = [[str(number)] for number in range(20 * CHUNK + 7)]
    with Workers(2, _echo, groups, _echo) as workers:
        outcomes = list(workers.outcomes())
    assert [names for names, _ in outcomes] == groups
    pids = {outcome[0] for _, outcome in outcomes}  # type: ignore[index]
    assert os.getpid() not in pids


def test_an_error_crosses_whole() -> None:
    with Workers(1, _refuse, [["m.json"]], _refuse) as workers:
        ((_, error),) = workers.outcomes()
    assert isinstance(error, DocumentError)
    assert (str(error), error.exit_code, error.position.line) == (
        "m.json:3:4: /a: is wrong\nmend it",
        2,
        3,
    )


def test_a_worker_that_dies_is_an_error_and_no_verdict() -> None:
    """INV-EVAL-3: what was being judged is lost, and says so."""
    lost = pytest.raises(PolicyError, match="worker process was lost")
    with Workers(2, _die, [["m.json"]] * 3 * CHUNK, _echo) as workers, lost:
        list(workers.outcomes())


def test_a_worker_that_cannot_be_set_up_says_why() -> None:
    refused = pytest.raises(PolicyError, match="no such module")
    with Workers(2, _not_opened, [["m.json"]], _echo) as workers, refused:
        list(workers.outcomes())


def test_a_bug_in_a_worker_is_an_error_and_no_verdict() -> None:
    refused = pytest.raises(PolicyError, match="failed: ZeroDivisionError")
    with Workers(2, lambda: lambda _names: 1 // 0, [["m.json"]], _echo) as workers, refused:
        list(workers.outcomes())


def test_more_than_a_pipe_holds_waits_and_is_whole() -> None:
    groups = [[str(number)] for number in range(6 * CHUNK)]
    with Workers(2, lambda: lambda names: names[0] * 100_000, groups, _echo) as workers:
        outcomes = list(workers.outcomes())
    assert [(names, len(outcome)) for names, outcome in outcomes] == [  # type: ignore[arg-type]
        ([name], len(name) * 100_000) for (name,) in groups
    ]


def test_leaving_early_leaves_no_process_behind() -> None:
    groups = [[str(number)] for number in range(40 * CHUNK)]
    with Workers(2, _echo, groups, _echo) as workers:
        pids = {next(iter(workers.outcomes()))[1][0]}  # type: ignore[index]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_few_files_are_judged_in_this_process() -> None:
    assert worth(WORTH_IT - 1) == 1
    assert worth(WORTH_IT) in (1, 2)


def test_jobs_change_nothing_but_the_time(engine: Engine) -> None:
    Path("in").mkdir()
    for number in range(40):
        for name in ("promote", "hold", "block"):
            document = engine("example", name).json
            document["subject"]["name"] = f"{name}-{number}"
            Path(f"in/{number:03}-{name}.json").write_text(json.dumps(document))
    Path("in/100-bad.json").write_text("{")

    answers = [engine("decide", "in", "--jobs", jobs, "--format", "jsonl") for jobs in ("1", "2")]

    results = [
        [
            (line["file"], line["verdict"], line.get("checks", []))
            for line in map(json.loads, a.out.splitlines())
        ]
        for a in answers
    ]
    for row in results:
        for _, _, checks in row:
            for check in checks:
                check.pop("age_s", None)
    assert results[0] == results[1]
    assert [answer.code for answer in answers] == [2, 2]
    assert all("in/100-bad.json:1:2" in answer.err for answer in answers)
    assert engine("ledger", "verify", "--signatures").code == 0
