"""Hooks, by which a decision reaches other systems: one kind per file, one table that lists them.

Keeps no state. ``engine watch`` enters: ``kind_of`` and ``hook_of`` read a ``[[hook]]`` table, key
by key, so that a misspelt key is refused with its line and the nearest name; then
:meth:`Hook.perform` makes **one** attempt, :mod:`engine.effects.backoff` computes when the next one
is due, and the outbox (:mod:`engine.lifecycle`) keeps the effect until its outcome is recorded,
also over a crash: so an order may arrive twice, with the same idempotency key. To add a kind: write
``engine/effects/<kind>.py`` with the members of :class:`Kind`, and its line in :data:`EFFECTS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from engine.errors import suggest
from engine.formats.times import write_time
from engine.model import Json

if TYPE_CHECKING:
    from engine.settings.table import Table

EFFECTS = {"command": "engine.effects.command", "http": "engine.effects.http"}
"""``kind`` of a hook, and the module that performs it."""

LONGEST_DETAIL = 300


class AttemptStatus(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    FAILED = "failed"
    """Another attempt may succeed; the receiver may have done it all the same."""
    REFUSED = "refused"
    """Another attempt would be answered alike."""


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """What became of one attempt.

    Attributes:
        ended: How.
        detail: What the receiver answered, in one line.
        retry_after_s: After how long the receiver wants the next attempt; None: it named none.
    """

    ended: AttemptStatus
    detail: str
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done.

    Attributes:
        action: ``page``, ``degrade``, ``rollback``, ``recover``, ``escalate`` or ``promote``.
        subject: ``name``, and where they are known ``version`` and ``sha256``.
        idempotency_key: The same at every attempt: a receiver that gets it twice acts once.
        attempt: Counted from 1.
        requested_at: Instant of the entry that asked for it, RFC 3339.
        cause: Why, in a word.
        decision: Id of the decision behind it; empty where there is none.
        now: The instant of the attempt.
    """

    action: str
    subject: Mapping[str, str]
    idempotency_key: str
    attempt: int
    requested_at: str
    cause: str
    decision: str
    now: datetime

    def document(self) -> dict[str, Json]:
        """Return what is sent to receivers, the same for all kinds. ``docs/watch.md`` has it."""
        return {
            "action": self.action,
            "subject": dict(self.subject),
            "cause": self.cause,
            "requested_at": self.requested_at,
            "decision": self.decision,
            "idempotency_key": self.idempotency_key,
            "attempt": self.attempt,
            "sent_at": write_time(self.now),
        }


class Hook(Protocol):
    """A receiver of orders. Safe to use from several threads."""

    def perform(self, order: Order) -> AttemptOutcome:
        """Make one attempt, in bounded time. Raises nothing: what goes wrong is an outcome."""


@dataclass(frozen=True, slots=True)
class HookContext:
    """What a hook may know of the world when its table is read.

    Attributes:
        folder: The configuration's folder; paths are relative to it.
        environ: The environment; a hook passes on what its table names, and little else.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)


class Kind(Protocol):
    """What a module in ``engine.effects`` that performs effects has."""

    EXAMPLE: str
    """A ``[[hook]]`` table that shows its keys."""

    def hook_of(self, table: Table, around: HookContext) -> Hook:
        """Return the hook that ``table`` describes.

        Raises:
            ConfigError: A key or a value of the table is wrong; the error has its line.
        """


def kind_of(table: Table) -> Kind:
    """Return the kind of hook that ``table`` is.

    Raises:
        ConfigError: No ``kind``, or one that nobody performs; the error names the nearest.
    """
    kind = table.text("kind")
    if kind not in EFFECTS:
        raise table.refused("kind", f"{kind!r} is not a kind of hook", suggest(kind, EFFECTS))
    return cast(Kind, importlib.import_module(EFFECTS[kind]))


def one_line(text: str) -> str:
    """Return a receiver's text as one printable line of at most 300 characters."""
    line = "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
    return line if len(line) <= LONGEST_DETAIL else f"{line[: LONGEST_DETAIL - 1]}…"
