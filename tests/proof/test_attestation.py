"""Attestations and the decisions that rest on them, forged in every way there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.errors import VerificationError
from engine.formats.times import write_time
from engine.model import Json, Verdict
from engine.proof import attestation
from engine.proof.attestation import Attestation, at_instant, verify_attestation
from engine.proof.bundle import ProofBundle
from engine.proof.envelope import open_envelope
from engine.proof.expectations import Expectations
from engine.proof.keys import public_pem
from engine.proof.verify import Verified, verify, verify_any
from tests.repository import ROOT
from tests.simulator import ARTIFACT, NOW, Case, Key, Ledger, Policy, limit, metric

BOARD, GATE, STRANGER = Key("board"), Key("release"), Key("stranger")
ASKS = {"ethics.attestation": limit(True, "==", kind="attestation", max_age_s=7200)}
ETHICS = Policy(
    gate="ethics",
    checks={"ethics.consent": limit(True, "=="), "ethics.ece": limit(0.01, min_n=1000)},
    others=ASKS,
    relaxations_allowed=("policies_overridden",),
)
TRUST = [{"key_id": BOARD.key_id, "roles": ["attestor"]}]
PROMOTION = Policy(
    checks={**ASKS, "slo.dec_p95_ms": limit(800)}, trust=TRUST, relaxations_allowed=()
)
EARLIER = NOW - timedelta(minutes=30)


def evidence(now: datetime = EARLIER, **change: Any) -> Case:
    """What the board looked at."""
    metrics = {
        "ethics.consent": metric(True, now=now),
        "ethics.ece": metric(0.006, n=24_000, ci=[0.004, 0.008], now=now),
        "x.note": metric("carried", now=now),
    }
    return Case(**{"metrics": metrics, "now": now, **change})


def attested(key: Key = BOARD, case: Case | None = None, **how: Any) -> ProofBundle:
    """The proof of an attestation, in a ledger of the attestor's own."""
    ledger = Ledger(key, f"of {key.key_id}")
    index = ledger.attest(case or evidence(), how.pop("policy", ETHICS), **how)
    ledger.append(b"whatever comes later")
    return ledger.prove(index)


def refuse_attestation(bundle: ProofBundle, match: str | None = None, key: Key = BOARD) -> None:
    with pytest.raises(VerificationError, match=match):
        verify_attestation(bundle.encode(), [key.public])


# --- the attestation itself -----------------------------------------------------------------


def test_an_attestation_is_genuine_by_its_own_key() -> None:
    verified = verify_attestation(attested().encode(), [GATE.public, BOARD.public])
    assert verified.verdict is Verdict.PROMOTE
    assert verified.subject.sha256 == ARTIFACT
    assert verified.nothing_required
    assert not verified.failed_expectations
    any_key = verify_attestation(attested().encode(), None)
    assert any_key.attestation.public_key == BOARD.public


def test_a_statement_matches_the_published_schema() -> None:
    path = ROOT / "schemas/ethics-attestation.schema.json"
    schema = json.loads(path.read_bytes())
    Draft202012Validator.check_schema(schema)
    statement = json.loads(open_envelope(attested().entry).payload)
    Draft202012Validator(schema).validate(statement)
    assert set(schema["$defs"]["predicate"]["required"]) == set(attestation._MEMBERS)
    del statement["predicate"]["expires_at"]
    assert not Draft202012Validator(schema).is_valid(statement)


def test_a_failing_answer_is_attested_as_it_is() -> None:
    """INV-ATTEST-7: the answer is recorded whatever it is."""
    bad = evidence(metrics={"ethics.ece": metric(0.5, n=24_000, now=EARLIER)})
    verified = verify_attestation(attested(case=bad).encode(), [BOARD.public])
    assert verified.verdict is Verdict.BLOCK


@pytest.mark.parametrize(
    ("wish", "unmet"),
    [
        (Expectations(require=Verdict.PROMOTE, digest=ARTIFACT, gate="ethics"), ""),
        (Expectations(require=Verdict.BLOCK), "verdict BLOCK is required"),
        (Expectations(digest="0" * 64), "artifact"),
        (Expectations(gate="promotion"), "gate promotion is required"),
        (Expectations(require=Verdict.PROMOTE, now=EARLIER + timedelta(hours=1)), "until"),
        (Expectations(max_age_s=60, now=NOW), "age of at most 60 s"),
    ],
)
def test_what_is_wanted_of_it_is_held_against_it(wish: Expectations, unmet: str) -> None:
    failed = verify_attestation(attested().encode(), [BOARD.public], wish).failed_expectations
    assert unmet in " ".join(failed)
    assert bool(failed) is bool(unmet)


def test_whoever_verifies_any_proof_is_told_what_it_is_of() -> None:
    verified = verify_any(attested().encode(), [BOARD.public])
    assert not isinstance(verified, Verified)
    with pytest.raises(VerificationError, match="not a decision"):
        verify(attested().encode(), [BOARD.public])
    refuse_attestation(decided(), "not an attestation", GATE)


def test_another_key_is_not_the_attestors() -> None:
    refuse_attestation(attested(), "none of those given", GATE)


def test_only_the_key_that_it_names_signs_it() -> None:
    """INV-ATTEST-2: who attests is who signed, not who is named."""

    def claim(predicate: dict[str, Any]) -> None:
        predicate["public_key"] = public_pem(BOARD.public).decode()

    for keys in ([BOARD.public], None):
        with pytest.raises(VerificationError):
            verify_attestation(attested(STRANGER, edit=claim).encode(), keys)


def changed(name: str, value: Json) -> Callable[[dict[str, Any]], None]:
    def edit(predicate: dict[str, Any]) -> None:
        if value is ...:
            del predicate[name]
        else:
            predicate[name] = value

    return edit


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, ...) for name in attestation._MEMBERS),
        *((name, None) for name in attestation._MEMBERS if name != "previous"),
        ("more", 1),
        ("verdict", "HOLD"),
        ("gate", "promotion"),
        ("stage", "staging"),
        ("public_key", public_pem(BOARD.public).decode().strip()),
        ("ledger", {"id": "0" * 32}),
        ("expires_at", write_time(EARLIER)),
        ("expires_at", write_time(EARLIER - timedelta(seconds=1))),
        ("expires_at", "tomorrow"),
        ("expires_at", write_time(EARLIER + timedelta(seconds=7201))),
        ("issued_at", write_time(EARLIER + timedelta(seconds=1))),
        ("metrics", {}),
        ("metrics", {"ethics.ece": 1}),
        ("metrics", evidence().metrics | {"ethics.ece": metric(0.007, n=24_000, now=EARLIER)}),
        ("metrics", evidence().metrics | {"x.more": metric(1, now=EARLIER)}),
        ("evidence", {"digest": {"sha256": "0" * 64}}),
        ("policy", {"digest": {"sha256": "0" * 64}, "revision": "r1"}),
        ("relaxations", [{"name": "policies_overridden", "tolerated": True}]),
        ("waivers", [{"id": "W-1", "check": "ethics.ece", "status": "applied"}]),
        ("attempt", 0),
    ],
    ids=str,
)
def test_a_member_that_is_otherwise_is_not_genuine(name: str, value: Json) -> None:
    """INV-ATTEST-4: the answer follows from the evidence, or there is no attestation."""
    refuse_attestation(attested(edit=changed(name, value)))


def test_it_may_last_as_long_as_the_profile_allows() -> None:
    """INV-ATTEST-7: and not a second longer."""
    verify_attestation(attested(ttl_s=7200).encode(), [BOARD.public])
    refuse_attestation(attested(ttl_s=7201), "longer than the profile allows")
    nobody = replace(ETHICS, others={})
    refuse_attestation(attested(policy=nobody), "longer than the profile allows")


@pytest.mark.parametrize(
    "subject",
    [
        [],
        [{"name": "m", "digest": {"sha256": ARTIFACT}}] * 2,
        [{"name": "scoring-model", "digest": {"sha256": "0" * 64}}],
        [
            {
                "name": "scoring-model",
                "digest": {"sha256": ARTIFACT},
                "annotations": {"digest_of": "input", "version": "2.4.1"},
            }
        ],
    ],
    ids=("none", "two", "another", "of the input"),
)
def test_it_is_about_one_artifact(subject: Json) -> None:
    def edit(whole: dict[str, Any]) -> None:
        whole["subject"] = subject

    refuse_attestation(attested(edit_statement=edit))


def test_what_has_no_digest_is_not_attested() -> None:
    refuse_attestation(attested(case=evidence(subject={"name": "m"})))


@pytest.mark.parametrize("name", ["input", "salt"])
def test_without_its_evidence_a_file_shows_nothing(name: str) -> None:
    bundle = attested()
    rest = {key: value for key, value in bundle.attachments.items() if key != name}
    refuse_attestation(replace(bundle, attachments=rest), "missing")


def test_its_place_in_the_ledger_is_verified() -> None:
    """INV-ATTEST-4: signature, place, checkpoint."""
    bundle, other = attested(), attested(case=evidence(salt=b"x" * 32))
    refuse_attestation(replace(bundle, entry=other.entry))
    refuse_attestation(replace(bundle, checkpoint=attested(STRANGER).checkpoint))
    refuse_attestation(replace(bundle, index=0))
    refuse_attestation(replace(bundle, previous_hash=bytes(32)))
    refuse_attestation(replace(bundle, following_leaves=()))


# --- decisions that rest on it --------------------------------------------------------------


def found(bundle: ProofBundle) -> Attestation:
    return attestation.read(bundle)


def resting(
    *bundles: ProofBundle,
    own: Key = GATE,
    trust: Json = TRUST,
    now: datetime = NOW,
    relaxations: tuple[str, ...] = (),
) -> Case:
    """A case whose Input has these attestations, and their proofs beside it."""
    read = [found(bundle) for bundle in bundles]
    return Case(
        metrics={"slo.dec_p95_ms": metric(512, now=now)},
        now=now,
        relaxations=relaxations,
        attestations=[
            at_instant(proof.facts(own=proof.public_key == own.public), now, {"keys": trust})
            for proof in read
        ],
        proofs=[proof.carried() for proof in read],
    )


def decided(
    case: Case | None = None, policy: Policy = PROMOTION, *, with_policy: bool = True, **how: Any
) -> ProofBundle:
    ledger = Ledger(GATE)
    return ledger.prove(
        ledger.decide(case or resting(attested()), policy, **how), policy=with_policy
    )


def verdict_of(case: Case, policy: Policy = PROMOTION) -> Verdict:
    return verify(decided(case, policy).encode(), [GATE.public]).verdict


def refuse(bundle: ProofBundle, match: str | None = None) -> None:
    with pytest.raises(VerificationError, match=match):
        verify(bundle.encode(), [GATE.public])


def test_an_attestors_word_lets_it_through_and_its_lack_does_not() -> None:
    """INV-ATTEST-1."""
    assert verdict_of(resting(attested())) is Verdict.PROMOTE
    assert verdict_of(Case(metrics={"slo.dec_p95_ms": metric(512)})) is Verdict.HOLD
    bad = evidence(metrics={"ethics.ece": metric(0.5, n=24_000, now=EARLIER)})
    assert verdict_of(resting(attested(case=bad))) is Verdict.HOLD
    other = evidence(subject={"name": "scoring-model", "digest": {"sha256": "0" * 64}})
    assert verdict_of(resting(attested(case=other))) is Verdict.HOLD


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(-1, Verdict.HOLD), (0, Verdict.PROMOTE), (3599, Verdict.PROMOTE), (3600, Verdict.HOLD)],
)
def test_it_counts_from_the_second_of_issue_to_that_before_expiry(
    seconds: int, verdict: Verdict
) -> None:
    """INV-ATTEST-1: no clock is given any allowance."""
    assert verdict_of(resting(attested(), now=EARLIER + timedelta(seconds=seconds))) is verdict


@pytest.mark.parametrize(("seconds", "verdict"), [(1800, Verdict.PROMOTE), (1801, Verdict.HOLD)])
def test_the_deciding_profile_bounds_its_age_too(seconds: int, verdict: Verdict) -> None:
    short = limit(True, "==", kind="attestation", max_age_s=1800)
    policy = replace(PROMOTION, checks={**PROMOTION.checks, "ethics.attestation": short})
    now = EARLIER + timedelta(seconds=seconds)
    assert verdict_of(resting(attested(), now=now), policy) is verdict


def test_a_key_that_nobody_trusts_does_not_count() -> None:
    """INV-ATTEST-2."""
    assert verdict_of(resting(attested(STRANGER))) is Verdict.HOLD
    ended = [TRUST[0] | {"not_after": write_time(NOW)}]
    case = resting(attested(), trust=ended)
    assert verdict_of(case, replace(PROMOTION, trust=ended)) is Verdict.HOLD


def test_the_own_key_counts_as_a_relaxation_only() -> None:
    """INV-ATTEST-3: even when the trust list names it."""
    everybody = [*TRUST, {"key_id": GATE.key_id, "roles": ["attestor"]}]
    policy = replace(PROMOTION, trust=everybody)
    assert verdict_of(resting(attested(GATE), trust=everybody), policy) is Verdict.HOLD
    named = resting(attested(GATE), trust=everybody, relaxations=("self_attested",))
    assert verdict_of(named, policy) is Verdict.HOLD
    tolerant = replace(policy, relaxations_allowed=("self_attested",))
    assert verdict_of(named, tolerant) is Verdict.PROMOTE
    assert verdict_of(replace(named, relaxations=()), tolerant) is Verdict.HOLD


def test_what_weakened_it_is_named_by_what_rests_on_it() -> None:
    """INV-ATTEST-6."""
    weak = attested(case=evidence(relaxations=("policies_overridden",)))
    assert verdict_of(resting(weak)) is Verdict.HOLD
    tolerant = replace(PROMOTION, relaxations_allowed=("policies_overridden",))
    assert verdict_of(resting(weak), tolerant) is Verdict.HOLD
    named = resting(weak, relaxations=("policies_overridden",))
    assert verdict_of(named, tolerant) is Verdict.PROMOTE
    assert verdict_of(named) is Verdict.HOLD


SAID = resting(attested()).attestations[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "0193477e-7a00-7000-8000-000000000009"),
        ("type", "urn:governance-engine:privacy-attestation:v1"),
        ("subject_sha256", "0" * 64),
        ("issued_at", write_time(EARLIER + timedelta(seconds=1))),
        ("expires_at", write_time(NOW + timedelta(days=1))),
        ("age_s", 1),
        ("remaining_s", 7200),
        ("verdict", "HOLD"),
        ("profile", "strict"),
        ("evidence_sha256", "0" * 64),
        ("policy_sha256", "0" * 64),
        ("key_id", STRANGER.key_id),
        ("role", "none"),
        ("self", True),
        ("relaxations", ["self_attested"]),
        ("ledger_id", "0" * 32),
        ("entry_sha256", "0" * 64),
    ],
)
def test_a_verifier_derives_every_member_again(name: str, value: Json) -> None:
    """INV-ATTEST-5: the Input says what the attestation says, and how it stands to the decision."""
    assert SAID[name] != value
    assert set(SAID) == {*attestation._FACTS, *attestation._OF_THE_INSTANT}
    case = resting(attested())
    refuse(decided(replace(case, attestations=[SAID | {name: value}])), f"says {name}")


def test_a_role_is_what_the_attached_policy_gives() -> None:
    """INV-ATTEST-2, INV-ATTEST-5."""
    case = resting(attested(STRANGER))
    promoted = replace(case, attestations=[case.attestations[0] | {"role": "attestor"}])
    refuse(decided(promoted), "says role 'attestor'")
    # Without the policy nobody but the deciding key answers for the role.
    alone = decided(promoted, with_policy=False)
    assert verify(alone.encode(), [GATE.public]).verdict is Verdict.PROMOTE


def test_a_verdict_that_rests_on_nothing_is_not_genuine() -> None:
    """INV-ATTEST-5."""

    def wish(predicate: dict[str, Any]) -> None:
        for check in predicate["checks"]:
            if check["kind"] == "attestation":
                check |= {"observed": True, "status": "pass"}
        predicate["verdict"] = "PROMOTE"

    refuse(decided(resting(attested(STRANGER)), edit=wish), "observed True")


def test_the_attached_proofs_are_those_that_the_input_speaks_of() -> None:
    """INV-ATTEST-5."""
    mine, other = attested(), attested(case=evidence(salt=b"x" * 32))
    case = resting(mine)
    refuse(decided(replace(case, proofs=())), "missing")
    refuse(decided(replace(case, proofs=[found(other).carried()])), "says")
    refuse(decided(replace(case, proofs=[*case.proofs, *case.proofs])), "other attestations")
    refuse(decided(replace(case, attestations=[])), "does not speak of")
    refuse(decided(replace(case, proofs=[mine.encode().strip()])), "attachments of its own")
    refuse(decided(replace(case, proofs=[b"1"])))
    flipped = case.proofs[0].replace(b'"index":1', b'"index":0')
    assert flipped != case.proofs[0]
    refuse(decided(replace(case, proofs=[flipped])))


def test_a_decisions_own_attestation_cannot_pass_for_anothers() -> None:
    """INV-ATTEST-3: ``self`` follows from the decision's signature."""
    everybody = [*TRUST, {"key_id": GATE.key_id, "roles": ["attestor"]}]
    case = resting(attested(GATE), trust=everybody, own=BOARD)
    assert case.attestations[0]["self"] is False
    refuse(decided(case, replace(PROMOTION, trust=everybody)), "says self False")


def test_an_imported_decision_carries_its_attestations_on() -> None:
    first, central = Ledger(GATE), Ledger(STRANGER, "central")
    index = first.decide(resting(attested()), PROMOTION)
    bundle = central.prove(central.adopt(first, index))
    keys = [GATE.public, STRANGER.public]
    assert verify(bundle.encode(), keys).verdict is Verdict.PROMOTE
    rest = {k: v for k, v in bundle.attachments.items() if k != "attestations"}
    with pytest.raises(VerificationError, match="missing"):
        verify(replace(bundle, attachments=rest).encode(), keys)
