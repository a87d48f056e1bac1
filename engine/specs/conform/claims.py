"""What a ledger's entries say of themselves, derived again from what is signed and kept.

``engine conform``, ``engine watch`` and ``engine budget verify`` read a ledger by :class:`Claims`:
signed entries only. No spec sees why a decision says PROMOTE or how long an attestation may last;
that a verdict follows from its checks, checks from their input, limits from the policy and what a
lease holds from what was asked for is looked at here, by the rules of :mod:`engine.proof`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from engine.errors import ConfigError, GovernanceError, NotRecordedError, VerificationError
from engine.formats.calendar import day_of
from engine.formats.json_values import same
from engine.formats.signed_json import read_integer, read_list, read_object, read_text, refuse
from engine.formats.times import parse_time
from engine.ledger import Ledger
from engine.ledger.audit.requests import ANSWERED_BY
from engine.ledger.natural_keys import natural_key
from engine.metrics.amounts import UNITS, AmountLimits
from engine.metrics.budget_book import DAILY, covers
from engine.model import (
    ATTESTED_TYPES,
    BUDGET_EXPIRED_TYPE,
    BUDGET_RELEASED_TYPE,
    BUDGET_REOPENED_TYPE,
    BUDGET_SETTLED_TYPE,
    BUDGET_TYPES,
    DECISION_IMPORTED_TYPE,
    DECISION_TYPES,
    EFFECT_TYPE,
    Json,
)
from engine.proof import policy_files
from engine.proof.ledger_before import (
    instant_of,
    is_ephemeral,
    require_run_named,
    require_unexpired,
)
from engine.proof.policy_archive import records_requests
from engine.proof.policy_files import AttachedPolicy
from engine.proof.recomputed import decided_in, require_recomputed
from engine.specs.conform.lookup import Contradiction
from engine.specs.conform.reached_days import ReachedDays

_PROMISES = {
    **dict.fromkeys(DECISION_TYPES, "INV-PROOF-1"),
    DECISION_IMPORTED_TYPE: "INV-PROOF-1",
    **dict.fromkeys(ATTESTED_TYPES, "INV-ATTEST-7"),
    BUDGET_SETTLED_TYPE: "INV-BUDGET-9",
    BUDGET_RELEASED_TYPE: "INV-BUDGET-9",
    BUDGET_EXPIRED_TYPE: "INV-BUDGET-12",
    BUDGET_REOPENED_TYPE: "INV-BUDGET-15",
}
_BUDGETS = (*DECISION_TYPES, *BUDGET_TYPES)
_AMOUNTS = ("used", "held")
MOST_TAKEN_BACK = 1000
"""Leases that one ``budget-expired:v1`` names at most."""
_POLICIES = 32
_FIRST_AND_LAST = ("Etc/GMT-14", "Etc/GMT+12")
"""Where a day begins first and where last: 14 hours ahead of UTC and 12 behind."""


class Claims:
    """Reads a ledger's signed entries in order, and derives again what each says of itself.

    Args:
        ledger: Whose.
        public_keys: Raw keys that may have signed it; without any it is the key in entry 0.
        only_budgets: Derive only what budgets are granted and charged by; all when False.

    Attributes:
        contradicted: The first entry whose word does not follow; None when all do.
    """

    def __init__(
        self, ledger: Ledger, public_keys: Sequence[bytes] = (), *, only_budgets: bool = False
    ) -> None:
        self.contradicted: Contradiction | None = None
        self._ledger, self._only_budgets = ledger, only_budgets
        self._entries = ledger.signed_entries(public_keys)
        self._known: dict[tuple[str, str], int] = {}
        self._attested: dict[str, dict[str, Json]] = {}
        self._policies: dict[str, AttachedPolicy | None] = {}
        self._days, self._day = ReachedDays(), ""
        self._created: dict[str, Json] | None = None
        self._until: datetime | None = None
        self._budgets: dict[str, dict[str, HeldBudget]] = {}

    @property
    def size(self) -> int:
        """How many entries were read."""
        return self._entries.size

    def go_on_in(self, ledger: Ledger) -> None:
        """Read on in the same ledger, which was opened anew."""
        self._ledger = ledger
        self._entries.go_on_in(ledger)

    def read(self, stop: int | None = None) -> Iterator[tuple[int, dict[str, Json]]]:
        """Yield ``(index, statement)`` of the next entries, up to ``stop`` or to the last.

        Raises:
            VerificationError: See :meth:`engine.ledger.audit.signed_entries.SignedEntries.read`.
        """
        for index, statement in self._entries.read(stop):
            if self.contradicted is None:
                self.contradicted = self._repeated(index, statement)
            if self.contradicted is None and self._derives(statement):
                self.contradicted = self._contradicted(index, statement)
            if self.contradicted is None:
                self.contradicted = self._reached(index, statement)
            if index == 0:
                self._created = statement
            if (at := instant_of(statement["predicate"])) is not None:
                self._until = max(at, self._until or at)
            yield index, statement

    def require(self) -> Iterator[tuple[int, dict[str, Json]]]:
        """Yield as :meth:`read`, up to what does not follow.

        Raises:
            VerificationError: As :meth:`read`; or an entry says of itself what does not follow.
        """
        for found in self.read():
            if self.contradicted is not None:
                raise VerificationError(
                    self.contradicted.lines()[0], "engine conform; engine ledger show"
                )
            yield found

    def _repeated(self, index: int, statement: dict[str, Json]) -> Contradiction | None:
        """An entry whose id another one has: an effect or a settlement that is there twice."""
        kind = statement["predicateType"]
        name = natural_key(statement)
        names = {"id": name}
        if kind == EFFECT_TYPE:  # an outcome of the same order, under another number
            names["key"] = "idempotency key", str(statement["predicate"].get("idempotency_key"))
        kind = kind.removeprefix("urn:governance-engine:")
        for word, known in names.items():
            first = index if known is None else self._known.setdefault(known, index)
            if first != index:
                reason = f"{kind} is entry {first} once more, by its {word}"
                return Contradiction(index, "INV-LEDGER-6", reason)
        return None if name is None else self._answered(index, kind, *name)

    def _answered(self, index: int, kind: str, of: str, name: str) -> Contradiction | None:
        """Whether it requests or answers what was answered before, by an answer of another type."""
        for other in ANSWERED_BY - {of} if of in ("request", *ANSWERED_BY) else ():
            if (first := self._known.get((other, name))) is not None:
                word = "requests" if of == "request" else "answers"
                reason = f"{kind} {word} {name}, which entry {first} answered already"
                return Contradiction(index, "INV-LEDGER-7", reason)
        return None

    def _reached(self, index: int, statement: dict[str, Json]) -> Contradiction | None:
        """Whether it reopens a day that was over before the one that it leaves was entered."""
        predicate, why = statement["predicate"], ""
        try:
            if statement["predicateType"] == BUDGET_REOPENED_TYPE:
                day, left, zones = (predicate[name] for name in ("day", "from", "zones"))
                why = self._days.why_not(day, left, zones)
                self._day = day
            self._days.take(statement)
        except (LookupError, TypeError, ValueError, AttributeError, GovernanceError) as error:
            return Contradiction(index, "INV-BUDGET-15", f"is not whole: {error!r}")
        return Contradiction(index, "INV-BUDGET-15", why) if why else None

    def _derives(self, statement: Mapping[str, Json]) -> bool:
        kind = statement["predicateType"]
        is_budgets = kind not in DECISION_TYPES or "reservation" in statement["predicate"]
        if self._only_budgets and (kind not in _BUDGETS or not is_budgets):
            return False
        return kind in _PROMISES

    def _contradicted(self, index: int, statement: dict[str, Json]) -> Contradiction | None:
        kind = statement["predicateType"]
        try:
            if kind in (BUDGET_SETTLED_TYPE, BUDGET_RELEASED_TYPE):
                _require_amounts(statement["predicate"])
            elif kind == BUDGET_EXPIRED_TYPE:
                _require_leases(statement["predicate"])
            elif kind == BUDGET_REOPENED_TYPE:
                require_reopened(statement["predicate"])
            else:
                self._require_derived(index, statement)
                return self._unrequested(index, statement)
        except VerificationError as error:
            return Contradiction(index, _PROMISES[kind], error.message)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            return Contradiction(index, _PROMISES[kind], f"is not whole: {error!r}")
        return None

    def _require_derived(self, index: int, statement: dict[str, Json]) -> None:
        decided, envelope = decided_in(statement, self._entries.entry)
        kept = {blob.kind: blob.body for blob in self._ledger.attachments(index)}
        policy = self._policy(decided["predicate"]["policy"]["digest"]["sha256"])
        require_recomputed(decided, envelope, kept, policy)
        is_import = statement["predicateType"] == DECISION_IMPORTED_TYPE
        if self._created is not None and not is_import:
            require_run_named(decided["predicate"], self._created)
        require_unexpired(decided["predicate"], None if is_import else self._until)
        if statement["predicateType"] in ATTESTED_TYPES:
            self._attested[hashlib.sha256(envelope).hexdigest()] = _facts_of(statement)
        for facts in decided["predicate"].get("attestations", ()):
            self._require_attested(facts)
        if "reservation" in decided["predicate"]:
            reservation = decided["predicate"]["reservation"]
            self._require_day(reservation["day"], decided["predicate"]["decided_at"])
            require_reserved(reservation, policy, self._budgets_of(reservation["day"]))
            self._count(reservation, policy)

    def _unrequested(self, index: int, statement: Mapping[str, Json]) -> Contradiction | None:
        """Whether its profile records requests, and no earlier entry requested it."""
        predicate, key = statement["predicate"], natural_key(dict(statement))
        if key is None or statement["predicateType"] == DECISION_IMPORTED_TYPE:
            return None
        policy = self._policy(predicate["policy"]["digest"]["sha256"])
        if policy is None or is_ephemeral(predicate) or ("request", key[1]) in self._known:
            return None
        if not records_requests(policy, predicate["profile"]["name"]):
            return None
        reason = f"profile {predicate['profile']['name']!r} records requests, and none is before it"
        return Contradiction(index, "INV-LEDGER-7", reason)

    def matches(self, day: str, budget: str) -> list[dict[str, str]] | None:
        """Return for what requests a budget has counted on a day, by the policies of its grants.

        None where it was never charged then, or a policy of it is not kept any more.
        """
        held = self._budgets_of(day).get(budget)
        return None if held is None else held.matches

    def _budgets_of(self, day: str) -> dict[str, HeldBudget]:
        return self._budgets.get(day, {})

    def _require_day(self, day: str, decided_at: str) -> None:
        """INV-BUDGET-7: what counts is the newest day, or one that a clock on earth showed."""
        if day < self._day:
            refuse(f"it counts on {day}, and the ledger's budgets had come to {self._day}")
        shown = [day_of(parse_time(decided_at), zone) for zone in _FIRST_AND_LAST]
        if day < min(shown) or max(shown) < day != self._day:
            refuse(f"it counts on {day}, which no clock showed at {decided_at}")
        self._day = day

    def _count(self, reservation: Mapping[str, Json], policy: AttachedPolicy | None) -> None:
        """Take in which limits the lease was held to on its day, and for what requests they are."""
        rows = None if policy is None else _rows(policy)
        for charge in reservation["charges"]:
            name, of_day = charge["budget"], self._budgets.setdefault(reservation["day"], {})
            before = of_day.get(name)
            of_day[name] = HeldBudget(
                charge["limits"], _matches(name, reservation["for"], rows, before)
            )

    def _require_attested(self, facts: Mapping[str, Json]) -> None:
        """What a decision says of an attestation of this ledger is what that says itself."""
        if facts["ledger_id"] != self._ledger.id:
            return
        known = self._attested.get(facts["entry_sha256"])
        if known is None:
            refuse(f"it rests on attestation {facts['id']!r}, which no entry before it is")
        for name, value in known.items():
            if facts[name] != value:
                refuse(f"it says {name} {facts[name]!r} of an attestation that says {value!r}")

    def _policy(self, digest: str) -> AttachedPolicy | None:
        """The policy of that digest, as the ledger keeps it; None where it was erased."""
        if digest not in self._policies:
            if len(self._policies) >= _POLICIES:
                self._policies.clear()
            try:
                body = self._ledger.blob("policy", digest)
            except NotRecordedError:
                self._policies[digest] = None
            else:
                self._policies[digest] = policy_files.parse(body)
        return self._policies[digest]


def _facts_of(statement: Mapping[str, Json]) -> dict[str, Json]:
    """What an attestation says of itself, by the names that a decision has for it."""
    predicate = statement["predicate"]
    own = {name: predicate[name] for name in ("issued_at", "expires_at", "verdict")}
    subject = statement["subject"][0]["digest"]["sha256"]
    return {"id": predicate["attestation_id"], "subject_sha256": subject, **own}


class HeldBudget(NamedTuple):
    """What leases of a day were held to by one budget.

    Attributes:
        limits: Of the newest of them, by unit.
        matches: For what requests; None where a policy that says it is not kept any more.
    """

    limits: Mapping[str, Json]
    matches: list[dict[str, str]] | None


def require_reserved(
    reservation: Mapping[str, Json],
    policy: AttachedPolicy | None,
    held: Mapping[str, HeldBudget] = MappingProxyType({}),
) -> None:
    """Verify that a lease holds what was asked for, under the limits that its policy has.

    What the settings limit, :data:`~engine.metrics.budget_book.DAILY`, no policy says: there the
    entry's word is taken for the limit, and ``engine budget verify`` adds up what it leaves.
    Leases of the day were held to limits before it: those may go on counting beside the policy's,
    and a budget that counted for such a request does until the day is over (INV-BUDGET-14).

    Args:
        reservation: Of a decision whose shape was read.
        policy: The policy that it names; None where it is not kept any more.
        held: What leases of its day were held to before it, by budget.

    Raises:
        VerificationError: It holds another amount, a budget has another limit, or one that counts
            is left out.
    """
    requested = reservation["asked"]
    if reservation["charges"] and requested["usd_micros"] is None:
        refuse("it holds money, and nobody knew how much was asked for")
    rows = None if policy is None else _rows(policy)
    for charge in reservation["charges"]:
        name = charge["budget"]
        for unit in UNITS:
            if charge[unit] != (requested[unit] or 0):
                refuse(
                    f"it holds {charge[unit]} {unit} of {name!r}; {requested[unit]} were asked for"
                )
        if rows is None or name == DAILY:
            continue
        row, before = rows.get(name), held.get(name)
        if not any(same(charge["limits"], limits) for limits in _countable(row, before)):
            refuse(f"budget {name!r} has other limits than its policy gives it")
    charged = {charge["budget"] for charge in reservation["charges"]}
    for name, row in (rows or {}).items() if charged else ():
        if name not in charged and covers(row["match"], reservation["for"]):
            refuse(f"it was not held to budget {name!r}, which its policy has for such requests")
    for name, before in held.items() if charged else ():
        if name not in charged and any(
            covers(match, reservation["for"]) for match in before.matches or ()
        ):
            refuse(
                f"it was not held to budget {name!r}, whose limit of {reservation['day']} "
                "counts until the day is over"
            )


def _rows(policy: AttachedPolicy) -> dict[str, Json]:
    """A policy's budgets, by id: what one does not limit is null."""
    return {row["id"]: row for row in policy.data.get("budgets", ())}


def _countable(row: Json, before: HeldBudget | None) -> list[Json]:
    """The limits that a budget may have: its row's, with or without those of its day."""
    if before is None:
        return [] if row is None else [row["limits"]]
    if row is None:
        return [before.limits]
    own, old = (AmountLimits(**limits) for limits in (row["limits"], before.limits))
    return [row["limits"], own.stricter(old).members]


def _matches(
    name: str,
    about: Mapping[str, Json],
    rows: Mapping[str, Json] | None,
    before: HeldBudget | None,
) -> list[dict[str, str]] | None:
    """For what requests a budget has counted, with a lease for what is ``about``."""
    known = [] if before is None else before.matches
    if known is None or (rows is None and name != DAILY):
        return None
    row = {"match": {}} if name == DAILY else (rows or {}).get(name)
    if row is None or not covers(row["match"], about) or row["match"] in known:
        return known
    return [*known, row["match"]]


def require_reopened(predicate: Mapping[str, Json]) -> None:
    """Verify that a budget's day was left for the one of its instant, and was in its future.

    Raises:
        VerificationError: It was not; or there is no reason.
    """
    at, day, zones = parse_time(predicate["at"]), predicate["day"], predicate["zones"]
    try:
        shown = max(day_of(at, zone) for zone in zones)
    except ConfigError as error:
        refuse(error.message)
    if day != shown or not day < predicate["from"]:
        refuse(f"it leaves {predicate['from']!r} for {day!r}, and its clock showed {shown}")
    if not read_text(predicate["reason"], "the reason").strip():
        refuse("it says no reason")


def _require_leases(predicate: Mapping[str, Json]) -> None:
    read_object(predicate, "what expired", ("at", "leases", "ledger"))
    leases = [read_text(name, "a lease") for name in read_list(predicate["leases"], "the leases")]
    if not 1 <= len(leases) <= MOST_TAKEN_BACK or len(set(leases)) != len(leases):
        refuse(f"it takes back {len(leases)} leases: not 1 to {MOST_TAKEN_BACK}, each once")


def _require_amounts(predicate: Mapping[str, Json]) -> None:
    """No amount of a settlement or a release is less than nothing."""
    amounts = [(name, predicate[name]) for name in _AMOUNTS if name in predicate]
    amounts += [("a charge", charge) for charge in predicate.get("charges", ())]
    for counted in predicate.get("counted", ()):
        amounts += [(name, counted[name]) for name in ("within", "overrun")]
    for name, amount in amounts:
        for unit in UNITS:
            read_integer(amount[unit], f"{unit} of {name}", 0)
