"""What the controller does over minutes and hours, and when something is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.errors import PolicyError, UsageError
from engine.evidence.input import Question
from engine.lifecycle import Controller, Phase, Reading, outbox
from engine.lifecycle.lapse import UNATTESTED_CHECK
from engine.model import Json, Subject
from engine.policy.bundle import PolicyBundle
from tests.ledger.scribe import predicate
from tests.lifecycle.driver import (
    ATTESTED,
    BUNDLE,
    READINGS,
    WATCHED,
    World,
    bundle_with,
    evaluator_of,
    metrics,
    serving,
)
from tests.sessions import session_over


def acted(world: World) -> list[str]:
    return [kind for kind in world.actions() if kind not in ("promoted", "ethics-attestation")]


# -- breaches --------------------------------------------------------------------------------


def test_ten_minutes_over_the_limit_are_a_breach_and_nine_are_not() -> None:
    """INV-PROMO-4."""
    world = serving()
    world.measure("over")
    assert [cycle.actions for cycle in world.cycles("over", 9)] == [()] * 9
    assert world.cycles("over", 1)[0].actions == ("breach", "page", "degrade")
    assert world.life.phase is Phase.BREACHED


def test_one_minute_within_the_limits_begins_the_ten_anew() -> None:
    world = serving()
    for _ in range(3):
        world.cycles("over", 9)
        world.cycles("under", 1)
    assert acted(world) == []


def test_five_minutes_more_over_it_roll_back() -> None:
    """INV-PROMO-5, INV-PROMO-3: in this order, and paged once."""
    world = serving()
    world.measure("over")
    cycles = world.cycles("over", 15)
    assert cycles[14].actions == ("rollback",)
    assert cycles[14].verdict == "ROLLBACK"
    assert acted(world) == ["breach", "page", "degrade", "rollback"]
    world.cycles("over", 30)
    assert acted(world) == ["breach", "page", "degrade", "rollback"]


def test_silence_after_a_breach_rolls_back_ten_minutes_after_it() -> None:
    """INV-PROMO-5: no data is no recovery."""
    world = serving()
    world.measure("over")
    world.cycles("over", 10)
    cycles = world.cycles("none", 10)
    assert [cycle.actions for cycle in cycles] == [()] * 9 + [("rollback",)]
    assert {cycle.reading for cycle in cycles} == {Reading.NONE}


def test_silence_alone_is_a_breach_too() -> None:
    """INV-PROMO-4: what nobody measures is not known to be well."""
    world = serving()
    world.measure("none")
    world.cycles("none", 20)
    assert acted(world) == ["breach", "page", "degrade", "rollback"]
    events = dict(world.events())
    assert events["breach"]["cause"] == "lifecycle.over_s"
    assert events["rollback"]["cause"] == "lifecycle.breached_s"


def test_a_loop_that_was_down_rolls_back_at_its_first_look() -> None:
    """INV-PROMO-5."""
    world = serving()
    world.measure("over")
    world.cycles("over", 10)
    world.tick(180)
    world.restart()
    assert world.measure("none").actions == ("rollback", "escalate")


def test_what_was_measured_within_its_limits_is_not_rolled_back_until_it_is_over_again() -> None:
    world = serving()
    world.measure("over")
    world.cycles("over", 11)
    assert [cycle.actions for cycle in world.cycles("under", 9)] == [()] * 9
    assert world.cycles("over", 1)[0].actions == ("rollback",)


def test_stale_metrics_are_no_measurement() -> None:
    world = serving()
    given = metrics(READINGS["under"], world.now, ago_s=301)
    cycle = world.controller.step(WATCHED, given, world.now, world.ms)
    assert (cycle.reading, cycle.verdict) == (Reading.NONE, "HOLD")


def test_one_metric_that_is_missing_is_not_within_its_limit() -> None:
    world = serving()
    for name in READINGS["under"]:
        values = {k: v for k, v in READINGS["under"].items() if k != name}
        cycle = world.controller.step(WATCHED, metrics(values, world.now), world.now, world.ms)
        assert cycle.reading is Reading.NONE, name


def test_evidence_does_not_wind_the_controllers_clocks() -> None:
    """Whoever measures says what is measured, and nothing about how long it has been so."""
    world = serving()
    world.measure("over")
    world.tick(10)
    forged = {**READINGS["over"], "lifecycle.over_s": 0, "lifecycle.unbroken": True}
    cycle = world.controller.step(WATCHED, metrics(forged, world.now), world.now, world.ms)
    assert cycle.actions == ("breach", "page", "degrade")


# -- recovery --------------------------------------------------------------------------------


def test_ten_minutes_within_the_limits_lift_the_degradation() -> None:
    """INV-PROMO-6."""
    world = serving()
    world.measure("over")
    world.cycles("over", 10)
    cycles = world.cycles("under", 11)
    assert [cycle.actions for cycle in cycles] == [()] * 10 + [("recover",)]
    assert world.life.phase is Phase.SERVING
    assert not world.life.degraded
    world.cycles("over", 11)
    assert acted(world)[-3:] == ["breach", "page", "degrade"]


@pytest.mark.parametrize("gap", ["none", "over", "missed"])
def test_a_minute_that_is_not_within_them_begins_the_calm_anew(gap: str) -> None:
    """INV-PROMO-6."""
    world = serving()
    world.measure("over")
    world.cycles("over", 16)
    world.cycles("under", 8)
    if gap == "missed":
        world.tick()
    else:
        world.cycles(gap, 1)
    assert [cycle.actions for cycle in world.cycles("under", 11)] == [()] * 10 + [("recover",)]
    assert world.life.phase is Phase.CANDIDATE


def test_change_data_lag_that_stays_is_escalated_once() -> None:
    """INV-PROMO-7: twenty minutes after the mitigation."""
    values = {**READINGS["under"], "slo.cdc_lag_p95_s": 121}
    world = serving()
    found = []
    for _ in range(45):
        world.tick()
        cycle = world.controller.step(WATCHED, metrics(values, world.now), world.now, world.ms)
        found.append(cycle.actions)
    assert found.index(("breach", "page", "degrade")) + 20 == found.index(("escalate",))
    assert acted(world).count("escalate") == 1


def test_change_data_lag_that_is_back_in_time_is_not_escalated() -> None:
    values = {**READINGS["under"], "slo.cdc_lag_p95_s": 121}
    world = serving()
    for minute in range(45):
        world.tick()
        given = metrics(values if minute < 25 else READINGS["under"], world.now)
        world.controller.step(WATCHED, given, world.now, world.ms)
    assert "escalate" not in acted(world)


# -- clocks ----------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_takes_no_time_away() -> None:
    """INV-PROMO-5: the rollback is late by no more than the minute of the jump."""
    world = serving()
    world.measure("over")
    world.cycles("over", 10)
    world.cycles("none", 5)
    world.tick(-600)
    assert world.measure("none").actions == ()
    assert [cycle.actions for cycle in world.cycles("none", 5)] == [()] * 4 + [("rollback",)]


def test_a_clock_that_leaps_forward_recovers_nothing() -> None:
    """INV-PROMO-6: minutes that nobody measured are not calm."""
    world = serving()
    world.measure("over")
    world.cycles("over", 12)
    world.cycles("under", 1)
    world.tick(60 * 24 * 3)
    assert world.measure("under").actions == ()
    assert [cycle.actions for cycle in world.cycles("under", 10)] == [()] * 9 + [("recover",)]


def test_a_clock_that_was_set_back_makes_no_decision_valid_again() -> None:
    """INV-PROMO-1."""
    world = serving()
    world.measure("over")
    world.cycles("over", 16)
    world.cycles("under", 11)
    world.tick(1)
    world.decide("good")
    world.tick(60 * 24)
    assert "may be used until" in " ".join(world.promote().refusals)
    later = replace(world.life, seen=int(world.now.timestamp()))
    world.put(later)
    world.tick(-600)
    assert "may be used until" in " ".join(world.promote().refusals)


# -- a gate that cannot decide ---------------------------------------------------------------


class Failing:
    """An evaluator that cannot decide while it is told to."""

    kind, opa_version = "wasm", BUNDLE.opa_version

    def __init__(self, bundle: PolicyBundle = BUNDLE) -> None:
        self._bundle = bundle
        self.fails = False

    def answer(self, gate: str, document: bytes) -> dict[str, Json]:
        if self.fails and gate == "lifecycle":
            raise PolicyError("the module ran out of memory")
        return evaluator_of(self._bundle).answer(gate, document)

    def evaluate(self, gate: str, document: bytes) -> bytes:
        raise AssertionError((gate, document))

    def close(self) -> None:
        """Nothing is held."""


def test_a_gate_that_cannot_decide_stops_no_clock() -> None:
    """INV-PROMO-4, INV-PROMO-5: the failure is recorded, and what is due by the clocks is done."""
    failing = Failing()
    world = serving(World(evaluator=failing))
    failing.fails = True
    first = world.measure("under")
    assert (first.reading, first.verdict) == (Reading.NONE, None)
    assert "memory" in (first.failure or "")
    cycles = world.cycles("under", 20)
    assert cycles[9].actions == ("breach", "page", "degrade")
    assert cycles[19].actions == ("rollback",)
    assert [kind for kind, _ in world.events()].count("decision-failed") == 21
    assert world.cycles("under", 40)[-1].after is Phase.ROLLED_BACK


class Flattering(Failing):
    """An evaluator that lets pass what fails, until the clocks are asked about."""

    def answer(self, gate: str, document: bytes) -> dict[str, Json]:
        answer = super().answer(gate, document)
        if gate == "lifecycle" and b'"lifecycle.' not in document:
            for check in answer["checks"]:
                check["status"] = check["status"].replace("fail", "pass")
        return answer


def test_an_answer_that_its_own_checks_deny_is_no_measurement() -> None:
    """INV-GATE-2: what was measured is read from checked answers alone."""
    cycle = serving(World(evaluator=Flattering())).measure("over")
    assert (cycle.reading, cycle.verdict) == (Reading.NONE, None)
    assert "was answered 'pass', and what it compared says 'fail'" in (cycle.failure or "")


def test_policies_without_the_gate_watch_nothing() -> None:
    class Without(PolicyBundle):
        def __init__(self) -> None:
            """No gate at all."""

        def gate(self, name: str) -> Json:
            raise UsageError(f"no gate {name!r}")

    with pytest.raises(UsageError, match="no gate 'lifecycle'"):
        Controller(session_over(serving().ledger, Without(), evaluator_of(BUNDLE), bytes))


# -- promotion -------------------------------------------------------------------------------


def test_nothing_is_promoted_without_a_decision() -> None:
    """INV-PROMO-1."""
    world = World()
    assert "no decision of gate 'promotion'" in " ".join(world.promote().refusals)
    world.decide("other")
    assert "no decision" in " ".join(world.promote().refusals)
    world.decide("blocked")
    assert "says BLOCK" in " ".join(world.promote().refusals)
    assert world.life.phase is Phase.CANDIDATE
    assert acted(world) == []


def test_the_newest_decision_counts() -> None:
    world = World()
    world.decide("good")
    world.decide("blocked")
    assert not world.promote().promoted
    world.decide("good")
    assert world.promote().promoted
    assert "only a candidate" in " ".join(world.promote().refusals)


def test_another_profile_or_version_is_another_subject() -> None:
    """INV-PROMO-1."""
    others = (
        replace(WATCHED, profile="strict"),
        replace(WATCHED, version="9"),
        replace(WATCHED, gate="slo"),
        replace(WATCHED, sha256="0" * 64),
    )
    for other in others:
        world = World()
        world.decide("good")
        world.watched = other
        assert not world.promote().promoted, other


def test_a_decision_is_used_until_the_instant_it_expires() -> None:
    """INV-PROMO-1."""
    world = World()
    world.decide("good")
    world.now += timedelta(seconds=86_399)
    assert world.copy().promote().promoted
    world.now += timedelta(seconds=1)
    assert "may be used until" in " ".join(world.promote().refusals)


def test_a_decision_about_production_promotes_nothing() -> None:
    world = World()
    question = Question("promotion", "default", "production", world.now)
    subject = Subject(WATCHED.name, WATCHED.version, WATCHED.sha256)
    world.record(world.judgement(subject, question, {}, world.bundle, []))
    assert "about stage 'production'" in " ".join(world.promote().refusals)


def test_after_a_rollback_only_a_newer_decision_promotes() -> None:
    """INV-PROMO-2."""
    world = serving()
    world.measure("over")
    world.cycles("over", 10)
    world.decide("good")  # after the breach, before the rollback
    world.cycles("over", 5)
    world.cycles("under", 11)
    assert "not newer than the rollback" in " ".join(world.promote().refusals)
    world.decide("good")
    assert world.promote().promoted


# -- attestations in production --------------------------------------------------------------


def attested_world(attest_s: int) -> World:
    world = World(bundle_with(ATTESTED))
    world.decide("good", attest_s=attest_s)
    assert world.promote().promoted
    return world


def subject_of(world: World) -> Subject:
    return Subject(world.watched.name, world.watched.version, world.watched.sha256)


def test_who_is_not_attested_is_not_promoted() -> None:
    """INV-PROMO-1."""
    world = World(bundle_with(ATTESTED))
    world.decide("good", attest_s=60)
    world.now += timedelta(seconds=59)
    assert world.copy().promote().promoted
    world.now += timedelta(seconds=1)
    assert "no attestation" in " ".join(world.promote().refusals)


def test_an_attestation_that_was_taken_back_does_not_promote() -> None:
    world = World(bundle_with(ATTESTED))
    world.decide("good")
    world.attest(subject_of(world), changes={"ethics.consent": False})
    assert "since then says BLOCK" in " ".join(world.promote().refusals)


def test_an_expired_attestation_is_paged_once_and_rolled_back_ten_minutes_later() -> None:
    """LIVE-ETHICS-1: within TTL + D."""
    world = attested_world(attest_s=300)
    cycles = world.cycles("under", 15)
    assert [cycle.actions for cycle in cycles] == (
        [()] * 5 + [("page",)] + [()] * 8 + [("breach", "page", "rollback")]
    )
    assert cycles[14].verdict == "ROLLBACK"
    causes = {event["cause"] for kind, event in world.events() if kind in ("page", "rollback")}
    assert causes == {UNATTESTED_CHECK}


def test_a_breach_and_an_expired_attestation_at_once_are_one_page() -> None:
    """INV-PROMO-8: both ask for a page in one decision, whose key a receiver acts on once."""
    world = attested_world(attest_s=600)
    cycles = world.cycles("over", 11)

    pages = [cycle for cycle in cycles if "page" in cycle.actions]
    (both,) = pages
    recorded = predicate(world.ledger.entry(both.entries[0]))
    asked = {task["check"] for task in recorded["obligations"] if task["id"] == "page"}
    assert asked == {UNATTESTED_CHECK, "lifecycle.over_s"}
    assert both.actions.count("page") == 1
    keys = [effect.idempotency_key for effect in outbox.pending(world.ledger, world.now)]
    assert len(keys) == len(set(keys))


def test_who_is_attested_again_stays() -> None:
    """LIVE-ETHICS-1."""
    world = attested_world(attest_s=300)
    world.cycles("under", 12)
    world.attest(subject_of(world), ttl_s=600)
    assert [cycle.actions for cycle in world.cycles("under", 10)] == [()] * 10
    assert [cycle.actions for cycle in world.cycles("under", 1)] == [("page",)]


def test_an_attestation_that_is_taken_back_in_production_counts_no_more() -> None:
    """LIVE-ETHICS-1: its time runs from the newer word."""
    world = attested_world(attest_s=86_400)
    world.attest(subject_of(world), changes={"ethics.consent": False})
    assert world.cycles("under", 10)[-1].actions == ("breach", "page", "rollback")


def test_a_clock_that_is_set_back_lets_no_lapse_live_on() -> None:
    world = attested_world(attest_s=300)
    world.cycles("under", 10)
    world.tick(-6000)
    world.measure("under")
    assert world.cycles("under", 5)[-1].actions == ("breach", "page", "rollback")


# -- effects ---------------------------------------------------------------------------------


def test_every_action_that_reaches_out_is_an_effect_in_the_order_it_was_decided() -> None:
    """INV-PROMO-8."""
    world = serving()
    world.measure("over")
    world.cycles("over", 15)
    world.cycles("under", 11)
    found = outbox.pending(world.ledger, world.now)
    actions = ["promote", "page", "degrade", "rollback", "recover"]
    assert [effect.action for effect in found] == actions
    assert len({effect.idempotency_key for effect in found}) == 5


def test_what_is_not_in_production_is_not_measured() -> None:
    world = World()
    assert world.measure("over").entries == ()
    assert world.ledger.size() == 1
