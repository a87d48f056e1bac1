"""Records that somebody with the key signs although they do not follow, each consistent in itself.

A lie is made of a case that honestly is no PROMOTE and a change of the record before it is signed.
Afterwards statuses, verdict and reason are made to follow from the record as it then stands: only
what the Input and the policy say can still give the lie away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from engine.formats import canonical
from engine.formats.signed_json import write_base64
from engine.model import POLICY_APPROVAL_TYPE, Json
from engine.proof import attestation
from engine.proof.attestation import at_instant
from engine.proof.bundle import ProofBundle
from engine.proof.envelope import open_envelope, seal
from engine.proof.keys import public_pem
from engine.proof.signed_evidence import read_evidence, signers_of
from engine.proof.statement import statement
from engine.proof.verdict_rules import recompute_status, recompute_verdict
from tests.simulator import (
    NOW,
    Case,
    Key,
    Ledger,
    Policy,
    approval,
    conclude,
    limit,
    metric,
    signed_metrics,
)

KEY, BOARD, STRANGER = Key("release"), Key("board"), Key("stranger")
EARLIER = NOW - timedelta(minutes=30)
Predicate = dict[str, Any]
Edit = Callable[[Predicate], None]

WAIVER: dict[str, Json] = {
    "id": "W-1",
    "check": "ethics.ece",
    "subject": {"name": "scoring-model"},
    "reason": "known, and harmless here",
    "approvers": ["ana", "bo"],
    "expires_at": "2026-12-01T00:00:00Z",
}
CHECKS: dict[str, dict[str, Json]] = {
    "ethics.consent": limit(True, "=="),
    "ethics.ece": limit(0.01, min_n=1000, in_production="rollback", unit="ratio", compare="ci"),
    "model.caos": {"kind": "baseline", "operator": ">=", "severity": "block", "max_age_s": 3600},
    "slo.burn": limit(1, "quiet", kind="series"),
    "slo.p95": limit(800, severity="warn", unless="slo.quiet"),
    "slo.rps": limit(100, ">="),
    "slo.window": limit(60, ">=", kind="evidence"),
}
ATTESTED = {"ethics.attestation": limit(True, "==", kind="attestation", max_age_s=7200)}
TRUST: list[Json] = [{"key_id": BOARD.key_id, "roles": ["attestor"]}]
POLICY = Policy(checks=CHECKS)
TOLERANT = replace(POLICY, relaxations_allowed=("policies_configured",))
RESTING = Policy(checks={**CHECKS, **ATTESTED}, trust=TRUST)
ETHICS = Policy(
    gate="ethics",
    checks={"ethics.consent": limit(True, "=="), "ethics.ece": limit(0.01, min_n=1000)},
    others=ATTESTED,
)
METRICS: dict[str, dict[str, Json]] = {
    "ethics.consent": metric(True),
    "ethics.ece": metric(0.006, n=24_000, ci=[0.004, 0.008]),
    "model.caos": metric(5, baseline=4),
    "slo.burn": metric([0.1, 0.2, 0.1]),
    "slo.p95": metric(512),
    "slo.rps": metric(140, n=50),
    "slo.window": metric(60),
    "slo.quiet": metric(False),
    "x.note": metric("carried, never evaluated"),
}

FOUND: Json = {
    "folders": 2,
    "files": 3,
    "file": 3,
    "names": {"sha256": "c4" * 32},
    "left_out": {"count": 1, "first": [{"name": "linked.json", "reason": "entered"}]},
}
"""Evidence that was found in folders. spec/predicate-v2.md section 5."""


CHANGED: Json = {
    "against": {"sha256": "d5" * 32},
    "count": 2,
    "rows": ["limits/default/slo.p95", "waivers/W-1"],
}
"""Policies that change rows of those that ship. spec/predicate-v2.md section 6."""


@dataclass(frozen=True)
class Scene:
    """A policy, what it was asked, and the attestations of the case."""

    name: str
    case: Case
    policy: Policy


def _but(**changes: dict[str, Json] | None) -> Case:
    """A case in which these metrics are otherwise; None leaves one out."""
    named = {key.replace("_", ".", 1): value for key, value in changes.items()}
    rest = {key: value for key, value in METRICS.items() if key not in named}
    return Case(metrics=rest | {key: value for key, value in named.items() if value is not None})


def attested(
    key: Key = BOARD, ece: float = 0.006, relaxations: tuple[str, ...] = ()
) -> ProofBundle:
    """An attestation of the ethics gate, in a ledger of its attestor."""
    seen = {"ethics.consent": metric(True, now=EARLIER)}
    seen["ethics.ece"] = metric(ece, n=24_000, now=EARLIER)
    ledger = Ledger(key, f"of {key.key_id}")
    found = FOUND if relaxations else None
    changed = CHANGED if relaxations else None
    case = Case(
        metrics=seen,
        now=EARLIER,
        relaxations=relaxations,
        evidence_files=found,
        policy_changes=changed,
    )
    index = ledger.attest(case, replace(ETHICS, relaxations_allowed=relaxations))
    ledger.append(b"whatever comes later")
    return ledger.prove(index)


def resting(*bundles: ProofBundle, own: Key = KEY, trust: Json = TRUST, **change: Any) -> Case:
    """A case whose Input has these attestations."""
    found = [attestation.read(bundle) for bundle in bundles]
    facts = [proof.facts(own=proof.public_key == own.public) for proof in found]
    return Case(
        metrics=METRICS,
        attestations=[at_instant(row, NOW, {"keys": trust}) for row in facts],
        proofs=[proof.carried() for proof in found],
        **change,
    )


def scenes() -> Iterator[Scene]:
    """Cases that honestly are no PROMOTE."""
    bad_ece = metric(0.031, n=24_000, ci=[0.02, 0.04])
    yield Scene("ece over its limit", _but(ethics_ece=bad_ece), POLICY)
    yield Scene("ece undecided", _but(ethics_ece=metric(0.009, n=9000, ci=[0.004, 0.02])), POLICY)
    yield Scene("few samples", _but(ethics_ece=metric(0.006, n=10, ci=[0.004, 0.008])), POLICY)
    yield Scene(
        "old", _but(ethics_ece=metric(0.006, n=9000, ci=[0.004, 0.008], ago_s=9000)), POLICY
    )
    yield Scene("not measured", _but(ethics_ece=None), POLICY)
    yield Scene("no consent", _but(ethics_consent=metric(False)), POLICY)
    yield Scene("worse than before", _but(model_caos=metric(3, baseline=4)), POLICY)
    yield Scene("burning", _but(slo_burn=metric([0.1, 2, 3])), POLICY)
    yield Scene("slow", _but(slo_rps=metric(20, n=50)), POLICY)
    yield Scene("short window", _but(slo_window=metric(5)), POLICY)
    yield Scene("weakened", replace(_but(), relaxations=["unsigned_evidence"]), POLICY)
    over = replace(POLICY, waivers=[WAIVER | {"expires_at": "2026-11-20T12:00:05Z"}])
    yield Scene("waiver over", _but(ethics_ece=bad_ece), over)
    other = replace(POLICY, waivers=[WAIVER | {"subject": {"name": "another-model"}}])
    yield Scene("waiver of another", _but(ethics_ece=bad_ece), other)
    locked = {**CHECKS, "ethics.ece": CHECKS["ethics.ece"] | {"unwaivable": True}}
    yield Scene(
        "unwaivable", _but(ethics_ece=bad_ece), replace(POLICY, checks=locked, waivers=[WAIVER])
    )
    yield Scene("not attested", _but(), RESTING)
    yield Scene("signed by nobody", _but(), SIGNED)
    ours = signed_metrics(CI, measured("ethics.ece", "slo.rps"), NOW)
    yield Scene("signed by one of two", resting_on(ours), SIGNED)
    strange = signed_metrics(STRANGER, measured("ethics.ece", "slo.rps"), NOW)
    yield Scene("signed by a stranger", resting_on(ours, strange), SIGNED)
    yield Scene("attested by a stranger", resting(attested(STRANGER)), RESTING)
    yield Scene("attested by itself", resting(attested(KEY)), RESTING)
    yield Scene("attested to fail", resting(attested(ece=0.5)), RESTING)


def version_2() -> Scene:
    """A PROMOTE that is version 2, and rests on an attestation that is."""
    named = ("policies_configured",)
    case = resting(attested(relaxations=named), relaxations=named)
    return Scene("version 2", case, replace(RESTING, relaxations_allowed=named))


LAB, CI = Key("lab"), Key("ci")
MEASURED: list[Json] = [
    {"key_id": LAB.key_id, "roles": ["producer"]},
    {"key_id": CI.key_id, "roles": ["lab", "producer"], "metrics": ["ethics.*", "slo.rps"]},
]
SIGNED = Policy(
    checks={
        **CHECKS,
        "ethics.ece": CHECKS["ethics.ece"] | {"producers": 2},
        "slo.rps": CHECKS["slo.rps"] | {"signed_by": "lab"},
    },
    trust=MEASURED,
)
"""spec/predicate-v2.md section 8."""


def measured(*names: str, observed_at: str = "2026-11-20T11:58:00Z", **change: Json) -> Json:
    """A metrics file that states these of :data:`METRICS`."""
    bare = {
        name: {key: value for key, value in METRICS[name].items() if key not in ("age_s", "status")}
        for name in names
    }
    return {
        "subject": Case().subject,
        "observed_at": observed_at,
        "metrics": bare,
        **change,
    }


def resting_on(
    *envelopes: bytes, trust: Json = MEASURED, metrics: Json = METRICS, **change: Any
) -> Case:
    """A case whose Input names who signed these envelopes, in the order of a record."""
    found = sorted(
        map(read_evidence, envelopes),
        key=lambda signed: (signed.key_id, *map(str, signed.row().values())),
    )
    named = {
        name: metric | {"signers": signers_of(name, by, {"keys": trust}, NOW)}
        if (by := [envelope for envelope in found if name in envelope.document["metrics"]])
        else metric
        for name, metric in metrics.items()
    }
    return Case(metrics=named, evidence=[signed.envelope for signed in found], **change)


def signed() -> Scene:
    """A PROMOTE whose profile asks who measured, and that two producers did."""
    both = ("ethics.ece", "slo.rps")
    lab, ci = (signed_metrics(key, measured(*both), NOW) for key in (LAB, CI))
    return Scene("signed", resting_on(lab, ci), SIGNED)


def honest() -> Iterator[Scene]:
    """Cases that are a PROMOTE."""
    yield Scene("sound", _but(), POLICY)
    yield Scene("attested", resting(attested()), RESTING)
    yield version_2()
    yield Scene("found in folders", replace(_but(), evidence_files=FOUND), POLICY)
    configured = replace(_but(), policy_changes=CHANGED, relaxations=["policies_configured"])
    yield Scene("rows changed", configured, TOLERANT)
    yield Scene("approved", replace(_but(), policy_changes=CHANGED, approvers=[BOARD]), POLICY)
    waived = replace(POLICY, waivers=[WAIVER, WAIVER | {"id": "W-2"}])
    yield Scene("waived", _but(ethics_ece=metric(0.031, n=24_000, ci=[0.02, 0.04])), waived)
    yield Scene("in production", replace(_but(), stage="production"), POLICY)
    yield Scene("tolerated", replace(_but(), relaxations=["ephemeral_ledger"]), POLICY)
    exempt = _but(slo_quiet=metric(True), slo_p95=metric(2000))
    yield Scene("exempt", exempt, POLICY)
    yield signed()
    yield Scene("no artifact", replace(_but(), subject={"name": "scoring-model"}), POLICY)


def _terms(**change: Json) -> Edit:
    """Other terms for every check that does not pass; ``...`` leaves one out."""

    def edit(predicate: Predicate) -> None:
        for check in predicate["checks"]:
            if check["severity"] == "block" and check["status"] not in ("pass", "exempt"):
                check.update(change)
                for key in [key for key, value in check.items() if value is ...]:
                    del check[key]

    return edit


def _drop(predicate: Predicate) -> None:
    predicate["checks"] = [c for c in predicate["checks"] if c["status"] in ("pass", "exempt")]


def _waive(status: str) -> Edit:
    def edit(predicate: Predicate) -> None:
        for check in predicate["checks"]:
            if check["severity"] == "block" and check["status"] == "fail":
                check["waived_by"] = "W-1"
        for waiver in predicate["waivers"]:
            waiver["status"] = status
        if not predicate["waivers"]:
            used = {"id": "W-1", "check": "ethics.ece", "status": status}
            predicate["waivers"] = [used | {"reason": "so I say", "approvers": ["me"]}]

    return edit


def _say(**change: Json) -> Edit:
    return lambda predicate: predicate.update(change)


def _tolerate(predicate: Predicate) -> None:
    for relaxation in predicate["relaxations"]:
        relaxation["tolerated"] = True


def _observe(predicate: Predicate) -> None:
    flattering: dict[str, Json] = {
        "ethics.ece": 0.006,
        "ethics.consent": True,
        "model.caos": 5,
        "slo.rps": 140,
    }
    flattering |= {"slo.window": 60, "slo.burn": [0.1, 0.1], "ethics.attestation": True}
    for check in predicate["checks"]:
        check["observed"] = flattering.get(check["id"], check["observed"])
        if check["id"] == "ethics.ece":
            check |= {"n": 24_000, "ci": [0.004, 0.008], "age_s": 125, "metric_status": "ok"}


EDITS: dict[str, Edit] = {
    "a looser limit": _terms(limit=1),
    "a limit of 0": _terms(limit=0),
    "a false limit": _terms(limit=False),
    "a limit of 10": _terms(limit=10),
    "another operator": _terms(operator=">="),
    "an operator the other way": _terms(operator="<="),
    "an operator below": _terms(operator="<"),
    "an operator above": _terms(operator=">"),
    "only a warning": _terms(severity="warn"),
    "switched off": _terms(severity="off"),
    "any number of samples": _terms(min_n=1),
    "no number of samples": _terms(min_n=...),
    "no interval": _terms(compare=...),
    "the value compared": _terms(compare="value"),
    "any age": _terms(max_age_s=10**9),
    "a plain limit": _terms(kind="limit", operator=">="),
    "a plain limit below": _terms(kind="limit", operator="<="),
    "an attestation": _terms(kind="attestation", observed=True, limit=True),
    "an exemption": _terms(unless="ethics.consent"),
    "another metric": _terms(metric="slo.p95", observed=512, limit=800, operator="<="),
    "no check": _drop,
    "a waiver": _waive("applied"),
    "a waiver, unused": _waive("unused"),
    "tolerated": _tolerate,
    "no relaxation": _say(relaxations=[]),
    "another value": _observe,
    "another rule": _say(verdict_rule="access/v1"),
    "another revision": _say(policy={"digest": {"sha256": POLICY.digest()}, "revision": "r2"}),
    "production": _say(stage="production"),
    "a longer life": _say(valid_until="2099-01-01T00:00:00Z"),
    "a later time": _say(decided_at="2026-11-21T12:00:05Z"),
    "another profile": _say(profile={"name": "default", "digest": {"sha256": "0" * 64}}),
    "other attestations": _say(attestations=[]),
    "just PROMOTE": lambda predicate: predicate.update(verdict="PROMOTE"),
}


def concluded(edit: Edit, metrics: dict[str, Json], *, force: bool) -> Edit:
    """The edit, and after it a record that follows from itself."""

    def whole(predicate: Predicate) -> None:
        edit(predicate)
        for check in predicate["checks"]:
            check["status"] = str(recompute_status(check, metrics))
        relaxations = predicate["relaxations"]
        verdict = recompute_verdict(
            predicate["verdict_rule"],
            predicate["checks"],
            predicate["stage"],
            [row["name"] for row in relaxations],
            [row["name"] for row in relaxations if row["tolerated"]],
        )
        predicate["verdict"] = "PROMOTE" if force else str(verdict)
        conclude(predicate)

    return whole


def claimed(bundle: ProofBundle) -> Json:
    """The verdict of the record in a bundle."""
    return json.loads(open_envelope(bundle.entry).payload)["predicate"]["verdict"]


def lies() -> Iterator[tuple[str, ProofBundle, Policy]]:
    """Every lie that claims a PROMOTE, or an ALLOW, that does not follow."""
    for scene in scenes():
        for name, edit in EDITS.items():
            for force in (False, True):
                whole = concluded(edit, dict(scene.case.metrics), force=force)
                ledger = Ledger(KEY)
                index = ledger.decide(scene.case, scene.policy, edit=whole)
                ledger.append(b"whatever comes later")
                bundle = ledger.prove(index)
                if force or claimed(bundle) == "PROMOTE":
                    yield f"{scene.name}: {name}{', forced' * force}", bundle, scene.policy
                    break


def without(bundle: ProofBundle, *names: str) -> ProofBundle:
    """The bundle without some of its attachments."""
    kept = {name: data for name, data in bundle.attachments.items() if name not in names}
    return replace(bundle, attachments=kept)


def _sealed(key: Key, kind: str = POLICY_APPROVAL_TYPE, **change: Json) -> bytes:
    """An approval of :data:`POLICY` whose statement, or predicate, is otherwise."""
    said = json.loads(open_envelope(approval(key, POLICY.digest()).envelope).payload)
    for name, value in change.items():
        part = said if name in said else said["predicate"]
        part[name] = value
    return seal(statement(said["subject"], kind, said["predicate"]), key.sign, key.key_id)


def _row(key: Key, signed: bytes, **change: Json) -> dict[str, Json]:
    """What a record would say of an envelope by ``key``."""
    said = json.loads(open_envelope(signed).payload)["predicate"]
    times = {name: said[name] for name in ("approved_at", "expires_at") if name in said}
    digest = hashlib.sha256(signed).hexdigest()
    return {"key_id": key.key_id, **times, "envelope": {"sha256": digest}, **change}


def _one(key: Key, envelope: bytes) -> tuple[list[Json], list[bytes] | None]:
    return [_row(key, envelope)], [envelope]


_BACKWARDS = sorted((BOARD, STRANGER), key=lambda key: key.key_id, reverse=True)
_GOOD = approval(BOARD, POLICY.digest()).envelope
_LATER = "2026-12-01T00:00:00Z"
_FORGED = json.loads(_GOOD)
_FORGED["signatures"][0]["sig"] = write_base64(bytes(64))
_SMALL = public_pem((1).to_bytes(32, "little")).decode()

FALSE_APPROVALS: dict[str, tuple[list[Json], list[bytes] | None]] = {
    "rows without an envelope": ([_row(BOARD, _GOOD)], None),
    "an envelope without rows": ([], [_GOOD]),
    "nobody approved, and no relaxation is named": ([], None),
    "fewer envelopes": ([_row(BOARD, _GOOD)], []),
    "more envelopes": ([_row(BOARD, _GOOD)], [_GOOD, _GOOD]),
    "another envelope": (
        [_row(BOARD, _GOOD)],
        [approval(BOARD, POLICY.digest(), note="another").envelope],
    ),
    "of another policy": _one(BOARD, approval(BOARD, RESTING.digest()).envelope),
    "by another key than it names": _one(
        BOARD, _sealed(STRANGER, public_key=public_pem(BOARD.public).decode())
    ),
    "by another key than the row": ([_row(STRANGER, _GOOD)], [_GOOD]),
    "with a signature of zeros": _one(BOARD, canonical.encode(_FORGED)),
    "by a key of small order": _one(BOARD, _sealed(BOARD, public_key=_SMALL)),
    "by the key that decided": _one(KEY, approval(KEY, POLICY.digest()).envelope),
    "expired": _one(BOARD, approval(BOARD, POLICY.digest(), expires_at=NOW).envelope),
    "expired before it was given": _one(
        BOARD, _sealed(BOARD, approved_at="2026-11-20T12:00:00Z", expires_at="2026-11-20T11:00:00Z")
    ),
    "from the future": _one(
        BOARD, approval(BOARD, POLICY.digest(), approved_at=NOW + timedelta(hours=1)).envelope
    ),
    "another time than it says": (
        [_row(BOARD, _GOOD, approved_at="2026-11-20T11:00:06Z")],
        [_GOOD],
    ),
    "an expiry that it does not say": ([_row(BOARD, _GOOD, expires_at=_LATER)], [_GOOD]),
    "no expiry, and it says one": (
        [
            {
                name: value
                for name, value in _row(BOARD, _sealed(BOARD, expires_at=_LATER)).items()
                if name != "expires_at"
            }
        ],
        [_sealed(BOARD, expires_at=_LATER)],
    ),
    "another digest of the envelope": (
        [_row(BOARD, _GOOD, envelope={"sha256": "0" * 64})],
        [_GOOD],
    ),
    "one key twice": ([_row(BOARD, _GOOD)] * 2, [_GOOD] * 2),
    "not sorted": (
        [_row(key, approval(key, POLICY.digest()).envelope) for key in _BACKWARDS],
        [approval(key, POLICY.digest()).envelope for key in _BACKWARDS],
    ),
    "swapped": (
        [_row(key, approval(key, POLICY.digest()).envelope) for key in reversed(_BACKWARDS)],
        [approval(key, POLICY.digest()).envelope for key in _BACKWARDS],
    ),
    "a statement of another type": _one(
        BOARD, _sealed(BOARD, "urn:governance-engine:policy-approval:v2")
    ),
    "a member that nobody knows": _one(BOARD, _sealed(BOARD, role="policy")),
    "a member of the row that nobody knows": ([_row(BOARD, _GOOD, role="policy")], [_GOOD]),
    "a time with a zone": _one(BOARD, _sealed(BOARD, approved_at="2026-11-20T12:00:05+01:00")),
    "a note that is too long": _one(BOARD, _sealed(BOARD, note="n" * 1025)),
    "an empty note": _one(BOARD, _sealed(BOARD, note="")),
    "about something else": _one(
        BOARD,
        _sealed(BOARD, subject=[{"name": "model", "digest": {"sha256": POLICY.digest()}}]),
    ),
    "about two policies": _one(
        BOARD,
        _sealed(BOARD, subject=[{"name": "policy", "digest": {"sha256": POLICY.digest()}}] * 2),
    ),
    "a decision as an approval": _one(BOARD, Ledger(BOARD).entries[0]),
    "no envelope": ([_row(BOARD, _GOOD)], [b"{}"]),
}
"""Rows of a record, and the envelopes that are attached; None attaches none.

Source: spec/predicate-v2.md section 7.
"""


def falsely_approved(name: str) -> ProofBundle:
    """A PROMOTE under policies that somebody chose, which names them approved, and they are not."""
    rows, envelopes = FALSE_APPROVALS[name]

    def claim(predicate: Predicate) -> None:
        if rows:
            predicate["policy_approvals"] = rows

    ledger = Ledger(KEY)
    index = ledger.decide(replace(_but(), policy_changes=CHANGED), POLICY, edit=claim)
    bundle = ledger.prove(index)
    if envelopes is None:
        return bundle
    attached = {**bundle.attachments, "approvals": b"[" + b",".join(envelopes) + b"]"}
    return replace(bundle, attachments=attached)
