"""The nouns of the domain. Frozen, typed, and free of I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeGuard

Json: TypeAlias = Any
"""What ``json.loads`` gives: dict, list, str, int, float, bool or None."""


def is_number(value: Json) -> bool:
    """Return whether ``value`` is a number, a computation's own kind of one too; no boolean is."""
    kind = type(value)
    return kind is int or kind is float or (isinstance(value, (int, float)) and kind is not bool)


def is_interval(value: Json) -> TypeGuard[list[float]]:
    """Return whether ``value`` is a list of two numbers, in whatever order."""
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


DECISION_TYPE = "urn:governance-engine:decision:v1"
DECISION_V2_TYPE = "urn:governance-engine:decision:v2"
DECISION_REQUESTED_TYPE = "urn:governance-engine:decision-requested:v1"
DECISION_FAILED_TYPE = "urn:governance-engine:decision-failed:v1"
DECISION_IMPORTED_TYPE = "urn:governance-engine:decision-imported:v1"
LEDGER_CREATED_TYPE = "urn:governance-engine:ledger-created:v1"
LEDGER_CREATED_V2_TYPE = "urn:governance-engine:ledger-created:v2"
RELAXATIONS = (
    *("ephemeral_ledger", "folder_writable_by_others", "input_limit_raised"),
    *("policies_configured", "policies_overridden", "recognisers_off", "self_attested"),
)
"""Names of what weakens a run; :mod:`engine.report.relaxations` says what each is."""
RECOGNISERS_OFF = "recognisers_off"
"""The relaxation of a scan that did not look for every family; also the member that says which."""
SCAN_METHOD = "scan/2"
"""How a scan says in its metrics that it was computed."""

RUN_IMPORTED_TYPE = "urn:governance-engine:run-imported:v1"
BUDGET_SETTLED_TYPE = "urn:governance-engine:budget-settled:v1"
BUDGET_RELEASED_TYPE = "urn:governance-engine:budget-released:v1"
BUDGET_REOPENED_TYPE = "urn:governance-engine:budget-reopened:v1"
BUDGET_EXPIRED_TYPE = "urn:governance-engine:budget-expired:v1"
BUDGET_TYPES = (
    *(BUDGET_SETTLED_TYPE, BUDGET_RELEASED_TYPE, BUDGET_EXPIRED_TYPE),
    BUDGET_REOPENED_TYPE,
)
"""Predicate types of what happens to a budget besides the decisions that reserve of it."""
BREAKER_CHANGED_TYPE = "urn:governance-engine:breaker-changed:v1"
BREAKER_CHANGED_V2_TYPE = "urn:governance-engine:breaker-changed:v2"
ETHICS_ATTESTATION_TYPE = "urn:governance-engine:ethics-attestation:v1"
ETHICS_ATTESTATION_V2_TYPE = "urn:governance-engine:ethics-attestation:v2"
PROMOTED_TYPE = "urn:governance-engine:promoted:v1"
BREACH_TYPE = "urn:governance-engine:breach:v1"
PAGE_TYPE = "urn:governance-engine:page:v1"
DEGRADE_TYPE = "urn:governance-engine:degrade:v1"
ROLLBACK_TYPE = "urn:governance-engine:rollback:v1"
RECOVER_TYPE = "urn:governance-engine:recover:v1"
ESCALATE_TYPE = "urn:governance-engine:escalate:v1"
EFFECT_TYPE = "urn:governance-engine:effect:v1"
HOLD_EXPIRED_TYPE = "urn:governance-engine:hold-expired:v1"

DECISION_TYPES = (DECISION_TYPE, DECISION_V2_TYPE)
"""Predicate types of a decision, one for each version; every reader takes all of them."""

OWN_TYPES = frozenset(value for name, value in globals().items() if name.endswith("_TYPE"))
"""Every predicate type that this engine writes into a ledger."""

POLICY_APPROVAL_TYPE = "urn:governance-engine:policy-approval:v1"
"""Predicate type of a key's word that a policy may decide; it lies beside the policy's file."""

EVIDENCE_TYPE = "urn:governance-engine:evidence:v1"
"""Predicate type of a producer's word on what was measured: a signed metrics file."""

CREATION_TYPES = (LEDGER_CREATED_TYPE, LEDGER_CREATED_V2_TYPE)
"""What entry 0 says; v2 also of which run of a CI the ledger is."""

ATTESTATION_TYPES = {"ethics": (ETHICS_ATTESTATION_TYPE, ETHICS_ATTESTATION_V2_TYPE)}
"""Gates whose answer is attested, and the predicate types of such an attestation, by version."""

ATTESTED_TYPES = frozenset(kind for types in ATTESTATION_TYPES.values() for kind in types)
"""Predicate types of attestations, whatever their gate."""


class Verdict(StrEnum):
    """What a gate says. The first four are release gates', the last two access gates'."""

    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    BLOCK = "BLOCK"
    ROLLBACK = "ROLLBACK"
    ALLOW = "ALLOW"
    DENY = "DENY"


class MetricStatus(StrEnum):
    """What a metric says of its own value; a check passes on ``OK`` only."""

    OK = "ok"
    UNDEFINED = "undefined"
    INSUFFICIENT_DATA = "insufficient_data"
    INVALID_INPUT = "invalid_input"


INVALID_INPUT = MetricStatus.INVALID_INPUT.value
"""The plain text, for documents and for what is compared at every decision."""


class Status(StrEnum):
    """What one comparison said. Only ``PASS`` and ``EXEMPT`` let a release through."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    STALE = "stale"
    INSUFFICIENT = "insufficient"
    EXEMPT = "exempt"
    OFF = "off"


class Severity(StrEnum):
    """What a failing check does: stop the release, be shown, or nothing (not asked)."""

    BLOCK = "block"
    WARN = "warn"
    OFF = "off"


class Stage(StrEnum):
    """Where the subject is in its life when the gate is asked."""

    CANDIDATE = "candidate"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is decided on.

    Attributes:
        name: Name of the release, such as ``scoring-model``.
        version: Version as its owners write it; None when not given.
        sha256: Digest of the artifact, 64 lowercase hex digits; None when not given.
    """

    name: str
    version: str | None = None
    sha256: str | None = None


class UnreadMetric(NamedTuple):
    """A metric that was given and that no check of the gate reads.

    Attributes:
        metric: Its id.
        readers: What would read it, as one clause; or that nothing does.
        nearest: For an id that may be misspelt, which is meant, as a question; else empty.
        invalid_because: Why its value is none that it can have; empty where it is one.
    """

    metric: str
    readers: str
    nearest: str = ""
    invalid_because: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict and the record it left.

    Attributes:
        decision_id: UUIDv7.
        decided_at: RFC 3339, UTC, whole seconds; the ``now`` that the policies saw.
        valid_until: RFC 3339; from then on the verdict must not be acted on.
        gate: Policy package that was asked, such as ``promotion``.
        profile: Name of the table of limits.
        stage: ``candidate`` or ``production``.
        verdict: OPA's own word.
        reason: One sentence on what decided.
        subject: What was decided on.
        checks: The statement's checks as JSON objects, sorted by id, passes too.
        obligations: What must be done besides, ``{"id", "check"}``, sorted.
        waivers: Every waiver that names this subject, or names none, and what it did.
        relaxations: Every option that weakened this run, by name, sorted.
        recorded: Whether the decision is durable in a ledger; False on a dry run.
        index: Ledger index, counted from 0; None when not recorded.
        checkpoint: Signed note that covers the entry; None when not recorded.
        statement: The exact in-toto Statement bytes; what was signed if recorded.
        attestations: The Input's attestations, those that do not count too.
        evidence_files: Of evidence that was found in a folder, how many files there are, which
            this is, and what was left out: ``{"folders", "files", "names", "left_out", "file"}``;
            None of other evidence.
        intolerable: Those of the relaxations that the profile does not tolerate.
        unread_metrics: What was given and no check of the gate reads, sorted by id; empty too
            where what was given is not known any more.
        policy_changes: Which rows its policies change against those that ship with the engine,
            ``{"against", "count", "rows"}``; None where they are the shipped ones.
        policy_approvals: Who approved its policies, where that is why they are no relaxation:
            ``{"key_id", "approved_at", "expires_at"?, "envelope"}`` each.
        signed_evidence: Who signed the evidence, ``{"key_id", "signed_at", "envelope"}`` each; the
            checks name the ``signers`` of their metrics.
    """

    decision_id: str
    decided_at: str
    valid_until: str
    gate: str
    profile: str
    stage: str
    verdict: Verdict
    reason: str
    subject: Subject
    checks: tuple[Json, ...]
    obligations: tuple[Json, ...]
    waivers: tuple[Json, ...]
    relaxations: tuple[str, ...]
    recorded: bool
    index: int | None
    checkpoint: str | None
    statement: bytes
    attestations: tuple[Json, ...] = ()
    evidence_files: Json = None
    intolerable: tuple[str, ...] = ()
    unread_metrics: tuple[UnreadMetric, ...] = ()
    policy_changes: Json = None
    policy_approvals: tuple[Json, ...] = ()
    signed_evidence: tuple[Json, ...] = ()


class CiRun(NamedTuple):
    """One attempt at one run of a CI.

    Attributes:
        ci: ``github``, ``gitlab``, or ``named`` where the caller said it.
        id: What the CI calls the run: a workflow run, a pipeline.
        attempt: What it calls the attempt: its number, or the job's id.
    """

    ci: str
    id: str
    attempt: str


class Signer(Protocol):
    """Something that signs with one Ed25519 key."""

    @property
    def public_key(self) -> bytes:
        """32 raw bytes."""

    @property
    def key_id(self) -> str:
        """SHA-256 of the public key's SubjectPublicKeyInfo DER, 64 hex digits."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of ``message``. RFC 8032 section 5.1.6."""
