"""Whether each decision that was recorded as requested was answered, by what was asked for.

A request and its answer have one id. Most are near each other and meet inside a part; the others
are looked for once all parts are read. Source: spec/predicate-v1.md section 12.11.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.errors import VerificationError
from engine.ledger.audit.identity import PER_ENTRY, key_hash
from engine.ledger.audit.index_audit import read_statement
from engine.ledger.lookup import require_entry
from engine.ledger.natural_keys import NATURAL_KEYS, natural_key
from engine.ledger.store import Reader
from engine.model import (
    ATTESTED_TYPES,
    DECISION_FAILED_TYPE,
    DECISION_REQUESTED_TYPE,
    DECISION_TYPES,
    Json,
)
from engine.proof import policy_files
from engine.proof.envelope import open_envelope
from engine.proof.ledger_before import is_ephemeral
from engine.proof.policy_archive import records_requests

ANSWERS = {
    **dict.fromkeys(DECISION_TYPES, "decision_id"),
    DECISION_FAILED_TYPE: "attempt_id",
    **dict.fromkeys(ATTESTED_TYPES, "attestation_id"),
}
"""Types that answer a request, and the member that has its id."""
ANSWERED_BY = frozenset(NATURAL_KEYS[kind][0] for kind in ANSWERS)
"""What their ids are ids of."""
_AT_ONCE = 256
_HINT = "whoever signed both answered another question than was asked: compare the two entries"


class OpenRequest(NamedTuple):
    """A request, as far as its answer has to agree with it.

    Attributes:
        entry: Where it is.
        predicate: What it says.
        about: The statement's subject.
    """

    entry: int
    predicate: Mapping[str, Json]
    about: Mapping[str, Json]


@dataclass(slots=True)
class Requests:
    """The requests among consecutive entries.

    Attributes:
        made: How many there are.
        open: Those without an answer so far, by id.
        failed: Where each failure is, by the id of what failed: nothing else may have that id.
        unrequested: Where each decision is whose request is due and not among these, by its id.
    """

    made: int = 0
    open: dict[str, OpenRequest] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    unrequested: dict[str, int] = field(default_factory=dict)

    def take(
        self,
        index: int,
        statement: Mapping[str, Json],
        is_due: Callable[[Mapping[str, Json]], bool],
    ) -> None:
        """Take in the next entry.

        Args:
            index: Where it is.
            statement: What it says.
            is_due: Whether a decision has to be requested before, see :class:`DueRequests`.

        Raises:
            VerificationError: It answers something else than was asked.
        """
        kind = statement["predicateType"]
        if kind == DECISION_REQUESTED_TYPE:
            self.made += 1
            predicate = statement["predicate"]
            if not isinstance(name := predicate.get("decision_id"), str):
                raise VerificationError(f"entry {index}: a request without an id", _HINT)
            self.open[name] = OpenRequest(index, predicate, statement["subject"][0])
        elif member := ANSWERS.get(kind):
            name = statement["predicate"].get(member)
            if not isinstance(name, str):
                return
            if kind == DECISION_FAILED_TYPE:
                self.failed[name] = index
            if name in self.open:
                require_answer(index, statement, self.open[name])
                del self.open[name]
            elif kind != DECISION_FAILED_TYPE and is_due(statement["predicate"]):
                self.unrequested[name] = index

    def include(self, later: Requests) -> None:
        """Add what was found among the entries behind these."""
        self.made += later.made
        self.unrequested |= later.unrequested
        self.open |= later.open
        self.failed |= later.failed

    def unanswered(
        self, reader: Reader, known_by: array[int], first: int
    ) -> tuple[tuple[int, str], ...]:
        """Return index and id of each request that no later entry answers, in order.

        Args:
            reader: The ledger.
            known_by: :func:`~engine.ledger.audit.identity.identities` of its entries.
            first: Index of the first of those.

        Raises:
            VerificationError: An answer is to something else than was asked, or what failed was
                decided or attested too, before or after; or a request that is due was never made.
        """
        self._require_failed_only(reader)
        self._require_requested(reader, known_by, first)
        keys = {key_hash(of, name): name for name in self.open for of in ANSWERED_BY}
        for place, key in enumerate(known_by) if keys else ():
            if key in keys and place % PER_ENTRY:
                self._answered(reader, first + place // PER_ENTRY, keys[key])
        return tuple(sorted((request.entry, name) for name, request in self.open.items()))

    def _answered(self, reader: Reader, index: int, name: str) -> None:
        request = self.open.get(name)
        if request is None or index < request.entry:
            return
        statement = read_statement(index, open_envelope(require_entry(reader, index).body))
        member = ANSWERS.get(statement["predicateType"])
        if member is not None and statement["predicate"].get(member) == name:
            require_answer(index, statement, request)
            del self.open[name]

    def _require_requested(self, reader: Reader, known_by: array[int], first: int) -> None:
        """What had to be requested was, among these entries or, for a part, somewhere before."""
        due = {key_hash("request", name): name for name in self.unrequested}
        for place, key in enumerate(known_by) if due else ():
            if key in due and first + place // PER_ENTRY < self.unrequested[due[key]]:
                del due[key]
        missing = set(due.values())
        for stop in range(first, 0, -_AT_ONCE):
            if not missing:
                return
            for row in reader.entries(max(0, stop - _AT_ONCE), stop):
                known = natural_key(read_statement(row.leaf_index, open_envelope(row.body)))
                if known is not None and known[0] == "request":
                    missing.discard(known[1])
        if missing:
            index, name = min((self.unrequested[name], name) for name in missing)
            raise VerificationError(
                f"entry {index}: {name} was not requested, and its profile records requests",
                "whoever signed it decided past the engine: ask who has the key",
            )

    def _require_failed_only(self, reader: Reader) -> None:
        """No id of a failure is one of the index, which has those of all other answers."""
        for name, index in reader.indexes_of(list(self.failed)).items():
            first, last = sorted((index, self.failed[name]))
            raise VerificationError(
                f"entry {last}: a failure and an answer have one id, {name}; entry {first} too",
                "what failed is asked for again under another id: compare the two entries",
            )


class DueRequests:
    """Says of a decision of a ledger whether it has to be requested before it is made.

    Its profile says so in the policy that the ledger keeps; where that is not kept, nobody knows.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._profiles: dict[Json, frozenset[str]] = {}

    def __call__(self, predicate: Mapping[str, Json]) -> bool:
        """Whether a decision, or an attestation, is by a profile that records requests."""
        try:
            digest = predicate["policy"]["digest"]["sha256"]
            profiles = self._profiles.get(digest)
            if profiles is None:
                profiles = self._profiles[digest] = self._recording(digest)
            if predicate["profile"]["name"] not in profiles:
                return False
            return not is_ephemeral(predicate)
        except (LookupError, TypeError):
            return False  # what it says is compared elsewhere

    def _recording(self, digest: str) -> frozenset[str]:
        body = self._reader.shared_blob("policy", digest)
        if body is None:
            return frozenset()
        try:
            policy = policy_files.parse(body)
            limits = policy.data.get("limits")
            names = limits if isinstance(limits, dict) else {}
            return frozenset(name for name in names if records_requests(policy, name))
        except VerificationError:
            return frozenset()  # it is compared with its digest elsewhere


def require_answer(index: int, statement: Mapping[str, Json], request: OpenRequest) -> None:
    """Require that entry ``index`` answers what was asked: gate, profile, stage, subject, Input.

    Raises:
        VerificationError: It does not; names what differs.
    """
    question, answer = request.predicate, statement["predicate"]
    expected = {name: question.get(name) for name in ("gate", "profile", "stage")}
    if statement["predicateType"] == DECISION_FAILED_TYPE:
        profile = question.get("profile")
        expected["profile"] = profile.get("name") if isinstance(profile, dict) else None
        found = {name: answer.get(name) for name in expected}
    else:
        found = {name: answer.get(name) for name in expected}
        expected["subject"], found["subject"] = dict(request.about), statement["subject"][0]
        if "input" in question:
            expected["input"] = question["input"]
            found["input"] = answer.get("input", answer.get("evidence"))
        elif request.about.get("annotations", {}).get("digest_of"):
            expected["subject"] = request.about["name"]  # neither artifact nor Input was known
            found["subject"] = statement["subject"][0]["name"]
    for name, value in expected.items():
        if found[name] != value:
            raise VerificationError(
                f"entry {index}: its {name} is not what entry {request.entry} asked for", _HINT
            )
