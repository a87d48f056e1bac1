"""INV-ATTEST-1, INV-GATE-2: Rego and Python let a check rest on the same attestations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.model import ETHICS_ATTESTATION_TYPE as TYPE
from engine.model import Json
from engine.proof.attestation_rules import is_attested
from engine.proof.verdict_rules import recompute_status
from tests.policies.opa_eval import evaluate
from tests.policy.inputs import ANY_JSON, attestations

QUERY = """[check | some case in input
  document := case.input
  limits := case.limits
  some check in data.ethics.attestation.checks with input as document with data.limits as limits]"""
_ONCE = [Phase.generate]  # each try is a process: a failing case is named, not made smaller
_DIGESTS = st.sampled_from(["0" * 64, "0" * 64, "1" * 64, None])
_ROWS = st.fixed_dictionaries(
    {
        "limit": st.sampled_from([True, True, True, False, None, 1]),
        "severity": st.sampled_from(["block", "block", "warn", "off"]),
        "max_age_s": st.sampled_from([100, 100, 100, 99, 0, None, "100"]),
    }
)
_NAMES = st.lists(st.sampled_from(["self_attested", "policies_overridden", "other"]), max_size=3)


@st.composite
def cases(draw: st.DrawFn) -> Json:
    digest = draw(_DIGESTS)
    row = draw(_ROWS)
    document = {
        "profile": "p",
        "subject": {"name": "m"} | ({"digest": {"sha256": digest}} if digest else {}),
        "attestations": draw(st.lists(attestations() | ANY_JSON, max_size=3)),
        "relaxations": draw(_NAMES),
    }
    return {"input": document, "limits": {"p": {"checks": {"ethics.attestation": row}}}}


def answers(opa: Path, asked: list[Json]) -> list[dict[str, Any]]:
    """One check per case."""
    return list(evaluate(opa, QUERY, asked))


@given(asked=st.lists(cases(), min_size=20, max_size=25))
@settings(max_examples=16, deadline=None, phases=_ONCE, suppress_health_check=list(HealthCheck))
def test_rego_and_python_agree_on_what_counts(opa: Path, asked: list[Json]) -> None:
    found = answers(opa, asked)
    for case, check in zip(asked, found, strict=True):
        document = case["input"]
        row = case["limits"]["p"]["checks"]["ethics.attestation"]
        recorded = check | {"metric": check["id"], "kind": "attestation"}
        recorded |= {"max_age_s": row["max_age_s"]}
        rests = (document["subject"], document["attestations"], document["relaxations"])
        assert check["observed"] is (True if is_attested(recorded, *rests) else None), case
        assert check["status"] == recompute_status(recorded), case


def test_some_of_them_count(opa: Path) -> None:
    one = {"type": TYPE, "verdict": "PROMOTE", "subject_sha256": "0" * 64, "age_s": 0}
    one |= {"remaining_s": 1, "role": "attestor", "self": False, "relaxations": []}
    row = {"limit": True, "severity": "block", "max_age_s": 100}
    subject = {"name": "m", "digest": {"sha256": "0" * 64}}
    document = {"profile": "p", "subject": subject, "attestations": [one], "relaxations": []}
    limits = {"p": {"checks": {"ethics.attestation": row}}}
    other = document | {"attestations": [one | {"self": True}]}
    asked = [{"input": each, "limits": limits} for each in (document, other)]
    assert [check["observed"] for check in answers(opa, asked)] == [True, None]
