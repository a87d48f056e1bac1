"""Known-bad evidence and weakened policies against the policies in use: nothing may get through.

What is good is read off the catalogue and the limits, and everything bad is one step away from
it. Each document takes the way of every decision: strict parse, catalogue, OPA, judge. OPA is
not needed, and the result is the same at every run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.decision.judge import Judgement, judge
from engine.decision.policies_in_use import PoliciesInUse
from engine.decision.session import Session
from engine.errors import GovernanceError, PolicyError
from engine.evidence.documents import parse
from engine.evidence.input import Input, Question, gather
from engine.formats import canonical
from engine.model import Json, Verdict
from engine.policy.bundle import PolicyBundle
from engine.policy.evaluator import Evaluator
from engine.selftest.bad_evidence import (
    BadDocument,
    Constraint,
    PassingEvidence,
    bad_documents,
    bad_texts,
    only_past,
    sound_evidence,
)
from engine.selftest.bad_policies import WeakenedProfile, broken, weakened, with_profiles

OPEN = (Verdict.PROMOTE, Verdict.ALLOW)
_ID = "00000000-0000-7000-8000-000000000000"
_SALT = bytes(32)
Opener = Callable[[PolicyBundle], Evaluator]


@dataclass(frozen=True, slots=True)
class SelftestFinding:
    """Something that a gate let through, or that went unnoticed.

    Attributes:
        check: Check that it is about; empty where it is about the whole document.
        what: The document or the weakening, in words.
    """

    check: str
    what: str


@dataclass(slots=True)
class SelftestResult:
    """What a selftest of one gate under one profile showed.

    Attributes:
        gate: Gate that was asked.
        profile: Table of limits.
        never: Why sound evidence does not get through either; empty when it does.
        documents: Number of known-bad documents.
        policies: Number of broken or weakened policies.
        let_through: Bad documents and broken policies that got PROMOTE or ALLOW.
        unnoticed: Weakenings that no known-bad document shows.
        toothless: Checks that no value the catalogue allows can fail.
    """

    gate: str
    profile: str
    never: str = ""
    documents: int = 0
    policies: int = 0
    let_through: list[SelftestFinding] = field(default_factory=list)
    unnoticed: list[SelftestFinding] = field(default_factory=list)
    toothless: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing got through, and every weakening was noticed."""
        return not self.let_through and not self.unnoticed


def selftest(
    gate: str,
    profile: str,
    now: datetime,
    bundle: PolicyBundle,
    open_evaluator: Opener,
    schema: Json,
) -> SelftestResult:
    """Hold one gate under one profile against everything that it must not let through.

    Args:
        gate: Gate of ``bundle``.
        profile: Profile of ``bundle``.
        now: Instant of every decision.
        bundle: The policies in use.
        open_evaluator: Opens OPA on a bundle; it is closed here.
        schema: ``metrics.schema.json``.

    Raises:
        UsageError, ConfigError: No such gate or profile.
        PolicyError: The gate does not answer sound evidence at all.
    """
    outcome = SelftestResult(gate, profile)
    with closing(open_evaluator(bundle)) as evaluator:
        session = Session.over(PoliciesInUse(bundle), evaluator)
        question = session.question(gate, profile, "candidate", now=now)
        court = _Court(question, bundle, evaluator, schema)
        sound = _sound(court, outcome)
        _try_documents(court, sound, outcome)
    _try_policies(court, sound, outcome, open_evaluator)
    return outcome


@dataclass(frozen=True, slots=True)
class _Court:
    """Takes documents to a verdict, the way of every decision."""

    question: Question
    bundle: PolicyBundle
    evaluator: Evaluator
    schema: Json

    def gathered(self, text: bytes, attestations: Json = None) -> Input:
        document = parse("selftest.json", text)
        asked = gather([document], self.question, self.bundle, self.schema)
        return self.changed(asked, {"attestations": attestations or []})

    def changed(self, asked: Input, members: Mapping[str, Json]) -> Input:
        document = {**asked.document, **members}
        return replace(asked, document=document, encoded=canonical.encode(document))

    def judged(self, asked: Input) -> Judgement:
        return judge(asked, self.question, self.bundle, self.evaluator, decision_id=_ID, salt=_SALT)

    def lets_through(self, bad: BadDocument) -> bool:
        """Whether ``bad`` gets PROMOTE or ALLOW; refused or undecided is closed."""
        try:
            return self.judged(self.asked(bad)).verdict in OPEN
        except GovernanceError:
            return False

    def asked(self, bad: BadDocument) -> Input:
        asked = self.gathered(bad.text, bad.attestations)
        return self.changed(asked, bad.members(asked.document)) if bad.members else asked

    def status(self, asked: Input, check_id: str) -> Json:
        checks = self.judged(asked).predicate["checks"]
        return next(check["status"] for check in checks if check["id"] == check_id)


def _sound(court: _Court, outcome: SelftestResult) -> PassingEvidence:
    """Evidence on which every check of the gate passes, if there is any."""
    nothing = json.dumps(
        {
            "subject": {"name": "selftest", "digest": {"sha256": "5e" * 32}},
            "observed_at": "2000-01-01T00:00:00Z",
            "metrics": {"x.nothing": 0},
        }
    ).encode()
    answered = court.judged(court.gathered(nothing)).predicate["checks"]
    catalogue = court.bundle.catalogue()
    constraints = [
        Constraint.of(check, catalogue[check["metric"]])
        for check in answered
        if check["severity"] != "off"
    ]
    sound = sound_evidence(constraints, court.question.now)
    if sound.impossible:
        outcome.never = sound.impossible
        return sound
    judgement = court.judged(court.gathered(sound.text(), sound.attestations))
    if judgement.verdict in OPEN:
        return sound
    outcome.never = judgement.predicate["reason"]
    against = {
        check["id"]
        for check in judgement.predicate["checks"]
        if check["severity"] == "block" and check["status"] in ("fail", "insufficient")
    }
    # A rule that fails what the catalogue calls good may well pass what it calls bad.
    reversed_ = [
        constraint.by_operator() if constraint.id in against else constraint
        for constraint in constraints
    ]
    other = sound_evidence(reversed_, court.question.now)
    if against and not other.impossible:
        odd = court.judged(court.gathered(other.text(), other.attestations))
        if odd.verdict in OPEN:
            outcome.let_through += [
                SelftestFinding(check, "past the limit, by the direction that the catalogue gives")
                for check in sorted(against)
            ]
    return sound


def _try_documents(court: _Court, sound: PassingEvidence, outcome: SelftestResult) -> None:
    if outcome.never:
        return
    for constraint in sound.blocking:
        found = list(bad_documents(constraint, sound))
        if constraint.can_fail and not any(bad.is_past for bad in found):
            outcome.toothless.append(constraint.id)
        for bad in found:
            outcome.documents += 1
            if court.lets_through(bad):
                outcome.let_through.append(SelftestFinding(constraint.id, bad.what))
    for bad in _whole_documents(court, sound):
        outcome.documents += 1
        if court.lets_through(bad):
            outcome.let_through.append(SelftestFinding("", bad.what))
    for name in ("dry_run", "ephemeral_ledger", "policies_overridden"):
        if name in court.bundle.profile(court.question.profile)["relaxations_allowed"]:
            continue
        outcome.documents += 1
        weak = replace(court, question=replace(court.question, relaxations=(name,)))
        if weak.lets_through(BadDocument("", sound.text(), sound.attestations)):
            outcome.let_through.append(
                SelftestFinding("", f"relaxation {name}, which is not tolerated")
            )


def _whole_documents(court: _Court, sound: PassingEvidence) -> Iterator[BadDocument]:
    info = court.bundle.gate(court.question.gate)
    yield from bad_texts(sound, requires_digest=info.requires_digest)
    for member, value in (
        *(("stage", "staging"), ("stage", None), ("profile", "no such profile")),
        *(("metrics", {}), ("relaxations", None)),
    ):
        yield BadDocument(
            f"an Input whose {member} is {json.dumps(value)}",
            sound.text(),
            sound.attestations,
            lambda _document, member=member, value=value: {member: value},  # type: ignore[misc]
        )


def _try_policies(
    court: _Court, sound: PassingEvidence, outcome: SelftestResult, open_evaluator: Opener
) -> None:
    """Broken data must close the gate, and weakened data must show.

    All of it goes into one bundle, as profiles beside the real one: one policy is loaded.
    """
    if outcome.never:
        return
    table = court.bundle.profile(court.question.profile)
    rotten = list(broken(table, sound.blocking))
    able = [constraint for constraint in sound.blocking if only_past(constraint, sound)]
    weaker = list(weakened(table, able))
    outcome.policies = len(rotten) + len(weaker)
    tables = {f"selftest-{n}": each.table for n, each in enumerate((*rotten, *weaker))}
    bundle = with_profiles(court.bundle, tables)
    with closing(open_evaluator(bundle)) as evaluator:
        for number, each in enumerate((*rotten, *weaker)):
            question = replace(court.question, profile=f"selftest-{number}")
            other = _Court(question, bundle, evaluator, court.schema)
            finding = SelftestFinding(each.constraint.id if each.constraint else "", each.what)
            if number >= len(rotten):
                if not _is_noticed(other, each, sound):
                    outcome.unnoticed.append(finding)
            elif other.lets_through(_presented(each, sound)):
                outcome.let_through.append(finding)


def _presented(each: WeakenedProfile, sound: PassingEvidence) -> BadDocument:
    """What a broken policy is asked: bad evidence where the limit is left, else sound."""
    if each.constraint and each.asks_bad:
        if each.constraint.kind == "attestation":
            return BadDocument("", sound.text(), [])
        past = only_past(each.constraint, sound)
        if past is not None:
            return past
        return BadDocument("", sound.without(each.constraint.metric), sound.attestations)
    return BadDocument("", sound.text(), sound.attestations)


def _is_noticed(court: _Court, each: WeakenedProfile, sound: PassingEvidence) -> bool:
    """Whether evidence past the real limit no longer stands out: the weakening shows."""
    past = only_past(each.constraint, sound) if each.constraint else None
    if each.constraint is None or past is None:
        return False
    try:
        return court.status(court.asked(past), each.constraint.id) in ("pass", "off")
    except PolicyError:
        return False
