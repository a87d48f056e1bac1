"""The configuration of ``engine watch``: what is watched, its sources, its hooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.effects import Hook, HookContext, kind_of
from engine.effects.backoff import Backoff, backoff_of
from engine.errors import ConfigError, suggest
from engine.evidence.gather import subject_of
from engine.evidence.sources import source_of
from engine.lifecycle import ACTIONS, WatchedSubject
from engine.model import Json
from engine.settings.table import Table, read_table

LONGEST_PERIOD_S = 60
_SHOWN = "a [watch] table, a [[subject]] with its [[subject.source]], a [[hook]]: docs/watch.md"


@dataclass(frozen=True, slots=True)
class Subject:
    """Something in production, and where its metrics come from.

    Attributes:
        watched: What it is, and what decides about it.
        sources: Their tables; read anew in each cycle.
        promote: Whether a recorded PROMOTE puts it into production in the next cycle. Else
            another program does, and until then it is a candidate that nothing measures.
    """

    watched: WatchedSubject
    sources: tuple[Table, ...]
    promote: bool = False

    @property
    def about(self) -> dict[str, Json]:
        """The subject as a metrics file writes it."""
        watched = self.watched
        version = {"version": watched.version} if watched.version else {}
        return {"name": watched.name, **version, "digest": {"sha256": watched.sha256}}

    @property
    def shown(self) -> str:
        """Name and version."""
        return " ".join(filter(None, (self.watched.name, self.watched.version)))


@dataclass(frozen=True, slots=True)
class HookPlan:
    """A hook, and how patient it is.

    Attributes:
        name: For messages.
        hook: Performs.
        backoff: When a failed attempt is followed by another.
    """

    name: str
    hook: Hook
    backoff: Backoff


@dataclass(frozen=True, slots=True)
class Plan:
    """What a configuration asks for.

    Attributes:
        folder: What its paths are relative to.
        period_s: Seconds from the start of a cycle to that of the next.
        subjects: What is watched, in order.
        hooks: By action, every hook that performs it, in order; empty where it is only recorded.
        conform: Whether the ledger is held against the specs after each cycle.
    """

    folder: Path
    period_s: int
    subjects: tuple[Subject, ...]
    hooks: Mapping[str, tuple[HookPlan, ...]]
    conform: bool = True


def read_plan(
    name: str, data: bytes, folder: Path, environ: Mapping[str, str], gate: str, profile: str
) -> Plan:
    """Return what the configuration in ``data`` asks for.

    Args:
        name: Of the file, for messages.
        data: Its bytes, TOML.
        folder: What its paths are relative to.
        environ: The environment, of which hooks pass on what they name.
        gate: Where a subject names none.
        profile: Where a subject names none.

    Raises:
        ConfigError: Not TOML, a key is wrong, an action has neither a hook nor leave to be
            recorded only, or a subject is watched twice; says where.
    """
    top = read_table(name, data, _SHOWN)
    watch = top.table("watch")
    period_s = watch.seconds("period", "60s")
    if period_s > LONGEST_PERIOD_S:
        raise watch.refused(
            "period", "clocks count minutes, and a minute that nobody measured is not calm",
            "60s or less; from cron: engine watch CONFIG --once, every minute",
        )  # fmt: skip
    record_only = watch.texts("record_only", ())
    conform = watch.flag("conform", default=True)
    subjects = tuple(_subject(table, folder, gate, profile) for table in top.tables("subject"))
    hooks = _hooks(top, watch, record_only, HookContext(folder, environ))
    top.finish()
    _require_hooks(watch, record_only, hooks)
    if not subjects:
        raise ConfigError(f"{name}: no [[subject]] table", f"add what is to be watched; {_SHOWN}")
    _require_different(subjects, top)
    return Plan(folder, period_s, subjects, hooks, conform)


def _subject(table: Table, folder: Path, gate: str, profile: str) -> Subject:
    subject = subject_of(table, folder)
    if "digest" not in subject:
        raise table.refused(
            "artifact", "what is in production is known by its digest",
            'artifact = "model.onnx", or digest = {sha256 = "…"}',
        )  # fmt: skip
    sources = tuple(table.tables("source"))
    for source in sources:
        source_of(source)
    watched = WatchedSubject(
        subject["name"],
        subject.get("version"),
        subject["digest"]["sha256"],
        table.text("gate", gate),
        table.text("profile", profile),
    )
    promote = table.flag("promote", default=False)
    table.finish()
    if not sources:
        raise table.refused("source", "nothing measures this subject", "add [[subject.source]]")
    return Subject(watched, sources, promote)


def _require_different(subjects: tuple[Subject, ...], top: Table) -> None:
    seen: set[tuple[str, str | None]] = set()
    for subject in subjects:
        known_by = (subject.watched.name, subject.watched.version)
        if known_by in seen:
            raise top.refused("subject", f"{subject.shown} is watched twice", "keep one of the two")
        seen.add(known_by)


def _hooks(
    top: Table, watch: Table, record_only: tuple[str, ...], around: HookContext
) -> dict[str, tuple[HookPlan, ...]]:
    hooks: dict[str, list[HookPlan]] = {action: [] for action in ACTIONS}
    _require_actions(watch, "record_only", record_only)
    for number, table in enumerate(top.tables("hook"), 1):
        actions = table.texts("on")
        _require_actions(table, "on", actions)
        kind = kind_of(table)
        name = table.text("name", f"hook {number}", longest=80)
        hooked = HookPlan(name, kind.hook_of(table, around), backoff_of(table))
        table.finish()
        for action in dict.fromkeys(actions):
            if action in record_only:
                raise table.refused(
                    "on", f"{action!r} is in record_only, too", "keep one of the two"
                )
            hooks[action].append(hooked)
    return {action: tuple(found) for action, found in hooks.items()}


def _require_hooks(
    watch: Table, record_only: tuple[str, ...], hooks: Mapping[str, tuple[HookPlan, ...]]
) -> None:
    for action, found in hooks.items():
        if not found and action not in record_only:
            raise watch.refused(
                "record_only", f"nothing performs {action!r}",
                f"add a [[hook]] with on = [\"{action}\"], or name it in record_only",
            )  # fmt: skip


def _require_actions(table: Table, key: str, actions: tuple[str, ...]) -> None:
    for action in actions:
        if action not in ACTIONS:
            raise table.refused(key, f"{action!r} is no action", suggest(action, ACTIONS))
