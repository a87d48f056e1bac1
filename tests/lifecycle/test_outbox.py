"""Effects are kept until their outcome is recorded, and then are gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from engine.errors import NotRecordedError
from engine.lifecycle import outbox
from tests.ledger.scribe import KEY
from tests.lifecycle.driver import World, serving


def breached() -> World:
    world = serving()
    (promote,) = outbox.pending(world.ledger, world.now)
    outbox.done(world.ledger, KEY, promote.id, ok=True, detail="", now=world.now)
    world.measure("over")
    world.cycles("over", 10)
    return world


def test_a_crash_between_attempt_and_outcome_gives_the_same_effect_again() -> None:
    """INV-PROMO-8."""
    world = breached()
    before = outbox.pending(world.ledger, world.now)
    assert [effect.action for effect in before] == ["page", "degrade"]
    outbox.started(world.ledger, before[0].id)
    world.restart()
    again = [replace(effect, attempts=0) for effect in outbox.pending(world.ledger, world.now)]
    assert again == before
    assert [effect.attempts for effect in outbox.pending(world.ledger, world.now)] == [1, 0]


def test_an_outcome_is_recorded_once() -> None:
    """INV-PROMO-8."""
    world = breached()
    page, degrade = outbox.pending(world.ledger, world.now)
    outbox.started(world.ledger, page.id)
    done = partial(outbox.done, world.ledger, KEY, page.id, ok=True, detail="201", now=world.now)
    assert done() is not None
    assert done() is None
    assert outbox.started(world.ledger, page.id) is None
    assert outbox.later(world.ledger, page.id, world.now) is None
    assert outbox.pending(world.ledger, world.now) == [degrade]
    ((_, outcome),) = [event for event in world.events()[-1:] if event[0] == "effect"]
    assert outcome == {
        "at": "2026-11-21T12:10:00Z",
        "effect": page.id,
        "action": "page",
        "idempotency_key": page.idempotency_key,
        "ok": True,
        "detail": "201",
        "attempts": 1,
        "subject": outcome["subject"],
        "decision": page.decision,
        "ledger": {"id": world.ledger.id},
    }


def test_an_attempt_that_failed_waits_and_holds_up_nothing() -> None:
    world = breached()
    page, degrade = outbox.pending(world.ledger, world.now)
    outbox.later(world.ledger, page.id, world.now + timedelta(seconds=30))
    assert outbox.pending(world.ledger, world.now) == [degrade]
    world.tick()
    assert [effect.id for effect in outbox.pending(world.ledger, world.now)] == [
        page.id,
        degrade.id,
    ]


def test_a_clock_that_is_set_back_delays_no_effect() -> None:
    """INV-PROMO-8."""
    world = breached()
    world.tick(-600)
    assert [effect.action for effect in outbox.pending(world.ledger, world.now)] == [
        "page",
        "degrade",
    ]


def test_an_effect_that_failed_for_good_is_escalated_once() -> None:
    world = breached()
    page, _ = outbox.pending(world.ledger, world.now)
    outbox.done(world.ledger, KEY, page.id, ok=False, detail="refused", now=world.now)
    (escalation,) = [e for e in outbox.pending(world.ledger, world.now) if e.action == "escalate"]
    assert escalation.cause == "page_failed"
    assert world.actions()[-2:] == ["effect", "escalate"]
    outbox.done(world.ledger, KEY, escalation.id, ok=False, detail="no", now=world.now)
    assert [e.action for e in outbox.pending(world.ledger, world.now)] == ["degrade"]


@pytest.mark.parametrize("name", ["000000009999", "nonsense"])
def test_an_effect_that_never_was_has_no_outcome(name: str) -> None:
    world = breached()
    with pytest.raises(NotRecordedError, match=name):
        outbox.done(world.ledger, KEY, name, ok=True, detail="", now=world.now)
