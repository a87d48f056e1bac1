"""INV-EVAL-1: whoever evaluates, the answer is the same, byte for byte.

Three implementations are asked: OPA's Wasm in process, an OPA server, and ``opa eval``.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from engine.formats import canonical
from engine.model import Json
from engine.policy.bundle import shipped_bundle
from engine.policy.evaluators.answer import canonical_answer
from engine.policy.evaluators.server import ServerEvaluator
from engine.policy.evaluators.wasm import WasmEvaluator
from tests.policy.inputs import ANY_JSON, near_valid, passing
from tests.policy.servers import real_opa
from tests.repository import ROOT

BUNDLE = shipped_bundle()
DOCUMENTS = st.one_of(ANY_JSON, near_valid(BUNDLE), near_valid(BUNDLE), passing())
GATES = st.sampled_from([gate.name for gate in BUNDLE.gates()])


class Three:
    """The three evaluators of one bundle."""

    def __init__(self, opa: Path, archive: Path, url: str) -> None:
        self.wasm = WasmEvaluator(BUNDLE, cache=None)
        self.quick = WasmEvaluator(BUNDLE, cache=None, few=True)
        self.server = ServerEvaluator(url, BUNDLE)
        self._opa = opa
        self._archive = archive

    def by_eval(self, gate: str, documents: Sequence[Json]) -> list[bytes]:
        """What ``opa eval`` answers to each document, in one run."""
        decision = f"data.{gate}.decision with input as document"
        query = f"[decision | some document in input; decision := {decision}]"
        options = ["--strict-builtin-errors", "--format", "json", "--stdin-input"]
        done = subprocess.run(
            [self._opa, "eval", *options, "--bundle", self._archive, query],
            input=canonical.encode(list(documents)),
            capture_output=True,
            check=True,
            env={},
        )
        (value,) = json.loads(done.stdout)["result"][0]["expressions"]
        return [canonical_answer(answer, BUNDLE.gate(gate)) for answer in value["value"]]


@pytest.fixture(scope="module")
def three(opa: Path) -> Iterator[Three]:
    archive = ROOT / "engine" / "_data" / "policy-rego.tar.gz"
    with real_opa(opa, archive) as (url, _process):
        evaluators = Three(opa, archive, url)
        yield evaluators
        evaluators.server.close()


BATCHES = st.lists(DOCUMENTS, min_size=1, max_size=16)


def check_agreement(three: Three, gate: str, documents: list[Json]) -> None:
    encoded = [canonical.encode(document) for document in documents]

    answers = [three.wasm.evaluate(gate, document) for document in encoded]

    assert [three.quick.evaluate(gate, document) for document in encoded] == answers
    assert [three.server.evaluate(gate, document) for document in encoded] == answers
    assert three.by_eval(gate, documents) == answers


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(GATES, BATCHES)
def test_wasm_server_and_opa_eval_give_the_same_bytes(
    three: Three, gate: str, documents: list[Json]
) -> None:
    check_agreement(three, gate, documents)


@pytest.mark.soak
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(GATES, BATCHES)
def test_they_do_so_for_a_long_time(three: Three, gate: str, documents: list[Json]) -> None:
    check_agreement(three, gate, documents)


@pytest.mark.parametrize("gate", [gate.name for gate in BUNDLE.gates()])
def test_every_gate_is_asked_once_at_least(three: Three, gate: str) -> None:
    """The property draws gates; this one leaves none out."""
    empty = {"profile": "default", "stage": "production", "metrics": {}}

    check_agreement(three, gate, [{}, empty])


def test_the_generated_inputs_reach_every_verdict_and_status() -> None:
    """The property above is worth what its inputs reach, whichever modules were imported before."""
    evaluator = WasmEvaluator(BUNDLE, cache=None)
    verdicts: set[str] = set()
    statuses: set[str] = set()

    @settings(
        max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(near_valid(BUNDLE) | passing())
    def reach(document: Json) -> None:
        answer = json.loads(evaluator.evaluate("promotion", canonical.encode(document)))
        verdicts.add(answer["verdict"])
        statuses.update(check["status"] for check in answer["checks"])

    wanted = {"pass", "fail", "unknown", "stale", "insufficient", "off"}
    for number in range(20):
        seed(number)(reach)()
        if verdicts == {"PROMOTE", "HOLD", "BLOCK", "ROLLBACK"} and statuses >= wanted:
            return

    pytest.fail(f"2,000 inputs reach {sorted(verdicts)} and {sorted(statuses)}")
