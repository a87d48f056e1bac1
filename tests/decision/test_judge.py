"""The engine holds the policies' answer against itself before anybody sees it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from engine.decision.judge import judge, uuid7
from engine.decision.record import dry_run_decision
from engine.errors import PolicyError, UsageError
from engine.evidence.documents import parse
from engine.evidence.input import Input, Question, gather
from engine.formats import canonical
from engine.formats.times import write_time
from engine.model import Json, Verdict
from engine.policy.bundle import shipped_bundle
from engine.policy.evaluators.wasm import WasmEvaluator
from tests.repository import ROOT

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SCHEMA = json.loads((ROOT / "schemas" / "metrics.schema.json").read_bytes())
BUNDLE = shipped_bundle()
QUESTION = Question("promotion", "default", "candidate", NOW)
ATTESTED = BUNDLE.gate("promotion").checks.index("ethics.attestation")


class Tampering:
    """An evaluator whose answers are OPA's, changed on their way."""

    kind = "wasm"
    opa_version = BUNDLE.opa_version

    def __init__(self, path: tuple[str | int, ...], value: Json) -> None:
        self._honest = WasmEvaluator(BUNDLE, cache=None)
        self._path = path
        self._value = value

    def answer(self, gate: str, document: bytes) -> dict[str, Json]:
        answer = self._honest.answer(gate, document)
        place: Json = answer
        for step in self._path[:-1]:
            place = place[step]
        place[self._path[-1]] = self._value
        return answer

    def evaluate(self, gate: str, document: bytes) -> bytes:
        return canonical.encode(self.answer(gate, document))

    def close(self) -> None:
        self._honest.close()


def given(name: str) -> Input:
    document = json.loads((ROOT / "examples" / f"{name}.json").read_text())
    text = json.dumps({**document, "observed_at": write_time(NOW)}).encode()
    return gather([parse("example", text)], QUESTION, BUNDLE, SCHEMA)


@pytest.mark.parametrize(
    ("example", "path", "value", "reason"),
    [
        ("block", ("verdict",), "PROMOTE", "its checks say .*BLOCK"),
        ("hold", ("verdict",), "PROMOTE", "its checks say .*HOLD"),
        ("promote", ("verdict",), "BLOCK", "its checks say .*PROMOTE"),
        ("block", ("checks", 6, "status"), "pass", "was answered 'pass'"),
        ("block", ("checks", 6, "severity"), "off", "was answered 'fail'"),
        ("promote", ("checks", 31, "observed"), 5000, "was answered 'pass'"),
        ("promote", ("checks", 31, "limit"), 0.001, "was answered 'pass'"),
        ("promote", ("checks", 31, "limit"), None, "was answered 'pass'"),
        ("promote", ("checks", ATTESTED, "observed"), True, "say that there is none"),
        ("promote", ("checks", 31, "observed"), 0.5, "with observed 0.5; it is"),
        ("promote", ("checks", 31, "limit"), 5000, "with limit 5000; it is"),
        ("promote", ("checks", 31, "severity"), "warn", "with severity 'warn'; it is 'block'"),
        ("promote", ("checks", 31, "operator"), "<", "with operator '<'; it is '<='"),
        ("promote", ("checks", 31, "waived_by"), "W-1", "as waived by 'W-1'"),
        ("block", ("checks", 6, "waived_by"), "W-1", "as waived by 'W-1'"),
        ("promote", ("waivers",), [{"id": "W-1", "check": "a", "status": "unused"}], "waivers"),
    ],
)
def test_an_answer_that_does_not_follow_from_itself_is_no_verdict(
    example: str, path: tuple[str | int, ...], value: Json, reason: str
) -> None:
    """INV-GATE-2: statuses and verdict are recomputed from what was compared."""
    evaluator = Tampering(path, value)
    with pytest.raises(PolicyError, match=reason) as refused:
        judge(given(example), QUESTION, BUNDLE, evaluator, decision_id="d", salt=bytes(32))
    evaluator.close()
    assert refused.value.exit_code == 3


def test_an_honest_answer_is_the_verdict() -> None:
    evaluator = WasmEvaluator(BUNDLE, cache=None)
    for example, verdict in (("promote", "PROMOTE"), ("hold", "HOLD"), ("block", "BLOCK")):
        made = judge(given(example), QUESTION, BUNDLE, evaluator, decision_id="d", salt=bytes(32))
        assert made.verdict is Verdict(verdict)
    evaluator.close()


def test_a_statement_that_was_put_together_is_canonical() -> None:
    """INV-RECORD-1: encoded in pieces, the bytes are those of the whole."""
    evaluator = WasmEvaluator(BUNDLE, cache=None)
    made = judge(given("block"), QUESTION, BUNDLE, evaluator, decision_id="d", salt=bytes(32))
    evaluator.close()
    signed = dry_run_decision(made.predicate, made.input.subject, made.record).statement
    statement = json.loads(signed)
    assert canonical.encode(statement) == signed
    assert statement["predicate"] == json.loads(json.dumps(made.predicate)) | {
        "ledger": {"id": "dry-run"},
        "attempt": 1,
        "previous": None,
    }


def test_an_unknown_stage_is_no_question() -> None:
    with pytest.raises(UsageError, match="stage 'prod' is not known"):
        Question("promotion", "default", "prod", NOW)


def test_an_id_is_a_uuid_of_version_7_in_the_order_of_time() -> None:
    first, second = (uuid7(ms, lambda size: b"\xff" * size) for ms in (1_700_000_000_000, 2**47))
    assert first == "018bcfe5-6800-7fff-bfff-ffffffffffff"
    assert first < second
