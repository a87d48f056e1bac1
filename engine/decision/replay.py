"""Deciding again what was decided: by the same policy, byte for byte; by another, what flips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from engine import exit_codes
from engine.decision.export import decision_of, is_decision, require_signed
from engine.decision.judge import EXTENSIONS, Judgement, judge
from engine.decision.record import PLACE
from engine.errors import GovernanceError, NotRecordedError, PolicyError, VerificationError
from engine.evidence.input import AttestationFacts, Input, Question, assemble
from engine.evidence.metrics_file import read_subject
from engine.formats import canonical
from engine.formats.times import parse_time
from engine.ledger import Ledger
from engine.model import Json
from engine.policy.bundle import PolicyBundle
from engine.policy.evaluator import Evaluator
from engine.proof.attestation_rules import SELF_ATTESTED
from engine.proof.bundle import ProofBundle
from engine.proof.decision_predicate import require_shape
from engine.proof.derivation import tied_to_input
from engine.proof.envelope import open_envelope
from engine.proof.possible import require_possible
from engine.proof.signed_evidence import signers_under
from engine.system.closing import Closing

OpenEvaluator = Callable[[PolicyBundle], Evaluator]


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision as it was recorded, with what it was decided on.

    Attributes:
        index: Ledger index.
        statement: The decision statement.
        payload: The exact statement bytes that were signed.
        encoded_input: JCS bytes of the Input.
        salt: 32 bytes.
        policy: Archive of the policy bundle.
    """

    index: int
    statement: Json
    payload: bytes
    encoded_input: bytes
    salt: bytes
    policy: bytes

    @property
    def decision_id(self) -> str:
        """UUIDv7 of the decision."""
        return str(self.statement["predicate"]["decision_id"])


@dataclass(frozen=True, slots=True)
class Flip:
    """A past decision that other policies would have decided otherwise.

    Attributes:
        decision_id: Which.
        index: Ledger index.
        subject: Name of what was decided on.
        recorded: Verdict of record.
        now: Verdict by the other policies; ``ERROR`` where they could not decide.
        because: Ids of the checks whose status or severity differ, sorted.
    """

    decision_id: str
    index: int
    subject: str
    recorded: str
    now: str
    because: tuple[str, ...]


def decision_entries(ledger: Ledger, decision_id: str | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield index and entry of each decision, imported ones too, oldest first; or of one alone.

    What is not signed is yielded too, whatever it is: a decision may have been in its place.

    Raises:
        NotRecordedError: No such decision.
    """
    if decision_id is None:
        for index, entry in ledger.entries():
            if not ledger.is_signed(index) or is_decision(entry):
                yield index, entry
        return
    index = ledger.find(decision_id)
    entry = ledger.entry(index)
    if not is_decision(entry):
        raise NotRecordedError(f"{decision_id} is not a decision", "see: engine ledger show")
    yield index, entry


def recorded_at(ledger: Ledger, index: int, entry: bytes) -> RecordedDecision:
    """Return the decision in an entry, with what the ledger still keeps for it.

    Raises:
        NotRecordedError: Its input or its policy was erased.
        VerificationError: It is not signed; entry or input is not readable as what it says it is.
    """
    open_envelope(entry)  # of what is none it is said first
    require_signed(ledger, index)
    carried = decision_of(entry)
    predicate = carried.statement["predicate"]
    kept = {blob.kind: blob.body for blob in ledger.attachments(index)}
    if not kept.keys() >= {"input", "salt"}:
        raise NotRecordedError(
            f"the input of {predicate['decision_id']} was erased", "it cannot be replayed any more"
        )
    return RecordedDecision(
        index=index,
        statement=carried.statement,
        payload=carried.payload,
        encoded_input=kept["input"],
        salt=kept["salt"],
        policy=ledger.blob("policy", predicate["policy"]["digest"]["sha256"]),
    )


def recorded_in(bundle: ProofBundle) -> RecordedDecision:
    """Return the decision in a proof bundle that :func:`engine.proof.verify.verify` accepted.

    Raises:
        NotRecordedError: The policy or the input is not attached.
    """
    carried = decision_of(bundle.entry)
    missing = {"input", "salt", "policy"} - bundle.attachments.keys()
    if missing:
        raise NotRecordedError(
            f"the proof has no {', '.join(sorted(missing))} attached",
            "ask for one that was exported with it",
        )
    return RecordedDecision(
        index=bundle.index,
        statement=carried.statement,
        payload=carried.payload,
        encoded_input=bundle.attachments["input"],
        salt=bundle.attachments["salt"],
        policy=bundle.attachments["policy"],
    )


class Replayer(Closing):
    """Decides recorded decisions again, each by the policy bundle it was decided by.

    Args:
        open_evaluator: Opens an evaluator for a bundle; one is kept per policy digest.
    """

    def __init__(self, open_evaluator: OpenEvaluator) -> None:
        self._open = open_evaluator
        self._opened: dict[str, tuple[PolicyBundle, Evaluator]] = {}

    def close(self) -> None:
        """Close the evaluators."""
        for _bundle, evaluator in self._opened.values():
            evaluator.close()

    def again(self, recorded: RecordedDecision) -> None:
        """Decide ``recorded`` again; it holds when every signed byte comes out the same.

        Raises:
            VerificationError: The policy is not the recorded one, or another statement comes
                out; names the first difference.
            PolicyError: The recorded policy cannot decide it any more.
        """
        recorded_predicate = recorded.statement["predicate"]
        bundle, evaluator = self._bundle(recorded)
        evidence, question = _question_of(recorded)
        catalogue = bundle.catalogue()
        for check in recorded_predicate["checks"]:
            require_possible(check, catalogue.get(check["metric"], {}))
        judgement = judge(
            evidence,
            question,
            bundle,
            evaluator,
            decision_id=recorded_predicate["decision_id"],
            salt=recorded.salt,
        )
        place = {
            key: recorded_predicate[key]
            for key in (*PLACE, *EXTENSIONS)
            if key in recorded_predicate
        }
        predicate = {**judgement.predicate, **place, "evaluator": recorded_predicate["evaluator"]}
        replayed = {**recorded.statement, "predicate": predicate}
        if canonical.encode(replayed) != recorded.payload:
            raise VerificationError(
                f"decision {recorded_predicate['decision_id']} replays differently: "
                f"{_first_difference(recorded_predicate, predicate)}",
                "the record, the policy bundle or the engine that reads them was changed",
            )

    def _bundle(self, recorded: RecordedDecision) -> tuple[PolicyBundle, Evaluator]:
        digest = recorded.statement["predicate"]["policy"]["digest"]["sha256"]
        if digest not in self._opened:
            bundle = PolicyBundle.kept_as(digest, recorded.policy)
            self._opened[digest] = (bundle, self._open(bundle))
        return self._opened[digest]


def flip(recorded: RecordedDecision, bundle: PolicyBundle, evaluator: Evaluator) -> Flip | None:
    """Return how ``bundle`` would decide otherwise; None when the verdict is the same."""
    predicate = recorded.statement["predicate"]
    before = {check["id"]: (check["status"], check["severity"]) for check in predicate["checks"]}
    try:
        judgement = _judged_by(recorded, bundle, evaluator)
    except GovernanceError as error:
        if not isinstance(error, PolicyError) and error.exit_code != exit_codes.INVALID:
            raise
        return Flip(*_named(recorded), predicate["verdict"], "ERROR", (error.message,))
    if judgement.verdict == predicate["verdict"]:
        return None
    after = {
        check["id"]: (check["status"], check["severity"]) for check in judgement.predicate["checks"]
    }
    because = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    return Flip(*_named(recorded), predicate["verdict"], judgement.verdict, tuple(because))


def _named(recorded: RecordedDecision) -> tuple[str, int, str]:
    return recorded.decision_id, recorded.index, recorded.statement["subject"][0]["name"]


def _judged_by(recorded: RecordedDecision, bundle: PolicyBundle, evaluator: Evaluator) -> Judgement:
    """The recorded evidence under other policies, and so under their waivers and trust list."""
    before, question = _question_of(recorded)
    # That the own key's word was enough is named again only if it is still needed.
    named = tuple(name for name in question.relaxations if name != SELF_ATTESTED)
    question = replace(question, relaxations=named)
    attested = [AttestationFacts(facts, b"null") for facts in before.document["attestations"]]
    document = before.document
    metrics = signers_under(document["metrics"], bundle.data["trust"], question.now)
    evidence = assemble(before.name, before.subject, metrics, question, bundle, attested)
    return judge(
        evidence, question, bundle, evaluator, decision_id=recorded.decision_id, salt=recorded.salt
    )


def _question_of(recorded: RecordedDecision) -> tuple[Input, Question]:
    require_shape(recorded.statement["predicate"], recorded.statement["predicateType"])
    kept = {"input": recorded.encoded_input, "salt": recorded.salt}
    document, _ = tied_to_input(recorded.statement, kept)
    question = Question(
        gate=document.gate,
        profile=document.profile,
        stage=document.stage,
        now=parse_time(document.decided_at),
        relaxations=document.relaxations,
    )
    whole = {
        "subject": document.subject,
        "metrics": document.metrics,
        "waivers": list(document.waivers),
        "decided_at": document.decided_at,
        "relaxations": list(document.relaxations),
        "attestations": list(document.attestations),
    }
    return Input(recorded.decision_id, whole, recorded.encoded_input, read_subject(whole)), question


def _first_difference(recorded: Json, replayed: Json) -> str:
    for key in sorted(recorded.keys() | replayed.keys()):
        before, after = recorded.get(key), replayed.get(key)
        if before == after:
            continue
        if key == "checks" and isinstance(before, list) and isinstance(after, list):
            for old, new in zip(before, after, strict=False):
                if old != new:
                    return f"check {old.get('id')} was {old}, is {new}"
        return f"{key} was {str(before)[:200]}, is {str(after)[:200]}"
    return "the bytes differ, the values do not"
