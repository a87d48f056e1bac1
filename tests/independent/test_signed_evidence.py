"""Who measured: lies about it that both verifiers refuse. INV-SIGNED-2; predicate-v2 section 8."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.formats import canonical
from engine.formats.signed_json import write_base64
from engine.model import EVIDENCE_TYPE, Json
from engine.proof.bundle import ProofBundle
from engine.proof.envelope import open_envelope, seal
from engine.proof.keys import public_pem
from engine.proof.statement import statement
from engine.proof.verdict_rules import is_signed, recompute_status
from tests.independent import signed_evidence as by_text
from tests.independent.lies import (
    CI,
    KEY,
    LAB,
    MEASURED,
    METRICS,
    POLICY,
    SIGNED,
    STRANGER,
    measured,
    resting_on,
    signed,
    without,
)
from tests.independent.test_agreement import KEYS, agreed, promoted
from tests.simulator import NOW, Case, Key, Ledger, Policy, conclude, signed_metrics

BOTH = ("ethics.ece", "slo.rps")
Edit = Callable[[dict[str, Any]], None]


def by(key: Key, *names: str, signed_at: Any = NOW, **change: Json) -> bytes:
    return signed_metrics(key, measured(*(names or BOTH), **change), signed_at)


def resealed(key: Key, kind: str = EVIDENCE_TYPE, **change: Json) -> bytes:
    """Evidence by ``key`` whose statement, or predicate, is otherwise."""
    claim = json.loads(open_envelope(by(key)).payload)
    for name, value in change.items():
        part = claim if name in claim else claim["predicate"]
        part[name] = value
    return seal(statement(claim["subject"], kind, claim["predicate"]), key.sign, key.key_id)


def test_an_honest_record_is_genuine_with_and_without_its_policy() -> None:
    bundle = promoted(signed())
    for part in (bundle, without(bundle, "policy")):
        assert agreed("signed", part.encode(), KEYS, {}).genuine
    want = {"require": "PROMOTE", "policy_digest": SIGNED.digest()}
    answer = agreed("signed", bundle.encode(), KEYS, want)
    assert (answer.genuine, set(answer.unmet)) == (True, set())


def recorded(case: Case, policy: Policy = SIGNED, edit: Edit | None = None) -> ProofBundle:
    ledger = Ledger(KEY)
    index = ledger.decide(case, policy, edit=edit or (lambda _: None))
    ledger.append(b"whatever comes later")
    return ledger.prove(index)


def with_envelopes(bundle: ProofBundle, *envelopes: bytes) -> ProofBundle:
    kept = {**bundle.attachments, "evidence": b"[" + b",".join(envelopes) + b"]"}
    return replace(bundle, attachments=kept)


def with_signers(**change: Json) -> Case:
    """A case whose Input names other signers of ``ethics.ece`` than there are."""
    case = resting_on(by(LAB), by(CI))
    ece = case.metrics["ethics.ece"]
    (first, second) = ece["signers"]
    named = change.get("signers", [first | change, second])
    return replace(case, metrics={**case.metrics, "ethics.ece": ece | {"signers": named}})


def otherwise(name: str = "ethics.ece", **change: Json) -> Case:
    """A case whose Input says a signed metric otherwise than it was signed."""
    case = resting_on(by(LAB), by(CI))
    metrics = {**case.metrics, name: case.metrics[name] | change}
    return replace(case, metrics=metrics)


def unnamed() -> Case:
    case = resting_on(by(LAB), by(CI))
    ece = {key: value for key, value in case.metrics["ethics.ece"].items() if key != "signers"}
    return replace(case, metrics={**case.metrics, "ethics.ece": ece})


def rows(**change: Json) -> Edit:
    """The record names an envelope otherwise."""

    def edit(predicate: dict[str, Any]) -> None:
        predicate["signed_evidence"][0] |= change

    return edit


def dropped(predicate: dict[str, Any]) -> None:
    del predicate["signed_evidence"]
    for check in predicate["checks"]:
        check.pop("signers", None)


def backwards(predicate: dict[str, Any]) -> None:
    predicate["signed_evidence"].reverse()


def of_checks(**change: Json) -> Edit:
    """Every check that asks who measured asks otherwise, and the record follows from that."""

    def edit(predicate: dict[str, Any]) -> None:
        for check in predicate["checks"]:
            if {"signed_by", "producers"} & check.keys():
                check.update(change)
                for key in [key for key, value in check.items() if value is ...]:
                    del check[key]
                check["status"] = str(recompute_status(check))
        predicate["verdict"] = "PROMOTE"
        conclude(predicate)

    return edit


_CASE = resting_on(by(LAB), by(CI))
_FORGED = json.loads(by(LAB))
_FORGED["signatures"][0]["sig"] = write_base64(bytes(64))
_OTHER = measured(*BOTH) | {"subject": {"name": "another-model"}}
_NO_ARTIFACT = measured(*BOTH) | {"subject": {"name": "scoring-model", "version": "2.4.1"}}
_LIAR = measured(*BOTH)
_LIAR["metrics"]["ethics.ece"] |= {"value": 0.5, "ci": [0.4, 0.6]}
_UNSIGNED = Case(metrics=METRICS)


def lies() -> Iterator[tuple[str, ProofBundle]]:
    """Records that a key holder signs although somebody else measured, or nobody did."""
    honest = recorded(_CASE)
    yield "no envelopes", without(honest, "evidence")
    yield "one envelope of two", with_envelopes(honest, by(LAB))
    yield "an envelope twice", with_envelopes(honest, by(LAB), by(LAB))
    yield "in another order", with_envelopes(honest, *reversed(_CASE.evidence))
    yield "others than the record names", with_envelopes(honest, *([by(STRANGER)] * 2))
    yield "no array", replace(honest, attachments={**honest.attachments, "evidence": b"{}"})
    yield "a signature of zeros", with_envelopes(honest, canonical.encode(_FORGED), by(CI))
    yield (
        "envelopes that the record does not name",
        with_envelopes(recorded(_UNSIGNED, POLICY), by(LAB)),
    )
    yield "a record that names none", recorded(_CASE, edit=dropped)
    yield "rows that are not sorted", recorded(_CASE, edit=backwards)
    yield "another time in the row", recorded(_CASE, edit=rows(signed_at="2026-11-20T12:00:04Z"))
    yield "another key in the row", recorded(_CASE, edit=rows(key_id=STRANGER.key_id))
    yield "another digest in the row", recorded(_CASE, edit=rows(envelope={"sha256": "0" * 64}))
    yield "more in the row", recorded(_CASE, edit=rows(tool="t"))
    yield "another value", recorded(otherwise(value=0.001, ci=[0.0, 0.002]))
    yield "another value within its interval", recorded(otherwise(value=0.005))
    yield "another interval", recorded(otherwise(ci=[0.005, 0.007]))
    yield "no interval", recorded(otherwise(ci=None))
    yield "more samples", recorded(otherwise(n=10**6))
    yield "a later observation", recorded(otherwise(observed_at="2026-11-20T11:59:00Z", age_s=65))
    yield "another computation", recorded(otherwise(computed={"method": "ece/9"}))
    yield "another status", recorded(otherwise("slo.rps", status="undefined"))
    yield "nobody named", recorded(unnamed())
    for key, value in (
        ("key_id", STRANGER.key_id),
        ("roles", ["lab"]),
        ("roles", []),
        ("roles", ["lab", "producer", "root"]),
        ("signed_at", "2026-11-20T12:00:04Z"),
        ("tool", "t"),
    ):
        yield f"signers with {key} {value!r}", recorded(with_signers(**{key: value}))
    for signers in ([], None, [{"key_id": LAB.key_id}], _CASE.metrics["ethics.ece"]["signers"][:1]):
        yield f"signers {signers!r}"[:60], recorded(with_signers(signers=signers))
    more = [*_CASE.metrics["ethics.ece"]["signers"]]
    more.append(more[1] | {"key_id": "f" * 64})
    yield "one signer more", recorded(with_signers(signers=more))
    strange = resting_on(by(LAB), by(STRANGER), trust=[*MEASURED, {
        "key_id": STRANGER.key_id, "roles": ["lab", "producer"]}])  # fmt: skip
    yield "a stranger with a role", recorded(strange)
    later = NOW + timedelta(hours=1)
    yield "signed in the future", recorded(resting_on(by(LAB, signed_at=later), by(CI)))
    for name, document in (("another subject", _OTHER), ("no artifact", _NO_ARTIFACT)):
        yield name, recorded(resting_on(signed_metrics(LAB, document), by(CI)))
    yield "two who contradict each other", recorded(resting_on(signed_metrics(LAB, _LIAR), by(CI)))
    few = resting_on(by(LAB), by(CI))
    less = {key: value for key, value in few.metrics.items() if key != "slo.rps"}
    yield "a signed metric left out", recorded(
        replace(few, metrics=less), replace(SIGNED, checks={
            key: row for key, row in SIGNED.checks.items() if key != "slo.rps"}),
    )  # fmt: skip
    alone = resting_on(by(CI))
    for name, change in (
        ("fewer producers", {"producers": 1}),
        ("no producers", {"producers": ..., "signed_by": ...}),
        ("another role", {"signed_by": "producer"}),
        ("no producer at all", {"producers": 0}),
    ):
        yield f"a row that asks for {name}", recorded(alone, edit=of_checks(**change))
    ledger = Ledger(KEY)
    index = ledger.decide(
        _CASE,
        SIGNED,
        edit_statement=lambda whole: whole.update(type="urn:governance-engine:decision:v1"),
    )
    yield "version 1", ledger.prove(index)


LIES = dict(lies())


@pytest.mark.parametrize("name", LIES)
def test_both_refuse_a_record_that_lies_about_who_measured(name: str) -> None:
    assert not agreed(name, LIES[name].encode(), KEYS, {}).genuine


ENVELOPES: dict[str, bytes] = {
    "by another key than it names": resealed(STRANGER, public_key=public_pem(LAB.public).decode()),
    "by a key of small order": resealed(
        LAB, public_key=public_pem((1).to_bytes(32, "little")).decode()
    ),
    "of another type": resealed(LAB, "urn:governance-engine:evidence:v2"),
    "a decision": Ledger(LAB).entries[0],
    "about another subject than its document": resealed(
        LAB, subject=[{"name": "m", "digest": {"sha256": "0" * 64}}]
    ),
    "about two subjects": resealed(
        LAB, subject=[{"name": "m", "digest": {"sha256": "0" * 64}}] * 2
    ),
    "a time with a zone": resealed(LAB, signed_at="2026-11-20T12:00:05+01:00"),
    "a tool without a name": resealed(LAB, tool=""),
    "a tool whose name is too long": resealed(LAB, tool="t" * 257),
    "a member that nobody knows": resealed(LAB, role="producer"),
    "a document that is none": resealed(LAB, document=[]),
    "a document without metrics": resealed(
        LAB, document={"subject": Case().subject, "observed_at": "2026-11-20T11:58:00Z"}
    ),
    "no envelope": b"{}",
    "no base64": b'{"payload":"!","payloadType":"application/vnd.in-toto+json","signatures":[]}',
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_both_refuse_an_envelope_that_is_no_evidence(name: str) -> None:
    honest = recorded(_CASE)
    bad = with_envelopes(honest, *sorted([ENVELOPES[name], by(CI)]))
    assert not agreed(name, bad.encode(), KEYS, {}).genuine
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        by_text.opened(ENVELOPES[name])


@pytest.mark.parametrize("status", ["pass", "fail", "exempt", "off", "stale", "unknown"])
@pytest.mark.parametrize(
    "signers",
    [None, [], "x", [None], [{}], [{"key_id": "k"}], [{"key_id": "k", "roles": "lab"}],
     [{"key_id": "k", "roles": ["lab"]}], [{"key_id": 1, "roles": ["lab"]}],
     [{"key_id": key, "roles": ["producer"]} for key in "kk"],
     [{"key_id": key, "roles": ["producer"]} for key in "kl"]],
)  # fmt: skip
@pytest.mark.parametrize(
    "demand",
    [{}, {"signed_by": "lab"}, {"producers": 1}, {"producers": 2}, {"producers": 0},
     {"producers": True}, {"producers": None}, {"producers": "1"},
     {"signed_by": "lab", "producers": 2}],
)  # fmt: skip
def test_both_count_the_same_signers(status: str, signers: Json, demand: Json) -> None:
    check = {"id": "a", "signers": signers, "unless": "off", **demand}
    metrics = {"off": {"signers": signers}}
    ours = bool(demand) and status != "off" and not is_signed(check, signers)
    assert by_text.is_unsigned(check, status, metrics) is ours
