"""INV-EVAL-3: a policy that takes too long ends its worker, and costs nobody else's verdict."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest

from engine.cli.decide.workers import CHUNK, Judge, Workers
from engine.errors import PolicyError
from engine.policy.build import compile_policies
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.system.processes import Fork
from tests.policy.toys import HAY, LOOP, toy_that

pytestmark = pytest.mark.timeout(method="thread")  # the alarm is what is tested here


@pytest.fixture
def ignored_and_blocked() -> Iterator[None]:
    """SIGALRM as a careless parent leaves it to its children."""
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    signal.signal(signal.SIGALRM, before)


class Toy(NamedTuple):
    """A policy that never ends for the value 13, and where it is kept compiled."""

    bundle: PolicyBundle
    cache: Path


@pytest.fixture(scope="module")
def looping(opa: Path, tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Compiled here, once."""
    toy = Toy(compile_policies(toy_that(LOOP), opa), tmp_path_factory.mktemp("cache"))
    for expendable in (True, False):
        assert _toy(toy, expendable=expendable)(["0.5"]) == "BLOCK"
    return toy


def _toy(toy: Toy, *, expendable: bool) -> Judge:
    evaluator = WasmEvaluator(toy.bundle, cache=toy.cache, time_limit_s=0.3, expendable=expendable)

    def judge(names: list[str]) -> object:
        document = {"metrics": {"toy.ece": {"value": float(names[0])}}}
        try:
            more = HAY if names == ["13"] else {}
            return evaluator.answer("promotion", json.dumps(document | more).encode())["verdict"]
        except PolicyError as error:
            return error

    return judge


@pytest.mark.usefixtures("ignored_and_blocked")
def test_others_are_judged_all_the_same(looping: Toy) -> None:
    groups = [["0.5"] for _ in range(5 * CHUNK)]
    groups[CHUNK + 3] = groups[3 * CHUNK] = ["13"]
    quick, careful = (partial(_toy, looping, expendable=which) for which in (True, False))
    with Workers(2, quick, groups, careful) as workers:
        outcomes = list(workers.outcomes())
    assert [names for names, _ in outcomes] == groups
    for names, outcome in outcomes:
        if names == ["13"]:
            assert isinstance(outcome, PolicyError)
            assert "ran longer than 0.3 s" in str(outcome)
        else:
            assert outcome == "BLOCK"


def test_what_an_overdue_worker_had_left_goes_to_the_careful_one_alone() -> None:
    def alarmed() -> Judge:
        return lambda names: os.kill(os.getpid(), signal.SIGALRM) if names == ["slow"] else "quick"

    groups = [[str(number)] for number in range(6 * CHUNK)]
    groups[2 * CHUNK + 1] = ["slow"]
    with Workers(2, alarmed, groups, lambda: lambda _names: "careful") as workers:
        outcomes = [outcome for _, outcome in workers.outcomes()]
    by_chunk = [set(outcomes[at : at + CHUNK]) for at in range(0, len(outcomes), CHUNK)]
    assert by_chunk == [{"quick"}, {"quick"}, {"careful"}, {"quick"}, {"careful"}, {"quick"}]


def test_a_careful_process_that_is_lost_is_an_error_and_no_verdict() -> None:
    def dying(number: int) -> Judge:
        return lambda _names: os.kill(os.getpid(), number)

    quick, careful = (partial(dying, number) for number in (signal.SIGALRM, signal.SIGKILL))
    lost = pytest.raises(PolicyError, match="worker process was lost")
    with Workers(2, quick, [["m.json"]], careful) as workers, lost:
        list(workers.outcomes())


@pytest.mark.usefixtures("ignored_and_blocked")
def test_an_alarm_ends_the_process_and_rests_between_evaluations(looping: Toy) -> None:
    def work(_questions: Connection, answers: Connection) -> None:
        judge = _toy(looping, expendable=True)
        verdict = judge(["0.5"])
        answers.send((verdict, signal.getitimer(signal.ITIMER_REAL)))
        answers.send(judge(["13"]))

    fork = Fork(work)
    assert fork.answer() == ("BLOCK", (0.0, 0.0))
    with pytest.raises(EOFError):
        fork.answer()
    assert fork.overdue
    fork.close()


@pytest.mark.parametrize("expendable", [True, False])
def test_a_fork_compiles_though_its_parent_has_compiled(
    looping: Toy, tmp_path: Path, *, expendable: bool
) -> None:
    """wasmtime compiles by threads, and the threads of this process are not in its forks."""
    fresh = looping._replace(cache=tmp_path)

    def work(_questions: Connection, answers: Connection) -> None:
        answers.send(_toy(fresh, expendable=expendable)(["0.5"]))

    fork = Fork(work)
    answered: list[object] = []
    waiting = Thread(target=lambda: answered.append(fork.answer()), daemon=True)
    waiting.start()
    waiting.join(60)  # seconds; else it would be for ever
    fork.kill()
    waiting.join()
    assert answered == ["BLOCK"]
    fork.close()


def test_the_same_is_answered_with_and_without_a_guard(module_cache: Path) -> None:
    document = json.dumps({"metrics": {}, "profile": "default", "stage": "candidate"}).encode()

    expendable = WasmEvaluator(shipped_bundle(), cache=module_cache, expendable=True)
    expected = [expendable.evaluate("promotion", document)] * 3  # compiled, and kept

    def work(_questions: Connection, answers: Connection) -> None:
        evaluator = WasmEvaluator(shipped_bundle(), cache=module_cache, expendable=True)
        answers.send([evaluator.evaluate("promotion", document) for _ in range(3)])

    fork = Fork(work)
    guarded = WasmEvaluator(shipped_bundle(), cache=None)
    assert fork.answer() == expected == [guarded.evaluate("promotion", document)] * 3
    fork.kill()
    fork.close()
