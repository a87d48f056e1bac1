"""INV-BREAKER-1, INV-BREAKER-2, INV-BREAKER-3, INV-BREAKER-4, of the circuit as a value."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.calls.breaker.machine import (
    CallOutcome,
    Circuit,
    Phase,
    Refusal,
    Settings,
    Ticket,
    ask,
    report,
    reset,
)

SETTINGS = Settings(3, 10, 2, 7, window_calls=5, window_failures=4)
OPEN = Circuit(Phase.OPEN, since_ms=100, turn=1, version=3)


def probing() -> tuple[Circuit, Ticket]:
    circuit, ticket = ask(OPEN, "p", 110, SETTINGS)
    assert isinstance(ticket, Ticket)
    return circuit, ticket


def test_a_closed_circuit_opens_after_so_many_failures_in_a_row() -> None:
    circuit = Circuit()
    for number in (1, 2):
        circuit = report(circuit, Ticket("", 0, False), CallOutcome.FAILURE, 50, SETTINGS)
        assert (circuit.phase, circuit.failures) == (Phase.CLOSED, number)

    circuit = report(circuit, Ticket("", 0, False), CallOutcome.FAILURE, 50, SETTINGS)

    assert circuit == Circuit(Phase.OPEN, since_ms=50, wait_ms=10, turn=1, version=3)


def test_a_success_between_begins_the_row_anew() -> None:
    circuit = Circuit(failures=2, version=2, window="11")

    assert report(circuit, Ticket("", 0, False), CallOutcome.NEUTRAL, 1, SETTINGS) == circuit
    circuit = report(circuit, Ticket("", 0, False), CallOutcome.SUCCESS, 1, SETTINGS)

    assert circuit == Circuit(failures=0, version=3, window="110")


@pytest.mark.parametrize(("now", "left"), [(100, 10), (105, 5), (109, 1), (90, 10)])
def test_an_open_circuit_says_how_long_it_stays_so(now: int, left: int) -> None:
    _, answer = ask(OPEN, "p", now, SETTINGS)

    assert answer == Refusal(Phase.OPEN, left)


def test_a_clock_set_back_neither_shortens_nor_prolongs_the_wait() -> None:
    circuit, _ = ask(OPEN, "p", 40, SETTINGS)

    assert ask(circuit, "p", 49, SETTINGS)[1] == Refusal(Phase.OPEN, 1)
    assert isinstance(ask(circuit, "p", 50, SETTINGS)[1], Ticket)


def test_what_another_process_has_set_cuts_no_wait_short() -> None:
    """INV-BREAKER-1 INV-BREAKER-2: the open phase and the lease last as their process said."""
    patient = Settings(failure_threshold=1, timeout_ms=3_600_000, lease_ms=600_000)
    opened = report(Circuit(), Ticket("", 0, False), CallOutcome.FAILURE, 100, patient)

    assert ask(opened, "p", 3_600_099, SETTINGS)[1] == Refusal(Phase.OPEN, 1)
    assert isinstance(ask(opened, "p", 3_600_100, SETTINGS)[1], Ticket)
    leased, _ = ask(opened, "p", 3_600_100, patient)
    assert ask(leased, "q", 4_200_099, SETTINGS)[1] == Refusal(Phase.HALF_OPEN, 1)
    hasty, _ = ask(opened, "p", 3_600_100, SETTINGS)
    assert isinstance(ask(hasty, "q", 3_600_107, patient)[1], Ticket)


def test_then_one_call_probes_and_no_other() -> None:
    circuit, ticket = probing()

    assert (circuit.phase, circuit.probe, ticket.probe) == (Phase.HALF_OPEN, "p", True)
    assert ask(circuit, "q", 110, SETTINGS) == (circuit, Refusal(Phase.HALF_OPEN, 7))


def test_a_probe_that_never_comes_back_gives_way_after_its_lease() -> None:
    circuit, lost = probing()

    assert ask(circuit, "q", 116, SETTINGS)[1] == Refusal(Phase.HALF_OPEN, 1)
    circuit, ticket = ask(circuit, "q", 117, SETTINGS)

    assert ticket == Ticket("q", 2, probe=True)
    assert report(circuit, lost, CallOutcome.SUCCESS, 118, SETTINGS) == circuit
    assert report(circuit, lost, CallOutcome.FAILURE, 118, SETTINGS) == circuit


def test_a_lease_is_not_prolonged_by_a_clock_set_back() -> None:
    circuit, _ = probing()
    circuit, _ = ask(circuit, "q", 20, SETTINGS)

    assert ask(circuit, "q", 26, SETTINGS)[1] == Refusal(Phase.HALF_OPEN, 1)
    assert isinstance(ask(circuit, "q", 27, SETTINGS)[1], Ticket)


def test_it_closes_after_so_many_probes_that_succeeded() -> None:
    circuit, ticket = probing()
    circuit = report(circuit, ticket, CallOutcome.SUCCESS, 111, SETTINGS)
    assert (circuit.phase, circuit.successes, circuit.probe) == (Phase.HALF_OPEN, 1, None)

    circuit, second = ask(circuit, "q", 112, SETTINGS)
    assert isinstance(second, Ticket)
    circuit = report(circuit, second, CallOutcome.SUCCESS, 113, SETTINGS)

    assert replace(circuit, version=0) == Circuit(Phase.CLOSED, since_ms=113, turn=3)


def test_a_probe_that_fails_opens_it_anew_for_the_whole_time() -> None:
    circuit, ticket = probing()
    circuit = report(circuit, ticket, CallOutcome.FAILURE, 115, SETTINGS)

    assert ask(circuit, "q", 116, SETTINGS)[1] == Refusal(Phase.OPEN, 9)


def test_a_probe_that_says_nothing_only_gives_way() -> None:
    circuit, ticket = probing()
    circuit = report(circuit, ticket, CallOutcome.NEUTRAL, 111, SETTINGS)

    assert (circuit.phase, circuit.successes, circuit.probe) == (Phase.HALF_OPEN, 0, None)


def test_a_call_of_an_earlier_turn_changes_nothing() -> None:
    early = Ticket("", 0, probe=False)
    circuit, _ = probing()
    for outcome in CallOutcome:
        assert report(OPEN, early, outcome, 105, SETTINGS) == OPEN
        assert report(circuit, early, outcome, 111, SETTINGS) == circuit


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "5"])
@pytest.mark.parametrize(
    "name",
    [field.name for field in fields(Settings)],
)
def test_settings_are_whole_numbers_from_one(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        Settings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(("calls", "failures"), [(1001, 5), (4, 5)])
def test_a_window_that_cannot_be_is_refused(calls: int, failures: int) -> None:
    with pytest.raises(ValueError, match="window"):
        Settings(window_calls=calls, window_failures=failures)


@given(st.text("01", max_size=60), st.integers(1, 12), st.integers(1, 12))
def test_it_opens_when_so_many_of_the_last_calls_failed_and_not_before(
    outcomes: str, calls: int, failures: int
) -> None:
    """INV-BREAKER-3, of the last calls, counted anew each time."""
    settings = Settings(100, window_calls=max(calls, failures), window_failures=failures)
    circuit, told = Circuit(), ""
    for one in outcomes:
        outcome = CallOutcome.FAILURE if one == "1" else CallOutcome.SUCCESS
        circuit = report(circuit, Ticket("", 0, False), outcome, 50, settings)
        told += one
        due = told[-settings.window_calls :].count("1") >= failures
        assert (circuit.phase is Phase.OPEN) == due
        if due:
            return
        assert circuit.window == told[-settings.window_calls :].lstrip("0")


def test_a_reset_closes_from_every_phase_with_nothing_counted() -> None:
    """INV-BREAKER-6"""
    for circuit in (Circuit(failures=2, window="11", version=2), OPEN, probing()[0]):
        closed = reset(circuit, 120, SETTINGS)
        assert closed == Circuit(since_ms=120, turn=circuit.turn + 1, version=circuit.version + 1)
        assert report(closed, probing()[1], CallOutcome.FAILURE, 121, SETTINGS).failures == (
            circuit.turn == 1
        )


class Callers(RuleBasedStateMachine):
    """Calls begin, come back and vanish in any order, while time passes and jumps back."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = Circuit()
        self.now = 1000
        self.real = 0
        self.opened_real = 0
        self.flying: list[Ticket] = []
        self.holders: dict[str, int] = {}
        self.row = 0
        self.last: list[int] = []
        self.number = 0

    @rule(by=st.integers(0, 12))
    def time_passes(self, by: int) -> None:
        self.now += by
        self.real += by

    @rule(by=st.integers(1, 500))
    def the_clock_is_set_back(self, by: int) -> None:
        self.now -= by
        self.circuit, answer = ask(self.circuit, "look", self.now, SETTINGS)
        if isinstance(answer, Ticket):
            self.admitted(answer)

    @rule()
    def a_call_begins(self) -> None:
        self.number += 1
        before = self.circuit
        self.circuit, answer = ask(before, f"c{self.number}", self.now, SETTINGS)
        if isinstance(answer, Refusal):
            assert 0 < answer.retry_after_ms <= max(SETTINGS.timeout_ms, SETTINGS.lease_ms)
            return
        self.admitted(answer)
        if before.phase is Phase.OPEN:
            # INV-BREAKER-2: no probe before the circuit was open for its whole time.
            assert self.real - self.opened_real >= SETTINGS.timeout_ms

    def admitted(self, ticket: Ticket) -> None:
        if ticket.probe:
            live = [c for c, at in self.holders.items() if self.real - at < SETTINGS.lease_ms]
            # INV-BREAKER-1: one probe at a time.
            assert not live
            self.holders = {ticket.call: self.real}
        self.flying.append(ticket)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), outcome=st.sampled_from(CallOutcome))
    def a_call_comes_back(self, data: st.DataObject, outcome: CallOutcome) -> None:
        ticket = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        before = self.circuit
        counted = ticket.turn == before.turn and before.phase is Phase.CLOSED
        self.circuit = report(before, ticket, outcome, self.now, SETTINGS)
        self.holders.pop(ticket.call, None)
        if counted and outcome is not CallOutcome.NEUTRAL:
            self.row = self.row + 1 if outcome is CallOutcome.FAILURE else 0
            self.last = [*self.last, outcome is CallOutcome.FAILURE][-SETTINGS.window_calls :]
        if before.phase is Phase.CLOSED:
            # INV-BREAKER-3: it opens with the failure that reaches a threshold, not before.
            due = self.row == SETTINGS.failure_threshold
            due = due or sum(self.last) == SETTINGS.window_failures
            assert (self.circuit.phase is Phase.OPEN) == due
        if self.circuit.phase is not Phase.CLOSED:
            self.row, self.last = 0, []
        if self.circuit.phase is Phase.OPEN and before.phase is not Phase.OPEN:
            self.opened_real, self.holders = self.real, {}

    @rule()
    def somebody_resets_it(self) -> None:
        self.circuit = reset(self.circuit, self.now, SETTINGS)
        self.row, self.last, self.holders = 0, [], {}

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def a_process_dies(self, data: st.DataObject) -> None:
        self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))

    @invariant()
    def it_will_probe_and_then_it_may_close(self) -> None:
        """LIVE-BREAKER-1: whatever happened, waiting is enough for a probe."""
        if self.circuit.phase is Phase.CLOSED:
            return
        later = max(self.now, self.circuit.since_ms, self.circuit.leased_ms) + 10
        _, answer = ask(self.circuit, "later", later, SETTINGS)
        assert isinstance(answer, Ticket)
        assert answer.probe


TestCallers = Callers.TestCase


@given(st.integers(-100, 100), st.sampled_from(CallOutcome))
def test_a_version_grows_with_every_change(now: int, outcome: CallOutcome) -> None:
    for circuit in (Circuit(), Circuit(failures=2, window="11"), OPEN, probing()[0]):
        for changed in (
            ask(circuit, "c", now, SETTINGS)[0],
            report(circuit, Ticket("p", circuit.turn, True), outcome, now, SETTINGS),
        ):
            assert changed == circuit or changed.version > circuit.version
