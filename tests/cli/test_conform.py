"""``engine conform``: exit codes, what is told, and that a mistake is told with what to do."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.ledger import EntryDraft, LedgerPosition
from engine.ledger.commit import batch
from engine.model import DECISION_TYPE, Json
from engine.proof.envelope import seal
from engine.proof.statement import statement
from engine.signers.file import open_file
from tests import simulator
from tests.cli.conftest import Engine
from tests.ledger.scribe import decision, decision_id, event, open_at
from tests.repository import DATA

LEDGER = ".engine/ledger.db"
OWN_KEY = Path(".engine/keys/engine.pem")


@pytest.fixture
def recorded(engine: Engine) -> str:
    """A ledger of three real decisions and one event."""
    example = engine("example", "promote").out.encode()
    for _ in range(3):
        assert engine("decide", "-", stdin=example).code == 0
    return LEDGER


def strayed() -> None:
    """Append a decision that says it is the first on its subject, when another one is there."""
    signer = open_file(OWN_KEY)
    with closing(open_at(Path(".engine"), signer=signer)) as ledger:
        honest = decision(7, "s", signer=signer)
        ledger.append([honest])
        lying = decision(8, "s", signer=signer)

        def build(place: LedgerPosition) -> bytes:
            return lying.build(LedgerPosition(place.ledger_id, 1, None))

        ledger.append([EntryDraft(lying.decision_id, "s", "promotion", build)])


def test_a_ledger_of_the_engine_conforms(engine: Engine, recorded: str) -> None:
    answer = engine("conform")

    assert answer.code == 0
    assert re.search(r"^ledger +conforms  20 steps, 13 of 25 edges of the spec", answer.out, re.M)
    assert answer.out.endswith("ledger.db: 4 entries conform to the specs\n")
    assert engine("conform", recorded).code == 0


def _otherwise_limited(check: Json) -> None:
    check["limit"] = 60


def _off(check: Json) -> None:
    check["severity"] = check["status"] = "off"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_otherwise_limited, "lifecycle.calm_s was held against 60 s, and the model has 600"),
        (_off, "lifecycle.calm_s is turned off, and the model has 600 s"),
    ],
)
def test_limits_that_no_graph_is_of_are_an_expectation_that_is_not_met(
    engine: Engine, recorded: str, change: Callable[[Json], None], words: str
) -> None:
    signer = open_file(OWN_KEY)
    whole = next(
        entry
        for entry in json.loads((DATA / "conform" / "accepted.json").read_text())
        if entry["predicate"].get("gate") == "lifecycle"
    )
    (check,) = (it for it in whole["predicate"]["checks"] if it["id"] == "lifecycle.calm_s")
    change(check)

    def build(place: LedgerPosition) -> bytes:
        predicate = {
            **whole["predicate"],
            **{"decision_id": decision_id(9), "attempt": 1, "previous": None},
            "ledger": {"id": place.ledger_id},
        }
        simulator.conclude(predicate)
        payload = statement(whole["subject"], DECISION_TYPE, predicate)
        return seal(payload, signer.sign, signer.key_id)

    with closing(open_at(Path(".engine"), signer=signer)) as ledger:
        ledger.append([EntryDraft(decision_id(9), "s", "lifecycle", build)])

    answer = engine("conform", "--only", "promotion", "--only", "ledger")

    assert answer.code == 1
    assert "promotion  UNKNOWN" in answer.out
    assert words in answer.out
    assert re.search(r"^ledger +conforms", answer.out, re.M)
    assert answer.out.endswith("as far as they could be looked up\n")
    (spec,) = engine("conform", "--only", "promotion", "--format", "json").json["specs"]
    assert spec["unmodelled"]["entry"] == 4


def test_a_type_that_no_engine_writes_is_an_expectation_that_is_not_met(
    engine: Engine, recorded: str
) -> None:
    """Nobody knows whether a ``rollback:v2`` is a behaviour of the specs."""
    with closing(open_at(Path(".engine"), signer=open_file(OWN_KEY))) as ledger:
        ledger.append([event("rolled back", signer=open_file(OWN_KEY))])

    answer = engine("conform")

    assert answer.code == 1
    assert "UNKNOWN type test:v1: 1 entry\n" in answer.out
    assert answer.out.endswith("as far as they could be looked up\n")
    assert engine("conform", "--format", "json").json["conforms"] is False


def test_a_writer_that_built_on_another_history_is_found(engine: Engine, recorded: str) -> None:
    strayed()

    answer = engine("conform", recorded, "--only", "ledger")

    assert answer.code == 4
    assert "ledger  REJECTED" in answer.out
    assert "entry 5: decision:v1: it says attempt 1 after None" in answer.out
    assert "Begin: the spec's action leads to another state" in answer.out
    assert 'tree = {"p1":[1]}' in answer.out
    assert 'tree: {"p1":[1]} -> {"p1":[2]}' in answer.out
    assert 'tree: {"p1":[1]} -> {"p1":[1,2]}' in answer.out
    assert answer.out.endswith("6 entries are NOT behaviour of the specs\n")


def test_json_says_the_same(engine: Engine, recorded: str) -> None:
    assert engine("conform", "--format", "json").json["conforms"] is True
    strayed()

    answer = engine("conform", "--format", "json", "--only", "ledger")
    (spec,) = answer.json["specs"]

    assert answer.code == 4
    assert answer.json["entries"] == 6
    assert (spec["spec"], spec["graph"], spec["conforms"]) == ("ledger", "ledger-line", False)
    rejected = spec["rejected"]
    assert (rejected["entry"], rejected["action"]) == (5, "Begin")
    assert rejected["before"]["tree"] == {"p1": [1]}
    assert rejected["allowed"][0]["after"]["tree"] == {"p1": [1, 2]}


def test_tlc_judges_too(engine: Engine, recorded: str) -> None:
    where = {"PATH": os.environ["PATH"], "ENGINE_TLC_JAR": _jar()}
    answer = engine("conform", "--only", "ledger", "--tlc", **where)
    assert answer.code == 0
    assert "TLC allows all of 13 distinct steps" in answer.out
    strayed()

    rejected = engine("conform", "--only", "ledger", "--trace", **where)

    assert rejected.code == 4
    assert "TLC: entry 5: decision:v1: it says attempt 1" in rejected.out
    assert "the spec has no such step" in rejected.out


def _jar() -> str:
    from engine.specs.conform import tlc

    return str(tlc.find(os.environ, Path(__file__).parent).jar)


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (("nothere.db",), 2, "nothere.db"),
        (("--only", "ledgr"), 2, "did you mean 'ledger'?"),
        (("--tla", "nowhere"), 2, "nowhere: no such folder"),
        ((LEDGER, "--ledger", "x.db"), 2, "the ledger is named twice"),
        (("--tlc",), 3, "no TLC: no such file"),
    ],
)
def test_mistakes(
    engine: Engine, recorded: str, argv: tuple[str, ...], code: int, message: str
) -> None:
    answer = engine("conform", *argv, PATH=os.environ["PATH"])

    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err


def test_without_a_rejection_a_trace_needs_no_java(engine: Engine, recorded: str) -> None:
    assert engine("conform", "--trace").code == 0


def test_a_broken_entry_is_not_genuine(
    engine: Engine, recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = {"predicateType": "none"}
    monkeypatch.setattr(batch, "require_own", lambda *_: none)  # else it is refused here
    signer = open_file(OWN_KEY)
    with closing(open_at(Path(".engine"), signer=signer)) as ledger:
        ledger.append([EntryDraft(None, None, None, lambda _place: b'{"no": "envelope"}')])

    answer = engine("conform")

    assert answer.code == 4
    assert "entry 4: " in answer.err
    assert answer.out == ""
