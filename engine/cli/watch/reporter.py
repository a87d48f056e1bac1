"""What ``engine watch`` prints of a cycle: lines for people, or one JSON object per line."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from engine.cli.console.refusals import error_text, system_error_text, what_holds
from engine.errors import GovernanceError
from engine.formats.times import write_time
from engine.model import Json

if TYPE_CHECKING:
    from engine.cli.console.shell import Shell
    from engine.cli.watch.measurement import Measurement
    from engine.cli.watch.performer import EffectAttempt
    from engine.cli.watch.plan import Subject
    from engine.lifecycle import CycleResult, SweepResult


class Reporter:
    """Prints results on standard output, and what went wrong on standard error.

    Args:
        shell: Has the streams.
        as_json: Whether results are JSON lines.
    """

    def __init__(self, shell: Shell, *, as_json: bool) -> None:
        self._shell = shell
        self._as_json = as_json

    def subject(
        self,
        subject: Subject,
        cycle: CycleResult,
        measured: Measurement,
        now: datetime,
        refusals: tuple[str, ...],
    ) -> None:
        """One line per subject and cycle; what failed in it is on standard error."""
        self.problems(subject.shown, measured.failures)
        for note in measured.notes:
            self._shell.say(f"engine: {subject.shown}: {note}")
        if cycle.failure is not None:
            self.problems(subject.shown, [f"the gate could not decide: {cycle.failure}"])
        if self._as_json:
            self._json(
                "subject", now,
                subject=asdict(subject.watched), before=cycle.before, after=cycle.after,
                reading=cycle.reading, verdict=cycle.verdict, decision=cycle.decision,
                actions=list(cycle.actions), entries=list(cycle.entries),
                failure=cycle.failure, problems=list(measured.failures), refusals=list(refusals),
            )  # fmt: skip
            return
        self._line(now, _line_of(subject, cycle, measured, refusals))

    def effect(self, performed: EffectAttempt, now: datetime) -> None:
        """One line per attempt."""
        effect, next_at = performed.effect, performed.next_at
        if self._as_json:
            self._json(
                "effect", now,
                subject=asdict(effect.watched), effect=effect.id, action=effect.action,
                idempotency_key=effect.idempotency_key, ended=performed.ended,
                detail=performed.detail, attempt=effect.attempts,
                next_at=None if next_at is None else write_time(next_at),
            )  # fmt: skip
            return
        again = "" if next_at is None else f", again at {write_time(next_at)}"
        what = f"{effect.action} {performed.ended}"
        self._line(now, f"{what:<22} {effect.watched.name:<24} {performed.detail}{again}")

    def swept(self, swept: SweepResult, now: datetime) -> None:
        """One line, where HOLDs expired."""
        if self._as_json:
            self._json("sweep", now, expired=list(swept.expired), behind=swept.behind)
        elif swept.expired:
            self._line(now, f"{'HOLD expired':<22} {', '.join(swept.expired)}")

    def failed(self, error: GovernanceError | OSError) -> None:
        """Print what went wrong in a cycle, what to do, and what it has recorded."""
        if isinstance(error, OSError):
            text = system_error_text(error)
        else:
            text = error_text(error, "watch", what_holds(error, GovernanceError))
        self._shell.say(*text.split("\n"))

    def problems(self, about: str, problems: list[str]) -> None:
        """Print what went wrong: one line each."""
        for problem in problems:
            self._shell.say(f"engine: {about}: {problem}")

    def _line(self, now: datetime, text: str) -> None:
        self._shell.print(f"{write_time(now)}  {text}".rstrip(), flush=True)

    def _json(self, what: str, now: datetime, **members: Json) -> None:
        event = {"event": what, "at": write_time(now), **members}
        self._shell.print_json(event, flush=True)


def _line_of(
    subject: Subject, cycle: CycleResult, measured: Measurement, refusals: tuple[str, ...]
) -> str:
    phases = dict.fromkeys((cycle.before, cycle.after))
    if cycle.decision is None:
        why = f"not in production: {refusals[0]}" if refusals else "not in production"
        parts = [why]
    else:
        parts = [cycle.verdict or "undecided", f"reading {cycle.reading or 'nothing'}"]
    if cycle.actions:
        parts.append(f"recorded {', '.join(cycle.actions)}")
    if cycle.entries:
        parts.append(f"entry {cycle.entries[0]}")
    if measured.failures:
        parts.append(f"sources failed: {len(measured.failures)}")
    return f"{' → '.join(phases):<22} {subject.shown:<24} {'  '.join(parts)}"
