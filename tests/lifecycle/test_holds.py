"""HOLDs are followed up or expire, with bounded work per sweep."""

from __future__ import annotations

from copy import copy
from datetime import timedelta

from engine.evidence.input import Question
from engine.lifecycle import holds
from engine.model import Subject
from tests.lifecycle.driver import WATCHED, World

TTL = timedelta(seconds=604_800)


def held(world: World, name: str = "scoring-model", profile: str = "default") -> str:
    """Record a HOLD: a metric was not measured."""
    question = Question("promotion", profile, "candidate", world.now)
    subject = Subject(name, None, WATCHED.sha256)
    lacking = {"ethics.consent": {"value": None, "status": "undefined"}}
    judgement = world.judgement(subject, question, lacking, world.bundle, [])
    assert judgement.verdict == "HOLD"
    world.record(judgement)
    return judgement.decision_id


def test_a_hold_expires_at_the_instant_its_time_is_up() -> None:
    """LIVE-HOLD-1."""
    world = World()
    decision = held(world)
    assert world.controller.sweep(world.now).expired == ()
    world.now += TTL - timedelta(seconds=1)
    assert world.controller.sweep(world.now).expired == ()
    world.now += timedelta(seconds=1)
    assert world.controller.sweep(world.now).expired == (decision,)
    kind, predicate = world.events()[-1]
    assert kind == "hold-expired"
    assert predicate == {
        "at": "2026-11-28T12:00:00Z",
        "decision": decision,
        "subject": {"name": "scoring-model", "digest": {"sha256": WATCHED.sha256}},
        "gate": "promotion",
        "profile": "default",
        "decided_at": "2026-11-21T12:00:00Z",
        "expires_at": "2026-11-28T12:00:00Z",
        "ledger": {"id": world.ledger.id},
    }
    assert world.controller.sweep(world.now).expired == ()


def test_a_hold_that_a_decision_followed_does_not_expire() -> None:
    """LIVE-HOLD-1."""
    world = World()
    held(world)
    world.tick()
    second = held(world)
    held(world, name="another")
    world.now += TTL
    assert len(world.controller.sweep(world.now).expired) == 2
    assert (
        world.events()[-2][1]["decision"] == second or world.events()[-1][1]["decision"] == second
    )


def test_also_when_no_sweep_has_read_the_decision_yet() -> None:
    world = World()
    held(world)
    assert world.controller.sweep(world.now).behind == 0
    world.now += TTL
    held(world)
    swept = world.controller.sweep(world.now, most=0)
    assert (swept.expired, swept.behind) == ((), 1)


def test_a_sweep_reads_and_expires_a_bounded_number() -> None:
    """LIVE-HOLD-1."""
    world = World()
    for number in range(70):
        held(world, name=f"model-{number}")
    first = world.controller.sweep(world.now, most=50)
    assert first.behind == 71 - 50
    assert world.controller.sweep(world.now).behind == 0
    world.now += TTL
    swept = world.controller.sweep(world.now)
    assert (len(swept.expired), swept.open) == (holds.MOST_EXPIRED, True)
    world.restart()
    swept = world.controller.sweep(world.now)
    assert (len(swept.expired), swept.open) == (70 - holds.MOST_EXPIRED, False)


def test_a_clock_that_was_set_back_lets_no_hold_live_longer() -> None:
    world = World()
    decision = held(world)
    world.controller.sweep(world.now)
    world.now += TTL - timedelta(minutes=1)
    world.controller.sweep(world.now)
    other = held(world, name="later")
    world.now += timedelta(minutes=1)
    world.controller.sweep(world.now)
    assert world.events()[-1][1]["decision"] == decision
    world.now -= timedelta(days=6)
    assert world.controller.sweep(world.now).expired == ()
    world.now += timedelta(days=6) + TTL
    assert world.controller.sweep(world.now).expired == (other,)


def test_a_profile_that_is_gone_gets_the_shortest_time() -> None:
    world = World()
    limits = world.bundle.data["limits"]
    shortest = min(table["hold_ttl_s"] for table in limits.values())
    assert holds.ttl_s(world.bundle, "gone") == shortest
    assert holds.ttl_s(world.bundle, "default") == limits["default"]["hold_ttl_s"]


def test_of_profiles_with_different_times_the_shortest_counts_for_one_that_is_gone() -> None:
    """LIVE-HOLD-1: a HOLD does not stay open longer than its own profile may have allowed."""
    bundle = copy(World().bundle)
    limits = {"quick": {"hold_ttl_s": 60}, "slow": {"hold_ttl_s": 3600}}
    bundle.data = {**bundle.data, "limits": limits}
    assert holds.ttl_s(bundle, "gone") == 60
    assert holds.ttl_s(bundle, "slow") == 3600


def test_a_sweep_does_not_believe_a_clock_that_was_set_back() -> None:
    """LIVE-HOLD-1: the time that an earlier sweep has seen is not taken back."""
    world = World()
    decision = held(world)
    world.now += TTL
    assert world.controller.sweep(world.now, most=0).expired == ()
    world.now -= timedelta(hours=1)
    assert world.controller.sweep(world.now).expired == (decision,)
    assert world.events()[-1][1]["at"] == "2026-11-28T12:00:00Z"
