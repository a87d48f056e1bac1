"""The outbox: effects that were decided, in the ledger's state until their outcome is recorded.

An effect is put here in the transaction that records why. Its performer begins with
:func:`started`, and ends with :func:`done`, or :func:`later` to try again. After a crash between
the two it is still here, with the same idempotency key.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from engine.decision.record import event
from engine.errors import NotRecordedError
from engine.formats import canonical
from engine.formats.times import parse_time, write_time
from engine.ledger import AppendedEntry, EntryDraft, Ledger
from engine.ledger.entries import State
from engine.lifecycle.contract import Effect, WatchedSubject
from engine.model import EFFECT_TYPE, ESCALATE_TYPE, Json
from engine.signers import Signer

KIND = "effect"
_COUNT = "count"
_FIRST, _PAST = "0", ":"
_PAGE = 256


def put(state: State, effects: Sequence[Effect]) -> None:
    """Put effects without an id into the outbox, in order; part of the caller's transaction."""
    count = int(state.get(KIND, _COUNT) or b"0")
    for count, effect in enumerate(effects, count + 1):  # noqa: B020  (counting goes on)
        numbered = replace(effect, id=_key(count))
        state.put(KIND, numbered.id, _encode(numbered))
    state.put(KIND, _COUNT, b"%d" % count)


def pending(ledger: Ledger, now: datetime, most: int = 256) -> list[Effect]:
    """Return the effects that are due, those that were decided first first.

    Those that wait for another attempt hide none that is due, however many they are.
    """
    due: list[Effect] = []
    start = _FIRST
    while len(due) < most:
        page = ledger.state().scan(KIND, start, _PAST, _PAGE)
        found = (_decode(body) for _, body in page)
        due += [effect for effect in found if is_due(effect, now)]
        if len(page) < _PAGE:
            break
        start = _key(int(page[-1][0]) + 1)
    return due[:most]


def is_due(effect: Effect, now: datetime) -> bool:
    """Return whether an effect may be attempted.

    One that was asked for in the future is due too: then the clock was set back, and nothing
    waits until it has come round again.
    """
    return parse_time(effect.due_at) <= now or now < parse_time(effect.requested_at)


def _key(number: int) -> str:
    return f"{number:012d}"


def started(ledger: Ledger, effect_id: str) -> Effect | None:
    """Count an attempt that begins now; None when the effect has its outcome already."""
    return _changed(ledger, effect_id, lambda effect: replace(effect, attempts=effect.attempts + 1))


def later(ledger: Ledger, effect_id: str, due_at: datetime) -> Effect | None:
    """Have a failed attempt tried again from ``due_at``; None when it has its outcome already."""
    return _changed(ledger, effect_id, lambda effect: replace(effect, due_at=write_time(due_at)))


def _changed(ledger: Ledger, effect_id: str, change: Any) -> Effect | None:
    changed: list[Effect] = []

    def work(state: State) -> Sequence[EntryDraft]:
        body = state.get(KIND, effect_id)
        if body is not None:
            changed.append(change(_decode(body)))
            state.put(KIND, effect_id, _encode(changed[0]))
        return []

    ledger.transact(work)
    return changed[0] if changed else None


def done(
    ledger: Ledger,
    signer: Signer,
    effect_id: str,
    *,
    ok: bool,
    detail: str,
    now: datetime,
    superseded: bool = False,
) -> AppendedEntry | None:
    """Record the outcome of an effect as ``effect:v1``, and take it out of the outbox.

    An effect that failed for good, and is no escalation itself, is escalated: somebody has to
    do by hand what the hook did not.

    Args:
        ledger: Where to.
        signer: The key that signs.
        effect_id: As :func:`pending` gave it.
        ok: Whether it was done.
        detail: The hook's answer, of which at most 1024 characters are kept.
        now: Instant of the outcome.
        superseded: Whether a later effect does what this one would have left undone, so that
            nobody has to do it by hand.

    Returns:
        The entry; None when the outcome was recorded before: a repeat changes nothing.

    Raises:
        NotRecordedError: There was never such an effect.
    """

    def work(state: State) -> Sequence[EntryDraft]:
        body = state.get(KIND, effect_id)
        if body is None:
            if not effect_id.isdecimal() or int(effect_id) > int(state.get(KIND, _COUNT) or b"0"):
                raise NotRecordedError(f"there is no effect {effect_id!r}", "list what is pending")
            return []
        effect = _decode(body)
        state.put(KIND, effect_id, None)
        name, outcome = effect.watched.name, _outcome(effect, ok, detail, now)
        recorded = [event(EFFECT_TYPE, name, outcome, signer)]
        if not ok and not superseded and effect.action != "escalate":
            recorded.append(event(ESCALATE_TYPE, name, _escalated(effect, now), signer))
            put(state, [_escalation(effect, now)])
        return recorded

    found = ledger.transact(work)
    return found[0] if found else None


def _outcome(effect: Effect, ok: bool, detail: str, now: datetime) -> dict[str, Json]:
    return {
        "at": write_time(now),
        "effect": effect.id,
        "action": effect.action,
        "idempotency_key": effect.idempotency_key,
        "ok": ok,
        "detail": detail[:1024],
        "attempts": effect.attempts,
        "subject": asdict(effect.watched),
        "decision": effect.decision,
    }


def _escalated(effect: Effect, now: datetime) -> dict[str, Json]:
    """Predicate of the entry ``escalate:v1`` about an effect that failed for good."""
    return {
        "at": write_time(now),
        "subject": asdict(effect.watched),
        "cause": f"{effect.action}_failed",
        "decision": effect.decision,
    }


def _escalation(effect: Effect, now: datetime) -> Effect:
    return replace(
        effect,
        action="escalate",
        idempotency_key=f"{effect.idempotency_key}-failed",
        requested_at=write_time(now),
        due_at=write_time(now),
        attempts=0,
        cause=f"{effect.action}_failed",
    )


def _encode(effect: Effect) -> bytes:
    return canonical.encode(asdict(effect))


def _decode(body: bytes) -> Effect:
    members = json.loads(body)
    return Effect(**{**members, "watched": WatchedSubject(**members["watched"])})
