"""From the outbox to the hooks and back: every effect attempted until its outcome is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from engine.cli.watch.plan import HookPlan
from engine.effects import AttemptOutcome, AttemptStatus, Order
from engine.formats.times import parse_time
from engine.ledger import Ledger
from engine.lifecycle import Effect, outbox
from engine.signers import Signer

AT_ONCE = 8
MOST = 4096


@dataclass(frozen=True, slots=True)
class EffectAttempt:
    """What became of one attempt at an effect.

    Attributes:
        effect: The effect; its attempts count this one.
        ended: ``done``, ``failed`` (there will be another attempt), ``given up`` or
            ``superseded`` (by a later effect; it was not attempted).
        detail: What the receivers answered.
        next_at: When the next attempt is due; None when there is none.
    """

    effect: Effect
    ended: str
    detail: str
    next_at: datetime | None = None


class Performer:
    """Performs effects. Remembers which hook has done what, so that one that failed is called
    again and the others are not; after a crash all are, with the same idempotency key.

    Args:
        hooks: By action.
        now: Returns the time, UTC, whole seconds.
        chance: Returns a number of at least 0 and below 1, for the wait before another attempt.
        at_once: How many effects may run side by side.
    """

    def __init__(
        self,
        hooks: Mapping[str, tuple[HookPlan, ...]],
        now: Callable[[], datetime],
        chance: Callable[[], float],
        at_once: int = AT_ONCE,
    ) -> None:
        self._at_once = at_once
        self._hooks = hooks
        self._now = now
        self._chance = chance
        self._finished: set[tuple[str, str]] = set()

    def perform(self, ledger: Ledger, signer: Signer) -> list[EffectAttempt]:
        """Make one attempt at each effect that is due; their outcomes are recorded when this
        returns.

        Different effects run side by side, so that a receiver that hangs holds up no other;
        those that change what serves run one after the other for a subject, as decided, and a
        later one that makes an earlier one pointless takes its place.

        Raises:
            GovernanceError: The ledger refused; what is not recorded is attempted again.
        """
        now = self._now()
        everything = outbox.pending(ledger, now + _EVER, MOST)
        performed = []
        for earlier, later in _pointless(everything):
            performed.append(self._supersede(ledger, signer, earlier, later))
            everything.remove(earlier)
        for wave in _waves(everything, now):
            with ThreadPoolExecutor(min(self._at_once, len(wave)), "effect") as pool:
                begun = {}
                for effect in wave:
                    if (counted := outbox.started(ledger, effect.id)) is not None:
                        begun[pool.submit(self._attempt, counted)] = counted
                for future in as_completed(begun):
                    performed.append(self._record(ledger, signer, begun[future], future.result()))
        return performed

    def _supersede(
        self, ledger: Ledger, signer: Signer, earlier: Effect, later: Effect
    ) -> EffectAttempt:
        detail = f"{later.action} takes its place"
        outbox.done(
            ledger, signer, earlier.id, ok=False, detail=detail, now=self._now(), superseded=True
        )
        return EffectAttempt(earlier, "superseded", detail)

    def next_due_s(self, ledger: Ledger, within_s: float) -> float:
        """Return the seconds until an effect is due, at most ``within_s``."""
        now = self._now()
        everything = outbox.pending(ledger, now + _EVER, MOST)
        soon = chain.from_iterable(_waves(everything, now + timedelta(seconds=within_s)))
        waits = [(parse_time(effect.due_at) - now).total_seconds() for effect in soon]
        return max(0.0, min([within_s, *waits]))

    def _attempt(self, effect: Effect) -> list[tuple[HookPlan, AttemptOutcome]]:
        return [
            (hooked, hooked.hook.perform(_order(effect, self._now())))
            for hooked in self._hooks[effect.action]
            if (effect.id, hooked.name) not in self._finished
        ]

    def _record(
        self,
        ledger: Ledger,
        signer: Signer,
        effect: Effect,
        outcomes: Sequence[tuple[HookPlan, AttemptOutcome]],
    ) -> EffectAttempt:
        now = self._now()
        failed = [pair for pair in outcomes if pair[1].ended is not AttemptStatus.DONE]
        done = [hooked.name for hooked, outcome in outcomes if outcome.ended is AttemptStatus.DONE]
        self._finished |= {(effect.id, name) for name in done}
        detail = "; ".join(f"{hooked.name}: {outcome.detail}" for hooked, outcome in outcomes)
        if not self._hooks[effect.action]:
            detail = "no hook: only recorded"
        retries = [
            hooked.backoff.next_at(outcome, effect.attempts, now, self._chance())
            for hooked, outcome in failed
        ]
        again = [at for at in retries if at is not None]
        if again:
            outbox.later(ledger, effect.id, min(again))
            return EffectAttempt(effect, "failed", detail, min(again))
        outbox.done(ledger, signer, effect.id, ok=not failed, detail=detail, now=now)
        self._finished = {pair for pair in self._finished if pair[0] != effect.id}
        return EffectAttempt(effect, "given up" if failed else "done", detail)


_SERVING = ("promote", "degrade", "rollback", "recover")
"""Actions that change what serves: two of one subject at once could end in either order."""

_TAKES_THE_PLACE_OF = {"rollback": ("promote", "degrade"), "recover": ("degrade",)}
"""What a late attempt at would undo a later action; and no rollback waits behind it."""

_EVER = timedelta(days=36_500)


def _pointless(pending: Sequence[Effect]) -> list[tuple[Effect, Effect]]:
    """Effects that a later one of the same subject takes the place of, with that one."""
    return [
        (earlier, later)
        for at, earlier in enumerate(pending)
        if (
            later := next(
                (
                    candidate
                    for candidate in pending[at + 1 :]
                    if _subject(candidate) == _subject(earlier)
                    and earlier.action in _TAKES_THE_PLACE_OF.get(candidate.action, ())
                ),
                None,
            )
        )
        is not None
    ]


def _subject(effect: Effect) -> tuple[str, str | None]:
    return effect.watched.name, effect.watched.version


def _waves(pending: Sequence[Effect], now: datetime) -> list[list[Effect]]:
    """What is due and may run side by side, and what only after that.

    Of one subject the effects that change what serves go one at a time, in order, also while
    the first of them waits for another attempt; and a recovery goes after the page that it
    ends, so that no alert outlives its cause.
    """
    taken: set[tuple[str, str | None]] = set()
    paged: set[tuple[str, str | None]] = set()
    first: list[Effect] = []
    second: list[Effect] = []
    for effect in pending:
        subject, due = _subject(effect), outbox.is_due(effect, now)
        if effect.action == "page" and due:
            paged.add(subject)
        if effect.action in _SERVING:
            if subject in taken:
                continue
            taken.add(subject)
        if due:
            late = effect.action == "recover" and subject in paged
            (second if late else first).append(effect)
    return [wave for wave in (first, second) if wave]


def _order(effect: Effect, now: datetime) -> Order:
    watched = effect.watched
    named = {"name": watched.name, "version": watched.version or "", "sha256": watched.sha256}
    return Order(
        action=effect.action,
        subject={key: value for key, value in named.items() if value},
        idempotency_key=effect.idempotency_key,
        attempt=effect.attempts,
        requested_at=effect.requested_at,
        cause=effect.cause,
        decision=effect.decision,
        now=now,
    )
