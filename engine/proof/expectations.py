"""What the caller of a verifier wants of a genuine record, and which wishes it does not meet."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime

from engine.errors import UsageError
from engine.formats.times import age_s, write_span, write_time
from engine.model import ATTESTED_TYPES, Json, Subject, Verdict
from engine.proof.input_document import read_time
from engine.proof.keys import RAW_BYTES, load_public_pem
from engine.proof.trusted_keys import POLICY, Keys, TrustedKey
from engine.proof.verdict_rules import OLDEST_FUTURE_S

DEFAULT_GATE = "promotion"
"""Gate whose PROMOTE is meant where none is named."""

LEDGER = "ledger"
"""What :meth:`Expectations.not_required` calls a ledger that nobody demanded."""

_DECIDE = "decide on fresh evidence again (engine decide --export), and verify that proof"
_ATTEST = "have it attested again (engine attest), and verify that attestation"
_LETS_THROUGH = (Verdict.PROMOTE, Verdict.ALLOW)


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the caller wants of a record; None, and no policy digest or ledger, ask for nothing.

    Attributes:
        require: The verdict. A PROMOTE or an ALLOW is taken from a record whose policy was
            compared only: it is attached, or given here. Without ``gate``, PROMOTE means that of
            gate ``promotion``, and an attestation's is not meant.
        digest: SHA-256 of the artifact, lowercase hex.
        gate: Gate that decided.
        profile: Table of limits it decided by.
        stage: Stage it decided about.
        policy_digest: Former name of ``policy_digests`` with one in it; goes after 0.1.
        max_age_s: Oldest decision that is accepted, in seconds; needs ``now``.
        now: The caller's instant: no record from its future and none past its validity is taken.
        no_relaxations: Former name of ``relaxations=()``; goes after 0.1.
        no_waivers: Former name of ``waivers=()``; goes after 0.1.
        policy: The policy archive, where the caller has it and the proof need not carry it.
        policy_digests: SHA-256 of policy manifests, lowercase hex, one of which it must have; the
            policy must have been compared too. Empty takes any.
        relaxations: Names of the only relaxations that are accepted, none where it is empty; None
            leaves it to the profile.
        waivers: Ids of the only waivers that may cover a failure, none where it is empty; None
            leaves it to the policy.
        ledger_ids: Ledgers one of which must hold the record, by the checkpoint; empty takes any.
        checkpoints: Checkpoints (signed notes) that the caller kept. One of the same ledger that
            contradicts the proof convicts the signer.
        decision_id: Id of the record; of a granted reservation that is the lease.
        subject: Name of what was decided on; of a reservation that is ``provider/model``.
        policy_approvers: Keys, raw or PEM, or with the role ``policy`` and a validity, one of which
            must have approved the policies; one without roles is taken to have it. None leaves it
            open, but with ``relaxations`` no approval counts that these or ``policy_digests`` do
            not name.

    Raises:
        UsageError: No such verdict, an age without the time now, a time without a zone, or a
            thing demanded by its former name, too.
    """

    require: Verdict | None = None
    digest: str | None = None
    gate: str | None = None
    profile: str | None = None
    stage: str | None = None
    policy_digest: InitVar[str | None] = None
    max_age_s: int | None = None
    now: datetime | None = None
    no_relaxations: InitVar[bool | None] = None
    no_waivers: InitVar[bool | None] = None
    policy: bytes | None = field(default=None, repr=False)
    policy_digests: Collection[str] = ()
    relaxations: Collection[str] | None = None
    waivers: Collection[str] | None = None
    ledger_ids: Collection[str] = ()
    checkpoints: Collection[str] = ()
    decision_id: str | None = None
    subject: str | None = None
    policy_approvers: Keys | None = None

    def __post_init__(
        self, policy_digest: str | None, no_relaxations: bool | None, no_waivers: bool | None
    ) -> None:
        self._take("policy_digests", "policy_digest", policy_digest, (policy_digest,))
        self._take("relaxations", "no_relaxations", no_relaxations, ())
        self._take("waivers", "no_waivers", no_waivers, ())
        if self.require is not None and self.require not in list(Verdict):
            known = ", ".join(Verdict)
            raise UsageError(f"no verdict {self.require!r}", f"known: {known}")
        self._require_types()
        self._take_approvers()
        if self.max_age_s is not None and self.now is None:
            raise UsageError("a greatest age means nothing without the time now")
        if self.now is not None and self.now.tzinfo is None:
            raise UsageError("the time now has no zone", "pass it in UTC")

    def _take(self, name: str, former: str, given: object, value: Collection[object]) -> None:
        """Take what was demanded by the ``former`` name of the member ``name``."""
        if given is None:
            return
        warnings.warn(
            f"Expectations({former}=…) goes after 0.1: it is {name}", DeprecationWarning, 4
        )
        if given is False:
            return
        if getattr(self, name):
            raise UsageError(f"{name} and {former} demand one thing twice", f"give {name} alone")
        object.__setattr__(self, name, value)

    def _require_types(self) -> None:
        """A demand of another type would be met by chance, or by everything."""
        texts = ("digest", "gate", "profile", "stage", "decision_id", "subject")
        for name in texts:
            if not isinstance(getattr(self, name), str | None):
                raise UsageError(f"{name} is text, not {type(getattr(self, name)).__name__}")
        if self.max_age_s is not None and type(self.max_age_s) is not int:
            raise UsageError("max_age_s is a whole number of seconds")
        if not isinstance(self.now, datetime | None) or not isinstance(self.policy, bytes | None):
            raise UsageError("now is a datetime, and policy the bytes of an archive")
        for name in ("policy_digests", "relaxations", "waivers", "ledger_ids", "checkpoints"):
            given = getattr(self, name)
            if given is None and name in ("relaxations", "waivers"):
                continue
            if not isinstance(given, (list, tuple, set, frozenset)) or not all(
                isinstance(text, str) for text in given
            ):
                raise UsageError(f"{name} is a list of texts, not {type(given).__name__}")

    def _take_approvers(self) -> None:
        """A raw key that is given as an approver has that role."""
        if self.policy_approvers is None:
            return
        given = self.policy_approvers
        if not isinstance(given, (list, tuple)) or not all(
            isinstance(key, bytes | TrustedKey) for key in given
        ):
            raise UsageError("policy_approvers is a list of keys, raw or TrustedKey")
        keys = tuple(
            key if isinstance(key, TrustedKey) else TrustedKey(_raw(key), (POLICY,))
            for key in given
        )
        if not any(POLICY in key.roles for key in keys):
            raise UsageError(f"policy_approvers has no key of role {POLICY!r}", "name one")
        object.__setattr__(self, "policy_approvers", keys)

    @property
    def nothing(self) -> bool:
        """Whether nothing at all is asked for."""
        return replace(self, now=None, max_age_s=None) == _NOTHING and self.max_age_s is None

    @property
    def needs_policy(self) -> bool:
        """Whether what is asked for only the policy shows."""
        return bool(self.policy_digests) or self.require in _LETS_THROUGH

    def not_required(
        self, predicate: Mapping[str, Json], origin: str | None = None
    ) -> tuple[str, ...]:
        """Return what the caller may think otherwise on of a record, having not demanded it.

        Of a reservation that is what was granted, to whom and how much too: an ALLOW of another
        lease is as genuine. Amounts are nothing that can be demanded. A ledger is demanded by its
        id, or by a checkpoint of it that the caller kept: who decides often, each time in a new
        ledger, shows the one that passed.

        Args:
            predicate: Of the record.
            origin: Of the checkpoint that the record lies under.
        """
        wishes: list[tuple[str, object]] = [
            ("artifact", self.digest),
            ("profile", self.profile),
            ("stage", self.stage),
            ("policy", tuple(self.policy_digests) or self.policy or self.policy_approvers),
        ]
        if origin is not None:
            kept = any(note.partition("\n")[0] == origin for note in self.checkpoints)
            wishes.append((LEDGER, tuple(self.ledger_ids) or kept))
        if "reservation" in predicate:
            of_lease = [("lease", self.decision_id), ("subject", self.subject), ("amounts", None)]
            wishes = [*of_lease, *wishes[1:]]
        return tuple(what for what, wish in wishes if not wish)


def _raw(key: bytes) -> bytes:
    return key if len(key) == RAW_BYTES else load_public_pem(key)


_NOTHING = Expectations()


def unmet_wishes(
    statement: Mapping[str, Json], expect: Expectations, *, policy_was_compared: bool
) -> list[str]:
    """Return what the caller wants and the record is not, one sentence each.

    Args:
        statement: A decision's statement, verified.
        expect: The wishes.
        policy_was_compared: Whether the record was held against the policy that it names.

    Source: spec/predicate-v1.md section 13.2.
    """
    predicate = statement["predicate"]
    wishes = (
        ("verdict", expect.require, predicate["verdict"]),
        ("gate", expect.gate, predicate["gate"]),
        ("profile", expect.profile, predicate["profile"]["name"]),
        ("stage", expect.stage, predicate["stage"]),
        ("decision", expect.decision_id, predicate["decision_id"]),
        ("subject", expect.subject, statement["subject"][0]["name"]),
    )
    unmet = [
        f"{what} {required} is required; the record says {recorded}"
        for what, required, recorded in wishes
        if required is not None and required != recorded
    ]
    unmet += _of_another_gate(statement, expect)
    artifact = subject_of(statement).sha256
    if expect.digest is not None and expect.digest != artifact:
        recorded = "names no artifact" if artifact is None else f"is about sha256:{artifact}"
        unmet.append(f"artifact sha256:{expect.digest} is required; the record {recorded}")
    relaxed_by = [relaxation["name"] for relaxation in predicate["relaxations"]]
    waived_by = [waiver["id"] for waiver in predicate["waivers"] if waiver["status"] == "applied"]
    unmet += _not_accepted("relaxation", expect.relaxations, relaxed_by)
    unmet += _not_accepted("waiver", expect.waivers, waived_by)
    policy = predicate["policy"]["digest"]["sha256"]
    unmet += _not_accepted("policy digest", expect.policy_digests or None, [policy])
    if expect.needs_policy and not policy_was_compared:
        unmet.append(
            "policy not attached: limits, severities, completeness, lifetime and waivers "
            "were not compared"
        )
    attests = statement["predicateType"] in ATTESTED_TYPES
    return unmet + _out_of_time(predicate, expect, _ATTEST if attests else _DECIDE)


def unmet_ledger(ledger_id: str, expect: Expectations) -> list[str]:
    """Return what is not as the caller wants of the ledger that holds the record.

    Args:
        ledger_id: Of the checkpoint that the record was shown to lie under. An import's origin
            is its importer's word.
        expect: The wishes.
    """
    return _not_accepted("ledger", expect.ledger_ids or None, [ledger_id])


def _not_accepted(what: str, accepted: Collection[str] | None, names: list[str]) -> list[str]:
    if accepted is None or not (odd := [name for name in names if name not in accepted]):
        return []
    but = f" but {', '.join(sorted(accepted))}" if accepted else ""
    return [f"no {what}{but} is accepted; the record has {', '.join(odd)}"]


def _of_another_gate(statement: Mapping[str, Json], expect: Expectations) -> list[str]:
    """Where no gate is named, PROMOTE is that of gate ``promotion``."""
    gate = statement["predicate"]["gate"]
    if expect.require != Verdict.PROMOTE or expect.gate is not None:
        return []
    if statement["predicateType"] in ATTESTED_TYPES:
        return [
            f"a PROMOTE of gate {DEFAULT_GATE} is required; this is an attestation: "
            f"name --gate {gate} if that is meant"
        ]
    if gate == DEFAULT_GATE:
        return []
    return [
        f"a PROMOTE of gate {DEFAULT_GATE} is required; the record is of gate {gate}: "
        f"name --gate {gate} if that is meant"
    ]


def _out_of_time(predicate: Mapping[str, Json], expect: Expectations, again: str) -> list[str]:
    """How old the record may be, and whether its verdict may be used at that time."""
    if expect.now is None:
        return []
    unmet = []
    age = age_s(expect.now, read_time(predicate["decided_at"], "decided_at"))
    now = write_time(expect.now)
    if age < OLDEST_FUTURE_S:
        unmet.append(f"the record is from the future, {predicate['decided_at']}; it is {now}")
    if expect.max_age_s is not None and age > expect.max_age_s:
        unmet.append(
            f"an age of at most {expect.max_age_s} s{_in_words(expect.max_age_s)} is required; "
            f"the record is {age} s old{_in_words(age)}: {again}"
        )
    valid_until = read_time(predicate["valid_until"], "valid_until")
    if expect.now >= valid_until:
        ago = write_span(age_s(expect.now, valid_until))
        unmet.append(
            f"the verdict may be used until {write_time(valid_until)}; it is {now}, {ago} later: "
            + again
        )
    return unmet


def _in_words(seconds: int) -> str:
    """The same as days, hours or minutes, where that says more."""
    return "" if seconds < 120 else f" ({write_span(seconds)})"


def subject_of(statement: Mapping[str, Json]) -> Subject:
    """Return what a decision is about; without a digest when no artifact was named."""
    subject = statement["subject"][0]
    annotations = subject.get("annotations", {})
    named = "digest_of" not in annotations
    digest = subject["digest"]["sha256"] if named else None
    return Subject(subject["name"], annotations.get("version"), digest)
