"""The one front door: whoever asks a gate does so in a :class:`Session`.

A session knows which policies are in use and who chose them, where decisions are recorded and
with whose key, and whose clock counts. It is the only maker of a
:class:`~engine.evidence.input.Question`, so that no door (command line, library, budget, watch,
attestation) can forget to name what weakens a run:

1. ``question`` names the relaxations of policies, ledger and limits. An instant that the caller
   chose makes it a dry run, which is never recorded.
2. ``input_of`` reads the evidence; the ledger's own figures of budgets count, not the caller's.
3. ``request`` records that a decision is asked for, where the profile wants that.
4. ``judge`` asks OPA, once the request is durable, and checks the answer.
5. ``record`` signs and appends; a decision is returned once it is durable.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.decision.policies_in_use import PoliciesInUse
from engine.decision.record_to import RecordTo
from engine.decision.runtime import Runtime, SystemRuntime
from engine.errors import (
    DocumentError,
    GovernanceError,
    NoKeyError,
    OutputError,
    PolicyError,
    UsageError,
)
from engine.evidence.input import Question
from engine.formats.json_text import MAX_BYTES
from engine.policy.bundle import shipped_schema
from engine.system.after_fork import free_in_child
from engine.system.closing import Closing
from engine.system.files import real_path

if TYPE_CHECKING:
    from engine.decision.attest import RecordedAttestation
    from engine.decision.judge import Extend, Judgement
    from engine.decision.proof_files import ProofFiles
    from engine.decision.record import StatementTemplate
    from engine.decision.request import DecisionRequest, Requested
    from engine.evidence.budget_figures import BudgetFigures
    from engine.evidence.documents import Document
    from engine.evidence.input import Finder, Input
    from engine.ledger import AppendedEntry, Ledger
    from engine.metrics.amounts import AmountLimits
    from engine.model import Decision, Json, Subject
    from engine.policy.evaluator import Evaluator
    from engine.proof.bundle import ProofBundle
    from engine.signers import Signer

OpenEvaluator = Callable[..., "Evaluator"]
"""``open_evaluator(bundle, few=…, expendable=…)``: see :mod:`engine.policy.evaluator`."""

EXPORT_AGAIN = "engine export ID -o FILE writes a proof again"
LOST = "a run: ledger stays in its proofs alone: decide again, with --export where there is room"


class Session(Closing):
    """Asks gates and records what they answer. Safe to use from several threads.

    Args:
        policies: The policies, and who chose them.
        open_evaluator: Opens OPA on them.
        record_to: Where decisions are recorded; None records none.
        runtime: Clock and chance.
        max_bytes: Largest metrics file that is read.
        daily: Daily budget that the settings give; None where they give none.
        dry_run: Whether nothing is recorded, wherever it could be.
    """

    def __init__(
        self,
        policies: PoliciesInUse,
        open_evaluator: OpenEvaluator,
        *,
        record_to: RecordTo | None,
        runtime: Runtime | None = None,
        max_bytes: int = MAX_BYTES,
        daily: AmountLimits | None = None,
        dry_run: bool = False,
    ) -> None:
        self.policies = policies
        self.bundle = policies.bundle
        self.record_to = record_to
        self.runtime = runtime or SystemRuntime()
        self.max_bytes = max_bytes
        self._daily, self._dry_run = daily, dry_run
        self._open_evaluator = open_evaluator
        self._evaluator: Evaluator | None = None
        self._process = os.getpid()
        self._opened: tuple[Ledger, Signer] | None = None
        self._own_key: bytes | None = None
        self._first_asked: datetime | None = None
        self._schema: Json = None
        self._opening = free_in_child(threading.RLock())
        self._asking = free_in_child(threading.Lock())
        self._proofs_of_run: set[Path] = set()

    @classmethod
    def over(
        cls,
        policies: PoliciesInUse,
        evaluator: Evaluator,
        ledger: Ledger | None = None,
        signer: Signer | None = None,
        *,
        runtime: Runtime | None = None,
    ) -> Session:
        """Return a session on what is open already; closing the session closes that too."""
        session = cls(policies, lambda *_, **__: evaluator, record_to=None, runtime=runtime)
        session._evaluator = evaluator
        if ledger is not None and signer is not None:
            session._opened = (ledger, signer)
        return session

    def close(self) -> None:
        """Close what was opened."""
        with self._opening:
            evaluator, self._evaluator = self._own_evaluator(), None
            opened, self._opened = self._opened, None
        try:
            if opened is not None:
                opened[0].close()
        finally:
            if evaluator is not None:
                evaluator.close()

    # -- asking -------------------------------------------------------------------------

    def relaxations(self, now: datetime) -> tuple[str, ...]:
        """Return every option that weakens what is asked here at an instant, sorted. INV-RELAX-1.

        Raises:
            KeyFileError: An approval is to be held against the key that signs, which is not fit.
        """
        named = [*self.policies.relaxations(now, self._key_beside_approvals())]
        if self.record_to is not None:
            named += self.record_to.relaxations
        if self.max_bytes > MAX_BYTES:
            named.append("input_limit_raised")
        return tuple(sorted(named))

    def not_approved(self) -> list[str]:
        """Return why no approval of the policies counts now; nothing where one does, or none is
        asked for."""
        return self.policies.not_approved(self.runtime.now(), self._key_beside_approvals())

    def _key_beside_approvals(self) -> bytes | None:
        """The own key, where there are approvals that could be its own."""
        return None if self.policies.approvals is None else self.own_key

    @property
    def own_key(self) -> bytes | None:
        """The key that will sign a decision, 32 raw bytes; None where there is none yet."""
        if self._own_key is None:
            with self._opening:
                if self._opened is not None:
                    self._own_key = self._opened[1].public_key
                elif self.record_to is not None:
                    with suppress(NoKeyError):
                        self._own_key = self.record_to.open_signer().public_key
        return self._own_key

    def question(
        self,
        gate: str,
        profile: str,
        stage: str,
        *,
        now: datetime | None = None,
        as_of: datetime | None = None,
    ) -> Question:
        """Return what is asked.

        Args:
            gate: Gate of the policies.
            profile: Table of limits.
            stage: ``candidate`` or ``production``.
            now: This moment, where it was read from the session's clock already.
            as_of: An instant that the caller chose: makes a dry run of it.

        Raises:
            UsageError: No such gate, profile or stage.
            LedgerError: The session's ledger was opened in another process.
        """
        if self._opened is not None:
            self._opened[0].require_own_process()
        name = self.bundle.gate(gate).name
        self.bundle.profile(profile)
        moment = (as_of or now or self.runtime.now()).astimezone(UTC).replace(microsecond=0)
        is_dry_run = self._dry_run or as_of is not None
        if self._opened is None and as_of is None:
            with self._opening:  # a ledger that is made for it is no younger
                self._first_asked = min(moment, self._first_asked or moment)
        return Question(name, profile, stage, moment, self.relaxations(moment), is_dry_run)

    def open_evaluator(self, *, few: bool = False, expendable: bool = False) -> Evaluator:
        """Return an evaluator that the caller closes; in a worker process, after the fork."""
        return self._open_evaluator(self.bundle, few=few, expendable=expendable)

    @property
    def evaluator(self) -> Evaluator:
        """The session's own evaluator, opened when it is asked for first."""
        with self._opening:
            if (evaluator := self._own_evaluator()) is None:
                evaluator = self.open_evaluator(few=True)
                self.use(evaluator)
            return evaluator

    def _own_evaluator(self) -> Evaluator | None:
        """None after a fork, too: a thread of the parent may have been in the midst of it."""
        return self._evaluator if self._process == os.getpid() else None

    def use(self, evaluator: Evaluator) -> None:
        """Take ``evaluator`` as the session's own, and close it with the session."""
        self._evaluator, self._process = evaluator, os.getpid()

    @property
    def schema(self) -> Json:
        """``metrics.schema.json``."""
        if self._schema is None:
            self._schema = shipped_schema("metrics.schema.json")
        return self._schema

    def figures(self, question: Question) -> BudgetFigures | None:
        """Return what the ledger itself knows of the metrics of ``question``; None is nothing."""
        from engine.evidence.input import BUDGET, DAY, reads_budgets

        target = self.record_to
        if target is None or not reads_budgets(self.bundle, question.gate):
            return None
        if target.is_ephemeral:
            from engine.evidence.budget_figures import BudgetFigures

            return BudgetFigures({}, is_ephemeral=True)
        with self.reading() as ledger:
            if ledger is None or ledger.state().get(BUDGET, DAY) is None:
                return None
            from engine.evidence.budget_figures import figures, limits_of

            limits = limits_of(self.bundle.data.get("budgets", ()), self._daily)
            return figures(ledger.state(), ledger.id, limits, question.now)

    @contextmanager
    def reading(self) -> Iterator[Ledger | None]:
        """Yield the ledger, if there is one; opened for this purpose where it is not open yet."""
        if self._opened is not None:
            yield self._opened[0]
        elif self.record_to is None or not self.record_to.exists():
            yield None
        else:
            ledger = self.record_to.open_to_read()
            try:
                yield ledger
            finally:
                ledger.close()

    def input_of(
        self,
        documents: Sequence[Document],
        question: Question,
        figures: BudgetFigures | None,
        *,
        artifact_sha256: str | None = None,
        find: Finder | None = None,
    ) -> Input:
        """Return the Input that ``documents`` of one subject make.

        Args:
            documents: One, or several whose metrics are merged.
            question: From :meth:`question`.
            figures: From :meth:`figures`; many inputs may share them.
            artifact_sha256: Digest computed from the artifact itself, if it was given.
            find: Finds the subject's attestations; None where nothing asks for any.

        Raises:
            DocumentError: A document is refused; see :func:`engine.evidence.input.gather`.
        """
        from engine.evidence.documents import require_small
        from engine.evidence.input import gather

        for document in documents:
            require_small(document.name, document.data, self.max_bytes)
        return gather(
            documents,
            question,
            self.bundle,
            self.schema,
            artifact_sha256=artifact_sha256,
            find=find,
            put_figures=None if figures is None else figures.put_into,
        )

    def input_of_metrics(
        self, name: str, subject: Subject, metrics: dict[str, Json], question: Question
    ) -> Input:
        """Return the Input for metrics in long form that the engine itself measured."""
        from engine.evidence.input import assemble

        return assemble(name, subject, metrics, question, self.bundle)

    def records_requests(self, question: Question) -> bool:
        """Whether a decision on ``question`` is recorded as requested before the gate is asked.

        A ledger of this run is gone with the run, and would show nothing.
        """
        if question.is_dry_run or not self.bundle.profile(question.profile).get("record_requests"):
            return False
        target = self.record_to
        return self._opened is not None if target is None else not target.is_ephemeral

    def to_request(
        self, subject: Subject, evidence: Input | None, *, decision_id: str | None = None
    ) -> DecisionRequest:
        """Return the request for a decision, for :meth:`request`.

        Args:
            subject: What will be decided on.
            evidence: The Input; None where it is only known inside the transaction that decides,
                and where no request is recorded.
            decision_id: UUIDv7; made here if left out.
        """
        from engine.decision.judge import uuid7
        from engine.decision.request import DecisionRequest
        from engine.proof.input_document import salted_digest

        runtime = self.runtime
        decision_id = decision_id or uuid7(runtime.milliseconds(), runtime.random)
        salt = runtime.random(32)
        digest = None if evidence is None else salted_digest(salt, evidence.encoded)
        return DecisionRequest(decision_id, salt, subject, digest)

    def request(self, requests: Sequence[DecisionRequest], question: Question) -> list[Requested]:
        """Record that decisions are asked for, where the profile wants it. INV-LEDGER-7.

        In one commit, durable when this returns. Not to be called inside a transaction.

        Raises:
            LedgerError: Nothing was recorded, and nothing may be asked.
            CommitError: What was appended may or may not be recorded.
        """
        from engine.decision.request import Requested, draft_of_request

        records = self.records_requests(question)
        if records:
            ledger, signer = self._recorder()
            ledger.append([draft_of_request(r, question, self.bundle, signer) for r in requests])
        return [Requested(request, records) for request in requests]

    def judge(
        self,
        asked_about: Input,
        question: Question,
        *,
        requested: Requested | None = None,
        extend: Extend | None = None,
    ) -> Judgement:
        """Ask the gate; see :func:`engine.decision.judge.judge`.

        Args:
            asked_about: The Input.
            question: What it was gathered for.
            requested: From :meth:`request`; None requests it here. Inside a transaction it has
                to be given.
            extend: See :func:`engine.decision.judge.judge`.

        Raises:
            PolicyError: The gate could not decide, or the Input is not what was requested.
            LedgerError, CommitError: See :meth:`request`; the gate was not asked.
        """
        from engine.decision.judge import judge
        from engine.decision.request import require_same_input

        given = requested is not None
        if requested is None:
            evidence = asked_about if self.records_requests(question) else None
            to_request = self.to_request(asked_about.subject, evidence)
            (requested,) = self.request([to_request], question)
        request = requested.request
        with self._asking, self.answering(requested):
            if given:
                require_same_input(request, asked_about)
            return judge(
                asked_about,
                question,
                self.bundle,
                self.evaluator,
                decision_id=request.decision_id,
                salt=request.salt,
                changes=self.policies.changes(question.profile),
                approvals=self.policies.approved(question.now, self._key_beside_approvals()),
                extend=extend,
            )

    @contextmanager
    def answering(self, requested: Requested) -> Iterator[None]:
        """Let what fails inside the ``with`` be recorded as the answer to a request."""
        try:
            yield
        except GovernanceError as error:
            if requested.recorded:
                error.decision_id = requested.request.decision_id
            raise

    # -- recording ----------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """The ledger, open for writing; made on first use where the session may make it."""
        return self._recorder()[0]

    @property
    def lasting_ledger(self) -> Ledger:
        """The ledger, for what has to outlive this run: refused where it is one of this run."""
        if self.record_to is not None:
            self.record_to.require_kept(exports=False)
        return self.ledger

    @property
    def signer(self) -> Signer:
        """The key that signs."""
        return self._recorder()[1]

    def open(self) -> None:
        """Open what answers and records now, and not when the first decision needs it."""
        self._recorder()

    def _recorder(self) -> tuple[Ledger, Signer]:
        with self._opening:
            if self._opened is None:
                if self.record_to is None:
                    raise UsageError("nothing is recorded here", "give a ledger and a key")
                self._opened = self.record_to.open(self.runtime, no_later_than=self._first_asked)
            return self._opened

    def proof_files(
        self, target: Path | None, question: Question, *, several: bool = False
    ) -> ProofFiles | None:
        """Return where proofs will be written, found out before anything is decided.

        Args:
            target: A file, or the folder for several; None writes no proof.
            question: What will be asked.
            several: Whether ``target`` is a folder.

        Raises:
            UsageError: It cannot be written, there will be no proof, or nothing of the record
                would stay.
        """
        if target is None:
            if self.record_to is not None and not question.is_dry_run:
                self.record_to.require_kept(exports=False)
            return None
        if question.is_dry_run:
            raise UsageError(
                "a dry run has no proof to export",
                "leave out --dry-run or --export (from Python: now or export)",
            )
        if self.record_to is None:
            raise UsageError("what is not recorded has no proof", "give a ledger and a key")
        self.require_outputs([target])
        from engine.decision.proof_files import ProofFiles

        if not several:
            self._require_free(target)
        return ProofFiles(target, several=several)

    def _require_free(self, target: Path) -> None:
        if real_path(target) in self._proofs_of_run:
            raise UsageError(
                f"{target}: holds the proof of an earlier decision, which is kept nowhere else",
                "with a run: ledger, name another file for each decision, or a folder",
            )

    def append(
        self,
        templates: Sequence[StatementTemplate],
        question: Question,
        *,
        export_to: ProofFiles | None,
        not_exported: Callable[[OutputError], None] | None = None,
    ) -> list[AppendedEntry]:
        """Sign and append judgements; every one is durable when this returns.

        Args:
            templates: What recording each takes, in the order of the entries.
            question: What was asked.
            export_to: Where their proofs are written, as :meth:`proof_files` gives it.
            not_exported: Gets the error of a proof that could not be written; None raises it.

        Raises:
            UsageError: ``question`` is a dry run, or nothing of the record would stay.
            LedgerError: Nothing was recorded.
            CommitError: What was appended may or may not be recorded.
            OutputError: All is recorded, and a proof could not be written; names the decision.
        """
        from engine.decision.record import append

        ids = [template.decision_id for template in templates]
        self._require_recordable(question, export_to, ids)
        entries = append(templates, *self._recorder(), self.bundle)
        self._export(export_to, ids, not_exported)
        return entries

    def _export(
        self,
        export_to: ProofFiles | None,
        ids: Sequence[str],
        not_exported: Callable[[OutputError], None] | None = None,
    ) -> None:
        if export_to is None:
            return
        lost: OutputError | None = None
        for decision_id in ids:
            try:
                export_to.write(decision_id, self.proof(decision_id).encode())
            except OutputError as error:
                if self.record_to is not None and self.record_to.is_ephemeral:
                    lost = lost or OutputError(
                        f"decided as {decision_id}, which is not recorded: {error.message}", LOST
                    )
                elif not_exported is None:
                    message = f"recorded as {decision_id}; {error.message}"
                    raise OutputError(message, EXPORT_AGAIN) from None
                else:
                    not_exported(error)
        if lost is not None:
            raise lost

    def conclude(self, judgement: Judgement, *, export_to: ProofFiles | None = None) -> Decision:
        """Return the decision: recorded, or that of a dry run, which says so.

        Raises:
            UsageError, LedgerError, CommitError: See :meth:`append`.
        """
        from engine.decision.record import dry_run_decision, recorded_decision

        predicate, subject = judgement.predicate, judgement.input.subject
        if self.record_to is None or judgement.question.is_dry_run:
            return dry_run_decision(predicate, subject, judgement.record)
        (entry,) = self.append([judgement.record], judgement.question, export_to=export_to)
        return recorded_decision(predicate, subject, entry)

    @contextmanager
    def attempt(
        self,
        names: Sequence[str],
        question: Question,
        say: Callable[[str], None] | None = None,
    ) -> Iterator[None]:
        """Leave a record of what fails inside the ``with``: evidence or gate. INV-INPUT-5.

        Args:
            names: What is to be decided on, as the caller named it.
            question: What is asked.
            say: Gets a line where that cannot be recorded; else it becomes a note of the error.
        """
        try:
            yield
        except (DocumentError, PolicyError) as error:
            self.record_failure(error, names, question, say or error.add_note)
            raise

    def record_failure(
        self,
        error: GovernanceError,
        names: Sequence[str],
        question: Question,
        say: Callable[[str], None],
    ) -> GovernanceError | None:
        """Append that a decision was asked for and could not be made; see :meth:`attempt`.

        Returns:
            Why that is not recorded; None where it is, or where nothing is to be.
        """
        if question.is_dry_run or (self.record_to is None and self._opened is None):
            return None
        from engine.decision.failures import members_of
        from engine.decision.judge import uuid7
        from engine.decision.record import record_failure

        attempt_id = error.decision_id or uuid7(self.runtime.milliseconds(), self.runtime.random)
        try:
            record_failure(
                error,
                names,
                question,
                *self._recorder(),
                attempt_id=attempt_id,
                known={*self.bundle.catalogue(), *members_of(self.schema)},
            )
        except GovernanceError as second:
            say(f"engine: the failure is not recorded: {second.message}")
            return second
        return None

    def attest(
        self, judgement: Judgement, ttl_s: int, *, export_to: ProofFiles | None = None
    ) -> RecordedAttestation:
        """Sign and append what a gate answered, for decisions to rest on.

        Args:
            judgement: The gate's answer on a subject with a digest.
            ttl_s: Seconds for which it lasts, as :func:`engine.decision.attest.ttl_of` gives them.
            export_to: Where its proof is written, as :meth:`proof_files` gives it.

        Raises:
            UsageError, LedgerError, CommitError: See :func:`engine.decision.attest.attest`.
        """
        from engine.decision.attest import attest

        ids = [judgement.decision_id]
        self._require_recordable(judgement.question, export_to, ids)
        recorded = attest(judgement, ttl_s, *self._recorder(), self.bundle)
        self._export(export_to, ids)
        return recorded

    def require_outputs(self, targets: Sequence[Path], inputs: Iterable[str | Path] = ()) -> None:
        """Refuse, before anything is decided, an output that would take the place of something.

        Args:
            targets: Files that will be written.
            inputs: Files that are read.

        Raises:
            UsageError: One is one of the inputs, another output, or a part of the ledger or of
                the policies in use.
        """
        from engine.policy.sources import require_outside
        from engine.system.files import require_apart

        require_apart(targets, inputs)
        require_outside(targets, self.policies.folder)
        if self.record_to is not None:
            self.record_to.require_apart(targets)

    def proof(self, decision_id: str) -> ProofBundle:
        """Return the proof of a recorded decision or attestation."""
        from engine.decision.export import export

        return export(self.ledger, decision_id)

    def _require_recordable(
        self, question: Question, export_to: ProofFiles | None, ids: Sequence[str]
    ) -> None:
        if question.is_dry_run:
            raise UsageError(
                "a dry run is not recorded, nor is an instant that the caller chose",
                "leave out --dry-run and --now: the time is read here",
            )
        target = self.record_to
        if target is None:
            return
        target.require_kept(exports=export_to is not None)
        if target.is_ephemeral and export_to is not None:
            with self._opening:
                for file in map(export_to.file_of, ids):
                    self._require_free(file)
                    self._proofs_of_run.add(real_path(file))
