"""INV-EVIDENCE-1: every gate answers any input, by any limits, with every check.

No stage that is generated is a known one, so that none of the answers may let anything through.
"""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.model import Json
from engine.policy.bundle import shipped_bundle
from engine.policy.evaluators.answer import canonical_answer
from tests.policies.opa_eval import evaluate
from tests.policy.inputs import ANY_JSON

GATES = shipped_bundle().gates()
DECISIONS = ", ".join(f'"{gate.name}": data.{gate.name}.decision' for gate in GATES)
BOUND = "some case in input; document := case.document; limits := case.limits"
QUERY = f"[decision | {BOUND}; decision := {{{DECISIONS}}} with input as document"

_ROWS = st.dictionaries(
    st.sampled_from(["limit", "severity", "max_age_s", "min_n", "compare", "unwaivable"]), ANY_JSON
)
_METRICS = st.fixed_dictionaries(
    {"value": ANY_JSON, "status": st.just("ok"), "age_s": ANY_JSON},
    optional={"n": ANY_JSON, "ci": ANY_JSON, "baseline": ANY_JSON},
)
_IDS = st.sampled_from([check for gate in GATES for check in gate.checks])
_WAIVERS = st.lists(
    st.dictionaries(st.sampled_from(["id", "check", "subject", "remaining_s"]), ANY_JSON)
    | ANY_JSON,
    max_size=3,
)
_DOCUMENTS = ANY_JSON | st.fixed_dictionaries(
    {"profile": st.just("p"), "metrics": st.dictionaries(_IDS, _METRICS | ANY_JSON)},
    optional={
        "waivers": _WAIVERS | ANY_JSON,
        "relaxations": ANY_JSON,
        "stage": ANY_JSON,
        "subject": ANY_JSON,
        "attestations": st.lists(ANY_JSON, max_size=2) | ANY_JSON,
    },
)
_LIMITS = ANY_JSON | st.fixed_dictionaries(
    {"p": st.fixed_dictionaries({"checks": st.dictionaries(_IDS, _ROWS | ANY_JSON) | ANY_JSON})}
)
_CASES = st.fixed_dictionaries({"document": _DOCUMENTS, "limits": _LIMITS})


@given(asked=st.lists(_CASES, min_size=8, max_size=12))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_gate_answers_anything(opa: Path, asked: list[Json]) -> None:
    for answers in decisions(opa, asked):
        for gate in GATES:
            answer = json.loads(canonical_answer(answers[gate.name], gate))
            assert answer["verdict"] != "PROMOTE"


def test_they_are_asked_about_that_input_and_by_those_limits(opa: Path) -> None:
    metric = {"value": 1, "status": "ok", "age_s": 0}
    row = {"limit": 2, "severity": "block", "max_age_s": 1}
    document = {"profile": "p", "metrics": {"ethics.ece": metric}}
    asked = [{"document": document, "limits": {"p": {"checks": {"ethics.ece": row}}}}]
    checks = {check["id"]: check for check in decisions(opa, asked)[0]["ethics"]["checks"]}
    assert checks["ethics.ece"]["status"] == "pass"


def decisions(opa: Path, asked: list[Json]) -> list[Json]:
    """Every gate's answer to each case."""
    return list(evaluate(opa, f"{QUERY} with data.limits as limits]", asked))
