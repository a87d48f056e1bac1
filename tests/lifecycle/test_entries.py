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
    events = lived().events()
    kinds = {kind.split(":")[2] for kind in TYPES.values()}
    seen = {kind for kind, _ in events}
    assert kinds <= seen
    for kind, predicate in events:
        if kind in kinds:
            more = {"attested_until"} if kind == "promoted" else set()
            assert predicate.keys() == MEMBERS | more, kind
            assert predicate["subject"].keys() == SUBJECT, kind


def test_a_failure_to_decide_says_what_is_due() -> None:
    failures = [failure for kind, failure in lived().events() if kind == "decision-failed"]
    known = {"attempt_id", "failed_at", "gate", "profile", "stage", "exit_code", "error"}
    for failure in failures:
        assert failure.keys() == known | {"relaxations", "ledger", "subject", "obligations"}
    assert {"id": "rollback", "check": "lifecycle.breached_s"} in [
        task for failure in failures for task in failure["obligations"]
    ]


def test_entries_of_one_cycle_name_its_decision() -> None:
    decision = ""
    for kind, predicate in lived().events():
        if kind in ("decision", "decision-failed"):
            decision = predicate.get("decision_id") or predicate["attempt_id"]
        elif kind not in ("ledger-created", "promoted"):
            assert predicate["decision"] == decision, kind
