"""INV-INPUT-5: what is recorded for ever of a failed attempt holds a code and a place alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.decision.failures import recorded_error
from engine.errors import DocumentError, GovernanceError, PolicyError, Position, SourceError
from engine.model import DECISION_FAILED_TYPE
from tests.cli.conftest import Engine

PERSON = "maria.silva@example.com"
KNOWN = {"metrics", "value", "ci", "ethics.ece"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            DocumentError(Position("m.json", 3, 7, "/metrics/ethics.ece/value"), PERSON, PERSON),
            "document_refused at 3:7 /metrics/ethics.ece/value",
        ),
        (
            DocumentError(Position("m.json", 3, 7, f"/metrics/{PERSON}/ci/1"), PERSON),
            "document_refused at 3:7 /metrics/*/ci/1",
        ),
        (
            DocumentError(Position(PERSON, pointer=f"/{PERSON}/52998224725"), ""),
            "document_refused /*/*",
        ),
        (DocumentError(Position("-"), PERSON, code="document_unreadable"), "document_unreadable"),
        (PolicyError(f"a rule says {PERSON}"), "policy_undecided"),
        (SourceError(f"the service says {PERSON}"), "source_gave_nothing"),
        (GovernanceError(PERSON), "failed"),
    ],
)
def test_a_failure_is_recorded_as_code_and_place(error: GovernanceError, message: str) -> None:
    assert recorded_error(error, KNOWN) == {"type": type(error).__name__, "message": message}


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace('"value": 0.006', f'"value": "patient {PERSON}"'),
        lambda text: text.replace('"ethics.ece"', f'"{PERSON}"'),
        lambda text: text.replace('"metrics": {', f'"{PERSON}": 1, "metrics": {{'),
        lambda text: text.replace('"metrics": {', f'"metrics": {{"{PERSON}": 1, "{PERSON}": 1, '),
        lambda text: text.replace('"value": 0.006', f'"value": {PERSON}'),
        lambda text: text.replace('"value": 0.006', f'"value": "{PERSON}'),
        lambda text: text.replace('"subject": {', f'"stage": "{PERSON}", "subject": {{'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_no_text_of_a_refused_document_enters_the_ledger(
    engine: Engine, edit: object, suffix: str
) -> None:
    assert callable(edit)
    text = json.dumps(engine("example", "promote").json)
    changed = edit(text)
    assert PERSON in changed
    Path(f"m.{suffix}").write_text(changed)

    answer = engine("decide", f"m.{suffix}")

    assert answer.code == 2
    assert f"m.{suffix}:1:" in answer.err
    shown = engine("ledger", "show", "1")
    assert shown.json["predicateType"] == DECISION_FAILED_TYPE
    assert shown.json["predicate"]["error"]["type"] == "DocumentError"
    message = shown.json["predicate"]["error"]["message"]
    assert message.startswith(("document_refused at 1:", "document_unreadable at 1:"))
    assert PERSON in answer.err or message.startswith("document_unreadable")
    assert "maria" not in shown.out + engine("ledger", "log", "--format", "jsonl").out
