"""A ledger in memory, and just enough of a policy to fill it: every proof test starts here.

Read it top to bottom to see how a record is made, or run it by hand::

    key = Key("release")                          # 1. an Ed25519 key, from a seed
    policy = Policy()                             # 2. a gate, its checks and a table of limits
    ledger = Ledger(key)                          # 3. entry 0 says which ledger this is
    case = Case()                                 # 4. evidence, as the gate sees it
    index = ledger.decide(case, policy)           # 5. statement -> envelope -> entry
    ledger.append(b"whatever comes later")        # 6. history goes on
    bundle = ledger.prove(index)                  # 7. one entry, its path, a checkpoint
    verify(bundle.encode(), [key.public])         # 8. what a stranger does with it

A forgery is a change at one of these steps: give :class:`Case` other evidence than the
statement is told, let :meth:`Ledger.decide` ``edit`` the predicate before it is signed, or
``dataclasses.replace`` a part of the bundle. Nothing here is mocked: hashes, signatures and
proofs are the engine's own; only the disk, the clock and OPA are missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.formats import canonical
from engine.formats.signed_json import write_base64
from engine.formats.times import age_s, parse_time, write_time
from engine.model import (
    ATTESTATION_TYPES,
    DECISION_IMPORTED_TYPE,
    DECISION_TYPES,
    LEDGER_CREATED_TYPE,
    Json,
)
from engine.proof import merkle
from engine.proof.approvals import Approval, approval_statement, attachment_of, read_approval
from engine.proof.archive import pack
from engine.proof.attestation_rules import is_attested
from engine.proof.bundle import ProofBundle
from engine.proof.checkpoint import Checkpoint, origin_of
from engine.proof.checkpoint import sign as sign_checkpoint
from engine.proof.decision_version import CHECK_OF_V2, version_of
from engine.proof.envelope import seal
from engine.proof.input_document import OF_METRIC, salted_digest
from engine.proof.keys import key_id, public_pem
from engine.proof.signed_evidence import evidence_statement, read_evidence
from engine.proof.statement import statement
from engine.proof.verdict_rules import recompute_reason, recompute_status, recompute_verdict

NOW = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)
ARTIFACT = hashlib.sha256(b"model.onnx").hexdigest()

Edit = Callable[[dict[str, Any]], None]


def _no_edit(_value: dict[str, Any]) -> None:
    """Leave the record as it follows from the evidence."""


class Key:
    """An Ed25519 key whose seed is the SHA-256 of a word."""

    def __init__(self, word: str) -> None:
        seed = hashlib.sha256(b"test " + word.encode()).digest()
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._private.public_key().public_bytes_raw()
        self.key_id = key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


_DIRECTIONS = {"<=": "lower", "<": "lower", ">=": "higher", ">": "higher"}


def limit(value: Json, operator: str = "<=", **row: Json) -> dict[str, Json]:
    """A check of kind ``limit``: its row in the profile, and how it compares."""
    return {"kind": "limit", "operator": operator, "severity": "block", "max_age_s": 3600} | {
        "limit": value,
        **row,
    }


@dataclass(frozen=True)
class Policy:
    """A gate and one profile: what ``engine policy build`` would make of Rego and YAML.

    Attributes:
        gate: Name of the gate.
        requires_digest: Whether it decides on an artifact only.
        rule: How its checks become a verdict.
        checks: By id, the profile's row together with what METADATA says.
        waivers: As the policy's source writes them.
        relaxations_allowed: Of the profile.
        ttl_s: Seconds for which a verdict may be used.
        others: Checks of other gates, which this profile has rows for too.
        trust: Rows of the trust list.
    """

    gate: str = "promotion"
    requires_digest: bool = False
    rule: str = "release/v1"
    checks: Mapping[str, dict[str, Json]] = field(
        default_factory=lambda: {
            "ethics.consent": limit(True, "=="),
            "ethics.ece": limit(0.01, min_n=1000, in_production="rollback"),
            "slo.dec_p95_ms": limit(800, severity="warn"),
        }
    )
    waivers: Sequence[dict[str, Json]] = ()
    relaxations_allowed: Sequence[str] = ("ephemeral_ledger",)
    ttl_s: int = 86_400
    others: Mapping[str, dict[str, Json]] = field(default_factory=dict)
    trust: Sequence[Json] = ()

    _OF_METRIC = ("unit", "range", "values")
    _METADATA = ("kind", "operator", "metric", "unless", *_OF_METRIC)

    @property
    def everything(self) -> dict[str, dict[str, Json]]:
        """The checks of all gates."""
        return {**self.checks, **self.others}

    def metric_of(self, check_id: str) -> str:
        return str(self.everything[check_id].get("metric", check_id))

    def profile(self) -> dict[str, Json]:
        """The resolved table of limits."""
        return {
            "description": "made up for tests",
            "relaxations_allowed": list(self.relaxations_allowed),
            "decision_ttl_s": self.ttl_s,
            "checks": {
                check_id: {key: value for key, value in row.items() if key not in self._METADATA}
                for check_id, row in self.everything.items()
            },
        }

    def data(self) -> dict[str, Json]:
        """What ``data.json`` holds."""
        metrics: dict[str, Json] = {
            self.metric_of(check_id): {"type": "number", "description": "for tests"}
            | {"direction": _DIRECTIONS.get(str(row["operator"]), "none")}
            | {key: row[key] for key in self._OF_METRIC if key in row}
            for check_id, row in self.everything.items()
        }
        return {
            "catalogue": {"metrics": metrics},
            "limits": {"default": self.profile()},
            "prices": {},
            "trust": {"keys": list(self.trust)},
            "waivers": {"waivers": list(self.waivers)},
        }

    def files(self) -> dict[str, bytes]:
        """The files of the archive but the manifest."""
        return {
            "data.json": canonical.encode(self.data()),
            "policy.wasm": b"\0asm\x01\0\0\0",
            "sources/promotion/promotion.rego": b"package promotion\n",
        }

    def manifest(self) -> bytes:
        """The manifest; its SHA-256 is the policy digest."""
        digests = {name: hashlib.sha256(file).hexdigest() for name, file in self.files().items()}
        described = {
            check_id: {"title": check_id, "metric": self.metric_of(check_id)}
            | {"kind": row["kind"], "operator": row["operator"]}
            | ({"unless": row["unless"]} if "unless" in row else {})
            for check_id, row in self.everything.items()
        }
        gate = {
            "rule": self.rule,
            "checks": sorted(self.checks),
            "requires_digest": self.requires_digest,
        }
        return canonical.encode(
            {
                "schema": "governance-engine/policy/v1",
                "revision": "r1",
                "files": {name: digests[name] for name in ("data.json", "policy.wasm")},
                "sources": {
                    name.removeprefix("sources/"): digest
                    for name, digest in digests.items()
                    if name.startswith("sources/")
                },
                "gates": {self.gate: gate},
                "checks": described,
            }
        )

    def digest(self) -> str:
        return hashlib.sha256(self.manifest()).hexdigest()

    def archive(self) -> bytes:
        return pack({"manifest.json": self.manifest(), **self.files()})


def metric(value: Json, *, ago_s: int = 125, now: datetime = NOW, **more: Json) -> dict[str, Json]:
    """One metric in long form, observed ``ago_s`` seconds before ``now``."""
    observed_at = write_time(now - timedelta(seconds=ago_s))
    return {"value": value, "status": "ok", "observed_at": observed_at, "age_s": ago_s} | more


@dataclass
class Case:
    """What a gate is asked, and the evidence it is given. By default everything passes."""

    metrics: dict[str, dict[str, Json]] = field(
        default_factory=lambda: {
            "ethics.consent": metric(True),
            "ethics.ece": metric(0.006, n=24_000, ci=[0.004, 0.008]),
            "slo.dec_p95_ms": metric(512),
            "x.note": metric("carried, never evaluated"),
        }
    )
    stage: str = "candidate"
    subject: dict[str, Json] = field(
        default_factory=lambda: {
            "name": "scoring-model",
            "version": "2.4.1",
            "digest": {"sha256": ARTIFACT},
        }
    )
    relaxations: Sequence[str] = ()
    now: datetime = NOW
    salt: bytes = hashlib.sha256(b"test salt").digest()
    attestations: Sequence[dict[str, Json]] = ()
    evidence_files: Json = None
    policy_changes: Json = None
    proofs: Sequence[bytes] = ()
    approvers: Sequence[Key] = ()
    evidence: Sequence[bytes] = ()

    def document(self, policy: Policy) -> dict[str, Json]:
        """The Input that ``policy``'s gate would see."""
        return {
            "gate": policy.gate,
            "profile": "default",
            "stage": self.stage,
            "decided_at": write_time(self.now),
            "subject": self.subject,
            "metrics": self.metrics,
            "waivers": [self._aged(waiver) for waiver in policy.waivers],
            "relaxations": sorted(self.relaxations),
            "attestations": list(self.attestations),
        }

    def _aged(self, waiver: dict[str, Json]) -> dict[str, Json]:
        if "expires_at" not in waiver:
            return waiver
        return waiver | {"remaining_s": age_s(parse_time(waiver["expires_at"]), self.now)}


def judge(document: dict[str, Json], policy: Policy) -> tuple[list[Json], list[Json]]:
    """The checks and the waivers that a gate answers with, in the statement's form."""
    checks, waivers = [], []
    for check_id, row in sorted(policy.checks.items()):
        checks.append(check := _check(check_id, row, document, policy))
        for waiver in document["waivers"]:
            if waiver.get("check") != check_id or waiver["subject"] != {
                key: document["subject"].get(key) for key in waiver["subject"]
            }:
                continue
            expired = waiver.get("remaining_s", 0) <= 0
            applies = check["status"] == "fail" and not expired and not row.get("unwaivable")
            if applies and check["waived_by"] is None:
                check["waived_by"] = waiver["id"]
            status = "applied" if check["waived_by"] == waiver["id"] else "unused"
            status = "expired" if expired else "unwaivable" if row.get("unwaivable") else status
            stated = {
                key: waiver[key]
                for key in ("id", "check", "reason", "approvers", "expires_at")
                if key in waiver
            }
            waivers.append(stated | {"status": status})
    return checks, waivers


def conclude(predicate: dict[str, Any]) -> None:
    """Make a record that was edited give the reason that follows from the rest of it."""
    relaxations = predicate["relaxations"]
    predicate["reason"] = recompute_reason(
        predicate["verdict"],
        predicate["checks"],
        [relaxation["name"] for relaxation in relaxations],
        [relaxation["name"] for relaxation in relaxations if relaxation["tolerated"]],
    )


def _check(
    check_id: str, row: dict[str, Json], document: dict[str, Json], policy: Policy
) -> dict[str, Json]:
    metrics = document["metrics"]
    name = policy.metric_of(check_id)
    given = metrics.get(name)
    check: dict[str, Json] = {
        "id": check_id,
        "severity": row["severity"],
        "operator": row["operator"],
        "observed": None if given is None else given["value"],
        "limit": row.get("limit"),
        "waived_by": None,
        "metric": name,
        "kind": row["kind"],
    }
    for key in (
        *("unless", "unit", "max_age_s", "min_n", "compare", "in_production"),
        *CHECK_OF_V2,
    ):
        if key in row:
            check[key] = row[key]
    if given is not None:
        check["metric_status"] = given["status"]
        for key in OF_METRIC:
            if key in given:
                check[key] = given[key]
        if row["kind"] == "baseline":
            check["limit"] = given.get("baseline")
    if row["kind"] == "attestation":
        rests = (document["attestations"], document["relaxations"])
        check["observed"] = True if is_attested(check, document["subject"], *rests) else None
    check["status"] = recompute_status(check, metrics)
    return check


class Ledger:
    """An append-only list of entries with its tree and its chain."""

    def __init__(self, key: Key, name: str = "one") -> None:
        self.key = key
        self.id = hashlib.sha256(b"ledger " + name.encode()).hexdigest()[:32]
        self.entries: list[bytes] = []
        self.chain = [merkle.GENESIS_CHAIN]
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._frontier = merkle.Frontier()
        self._attachments: dict[int, dict[str, bytes]] = {}
        digest = hashlib.sha256(self.id.encode()).hexdigest()
        created = {"ledger": {"id": self.id}, "public_key": key.public.hex()}
        subject = {"name": self.id, "digest": {"sha256": digest}}
        self.seal(statement([subject], LEDGER_CREATED_TYPE, created))

    def append(self, entry: bytes) -> int:
        """Append the bytes of an entry; return its index."""
        index, leaf = len(self.entries), merkle.leaf_hash(entry)
        self._nodes[0, index] = leaf
        for level, place, value in self._frontier.append(leaf):
            self._nodes[level, place] = value
        self.entries.append(entry)
        self.chain.append(merkle.chain_hash(self.chain[-1], leaf))
        return index

    def seal(self, payload: bytes) -> int:
        """Sign a statement and append its envelope."""
        return self.append(seal(payload, self.key.sign, self.key.key_id))

    def node(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]

    def checkpoint(self, size: int | None = None) -> str:
        """The signed note of the ledger at ``size``; now, when it is not given."""
        size = len(self.entries) if size is None else size
        state = Checkpoint(origin_of(self.id), size, merkle.root(size, self.node), self.chain[size])
        return sign_checkpoint(state, self.key.sign, self.key.public)

    def decide(
        self,
        case: Case,
        policy: Policy,
        *,
        edit: Edit = _no_edit,
        edit_input: Edit = _no_edit,
        edit_statement: Edit = _no_edit,
    ) -> int:
        """Decide on ``case`` and append the record.

        Args:
            case: What is asked.
            policy: Who answers.
            edit: Changes the predicate before it is signed.
            edit_input: Changes the Input that is attached, after the gate has seen it.
            edit_statement: Changes the whole statement before it is signed.
        """
        document = case.document(policy)
        checks, waivers = judge(document, policy)
        edit_input(document)
        encoded = canonical.encode(document)
        digest = {"sha256": salted_digest(case.salt, encoded)}
        predicate = self._predicate(case, policy, checks) | {"waivers": waivers}
        predicate["input"] = {"digest": digest}
        kind = version_of(DECISION_TYPES, predicate)
        edit(predicate)
        annotations = {key: case.subject[key] for key in ("version",) if key in case.subject}
        if "digest" not in case.subject:
            annotations["digest_of"] = "input"
        subject = {"name": case.subject["name"], "digest": case.subject.get("digest", digest)}
        subject |= {"annotations": annotations} if annotations else {}
        whole: dict[str, Any] = {
            "subject": [subject],
            "type": kind,
            "predicate": predicate,
        }
        edit_statement(whole)
        index = self.seal(statement(whole["subject"], whole["type"], whole["predicate"]))
        self._attachments[index] = {
            "input": encoded,
            "salt": case.salt,
            "policy": policy.archive(),
        }
        if case.proofs:
            self._attachments[index]["attestations"] = b"[" + b",".join(case.proofs) + b"]"
        if case.approvers:
            self._attachments[index]["approvals"] = attachment_of(approvals_of(case, policy))
        if case.evidence:
            self._attachments[index]["evidence"] = b"[" + b",".join(case.evidence) + b"]"
        return index

    def attest(
        self,
        case: Case,
        policy: Policy,
        *,
        ttl_s: int = 3600,
        edit: Edit = _no_edit,
        edit_statement: Edit = _no_edit,
    ) -> int:
        """Attest what ``policy``'s gate answers on ``case``, as ``engine attest`` does.

        Args:
            case: What is asked.
            policy: Who answers.
            ttl_s: How long it lasts.
            edit: Changes the predicate before it is signed.
            edit_statement: Changes the whole statement before it is signed.
        """

        def attested(whole: dict[str, Any]) -> None:
            said = whole["predicate"]
            for name in ("valid_until", "attestations"):
                del said[name]
            said |= {
                "attestation_id": said.pop("decision_id"),
                "issued_at": said.pop("decided_at"),
                "expires_at": write_time(case.now + timedelta(seconds=ttl_s)),
                "public_key": public_pem(self.key.public).decode(),
                "metrics": case.metrics,
                "evidence": said.pop("input"),
            }
            whole["type"] = version_of(ATTESTATION_TYPES["ethics"], said)
            edit(said)
            edit_statement(whole)

        return self.decide(case, policy, edit_statement=attested)

    def _predicate(self, case: Case, policy: Policy, checks: list[Json]) -> dict[str, Any]:
        tolerated = policy.relaxations_allowed
        relaxations = sorted(case.relaxations)
        verdict = recompute_verdict(policy.rule, checks, case.stage, relaxations, tolerated)
        reason = recompute_reason(str(verdict), checks, relaxations, tolerated)
        return {
            "decision_id": f"0193477e-7a00-7000-8000-{len(self.entries):012d}",
            "decided_at": write_time(case.now),
            "valid_until": write_time(case.now + timedelta(seconds=policy.ttl_s)),
            "gate": policy.gate,
            "profile": {
                "name": "default",
                "digest": {
                    "sha256": hashlib.sha256(canonical.encode(policy.profile())).hexdigest()
                },
            },
            "stage": case.stage,
            "verdict": verdict,
            "verdict_rule": policy.rule,
            "reason": reason,
            "checks": checks,
            "obligations": [],
            "relaxations": [{"name": name, "tolerated": name in tolerated} for name in relaxations],
            "policy": {"digest": {"sha256": policy.digest()}, "revision": "r1"},
            "evaluator": {"kind": "wasm", "opa_version": "1.22.0"},
            "attestations": list(case.attestations),
            "ledger": {"id": self.id},
            "attempt": 1,
            "previous": None,
            **({"evidence_files": case.evidence_files} if case.evidence_files else {}),
            **({"policy_changes": case.policy_changes} if case.policy_changes else {}),
            **(
                {"policy_approvals": [found.row() for found in approvals_of(case, policy)]}
                if case.approvers
                else {}
            ),
            **({"signed_evidence": evidence_rows(case.evidence)} if case.evidence else {}),
        }

    def adopt(self, other: Ledger, index: int, *, edit: Edit = _no_edit) -> int:
        """Import a decision of another ledger, as ``engine ledger import`` does."""
        from engine.proof.envelope import open_envelope
        from engine.proof.statement import parse_statement

        inner = parse_statement(open_envelope(other.entries[index]).payload)
        predicate: dict[str, Any] = {
            "decision_id": inner["predicate"]["decision_id"],
            "envelope": write_base64(other.entries[index]),
            "origin": {
                "checkpoint": other.checkpoint(),
                "index": index,
                "size": len(other.entries),
            },
            "imported_at": write_time(NOW + timedelta(hours=1)),
            "ledger": {"id": self.id},
        }
        edit(predicate)
        mine = self.seal(statement(inner["subject"], DECISION_IMPORTED_TYPE, predicate))
        self._attachments[mine] = other._attachments[index]
        return mine

    def prove(
        self, index: int, size: int | None = None, *, whole: bool = False, policy: bool = True
    ) -> ProofBundle:
        """The proof bundle of entry ``index`` at ``size``.

        Args:
            index: The entry.
            size: Ledger size that the proof is about; now, when it is not given.
            whole: Whether the ledger itself goes along, as it does with ``--ledger run:``.
            policy: Whether the policy goes along.
        """
        size = len(self.entries) if size is None else size
        attachments = dict(self._attachments.get(index, {}))
        if not policy:
            attachments.pop("policy", None)
        return ProofBundle(
            entry=self.entries[index],
            index=index,
            size=size,
            path=tuple(merkle.inclusion_proof(index, size, self.node)),
            checkpoint=self.checkpoint(size),
            previous_hash=self.chain[index],
            current_hash=self.chain[index + 1],
            attachments=attachments,
            following_leaves=()
            if whole
            else tuple(self.node(0, each) for each in range(index + 1, size)),
            ledger=tuple(self.entries[:size]) if whole else None,
        )


def approval(key: Key, digest: str, **terms: Any) -> Approval:
    """A key's approval of a policy, as ``engine policy sign`` writes it; an hour before."""
    given = {"approved_at": NOW - timedelta(hours=1), **terms}
    said = approval_statement(digest, key.public, given.pop("approved_at"), **given)
    return read_approval(seal(said, key.sign, key.key_id))


def approvals_of(case: Case, policy: Policy) -> list[Approval]:
    """The approvals that a decision on ``case`` rests on, sorted by key."""
    expires_at = case.now + timedelta(days=1)
    found = [approval(key, policy.digest(), expires_at=expires_at) for key in case.approvers]
    return sorted(found, key=lambda one: key_id(one.public_key))


def ledger_of_decisions(key: Key, policy: Policy, count: int = 1, *, name: str = "one") -> Ledger:
    """A ledger with ``count`` decisions, the first at index 1."""
    ledger = Ledger(key, name)
    for _ in range(count):
        ledger.decide(Case(), policy)
    return ledger


def signed_metrics(key: Key, document: Json, signed_at: datetime = NOW, tool: str = "t") -> bytes:
    """A metrics file in the envelope of a producer, in its one form."""
    payload = evidence_statement(document, key.public, signed_at, tool=tool)
    return seal(payload, key.sign, key.key_id)


def evidence_rows(envelopes: Sequence[bytes]) -> list[Json]:
    """What a record says of these envelopes."""
    return [read_evidence(envelope).row() for envelope in envelopes]
