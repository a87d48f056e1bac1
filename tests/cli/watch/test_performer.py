"""Effects from the outbox to their hooks: side by side, in order where order counts, never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from engine.cli.watch.performer import Performer, _waves
from engine.cli.watch.plan import HookPlan
from engine.effects import AttemptOutcome, AttemptStatus, Order
from engine.effects.backoff import Backoff
from engine.formats.times import write_time
from engine.ledger import Ledger
from engine.ledger.entries import State
from engine.lifecycle import ACTIONS, Effect, WatchedSubject, outbox
from tests.cli.watch.monitor import entries_of
from tests.effects.orders import NOW
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import KEY

SUBJECT = WatchedSubject("scoring-model", "2.4.1", "ab" * 32, "promotion", "default")
OTHER = WatchedSubject("another", None, "cd" * 32, "promotion", "default")
DONE = AttemptOutcome(AttemptStatus.DONE, "done")
FAILED = AttemptOutcome(AttemptStatus.FAILED, "connection refused")


@dataclass
class Receiver:
    """Says what it is told to say, and remembers what came."""

    says: Callable[[Order], AttemptOutcome] = lambda _order: DONE
    came: list[str] = field(default_factory=list)

    def perform(self, order: Order) -> AttemptOutcome:
        self.came.append(f"{order.action} {order.idempotency_key} {order.attempt}")
        return self.says(order)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    opened = begun(MemoryStore())
    yield opened
    opened.close()


class Bench:
    """A performer, its receivers and a clock that is turned by hand."""

    def __init__(self, ledger: Ledger, *receivers: Receiver, attempts: int = 3) -> None:
        self.ledger = ledger
        self.now = NOW
        hooked = tuple(
            HookPlan(f"hook {n}", receiver, Backoff(10, 20, attempts))
            for n, receiver in enumerate(receivers, 1)
        )
        self.performer = Performer(dict.fromkeys(ACTIONS, hooked), self.clock, lambda: 0.5)

    def clock(self) -> datetime:
        return self.now

    def intend(self, *actions: str, watched: WatchedSubject = SUBJECT) -> None:
        def work(state: State) -> list[object]:
            effects = [
                Effect("", action, watched, f"key-{action}", write_time(self.now),
                       write_time(self.now), 0, "over", "d")
                for action in actions
            ]  # fmt: skip
            outbox.put(state, effects)
            return []

        self.ledger.transact(work)  # type: ignore[arg-type]

    def perform(self, after_s: int = 0) -> list[tuple[str, str]]:
        self.now += timedelta(seconds=after_s)
        done = self.performer.perform(self.ledger, KEY)
        return [(attempt.effect.action, attempt.ended) for attempt in done]

    def recorded(self) -> list[tuple[str, str, bool]]:
        return [
            (kind, predicate["action"], predicate["ok"])
            if kind == "effect"
            else (kind, predicate["cause"], True)
            for _, kind, predicate in entries_of(self.ledger)[1:]
        ]


def test_an_effect_that_is_done_is_recorded_and_gone(ledger: Ledger) -> None:
    receiver = Receiver()
    bench = Bench(ledger, receiver)
    bench.intend("page")
    assert bench.perform() == [("page", "done")]
    assert bench.perform() == []
    assert receiver.came == ["page key-page 1"]
    assert bench.recorded() == [("effect", "page", True)]


def test_a_failure_is_tried_again_later_and_given_up_in_the_end(ledger: Ledger) -> None:
    """INV-WATCH-3: and somebody is told to do it by hand."""
    receiver = Receiver(lambda order: DONE if order.action == "escalate" else FAILED)
    bench = Bench(ledger, receiver)
    bench.intend("rollback")
    assert bench.perform() == [("rollback", "failed")]
    assert bench.perform() == []
    assert bench.performer.next_due_s(ledger, 60) == 8
    assert bench.perform(8) == [("rollback", "failed")]
    assert bench.perform(15) == [("rollback", "given up")]
    assert bench.perform() == [("escalate", "done")]
    assert bench.recorded() == [
        ("effect", "rollback", False), ("escalate", "rollback_failed", True),
        ("effect", "escalate", True),
    ]  # fmt: skip


def test_a_refusal_is_not_tried_again(ledger: Ledger) -> None:
    bench = Bench(
        ledger, Receiver(lambda _order: AttemptOutcome(AttemptStatus.REFUSED, "HTTP 404"))
    )
    bench.intend("page")
    assert bench.perform() == [("page", "given up")]


def test_of_two_hooks_only_the_one_that_failed_is_asked_again(ledger: Ledger) -> None:
    """INV-WATCH-5"""
    answers = iter([FAILED, DONE])
    fine, flaky = Receiver(), Receiver(lambda _order: next(answers))
    bench = Bench(ledger, fine, flaky)
    bench.intend("page")
    assert bench.perform() == [("page", "failed")]
    assert bench.perform(60) == [("page", "done")]
    assert fine.came == ["page key-page 1"]
    assert flaky.came == ["page key-page 1", "page key-page 2"]


def test_a_receiver_that_hangs_holds_up_no_other_effect(ledger: Ledger) -> None:
    """INV-WATCH-6"""
    rolled_back = threading.Event()

    def says(order: Order) -> AttemptOutcome:
        if order.action == "rollback":
            rolled_back.set()
            return DONE
        return DONE if rolled_back.wait(30) else FAILED

    bench = Bench(ledger, Receiver(says))
    bench.intend("page", "rollback")
    assert sorted(bench.perform()) == [("page", "done"), ("rollback", "done")]


def test_what_changes_one_subject_goes_in_order_and_others_do_not_wait(ledger: Ledger) -> None:
    receiver = Receiver(lambda order: FAILED if order.action == "rollback" else DONE)
    bench = Bench(ledger, receiver, attempts=9)
    bench.intend("rollback", "promote")
    bench.intend("degrade", watched=OTHER)
    assert sorted(bench.perform()) == [("degrade", "done"), ("rollback", "failed")]
    assert bench.perform() == []  # the promotion waits for the rollback's next attempt
    receiver.says = lambda _order: DONE
    assert bench.perform(30) == [("rollback", "done")]
    assert bench.perform() == [("promote", "done")]


@pytest.mark.parametrize(
    ("earlier", "later"), [("degrade", "recover"), ("degrade", "rollback"), ("promote", "rollback")]
)
def test_a_late_attempt_never_undoes_what_came_after(
    ledger: Ledger, earlier: str, later: str
) -> None:
    """INV-WATCH-6: nor does a rollback wait behind it."""
    receiver = Receiver(lambda order: FAILED if order.action == earlier else DONE)
    bench = Bench(ledger, receiver)
    bench.intend(earlier)
    assert bench.perform() == [(earlier, "failed")]
    bench.intend(later)
    assert bench.perform() == [(earlier, "superseded"), (later, "done")]
    assert bench.perform(600) == []
    assert bench.recorded() == [("effect", earlier, False), ("effect", later, True)]


def test_a_recovery_does_not_take_the_place_of_a_rollback(ledger: Ledger) -> None:
    receiver = Receiver(lambda order: FAILED if order.attempt == 1 else DONE)
    bench = Bench(ledger, receiver)
    bench.intend("rollback", "recover")
    assert bench.perform() == [("rollback", "failed")]
    assert bench.perform(30) == [("rollback", "done")]
    assert bench.perform() == [("recover", "failed")]


def test_a_recovery_comes_after_the_page_that_it_ends(ledger: Ledger) -> None:
    receiver = Receiver()
    bench = Bench(ledger, receiver)
    bench.intend("page", "recover")
    assert bench.perform() == [("page", "done"), ("recover", "done")]
    assert [line.split()[0] for line in receiver.came] == ["page", "recover"]


def test_a_recovery_is_not_begun_beside_the_page_that_it_ends(ledger: Ledger) -> None:
    """INV-WATCH-6: side by side the alert could be closed before it is opened, and stay open."""
    bench = Bench(ledger)
    bench.intend("page", "recover", "escalate")
    bench.intend("recover", watched=OTHER)
    waves = _waves(outbox.pending(ledger, NOW), NOW)

    assert [[(effect.action, effect.watched) for effect in wave] for wave in waves] == [
        [("page", SUBJECT), ("escalate", SUBJECT), ("recover", OTHER)],
        [("recover", SUBJECT)],
    ]


def test_many_effects_that_wait_hide_none_that_is_due(ledger: Ledger) -> None:
    """INV-WATCH-6"""
    receiver = Receiver(lambda order: FAILED if order.action == "page" else DONE)
    bench = Bench(ledger, receiver)
    for number in range(300):
        bench.intend("page", watched=WatchedSubject(f"s{number}", None, "ab" * 32, "g", "p"))
    assert len(bench.perform()) == 300
    bench.intend("rollback")
    assert bench.perform() == [("rollback", "done")]


def test_an_action_without_a_hook_is_recorded_as_such(ledger: Ledger) -> None:
    bench = Bench(ledger)
    bench.intend("degrade")
    assert bench.perform() == [("degrade", "done")]
    (outcome,) = [predicate for _, kind, predicate in entries_of(ledger) if kind == "effect"]
    assert outcome["detail"] == "no hook: only recorded"


def test_a_clock_that_was_set_back_holds_up_nothing(ledger: Ledger) -> None:
    bench = Bench(ledger, Receiver())
    bench.intend("rollback")
    assert bench.perform(-3600) == [("rollback", "done")]
