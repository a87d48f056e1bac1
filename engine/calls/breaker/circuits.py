"""Where circuits are kept: in a ledger, for all its processes, or in one process's memory."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Protocol

from engine.calls.breaker.machine import CallOutcome, Circuit, Phase, Settings, slid
from engine.decision.record import event
from engine.errors import LedgerError, UsageError
from engine.formats import canonical
from engine.formats.times import write_time
from engine.ledger import EntryDraft, Ledger, State
from engine.model import BREAKER_CHANGED_TYPE, BREAKER_CHANGED_V2_TYPE, Json
from engine.signers import Signer
from engine.system.after_fork import free_in_child

KIND = "breaker"
"""Kind of the ledger's state that holds circuits."""

Move = Callable[[Circuit], Circuit]
"""What happens to a circuit; pure, and called once."""


class Circuits(Protocol):
    """Circuits by provider and model. Safe to use from several threads."""

    def look(self, provider: str, model: str) -> Circuit:
        """Return the circuit as it is now; a closed one if nothing is known of it."""

    def change(
        self,
        provider: str,
        model: str,
        move: Move,
        now_ms: int,
        settings: Settings,
        reset_for: str | None = None,
    ) -> Circuit:
        """Replace the circuit by what ``move`` makes of it, and return that.

        No other change, by whichever thread or process, comes between what ``move`` sees and
        what is kept. ``reset_for`` is the reason of a reset; None when it is none.
        """


class MemoryCircuits:
    """Circuits of one process, which end with it, for those who keep no ledger.

    Attributes:
        changes: What the last thousand changes of phase would say in a ledger, oldest first.
    """

    def __init__(self) -> None:
        self.changes: deque[dict[str, Json]] = deque(maxlen=1000)
        self._lock = free_in_child(threading.Lock())
        self._kept: dict[str, Circuit] = {}

    def look(self, provider: str, model: str) -> Circuit:
        """See :meth:`Circuits.look`."""
        return self._kept.get(key_of(provider, model), Circuit())

    def change(
        self,
        provider: str,
        model: str,
        move: Move,
        now_ms: int,
        settings: Settings,
        reset_for: str | None = None,
    ) -> Circuit:
        """See :meth:`Circuits.change`."""
        key = key_of(provider, model)
        with self._lock:
            before = self._kept.get(key, Circuit())
            after = self._kept[key] = move(before)
            if after.turn != before.turn:
                _, predicate = changed(provider, model, before, after, now_ms, settings, reset_for)
                self.changes.append(predicate)
            return after


class LedgerCircuits:
    """Circuits in a ledger's state, one for all processes; each change of phase is an entry.

    Args:
        ledger: Open for writing.
        signer: The key that signs those entries.
    """

    def __init__(self, ledger: Ledger, signer: Signer) -> None:
        self._ledger = ledger
        self._signer = signer
        self._state = ledger.state()

    def look(self, provider: str, model: str) -> Circuit:
        """See :meth:`Circuits.look`."""
        return _read(self._state.get(KIND, key_of(provider, model)))

    def change(
        self,
        provider: str,
        model: str,
        move: Move,
        now_ms: int,
        settings: Settings,
        reset_for: str | None = None,
    ) -> Circuit:
        """See :meth:`Circuits.change`; durable when this returns.

        Raises:
            LedgerError: See :meth:`engine.ledger.Ledger.transact`.
        """
        key = key_of(provider, model)
        made: list[Circuit] = []

        def work(state: State) -> Sequence[EntryDraft]:
            before = _read(state.get(KIND, key))
            after = move(before)
            made.append(after)
            if after == before:
                return []
            state.put(KIND, key, _written(after))
            if after.turn == before.turn:
                return []
            kind, predicate = changed(provider, model, before, after, now_ms, settings, reset_for)
            return [event(kind, key, predicate, self._signer)]

        self._ledger.transact(work)
        return made[0]


def changed(
    provider: str,
    model: str,
    before: Circuit,
    after: Circuit,
    now_ms: int,
    settings: Settings,
    reset_for: str | None = None,
) -> tuple[str, dict[str, Json]]:
    """Return type and predicate of the entry that says a circuit came into another phase.

    ``failures`` and ``successes`` count what led to it, the last one included; ``waited_ms``
    is how long the phase before lasted. What version 1 has no words for, that its last calls
    opened it or that it was reset, is version 2.
    """
    probed = before.phase is Phase.HALF_OPEN
    told_ms = max(0, now_ms - before.since_ms) if before.turn else 0
    predicate: dict[str, Json] = {
        "at": write_time(datetime.fromtimestamp(now_ms // 1000, UTC)),
        "at_ms": now_ms,
        "provider": provider,
        "model": model,
        "from": str(before.phase),
        "to": str(after.phase),
        "turn": after.turn,
        "waited_ms": told_ms,
    }
    if reset_for is not None:
        predicate |= {"failures": before.failures, "successes": before.successes}
        predicate |= {"cause": "reset", "reason": reset_for or None, "window": before.window}
        return BREAKER_CHANGED_V2_TYPE, {**predicate, "settings": asdict(settings)}
    opened = after.phase is Phase.OPEN
    predicate["failures"] = before.failures + 1 if opened and not probed else int(opened)
    predicate["successes"] = before.successes + (after.phase is Phase.CLOSED)
    if opened and not probed and before.failures + 1 < settings.failure_threshold:
        window = slid(before.window, CallOutcome.FAILURE, settings)
        predicate |= {"cause": "rate", "window": window}
        return BREAKER_CHANGED_V2_TYPE, {**predicate, "settings": asdict(settings)}
    own = ("failure_threshold", "timeout_ms", "success_threshold", "lease_ms")
    predicate["settings"] = {name: getattr(settings, name) for name in own}
    return BREAKER_CHANGED_TYPE, predicate


def key_of(provider: str, model: str) -> str:
    """Return the key of a circuit: ``provider/model``.

    Raises:
        UsageError: A name that is none; a provider's has no slash.
    """
    for word, name in (("provider", provider), ("model", model)):
        if not isinstance(name, str) or not 1 <= len(name) <= 200 or not name.isprintable():
            raise UsageError(
                f"{word} {str(name)[:40]!r} is no name", "1 to 200 printable characters"
            )
    if "/" in provider:
        raise UsageError(f"provider {provider!r} has a slash in it", "only a model's name may")
    return f"{provider}/{model}"


def _written(circuit: Circuit) -> bytes:
    """A circuit as it is kept; without a window that is empty, which older engines do not know."""
    members = asdict(circuit)
    if not circuit.window:
        del members["window"]
    return canonical.encode(members)


def _read(body: bytes | None) -> Circuit:
    if body is None:
        return Circuit()
    try:
        members = json.loads(body)
        if set(members.get("window", "")) - {"0", "1"}:
            raise ValueError("its window is none")
        return Circuit(**{**members, "phase": Phase(members["phase"])})
    except (ValueError, TypeError, KeyError) as error:
        raise LedgerError(f"the circuit in the ledger's state cannot be read: {error}") from None
