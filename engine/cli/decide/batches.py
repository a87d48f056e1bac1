"""Judgements through the ledger in batches: recorded, and only then printed. INV-LEDGER-1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from engine import exit_codes
from engine.cli.console.printer import Printer
from engine.cli.console.screen import Screen
from engine.cli.console.shell import Shell
from engine.cli.decide.judge import JudgedFile
from engine.cli.decide.summary import Summary
from engine.errors import GovernanceError, LedgerBusyError
from engine.evidence.input import Question
from engine.model import Decision
from engine.report import Inclusion
from engine.report.wording import checkpoint_of

if TYPE_CHECKING:
    from engine.decision.proof_files import ProofFiles
    from engine.decision.session import Session
    from engine.ledger import AppendedEntry

BATCH = 256
BATCH_S = 0.5
LAST = 24
"""Decisions in the last batch of many: while they are recorded, the workers have nothing to do."""


@dataclass
class Batches:
    """One call of ``engine decide``.

    Attributes:
        shell: Has the clock that says when a batch has waited long enough.
        session: Records.
        question: Gate, profile, stage and instant.
        printer: Where decisions are printed.
        screen: Where progress and notes go.
        export_to: Where proofs are written; None writes none.
        total: How many decisions there are to be made.
    """

    shell: Shell
    session: Session
    question: Question
    printer: Printer
    screen: Screen
    export_to: ProofFiles | None
    total: int
    summary: Summary = field(default_factory=Summary)
    checkpoint: str | None = None
    _codes: set[int] = field(default_factory=set)
    _waiting: list[JudgedFile] = field(default_factory=list)
    _since: float = 0.0
    _kept_out: LedgerBusyError | None = None
    """What a failure could not be recorded for: nothing waits for the same holder again."""

    def run(self, outcomes: Iterable[tuple[list[str], object]]) -> int:
        """Record and print what was judged; return the worst exit code."""
        before_last = self.total - LAST if self.total > BATCH else 0
        for number, (names, outcome) in enumerate(outcomes, 1):
            if isinstance(outcome, GovernanceError):
                self._failed(names, outcome)
            else:
                self._take(cast(JudgedFile, outcome))
            if number == before_last:
                self._flush()
        self._flush()
        return exit_codes.worst(self._codes)

    def summarise(self) -> None:
        """Print what became of all inputs, and the checkpoint that covers them."""
        self.printer.flush()
        options = self.printer.options
        if options.quiet:
            return
        head, *table = self.summary.lines()
        self.screen.say(f"engine: {head}", *table)
        if self.checkpoint and options.checkpoint:
            self.screen.say("checkpoint:", *self.checkpoint.split("\n"))
        elif self.checkpoint:
            self.screen.say(f"checkpoint: {checkpoint_of(self.checkpoint, short=False)}")

    def _take(self, file: JudgedFile) -> None:
        if not self._waiting:
            self._since = self.shell.elapsed_s()
        self._waiting.append(file)
        if len(self._waiting) >= BATCH or self.shell.elapsed_s() - self._since > BATCH_S:
            self._flush()

    def _flush(self) -> None:
        """Record what waits, then print it: never the other way round."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        places: Sequence[AppendedEntry | None] = [None] * len(waiting)
        if not self.question.is_dry_run:
            if self._kept_out is not None:
                raise self._kept_out
            places = self.session.append(
                [file.record for file in waiting],
                self.question,
                export_to=self.export_to,
                not_exported=self.printer.not_exported,
            )
        for file, place in zip(waiting, places, strict=True):
            if place is not None:
                self.printer.recorded(file.record.decision_id)
            self._print(file, place)
        self.printer.flush()
        self.screen.advance(len(waiting))

    def _print(self, file: JudgedFile, place: AppendedEntry | None) -> None:
        index, note = (place.index, place.checkpoint) if place is not None else (None, None)
        self.checkpoint = note
        for remark in file.notes:
            self.screen.say(f"engine: {remark}")
        code = exit_codes.OF_VERDICT[file.verdict]
        is_dry_pass = code == exit_codes.PASS and place is None
        self._codes.add(exit_codes.HOLD if is_dry_pass else code)
        self.summary.add(file.verdict, file.against)
        if file.rendered is not None:
            self.printer.add_rendered(file.rendered, index, note)
        elif file.pending is not None:
            pending = file.pending.decision
            decision = replace(pending, recorded=place is not None, index=index, checkpoint=note)
            self.printer.add(replace(file.pending, decision=decision, proof=self._proof(decision)))

    def _proof(self, decision: Decision) -> Inclusion | None:
        """Where the record stands in the ledger's tree, for the formats that show it."""
        if self.question.is_dry_run or not self.printer.proves:
            return None
        from engine.cli.decide.inclusion import inclusion_of

        return inclusion_of(decision, self.session.ledger)

    def _failed(self, names: Sequence[str], error: GovernanceError) -> None:
        """Print what is wrong with one input and go on; leave a record where that works."""
        from engine.cli.console.refusals import error_text

        self._flush()
        self._codes.add(error.exit_code)
        self.screen.say(*error_text(error).split("\n"))
        self.summary.failed(error)
        self.screen.advance(1)
        self.printer.failed(", ".join(names), error)
        if self._kept_out is not None:
            self.screen.say("engine: the failure is not recorded: the ledger is still held")
            return
        refused = self.session.record_failure(error, names, self.question, self.screen.say)
        self._kept_out = refused if isinstance(refused, LedgerBusyError) else None
