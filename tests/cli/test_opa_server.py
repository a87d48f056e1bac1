"""``--opa URL``: the verdict of record is the server's, and only when it is ours too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Engine
from tests.policy.servers import fake_opa, hanging_up, real_opa, saying
from tests.repository import ROOT

ARCHIVE = ROOT / "engine" / "_data" / "policy-rego.tar.gz"


def test_a_server_with_our_bundle_gives_the_verdict_of_record(engine: Engine, opa: Path) -> None:
    documents = {
        name: engine("example", name).out.encode() for name in ("promote", "hold", "block")
    }
    with real_opa(opa, ARCHIVE) as (url, _process):
        answers = {
            name: engine("decide", "-", "--opa", url, "--format", "json", stdin=document)
            for name, document in documents.items()
        }
    assert [answer.code for answer in answers.values()] == [0, 5, 1]
    shown = engine("ledger", "show", answers["promote"].json["decision_id"]).json
    assert shown["predicate"]["evaluator"] == {"kind": "server", "opa_version": "1.22.0"}
    assert engine("replay").code == 0


def test_a_server_that_was_killed_decides_nothing(engine: Engine, opa: Path) -> None:
    """INV-GATE-5: no answer is never a verdict."""
    document = engine("example", "promote").out.encode()
    with real_opa(opa, ARCHIVE) as (url, process):
        assert engine("decide", "-", "--opa", url, stdin=document).code == 0
        process.kill()
        process.wait()
        answer = engine("decide", "-", "--opa", url, stdin=document)
    assert (answer.code, answer.out) == (3, "")
    assert "decision-failed" in engine("ledger", "log").out


@pytest.mark.parametrize(
    "respond", [hanging_up, saying({}), saying({"result": {"verdict": "PROMOTE"}})]
)
def test_a_server_that_answers_anything_else_decides_nothing(
    engine: Engine, respond: object
) -> None:
    """INV-GATE-5: an undefined, a foreign or a partial answer is never a verdict."""
    document = engine("example", "promote").out.encode()
    with fake_opa(respond) as url:  # type: ignore[arg-type]
        answer = engine("decide", "-", "--opa", url, stdin=document)
    assert (answer.code, answer.out) == (3, "")
