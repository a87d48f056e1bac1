"""The hand-written gate must answer what the promotion gate answers."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from bench import corpus
from bench.errors import BenchError
from bench.gates import HANDWRITTEN, of_handwritten
from bench.outcomes import Outcome, of_opa
from engine.evidence.documents import Document
from engine.evidence.input import Question, gather
from engine.formats.canonical import encode
from engine.policy.bundle import shipped_bundle, shipped_schema
from tests.repository import ROOT

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
POLICIES = ROOT / "policies"


def test_answers_what_the_promotion_gate_answers_on_the_corpus(opa: Path, tmp_path: Path) -> None:
    bundle, schema = shipped_bundle(), shipped_schema("metrics.schema.json")
    question = Question("promotion", "default", "candidate", NOW)
    random = Random(7)  # noqa: S311  (nothing secret)
    inputs = []
    for number in range(60):
        document = corpus.metrics_file(random, NOW)
        content = encode(document)
        asked = gather([Document(f"{number}", content, document)], question, bundle, schema)
        inputs.append(asked.document)
    (tmp_path / "data.json").write_bytes(bundle.data_bytes)

    def answers(gate: str, folder: Path) -> list[object]:
        query = f"[answer | some each in input; answer := data.{gate}.decision with input as each]"
        sources = ["--data", str(folder), "--data", str(tmp_path / "data.json")]
        done = subprocess.run(
            [opa, "eval", "--format=raw", "--stdin-input", "--ignore=*.yaml", *sources, query],
            input=json.dumps(inputs),
            capture_output=True,
            text=True,
            check=True,
        )
        return [
            {"path": f"{number}", "result": each}
            for number, each in enumerate(json.loads(done.stdout))
        ]

    ours = of_opa(json.dumps({"result": answers("promotion", POLICIES)}).encode(), "")
    theirs = of_handwritten(
        json.dumps({"result": answers("handwritten", HANDWRITTEN)}).encode(), ""
    )
    assert {outcome.verdict for outcome in ours.values()} == {"PROMOTE", "HOLD", "BLOCK"}
    assert theirs == ours


def test_reads_the_verdict_and_what_stands_against_it() -> None:
    answer = {"verdict": "BLOCK", "against": {"a.b": "fail"}, "warnings": {"c.d": "fail"}}
    output = json.dumps({"result": [{"path": "inputs/m_1.json", "result": answer}]}).encode()
    assert of_handwritten(output, "m_") == {"1.json": Outcome("BLOCK", frozenset({"a.b: fail"}))}


def test_no_answer_is_an_error() -> None:
    output = json.dumps({"result": [{"path": "m_1.json", "error": "undefined"}]}).encode()
    with pytest.raises(BenchError, match=r"1\.json: the hand-written gate gave no result"):
        of_handwritten(output, "m_")
