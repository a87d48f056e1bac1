"""After each cycle: what cannot be looked up is told, once."""

from __future__ import annotations

import json

from engine.cli.watch.conformance import Follower
from engine.ledger import EntryDraft, LedgerPosition
from engine.proof.envelope import seal
from engine.proof.statement import statement
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import KEY
from tests.repository import DATA

GOLDEN = DATA / "conform" / "accepted.json"


def test_a_spec_without_a_model_of_the_limits_is_told_once_and_is_no_finding() -> None:
    """INV-WATCH-7. The golden ledger was decided by a longer calm than the shipped one."""
    ledger, follower = begun(MemoryStore()), Follower()
    recorded = next(
        decision for decision in json.loads(GOLDEN.read_text())
        if decision["predicate"].get("gate") == "lifecycle"
    )  # fmt: skip
    # the first on its subject in this ledger
    predicate = {**recorded["predicate"], "attempt": 1, "previous": None}

    def build(place: LedgerPosition) -> bytes:
        whole = {**predicate, "ledger": {"id": place.ledger_id}}
        payload = statement(recorded["subject"], recorded["predicateType"], whole)
        return seal(payload, KEY.sign, KEY.key_id)

    ledger.append([EntryDraft(predicate["decision_id"], "s", "lifecycle", build)])

    assert [line for line in follower.check(ledger) if "lifecycle.calm_s" in line] == []
    (line,) = follower.unmodelled()
    assert line.startswith("promotion: lifecycle.calm_s was held against 86400 s")
    assert follower.unmodelled() == []
