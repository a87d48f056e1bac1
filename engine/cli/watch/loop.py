"""The control loop: measure, decide, record, act; then wait, and again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from engine import exit_codes
from engine.cli.watch.measurement import Measurement, World, measure
from engine.errors import GovernanceError, VerificationError
from engine.lifecycle import CycleResult, Lifecycles, Phase, Reading
from engine.system.files import RECORDED, WRITTEN

if TYPE_CHECKING:
    from engine.cli.console.shell import Shell
    from engine.cli.watch.conformance import Follower
    from engine.cli.watch.performer import Performer
    from engine.cli.watch.plan import Plan, Subject
    from engine.cli.watch.reporter import Reporter
    from engine.ledger import Ledger
    from engine.signers import Signer

_T = TypeVar("_T")

AT_ONCE = 8
_SHORTEST_WAIT_S = 0.2


@dataclass(frozen=True, slots=True)
class WatchSession:
    """What a cycle works on: a ledger that is open, its key, and who decides."""

    ledger: Ledger
    signer: Signer
    lifecycles: Lifecycles


class Loop:
    """Watches the subjects of a plan.

    What goes wrong in a cycle is printed, the cycle's code is 3, and the next cycle opens the
    ledger anew. Only a ledger that is not genuine ends the watch.

    Args:
        plan: What is watched.
        world: What its sources need.
        sessions: Opens a ledger to write; entered when there is none open, left when one failed.
        performer: Performs effects.
        follower: Checks what was recorded against the specs; None checks nothing.
        shell: The clock.
        reporter: Prints.
    """

    def __init__(
        self,
        plan: Plan,
        world: World,
        sessions: Callable[[], AbstractContextManager[WatchSession]],
        performer: Performer,
        follower: Follower | None,
        shell: Shell,
        reporter: Reporter,
    ) -> None:
        self._plan = plan
        self._world = world
        self._sessions = sessions
        self._performer = performer
        self._follower = follower
        self._shell = shell
        self._reporter = reporter
        self._open = ExitStack()
        self._session: WatchSession | None = None

    def run(self, wait: Callable[[float], None], stopped: Callable[[], bool]) -> int:
        """Watch until a signal comes; return the exit code of the last cycle.

        Args:
            wait: Waits that many seconds, or until a signal comes.
            stopped: Whether a signal came.
        """
        code = exit_codes.UNDECIDED
        while not stopped():
            started_s = self._shell.elapsed_s()
            next_s = started_s + self._until_next_s()
            code = self.cycle()
            took_s = self._shell.elapsed_s() - started_s
            if took_s > self._plan.period_s:
                late = f"this cycle took {took_s:.0f} s; one is due every {self._plan.period_s} s"
                self._reporter.problems("watch", [late])
            self._rest(next_s, wait, stopped)
        return code

    def _until_next_s(self) -> float:
        """Seconds until the middle of the next period, counted from 1970.

        Clocks of the lifecycle count minutes. Cycles in their middle drift across no edge, so
        that none is left out and then called unmeasured.
        """
        period_s = self._plan.period_s
        left_s = period_s - (self._shell.milliseconds() / 1000 + period_s / 2) % period_s
        return left_s if left_s > _SHORTEST_WAIT_S else left_s + period_s

    def _rest(
        self, next_s: float, wait: Callable[[float], None], stopped: Callable[[], bool]
    ) -> None:
        """Wait for the next cycle; effects that fall due meanwhile are attempted meanwhile."""
        while not stopped():
            left_s = next_s - self._shell.elapsed_s()
            if left_s <= 0:
                return
            due_s = self._guarded(partial(self._until_due, left_s), left_s)
            wait(max(due_s, _SHORTEST_WAIT_S))
            if due_s < left_s and not stopped():
                self._guarded(self._act, None)

    def cycle(self) -> int:
        """Look at every subject once, and act on what is due; return the cycle's exit code.

        Raises:
            VerificationError: The ledger is not genuine: nothing more is appended to it.
        """
        RECORDED.clear()  # who asks what holds asks about this cycle
        WRITTEN.clear()
        now = self._shell.now()
        codes = [
            self._guarded(partial(self._step, subject, measured, now), exit_codes.UNDECIDED)
            for subject, measured in zip(self._plan.subjects, self._measured(now), strict=True)
        ]
        codes.append(self._guarded(partial(self._sweep, now), exit_codes.UNDECIDED))
        codes.append(self._guarded(self._act, exit_codes.UNDECIDED))
        codes.append(self._guarded(self._conform, exit_codes.UNDECIDED))
        return exit_codes.worst(codes)

    def close(self) -> None:
        """Close the ledger."""
        self._session = None
        self._open.close()

    def _measured(self, now: datetime) -> list[Measurement]:
        """Side by side: a source that hangs holds up no other subject."""

        def measured(subject: Subject) -> Measurement:
            return measure(subject.about, subject.sources, now, self._world)

        subjects = self._plan.subjects
        if len(subjects) == 1:
            return [measured(subjects[0])]
        with ThreadPoolExecutor(min(AT_ONCE, len(subjects)), "measure") as pool:
            return list(pool.map(measured, subjects))

    def _step(
        self, subject: Subject, measured: Measurement, now: datetime, at: WatchSession
    ) -> int:
        refusals: tuple[str, ...] = ()
        promoted = False
        if subject.promote and at.lifecycles.phase(subject.watched) is Phase.CANDIDATE:
            promotion = at.lifecycles.promote(subject.watched, now)
            promoted, refusals = promotion.promoted, promotion.refusals
        cycle = at.lifecycles.step(
            subject.watched, measured.metrics, now, self._shell.milliseconds()
        )
        if promoted:
            actions = ("promoted", *cycle.actions)
            cycle = replace(cycle, before=Phase.CANDIDATE, actions=actions)
        self._reporter.subject(subject, cycle, measured, now, refusals)
        return _code(cycle, measured)

    def _sweep(self, now: datetime, at: WatchSession) -> int:
        self._reporter.swept(at.lifecycles.sweep(now), now)
        return exit_codes.PASS

    def _act(self, at: WatchSession) -> int:
        for performed in self._performer.perform(at.ledger, at.signer):
            self._reporter.effect(performed, self._shell.now())
        return exit_codes.PASS

    def _until_due(self, left_s: float, at: WatchSession) -> float:
        return self._performer.next_due_s(at.ledger, left_s)

    def _conform(self, at: WatchSession) -> int:
        if self._follower is None:
            return exit_codes.PASS
        findings = self._follower.check(at.ledger)
        self._reporter.problems("the ledger does not conform", findings)
        self._reporter.problems("not held against every spec", self._follower.unmodelled())
        return exit_codes.NOT_GENUINE if findings else exit_codes.PASS

    def _guarded(self, work: Callable[[WatchSession], _T], otherwise: _T) -> _T:
        """What ``work`` returns; what goes wrong is printed, and the ledger opened anew."""
        try:
            if self._session is None:
                self._session = self._open.enter_context(self._sessions())
            return work(self._session)
        except VerificationError:
            raise
        except (GovernanceError, OSError) as error:
            self._reporter.failed(error)
        except Exception as error:  # noqa: BLE001  (a defect must not end the watch unseen)
            self._reporter.problems("watch", [f"a defect: {type(error).__name__}: {error}"])
        self.close()
        return otherwise


def _code(cycle: CycleResult, measured: Measurement) -> int:
    if cycle.failure is not None or measured.failures:
        return exit_codes.UNDECIDED
    if cycle.after is Phase.ROLLED_BACK:
        return exit_codes.ROLLBACK
    if cycle.after is Phase.BREACHED:
        return exit_codes.FAIL
    return exit_codes.PASS if cycle.reading is Reading.UNDER else exit_codes.HOLD
