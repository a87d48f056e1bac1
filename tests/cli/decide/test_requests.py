"""INV-LEDGER-7: what was asked for is recorded before the answer is, whatever becomes of it."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench import corpus
from engine.cli.console.shell import Shell
from engine.cli.decide import requests
from engine.cli.decide.judge import Judge
from engine.cli.decide.workers import CHUNK, CHUNKS
from engine.decision import judge as judge_module
from engine.decision import session as session_module
from engine.errors import LedgerError, PolicyError
from engine.ledger import open_ledger
from engine.model import DECISION_FAILED_TYPE, DECISION_REQUESTED_TYPE, DECISION_V2_TYPE, Json
from engine.proof.envelope import open_envelope
from tests.cli.conftest import Engine

STRICT = ("--profile", "strict")


def entries() -> list[Json]:
    """Statements of the ledger in the working folder."""
    with closing(open_ledger(".engine/ledger.db", signer=None, heads=None)) as ledger:
        return [json.loads(open_envelope(body).payload) for _, body in ledger.entries()]


def ids(kind: str, statements: list[Json]) -> list[str]:
    member = "attempt_id" if kind == DECISION_FAILED_TYPE else "decision_id"
    return [s["predicate"][member] for s in statements if s["predicateType"] == kind]


@pytest.fixture
def evidence(engine: Engine) -> str:
    Path("m.json").write_text(engine("example", "promote").out)
    return "m.json"


def test_a_run_that_is_stopped_at_its_answer_leaves_the_request(
    engine: Engine, evidence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_args: Any, **_named: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(judge_module, "judge", stopped)
        with pytest.raises(RuntimeError):
            engine("decide", evidence, *STRICT)
    assert engine("decide", evidence, *STRICT).code == 0
    (lost, _) = ids(DECISION_REQUESTED_TYPE, entries())

    told = engine("ledger", "verify")
    assert told.code == 0
    assert "1 of 2 requested decisions have no answer: a run was stopped,\n" in told.out
    assert f"    entry 1: {lost}\n" in told.out
    document = engine("ledger", "verify", "--format", "json").json
    assert (document["requests"], document["size"], document["keys_given"]) == (2, 4, True)
    assert document["unanswered"] == [{"entry": 1, "decision_id": lost}]
    log = engine("ledger", "log").out
    assert f"decision-requested           {lost}  scoring-model" in log
    assert engine("ledger", "show", lost[:26]).json["predicate"]["decision_id"] == lost
    explained = engine("explain", lost).out
    assert f"{lost}: requested at " in explained
    assert "none: a run was stopped after it asked" in explained
    about = json.loads(Path(evidence).read_text())["subject"]
    words = " ".join(explained.split())
    assert f"subject scoring-model 2.4.1 sha256 {about['digest']['sha256']}" in words
    assert engine("replay").out.startswith("1 decision replayed")
    assert engine("conform").code == 0


def test_a_gate_that_cannot_decide_answers_by_the_id_that_was_requested(
    engine: Engine, evidence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LIVE-LEDGER-2."""

    def refusing(*_args: Any, **_named: Any) -> None:
        raise PolicyError("no answer")

    monkeypatch.setattr(judge_module, "judge", refusing)
    assert engine("decide", evidence, *STRICT).code == 3
    assert engine("budget", "reserve", "--provider", "a", "--model", "b", *STRICT).code == 3
    statements = entries()
    requested = ids(DECISION_REQUESTED_TYPE, statements)
    assert ids(DECISION_FAILED_TYPE, statements) == requested
    assert len(requested) == 2
    assert "every one answered" in engine("ledger", "verify").out
    assert f"{requested[0]}: could not be decided at " in engine("explain", requested[0]).out
    assert engine("ledger", "show", requested[0]).json["predicateType"] == DECISION_FAILED_TYPE


def test_a_request_that_cannot_be_recorded_is_a_gate_that_is_not_asked(
    engine: Engine, evidence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any, **_named: Any) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(session_module.Session, "request", full)
    monkeypatch.setattr(judge_module, "judge", lambda *_args, **_named: pytest.fail("asked"))
    for jobs in ("1", "2"):
        answer = engine("decide", evidence, evidence, "--jobs", jobs, *STRICT)
        assert (answer.code, "the disk is full" in answer.err) == (3, True)


def test_a_decision_that_cannot_be_recorded_says_that_its_request_is(
    engine: Engine, evidence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any, **_named: Any) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(session_module.Session, "append", full)
    answer = engine("decide", evidence, *STRICT)
    assert (answer.code, len(entries())) == (3, 2)
    (requested,) = ids(DECISION_REQUESTED_TYPE, entries())
    assert answer.err.endswith((f"before that, recorded as {requested}\n", "recorded as entry 1\n"))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_requests_of_many_files_share_commits_and_come_first(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    """Among them one that cannot be read, one whose judging ends its worker, and one that changes
    in between. No batch is recorded early because the machine is slow: commits are counted.
    """
    monkeypatch.setattr(Shell, "elapsed_s", lambda _: 0.0)
    monkeypatch.setattr(requests, "BLOCK", 2 * CHUNK)
    count = 5 * CHUNK
    corpus.write(Path("in"), count, datetime.now(UTC).replace(microsecond=0))
    files = sorted(Path("in").iterdir())
    files[3].write_text("{")
    slow, changed = files[CHUNK + 1], files[3 * CHUNK + 1]
    careful = jobs == "1"
    judging = Judge.judge
    opened = Judge.open

    def open_judge(self: Judge, *, expendable: bool = False) -> Judge:
        nonlocal careful
        careful = not expendable
        return opened(self, expendable=expendable)

    def judge(self: Judge, read: Any, requested: Any) -> Any:
        name = Path(read.input.name)
        if name.name == slow.name and not careful:
            changed.write_text(changed.read_text().replace('"version": "', '"version": "x', 1))
            os.kill(os.getpid(), signal.SIGALRM)
        return judging(self, read, requested)

    monkeypatch.setattr(Judge, "open", open_judge)
    monkeypatch.setattr(Judge, "judge", judge)
    answer = engine("decide", "in", "--jobs", jobs, "--format", "jsonl", *STRICT)

    assert answer.code == (3 if jobs == "2" else 2)
    statements = entries()
    requested = ids(DECISION_REQUESTED_TYPE, statements)
    decided, failed = ids(DECISION_V2_TYPE, statements), ids(DECISION_FAILED_TYPE, statements)
    wrong = 1 if jobs == "2" else 0
    assert Counter(requested) == Counter(
        [*decided, *(name for name in failed if name in requested)]
    )
    assert (len(requested), len(decided), len(failed)) == (count - 1, count - 1 - wrong, 1 + wrong)
    kinds = [statement["predicateType"] for statement in statements]
    assert kinds[1 : 1 + CHUNK] == [DECISION_REQUESTED_TYPE] * CHUNK
    told = engine("ledger", "verify").out
    assert f"{count - 1} requested decisions, every one answered" in told
    assert int(told.split(" checkpoints")[0].rsplit(" ", 1)[1]) < 12
    assert CHUNKS * CHUNK == 96
