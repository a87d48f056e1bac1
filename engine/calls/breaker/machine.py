"""The circuit as a value, and how it changes: no clock, no store, no threads.

A circuit stops calls to a model that keeps failing. Closed lets every call through; after
``failure_threshold`` failures in a row, or ``window_failures`` among the last ``window_calls``,
it is open and lets none through; after ``timeout_ms`` it is half-open and lets one probe through
at a time; after ``success_threshold`` probes that succeeded it is closed again, and one that
failed opens it anew. A reset closes it at once.

The window begins with its first failure: successes before that would only fall out of it unread.
So a circuit without a failure among its last calls has nothing to keep.

How this refines ``tla/Breaker.tla``: ``phase``, ``failures``, ``window`` and ``successes`` are
the spec's own; its age of the open phase is ``now - since_ms`` in ticks, its holder of the probe is
``probe``, and its age of the lease ``now - leased_ms``. A call whose ticket is of another
``turn`` than the circuit's is one that the spec calls stale.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum

MAX_WINDOW_CALLS = 1000


class Phase(StrEnum):
    """What a circuit does with calls: lets them through, refuses them, or probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CallOutcome(StrEnum):
    """What a call says about its provider; ``NEUTRAL`` is nothing, such as a cancelled call."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Settings:
    """When a circuit changes.

    Attributes:
        failure_threshold: Failures in a row that open it.
        timeout_ms: How long it stays open before a probe, milliseconds.
        success_threshold: Probes that must succeed before it is closed.
        lease_ms: How long a probe may take before another may start: its process may be dead.
            Longer than the longest call, or two probes run at once.
        window_calls: How many calls, the last ones, are looked at for their rate of failures.
        window_failures: Failures among these that open it, in a row or not.
    """

    failure_threshold: int = 5
    timeout_ms: int = 60_000
    success_threshold: int = 2
    lease_ms: int = 60_000
    window_calls: int = 20
    window_failures: int = 10

    def __post_init__(self) -> None:
        for name in fields(self):
            value = getattr(self, name.name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**53:
                raise ValueError(f"{name.name} is {value!r}; a whole number from 1 is expected")
        if self.window_calls > MAX_WINDOW_CALLS:
            raise ValueError(f"window_calls is {self.window_calls}; at most {MAX_WINDOW_CALLS}")
        if self.window_failures > self.window_calls:
            raise ValueError(
                f"window_failures is {self.window_failures} of {self.window_calls} calls"
            )


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of one model of one provider.

    Attributes:
        phase: See :class:`Phase`.
        failures: In a row; only while closed.
        window: The outcomes of the last calls, the newest last: ``1`` failed, ``0`` succeeded.
            Begins with the oldest failure among them; only while closed. Empty in what an older
            engine kept.
        successes: Of probes; only while half-open.
        since_ms: When it came into this phase, milliseconds since 1970.
        probe: Call that holds the probe; None when nobody does.
        leased_ms: When that call got it.
        wait_ms: How long the open phase lasts, or the probe's lease, by the settings of the
            process that began it: what others have set does not cut it short. 0 in what an older
            engine kept; then each process waits by its own settings.
        turn: How often the phase changed. A call counts only in the turn it began in.
        version: How often anything changed.
    """

    phase: Phase = Phase.CLOSED
    failures: int = 0
    successes: int = 0
    since_ms: int = 0
    probe: str | None = None
    leased_ms: int = 0
    wait_ms: int = 0
    turn: int = 0
    version: int = 0
    window: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was let through.

    Attributes:
        call: Its id; no other call has the same.
        turn: The circuit's, when it began.
        probe: Whether it is the half-open circuit's one probe.
    """

    call: str
    turn: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that was not let through.

    Attributes:
        phase: Of the circuit.
        retry_after_ms: A call may be let through after this long, and no sooner unless the
            probe that is under way comes back.
    """

    phase: Phase
    retry_after_ms: int


def ask(
    circuit: Circuit, call: str, now_ms: int, settings: Settings
) -> tuple[Circuit, Ticket | Refusal]:
    """Return the circuit after ``call`` asked to be let through, and the answer.

    A wait lasts as long as the process said that began it. A clock that was set back starts it
    anew: it is never cut short, and never longer than that from then on.
    """
    if circuit.phase is Phase.CLOSED:
        return circuit, Ticket(call, circuit.turn, probe=False)
    if circuit.phase is Phase.OPEN:
        if now_ms < circuit.since_ms:
            circuit = _changed(circuit, since_ms=now_ms)
        if (left := circuit.since_ms + (circuit.wait_ms or settings.timeout_ms) - now_ms) > 0:
            return circuit, Refusal(Phase.OPEN, left)
        circuit = _turned(circuit, Phase.HALF_OPEN, now_ms, settings)
    elif circuit.probe is not None:
        if now_ms < circuit.leased_ms:
            circuit = _changed(circuit, leased_ms=now_ms)
        if (left := circuit.leased_ms + (circuit.wait_ms or settings.lease_ms) - now_ms) > 0:
            return circuit, Refusal(Phase.HALF_OPEN, left)
    leased = _changed(circuit, probe=call, leased_ms=now_ms, wait_ms=settings.lease_ms)
    return leased, Ticket(call, circuit.turn, probe=True)


def report(
    circuit: Circuit, ticket: Ticket, outcome: CallOutcome, now_ms: int, settings: Settings
) -> Circuit:
    """Return the circuit after the call of ``ticket`` came back.

    What began in another turn, and a probe whose lease another call has by now, changes nothing.
    """
    if ticket.turn != circuit.turn:
        return circuit
    if circuit.phase is Phase.CLOSED:
        return _counted(circuit, outcome, now_ms, settings)
    if circuit.probe != ticket.call:
        return circuit
    return _probed(circuit, outcome, now_ms, settings)


def reset(circuit: Circuit, now_ms: int, settings: Settings) -> Circuit:
    """Return the circuit closed, with nothing counted; what is under way counts no more."""
    return _turned(circuit, Phase.CLOSED, now_ms, settings)


def opens(failures: int, window: str, settings: Settings) -> bool:
    """Whether so many failures in a row, or those of the window, open a closed circuit."""
    return failures >= settings.failure_threshold or window.count("1") >= settings.window_failures


def slid(window: str, outcome: CallOutcome, settings: Settings) -> str:
    """Return the window after one more call."""
    longer = window + ("1" if outcome is CallOutcome.FAILURE else "0")
    return longer[-settings.window_calls :].lstrip("0")


def _counted(circuit: Circuit, outcome: CallOutcome, now_ms: int, settings: Settings) -> Circuit:
    if outcome is CallOutcome.NEUTRAL:
        return circuit
    window = slid(circuit.window, outcome, settings)
    failures = circuit.failures + 1 if outcome is CallOutcome.FAILURE else 0
    if opens(failures, window, settings):
        return _turned(circuit, Phase.OPEN, now_ms, settings)
    if (failures, window) == (circuit.failures, circuit.window):
        return circuit
    return _changed(circuit, failures=failures, window=window)


def _probed(circuit: Circuit, outcome: CallOutcome, now_ms: int, settings: Settings) -> Circuit:
    if outcome is CallOutcome.FAILURE:
        return _turned(circuit, Phase.OPEN, now_ms, settings)
    successes = circuit.successes + (outcome is CallOutcome.SUCCESS)
    if successes >= settings.success_threshold:
        return _turned(circuit, Phase.CLOSED, now_ms, settings)
    return _changed(circuit, successes=successes, probe=None)


def _changed(circuit: Circuit, **members: object) -> Circuit:
    return replace(circuit, version=circuit.version + 1, **members)  # type: ignore[arg-type]


def _turned(circuit: Circuit, phase: Phase, now_ms: int, settings: Settings) -> Circuit:
    return Circuit(
        phase=phase,
        since_ms=now_ms,
        wait_ms=settings.timeout_ms if phase is Phase.OPEN else 0,
        turn=circuit.turn + 1,
        version=circuit.version + 1,
    )
