"""What the lifecycle writes has exactly the members that spec/predicate-v1.md lists."""

from __future__ import annotations

from engine.lifecycle.entries import TYPES
from tests.lifecycle.driver import World, serving
from tests.lifecycle.test_controller import Failing

MEMBERS = {"at", "subject", "cause", "decision", "ledger"}
SUBJECT = {"name", "version", "sha256", "gate", "profile"}


def lived() -> World:
    """A world in which every action was taken, some of it while the gate could not decide."""
    failing = Failing()
    world = serving(World(evaluator=failing))
    world.measure("over")
    world.cycles("over", 16)
    world.cycles("under", 11)
    world.decide("good")
    world.promote()
    failing.fails = True
    world.cycles("none", 40)
    return world


def test_events_have_these_members() -> None:
    said = lived().said()
    kinds = {kind.split(":")[2] for kind in TYPES.values()}
    seen = {kind for kind, _ in said}
    assert kinds <= seen
    for kind, predicate in said:
        if kind in kinds:
            more = {"attested_until"} if kind == "promoted" else set()
            assert predicate.keys() == MEMBERS | more, kind
            assert predicate["subject"].keys() == SUBJECT, kind


def test_a_failure_to_decide_says_what_is_due() -> None:
    failures = [said for kind, said in lived().said() if kind == "decision-failed"]
    known = {"attempt_id", "failed_at", "gate", "profile", "stage", "exit_code", "error"}
    for said in failures:
        assert said.keys() == known | {"relaxations", "ledger", "subject", "obligations"}
    assert {"id": "rollback", "check": "lifecycle.breached_s"} in [
        task for said in failures for task in said["obligations"]
    ]


def test_entries_of_one_cycle_name_its_decision() -> None:
    decision = ""
    for kind, said in lived().said():
        if kind in ("decision", "decision-failed"):
            decision = said.get("decision_id") or said["attempt_id"]
        elif kind not in ("ledger-created", "promoted"):
            assert said["decision"] == decision, kind
