"""Known-bad evidence and weakened policies against the policies in use: nothing may get through.

What is good is read off the catalogue and the limits, and everything bad is one step away from
it. Each document takes the way of every decision: strict parse, catalogue, OPA, judge. OPA is
not needed, and the result is the same at every run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.decision.judge import Judgement, judge
from engine.decision.policies_in_use import PoliciesInUse
from engine.decision.session import Session
from engine.errors import GovernanceError, PolicyError
from engine.evidence.documents import parse
from engine.evidence.input import Question, gather
from engine.formats import canonical
from engine.model import Json, Verdict
from engine.policy.bundle import PolicyBundle
from engine.policy.evaluator import Evaluator
from engine.selftest.bad_evidence import (
    Case,
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
    """A bad document that a gate let through, or a weakening that no bad document shows.

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
        gate: Gate under test.
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
        """Whether nothing got through, and every weakening showed."""
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
    result = SelftestResult(gate, profile)
    with closing(open_evaluator(bundle)) as evaluator:
        session = Session.over(PoliciesInUse(bundle), evaluator)
        question = session.question(gate, profile, "candidate", now=now)
        tested = _GateUnderTest(question, bundle, evaluator, schema)
        sound = _sound(tested, result)
        _try_documents(tested, sound, result)
    _try_policies(tested, sound, result, open_evaluator)
    return result


@dataclass(frozen=True, slots=True)
class _GateUnderTest:
    """Takes documents to a verdict, the way of every decision."""

    question: Question
    bundle: PolicyBundle
    evaluator: Evaluator
    schema: Json

    def judge(self, case: Case) -> Judgement:
        question, bundle = self.question, self.bundle
        evidence = gather([parse("selftest.json", case.text)], question, bundle, self.schema)
        document = {**evidence.document, "attestations": case.attestations}
        document |= case.members(document) if case.members else {}
        evidence = replace(evidence, document=document, encoded=canonical.encode(document))
        return judge(evidence, question, bundle, self.evaluator, decision_id=_ID, salt=_SALT)

    def lets_through(self, case: Case) -> bool:
        """Whether ``case`` gets PROMOTE or ALLOW; refused or undecided is closed."""
        try:
            return self.judge(case).verdict in OPEN
        except GovernanceError:
            return False


def _sound(gate: _GateUnderTest, result: SelftestResult) -> PassingEvidence:
    """Evidence on which every check of the gate passes, if there is any."""
    nothing = json.dumps(
        {
            "subject": {"name": "selftest", "digest": {"sha256": "5e" * 32}},
            "observed_at": "2000-01-01T00:00:00Z",
            "metrics": {"x.nothing": 0},
        }
    ).encode()
    checks = gate.judge(Case("", nothing, [])).predicate["checks"]
    catalogue = gate.bundle.catalogue()
    constraints = [
        Constraint.of(check, catalogue[check["metric"]])
        for check in checks
        if check["severity"] != "off"
    ]
    sound = sound_evidence(constraints, gate.question.now)
    if sound.impossible:
        result.never = sound.impossible
        return sound
    judgement = gate.judge(sound.case())
    if judgement.verdict in OPEN:
        return sound
    result.never = judgement.predicate["reason"]
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
    other = sound_evidence(reversed_, gate.question.now)
    if against and not other.impossible and gate.judge(other.case()).verdict in OPEN:
        what = "past the limit, by the direction that the catalogue gives"
        result.let_through += [SelftestFinding(check, what) for check in sorted(against)]
    return sound


def _try_documents(gate: _GateUnderTest, sound: PassingEvidence, result: SelftestResult) -> None:
    if result.never:
        return
    for constraint in sound.blocking:
        found = list(bad_documents(constraint, sound))
        if constraint.can_fail and not any(bad.is_past for bad in found):
            result.toothless.append(constraint.id)
        for bad in found:
            result.documents += 1
            if gate.lets_through(bad):
                result.let_through.append(SelftestFinding(constraint.id, bad.what))
    for bad in _whole_documents(gate, sound):
        result.documents += 1
        if gate.lets_through(bad):
            result.let_through.append(SelftestFinding("", bad.what))
    for name in ("dry_run", "ephemeral_ledger", "policies_overridden"):
        if name in gate.bundle.profile(gate.question.profile)["relaxations_allowed"]:
            continue
        result.documents += 1
        weak = replace(gate, question=replace(gate.question, relaxations=(name,)))
        if weak.lets_through(sound.case()):
            what = f"relaxation {name}, which is not tolerated"
            result.let_through.append(SelftestFinding("", what))


def _whole_documents(gate: _GateUnderTest, sound: PassingEvidence) -> Iterator[Case]:
    info = gate.bundle.gate(gate.question.gate)
    yield from bad_texts(sound, requires_digest=info.requires_digest)
    odd: list[tuple[str, Json]] = [
        ("stage", "staging"),
        ("stage", None),
        ("profile", "no such profile"),
        ("metrics", {}),
        ("relaxations", None),
    ]
    for member, value in odd:
        yield replace(
            sound.case(f"an Input whose {member} is {json.dumps(value)}"),
            members=lambda _document, member=member, value=value: {member: value},  # type: ignore[misc]
        )


def _try_policies(
    gate: _GateUnderTest, sound: PassingEvidence, result: SelftestResult, open_evaluator: Opener
) -> None:
    """Broken data must close the gate, and weakened data must show.

    All of it goes into one bundle, as profiles next to the real one, so that one policy is loaded.
    """
    if result.never:
        return
    table = gate.bundle.profile(gate.question.profile)
    breaking = list(broken(table, sound.blocking))
    able = [constraint for constraint in sound.blocking if only_past(constraint, sound)]
    weakening = list(weakened(table, able))
    profiles = [*breaking, *weakening]
    result.policies = len(profiles)
    tables = {f"selftest-{n}": profile.table for n, profile in enumerate(profiles)}
    bundle = with_profiles(gate.bundle, tables)
    with closing(open_evaluator(bundle)) as evaluator:
        for number, profile in enumerate(profiles):
            question = replace(gate.question, profile=f"selftest-{number}")
            other = _GateUnderTest(question, bundle, evaluator, gate.schema)
            about = profile.constraint.id if profile.constraint else ""
            finding = SelftestFinding(about, profile.what)
            if number >= len(breaking):
                if not _is_noticed(other, profile, sound):
                    result.unnoticed.append(finding)
            elif other.lets_through(_evidence_against(profile, sound)):
                result.let_through.append(finding)


def _evidence_against(profile: WeakenedProfile, sound: PassingEvidence) -> Case:
    """Evidence that a broken profile must not pass: bad where the limit is left, else sound."""
    constraint = profile.constraint
    if constraint is None or not profile.has_limit:
        return sound.case()
    if constraint.kind == "attestation":
        return Case("", sound.text(), [])
    return only_past(constraint, sound) or sound.case("", {constraint.metric: None})


def _is_noticed(gate: _GateUnderTest, profile: WeakenedProfile, sound: PassingEvidence) -> bool:
    """Whether evidence past the real limit no longer stands out: the weakening shows."""
    past = only_past(profile.constraint, sound) if profile.constraint else None
    if profile.constraint is None or past is None:
        return False
    try:
        checks = gate.judge(past).predicate["checks"]
    except PolicyError:
        return False
    statuses = {check["id"]: check["status"] for check in checks}
    return statuses[profile.constraint.id] in ("pass", "off")
