"""The controller: one measurement of a watched subject, and what follows, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from engine.decision.attest import newest
from engine.decision.judge import Judgement, uuid7
from engine.decision.record import draft_of, policy_blob
from engine.decision.request import Requested
from engine.decision.session import Session
from engine.errors import NotRecordedError, PolicyError, VerificationError
from engine.evidence.input import Question
from engine.formats import canonical
from engine.formats.times import write_time
from engine.ledger import EntryDraft, subject_key
from engine.ledger.entries import State
from engine.lifecycle import holds, lapse, machine, outbox, undecided
from engine.lifecycle.admission import Admission, admission, blocking_rules
from engine.lifecycle.contract import (
    ACTIONS,
    GATE,
    CycleResult,
    Effect,
    Phase,
    Promotion,
    Reading,
    SweepResult,
    WatchedSubject,
)
from engine.lifecycle.entries import entry, failed, intent
from engine.lifecycle.machine import Due, LifecycleState
from engine.model import ATTESTATION_TYPES, Json, Stage, Subject
from engine.proof.attestation import at_instant
from engine.proof.attestation_rules import lasts_until

KIND = "lifecycle"


@dataclass(frozen=True, slots=True)
class _Findings:
    """What one look came to, before anything is done about it."""

    life: LifecycleState
    reading: Reading
    decision: str
    verdict: str | None
    due: Due
    draft: EntryDraft
    failure: str | None


class Controller:
    """Implements :class:`engine.lifecycle.contract.Lifecycles`.

    Args:
        session: Asks gate ``lifecycle`` and signs; entries, state and outbox are kept in its
            ledger, and nowhere else.
        keys: Raw public keys that may have signed what a promotion rests on; None is the
            signer's own.

    Raises:
        UsageError: The policies have no gate ``lifecycle``.
    """

    def __init__(self, session: Session, *, keys: Sequence[bytes] | None = None) -> None:
        session.bundle.gate(GATE)
        self._session = session
        self._ledger, self._signer = session.lasting_ledger, session.signer
        self._bundle = session.bundle
        self._keys = tuple(keys) if keys is not None else (self._signer.public_key,)

    def phase(self, watched: WatchedSubject) -> Phase:
        """Return where a subject is now."""
        return self.life(watched).phase

    def life(self, watched: WatchedSubject) -> LifecycleState:
        """Return everything that is remembered of a subject."""
        return machine.decode(self._ledger.state().get(KIND, key_of(watched)))

    # -- promoting ----------------------------------------------------------------------

    def promote(self, watched: WatchedSubject, now: datetime) -> Promotion:
        """See :meth:`engine.lifecycle.contract.Lifecycles.promote`."""
        answer: list[Admission] = []

        def work(state: State) -> Sequence[EntryDraft]:
            life = machine.at(_life(state, watched), now)
            found = admission(self._ledger, watched, life, now, self._bundle, self._keys)
            answer.append(found)
            if found.refusals or found.decision is None:
                return []
            after = machine.promoted(life, found.decision, found.attested_until, found.attestation)
            state.put(KIND, key_of(watched), machine.encode(after))
            reason = {"cause": watched.gate, "decision": found.decision}
            outbox.put(state, [intent("promote", watched, now, **reason)])
            until: Json = found.attested_until
            return [
                entry("promote", watched, now, signer=self._signer, attested_until=until, **reason)
            ]

        appended = self._ledger.transact(work)
        found = answer[-1]
        if not appended:
            return Promotion(False, found.decision, found.refusals)
        return Promotion(True, found.decision, (), appended[0].index)

    # -- watching -----------------------------------------------------------------------

    def step(
        self, watched: WatchedSubject, metrics: Mapping[str, Json], now: datetime, ms: int
    ) -> CycleResult:
        """See :meth:`engine.lifecycle.contract.Lifecycles.step`."""
        if self.phase(watched) is Phase.CANDIDATE:
            return _nothing_to_watch()
        requested = self._request(watched, now, ms)
        cycles: list[CycleResult] = []

        def work(state: State) -> Sequence[EntryDraft]:
            before = _life(state, watched)
            if before.phase is Phase.CANDIDATE:
                cycles.append(_nothing_to_watch())
                return []
            life = lapse.start_lapse_clock(machine.at(before, now))
            life = self._refresh_attestation(life, watched, now)
            findings = self._look(life, watched, metrics, now, requested)
            after, drafts, effects = self._follow_up(findings, watched, now)
            state.put(KIND, key_of(watched), machine.encode(after))
            outbox.put(state, effects)
            actions = tuple(action for action, _ in drafts)
            cycles.append(
                CycleResult(
                    before.phase,
                    after.phase,
                    findings.reading,
                    findings.decision,
                    findings.verdict,
                    actions,
                    (),
                    findings.failure,
                )
            )
            return [findings.draft, *(draft for _, draft in drafts)]

        appended = self._ledger.transact(work)
        return replace(cycles[-1], entries=tuple(entry.index for entry in appended))

    def _request(self, watched: WatchedSubject, now: datetime, ms: int) -> Requested:
        """Let it be recorded that the gate will be asked, before the transaction that does so.

        The Input is only known in there: its clocks are the ledger's.
        """
        decision = uuid7(ms, self._session.runtime.random)
        to_request = self._session.to_request(_subject(watched), None, decision_id=decision)
        (requested,) = self._session.request([to_request], self._question(watched, now))
        return requested

    def _question(self, watched: WatchedSubject, now: datetime) -> Question:
        return self._session.question(GATE, watched.profile, Stage.PRODUCTION, now=now)

    def _look(
        self,
        life: LifecycleState,
        watched: WatchedSubject,
        metrics: Mapping[str, Json],
        now: datetime,
        requested: Requested,
    ) -> _Findings:
        """Ask the gate: first what the measurements say, then, with the clocks, what is due."""
        decision = requested.request.decision_id
        try:
            measured = self._judgement_of(watched, metrics, {}, now, requested)
            checks = measured.predicate["checks"]
            reading = machine.reading_of(checks)
            life = machine.measured(life, reading, lagging=machine.is_lagging(checks))
            times = machine.times(life, reading)
            judgement = self._judgement_of(watched, metrics, times, now, requested)
        except PolicyError as error:
            return self._undecided(error, life, watched, now, decision)
        due = {(task["id"], task["check"]) for task in judgement.predicate["obligations"]}
        draft = draft_of(judgement.record, self._signer, policy_blob(self._bundle))
        return _Findings(life, reading, decision, str(judgement.verdict), due, draft, None)

    def _undecided(
        self,
        error: PolicyError,
        life: LifecycleState,
        watched: WatchedSubject,
        now: datetime,
        decision: str,
    ) -> _Findings:
        """The gate could not decide: nothing was measured, and the clocks go on."""
        life = machine.measured(life, Reading.NONE, lagging=True)
        rows = self._bundle.profile(watched.profile)["checks"]
        due = undecided.due(machine.times(life, Reading.NONE), rows)
        draft = failed(error, watched, now, decision, due, self._signer)
        return _Findings(life, Reading.NONE, decision, None, due, draft, error.message)

    def _judgement_of(
        self,
        watched: WatchedSubject,
        metrics: Mapping[str, Json],
        times: Mapping[str, int | bool],
        now: datetime,
        requested: Requested,
    ) -> Judgement:
        """The gate's answer on ``metrics`` and clocks, checked as every answer is; not recorded."""
        question = self._question(watched, now)
        given = {
            name: metric for name, metric in metrics.items() if not name.startswith("lifecycle.")
        }
        clocks = {name: _counted(value, now) for name, value in times.items()}
        given |= clocks
        evidence = self._session.input_of_metrics(watched.name, _subject(watched), given, question)
        return self._session.judge(evidence, question, requested=requested)

    def _follow_up(
        self, findings: _Findings, watched: WatchedSubject, now: datetime
    ) -> tuple[LifecycleState, list[tuple[str, EntryDraft]], list[Effect]]:
        """Do what is due, in order: each an entry, and an effect where it reaches out."""
        life, causes = findings.life, _causes(findings.due)
        actions = machine.plan(life, findings.due)
        drafts, effects = [], []
        if lapse.pages_lapse(life, findings.due):
            life = lapse.lapse_paged(life)
            if "page" not in actions:
                actions = ["lapse", *actions]
        for action in actions:
            cause = causes.get(action) or causes.get("rollback") or ""
            reason = {"cause": cause, "decision": findings.decision}
            if action == "lapse":
                action, reason["cause"] = "page", lapse.UNATTESTED_CHECK  # noqa: PLW2901
            else:
                life = machine.acted(life, action, now)
            drafts.append((action, entry(action, watched, now, signer=self._signer, **reason)))
            if action in ACTIONS:
                effects.append(intent(action, watched, now, **reason))
        return life, drafts, effects

    # -- attestations and HOLDs ---------------------------------------------------------

    def _refresh_attestation(
        self, life: LifecycleState, watched: WatchedSubject, now: datetime
    ) -> LifecycleState:
        """Take in a newer attestation of what is in production on one. LIVE-ETHICS-1."""
        if not life.in_production or life.attested_until is None:
            return life
        about = subject_key({"digest": {"sha256": watched.sha256}})
        for gate in ATTESTATION_TYPES:
            index = self._ledger.newest(about, gate)
            if index is not None and index > (life.attestation or 0):
                life = self._apply_newest_attestation(life, watched, gate, index, now)
        return lapse.start_lapse_clock(life)

    def _apply_newest_attestation(
        self, life: LifecycleState, watched: WatchedSubject, gate: str, index: int, now: datetime
    ) -> LifecycleState:
        """Apply a newer attestation; one that is not genuine counts for nothing."""
        try:
            attestation = newest(self._ledger, gate, watched.sha256)
        except NotRecordedError:  # no checkpoint covers it yet: a later cycle applies it
            return life
        except VerificationError:
            attestation = None
        if attestation is None:
            return lapse.apply_attestation(life, index, None, write_time(now))
        facts = attestation.facts(own=attestation.public_key == self._signer.public_key)
        instant = max(now, datetime.fromtimestamp(life.seen, UTC))
        until = lasts_until(
            blocking_rules(watched, self._bundle),
            [at_instant(facts, instant, self._bundle.data.get("trust"))],
            watched.sha256,
            self._bundle.profile(watched.profile)["relaxations_allowed"],
        )
        return lapse.apply_attestation(life, index, until, attestation.predicate["issued_at"])

    def sweep(self, now: datetime, most: int = 256) -> SweepResult:
        """See :meth:`engine.lifecycle.contract.Lifecycles.sweep`."""
        return holds.sweep(self._ledger, self._signer, self._bundle, now, most)


def key_of(watched: WatchedSubject) -> str:
    """Return the key under which the state of a watched subject is kept."""
    return sha256(canonical.encode(asdict(watched))).hexdigest()


def _nothing_to_watch() -> CycleResult:
    return CycleResult(Phase.CANDIDATE, Phase.CANDIDATE, None, None, None, (), ())


def _subject(watched: WatchedSubject) -> Subject:
    return Subject(watched.name, watched.version, watched.sha256)


def _life(state: State, watched: WatchedSubject) -> LifecycleState:
    return machine.decode(state.get(KIND, key_of(watched)))


def _causes(due: Due) -> dict[str, str]:
    """The check that asks for each action; of several, the first by name."""
    return dict(sorted(due, reverse=True))


def _counted(value: int | bool, now: datetime) -> dict[str, Json]:
    """A clock as a metric in long form, observed now."""
    return {"value": value, "status": "ok", "observed_at": write_time(now), "age_s": 0}
