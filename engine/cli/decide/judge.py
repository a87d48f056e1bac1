"""One decision's files in, a verdict that nobody has seen yet out; or what stood against it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.cli.check_texts import report_on
from engine.cli.console.printer import Printer
from engine.cli.console.shell import Shell
from engine.cli.decide.summary import standing_against
from engine.errors import DocumentError, GovernanceError, OutputError, PolicyError, UsageError
from engine.evidence.documents import STANDARD_INPUT, Document, EvidenceFiles
from engine.evidence.input import Finder, Input, Question
from engine.formats.json_positions import escape
from engine.model import Decision, Verdict
from engine.report import Location, RenderedParts, Report
from engine.system.files import require_writable, write_whole

if TYPE_CHECKING:
    from engine.decision.judge import Judgement
    from engine.decision.record import StatementTemplate
    from engine.decision.request import DecisionRequest, Requested
    from engine.decision.session import Session
    from engine.evidence.budget_figures import BudgetFigures


class JudgedFile(NamedTuple):
    """A verdict, and what it takes to record and to print it; crosses from a worker process.

    Attributes:
        verdict: OPA's own word.
        against: Id and status of the blocking checks that stand against it.
        record: What recording it takes.
        rendered: Every format's text but for the place in the ledger, if all formats can.
        pending: The decision without its place, for formats that cannot.
        notes: What the caller should know of the evidence.
    """

    verdict: Verdict
    against: tuple[tuple[str, str], ...]
    record: StatementTemplate
    rendered: Sequence[RenderedParts] | None
    pending: Report | None
    notes: tuple[str, ...] = ()


class ReadEvidence(NamedTuple):
    """What the files of one decision say.

    Attributes:
        documents: The files.
        input: What the gate will be asked about.
    """

    documents: Sequence[Document]
    input: Input


@dataclass
class Judge:
    """Reads, validates and asks the gate. Sees neither ledger nor key.

    Attributes:
        args: The call.
        shell: The world around it.
        session: Asks the gate.
        question: Gate, profile, stage and instant.
        files: What the call names; read here.
        artifact_sha256: Digest of the artifact that was named; None if none was.
        printer: Knows what its formats need, and renders what it can without the ledger.
        few: Whether few files will follow, so that starting fast counts most.
        find: Finds a subject's attestations; None where the profile asks for none.
        figures: What the ledger itself knows of the metrics; None is nothing.
    """

    args: argparse.Namespace
    shell: Shell
    session: Session
    question: Question
    files: EvidenceFiles
    artifact_sha256: str | None
    printer: Printer
    few: bool
    find: Finder | None = None
    figures: BudgetFigures | None = None

    def prepare(self) -> None:
        """Load now what forks would load each for itself; afterwards all of them share it."""
        import orjson  # noqa: F401
        import wasmtime  # noqa: F401

        import engine.decision.request
        import engine.evidence.budget_figures
        import engine.ledger  # noqa: F401

    def open(self, *, expendable: bool = False) -> Judge:
        """Get what judging needs; in a worker process, after the fork.

        Args:
            expendable: Whether this process may be ended where the policy takes too long.
        """
        self.session.use(self.session.open_evaluator(few=self.few, expendable=expendable))
        return self

    def __call__(
        self, names: list[str], requested: Requested | None = None
    ) -> JudgedFile | GovernanceError:
        """Read and judge; ``requested`` where the request for it is recorded already."""
        evidence = self.read(names)
        if isinstance(evidence, ReadEvidence):
            return self.judge(evidence, requested)
        if requested is not None and requested.recorded:
            evidence.decision_id = requested.request.decision_id
        return evidence

    def read(self, names: list[str]) -> ReadEvidence | GovernanceError:
        """Read the files of one decision; nothing is asked yet."""
        try:
            documents = [self._read(name) for name in names]
            return ReadEvidence(documents, self._input(documents))
        except DocumentError as error:
            return error

    def to_request(self, evidence: ReadEvidence) -> DecisionRequest:
        """Return the request for a decision on what was read."""
        return self.session.to_request(evidence.input.subject, evidence.input)

    def judge(
        self, evidence: ReadEvidence, requested: Requested | None
    ) -> JudgedFile | GovernanceError:
        """Ask the gate about what was read."""
        try:
            judgement = self.session.judge(evidence.input, self.question, requested=requested)
            return self._judged_file(judgement, evidence.documents)
        except PolicyError as error:
            return error

    def _read(self, name: str) -> Document:
        return self.files.read(name, stdin=self.shell.stdin, max_bytes=self.session.max_bytes)

    def _input(self, documents: Sequence[Document]) -> Input:
        evidence = self.session.input_of(
            documents,
            self.question,
            self.figures,
            artifact_sha256=self.artifact_sha256,
            find=self.find,
        )
        if self.args.emit_input:
            _emit(Path(self.args.emit_input), evidence)
        return evidence

    def _judged_file(self, judgement: Judgement, documents: Sequence[Document]) -> JudgedFile:
        report = report_on(
            pending_decision(judgement),
            self.session.bundle,
            file=judgement.input.name,
            metrics=judgement.input.document["metrics"],
            locations=self._located(documents),
        )
        rendered = self.printer.rendered(report)
        name = judgement.input.name
        place = "" if name == STANDARD_INPUT or len(documents) > 1 else f"{name}: "
        against = standing_against(judgement.predicate["checks"])
        return JudgedFile(
            judgement.verdict,
            against,
            judgement.record,
            rendered,
            None if rendered else report,
            tuple(f"{place}{note}" for note in judgement.input.notes),
        )

    def _located(self, documents: Sequence[Document]) -> dict[str, Location]:
        """Where each metric stands, for the formats that show it."""
        places: dict[str, Location] = {}
        for document in documents if self.printer.locates else ():
            for name in document.value["metrics"]:
                at = document.position(f"/metrics/{escape(name)}")
                places[name] = Location(at.file, at.line, at.column)
            at = document.position("/metrics")
            places.setdefault("", Location(at.file, at.line, at.column))
        return places


def pending_decision(judgement: Judgement) -> Decision:
    """The decision without what is known once it is recorded: entry, checkpoint, signed bytes."""
    from engine.decision.record import decision_from

    return decision_from(judgement.predicate, judgement.input.subject, b"", None, None)


def emitted(folder: Path, evidence: str) -> Path:
    """Return the file that ``--emit-input`` writes for the evidence of that name."""
    name = "stdin" if evidence == "-" else evidence.lstrip("/").replace("/", "_")
    return folder / f"{name.rpartition('.')[0] or name}.json"


def require_emittable(folder: Path, targets: Iterable[Path]) -> None:
    """Make the folder of ``--emit-input``, and find out beforehand what cannot be written there.

    Args:
        folder: The folder.
        targets: Files below it; see :func:`emitted`.

    Raises:
        UsageError: It cannot be made, or one of the files cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"--emit-input {folder}: {reason}", "name a folder") from None
    for target in targets:
        require_writable(target)


def _emit(folder: Path, evidence: Input) -> None:
    """Write what OPA sees, under the evidence file's own name."""
    try:
        write_whole(emitted(folder, evidence.name), evidence.encoded)
    except OutputError as error:
        raise UsageError(f"--emit-input {error.message}") from None
