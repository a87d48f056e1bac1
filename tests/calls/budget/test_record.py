"""What is recorded of budgets is what spec/predicate-v1.md says, and verifies as any decision."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

from jsonschema import Draft202012Validator

from engine.decision.export import export
from engine.decision.replay import Replayer, decision_entries, recorded_at
from engine.model import Verdict
from engine.policy.bundle import shipped_schema
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.proof.verify import Expectations, verify
from tests.calls.budget.shop import Shop
from tests.ledger.scribe import KEY, open_at
from tests.repository import ROOT

SPEC = (ROOT / "spec" / "predicate-v1.md").read_text()
SCHEMA = Draft202012Validator(shipped_schema("decision.schema.json"))


def section(number: str) -> str:
    """The text of one section."""
    found = re.search(rf"^### {re.escape(number)} .*?(?=^##)", SPEC, re.MULTILINE | re.DOTALL)
    assert found, number
    return found.group()


def test_a_reservation_is_exported_verified_and_replayed(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as ledger:
        shop = Shop(ledger)
        granted, denied = shop.reserve(300_000), shop.reserve(800_000)
        shop.settle(granted.lease)
        for answer in (granted, denied):
            proof = export(ledger, answer.lease)
            wanted = Expectations(require=Verdict.ALLOW)
            told = verify(proof.encode(), [KEY.public_key], wanted)
            assert told.verdict == answer.verdict
            assert bool(told.failed_expectations) == (not answer.allowed)
            SCHEMA.validate(json.loads(json.dumps(_statement(proof.entry))))
        with Replayer(lambda bundle: WasmEvaluator(bundle, cache=None)) as replayer:
            for index, entry in decision_entries(ledger):
                replayer.again(recorded_at(ledger, index, entry))


def _statement(entry: bytes) -> object:
    from engine.proof.envelope import open_envelope

    return json.loads(open_envelope(entry).payload)


def test_each_event_has_the_members_that_its_section_names() -> None:
    shop = Shop(profile="lenient")
    lease = shop.reserve(team="search", tags=("a",), route="chat")
    reservation = shop.said()["reservation"]
    shop.settle(lease.lease)
    settled = shop.said()
    shop.release(shop.reserve().lease)
    released = shop.said()

    named = set(re.findall(r"^\| `(\w+)`", section("3.1"), re.MULTILINE))
    assert reservation.keys() == named
    for number, said in (("12.9", settled), ("12.10", released)):
        text = section(number).partition("Members:")[2].partition(".\n")[0]
        members = set(re.findall(r"`(\w+)`(?= \(|,|\.)", re.sub(r"\([^()]*\)", "()", text)))
        assert said.keys() <= members | {"ledger"}, number
        assert {"at", "lease", "day", "for", "ledger"} <= said.keys()
        for name in said:
            assert f"`{name}`" in text
