"""What the second verifier refused, by the text, and the first one took: both refuse it now."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.formats.times import parse_time
from engine.model import DECISION_IMPORTED_TYPE, LEDGER_CREATED_V2_TYPE, Json
from engine.proof import merkle
from engine.proof.bundle import ProofBundle
from engine.proof.envelope import open_envelope
from engine.proof.statement import parse_statement, statement
from tests.independent import lies
from tests.independent.lies import BOARD, KEY, METRICS, POLICY, RESTING, WAIVER
from tests.independent.test_agreement import KEYS, agreed
from tests.simulator import ARTIFACT, Case, Ledger, Policy, conclude, limit, metric

SOUND = Case(metrics=METRICS)
OVER = Case(metrics={**METRICS, "ethics.ece": metric(0.031, n=24_000, ci=[0.02, 0.04])})
RESERVATION: dict[str, Json] = {
    "for": {"provider": "acme", "model": "m1", "team": "red", "tags": ["a"], "route": "r"},
    "asked": {"requests": 1, "tokens": None, "usd_micros": 5},
    "day": "2026-11-20",
    "charges": [
        {
            "budget": "b",
            "limits": {"requests": 9, "tokens": None, "usd_micros": 9},
            "requests": 1,
            "tokens": 0,
            "usd_micros": 5,
        }
    ],
    "expires_at": "2026-11-20T12:05:05Z",
    "opened": ["b"],
    "expired": [],
    "reason": "OK",
}
Predicate = dict[str, Any]


def refused(bundle: ProofBundle) -> None:
    assert not agreed("finding", bundle.encode(), [*KEYS, BOARD.public], {}).genuine


def taken(bundle: ProofBundle) -> None:
    assert agreed("finding", bundle.encode(), [*KEYS, BOARD.public], {}).genuine


def signed(
    edit: Callable[[Predicate], None], case: Case = SOUND, policy: Policy = POLICY
) -> ProofBundle:
    ledger = Ledger(KEY)
    return lies.without(ledger.prove(ledger.decide(case, policy, edit=edit)), "policy")


def test_a_failure_that_a_waiver_covers_is_waived() -> None:
    """A key holder leaves a waiver unused, and BLOCK does not follow either."""

    def overlook(predicate: Predicate) -> None:
        for check in predicate["checks"]:
            check["waived_by"] = None
        predicate["waivers"][0]["status"] = "unused"
        predicate["verdict"] = "BLOCK"
        conclude(predicate)

    refused(signed(overlook, OVER, replace(POLICY, waivers=[WAIVER])))


@pytest.mark.parametrize("change", [{"unless": None}, {"unit": None}, {"unit": 5}], ids=str)
def test_texts_of_a_check_are_texts(change: dict[str, Json]) -> None:
    refused(signed(lambda predicate: predicate["checks"][0].update(change)))


def test_the_chain_of_a_whole_ledger_begins_with_zeros() -> None:
    ledger = Ledger(KEY)
    index = ledger.decide(SOUND, POLICY)
    leaves = [merkle.leaf_hash(entry) for entry in ledger.entries]
    ledger.chain = list(itertools.accumulate(leaves, merkle.chain_hash, initial=b"\1" * 32))
    taken(ledger.prove(index))
    refused(ledger.prove(index, whole=True))


def test_the_first_entry_follows_on_zeros() -> None:
    for start, say in ((bytes(32), taken), (b"\1" * 32, refused)):
        ledger = Ledger(KEY)
        ledger.entries, ledger.chain, ledger._frontier = [], [start], merkle.Frontier()
        say(ledger.prove(ledger.decide(SOUND, POLICY)))


def test_an_import_is_about_what_its_decision_is_about() -> None:
    first, central = Ledger(KEY), Ledger(KEY, "central")
    index = central.adopt(first, first.decide(SOUND, POLICY))
    whole = parse_statement(open_envelope(central.entries[index]).payload)
    taken(central.prove(index))
    other = [{"name": "another-model", "digest": {"sha256": ARTIFACT}}]
    forged = central.seal(statement(other, DECISION_IMPORTED_TYPE, whole["predicate"]))
    attachments = central.prove(index).attachments
    refused(replace(central.prove(forged), attachments=attachments))


def test_nothing_is_attached_that_an_attestation_does_not_speak_of() -> None:
    bundle = lies.attested()
    taken(bundle)
    refused(replace(bundle, attachments={**bundle.attachments, "attestations": b"[]"}))


def test_the_reason_of_an_attestation_follows_inside_a_decision_too() -> None:
    ledger = Ledger(BOARD, f"of {BOARD.key_id}")
    seen = Case(metrics={"ethics.consent": metric(True), "ethics.ece": metric(0.5, n=24_000)})
    entry = ledger.attest(seen, lies.ETHICS)
    sound = ledger.prove(entry)
    case = lies.resting(sound)
    taken(_decided(case))
    reworded = ledger.attest(
        seen, lies.ETHICS, edit=lambda predicate: predicate.update(reason="fine")
    )
    carried = replace(ledger.prove(reworded), attachments={}).encode().strip()
    refused(_decided(replace(case, proofs=[carried])))


def _decided(case: Case) -> ProofBundle:
    ledger = Ledger(KEY)
    return ledger.prove(ledger.decide(case, RESTING))


@pytest.mark.parametrize("change", [{"digest": None}, {"version": 5}, {"version": None}], ids=str)
def test_an_inputs_subject_is_text_and_digest(change: dict[str, Json]) -> None:
    case = Case(metrics=METRICS)
    case.subject = case.subject | change
    ledger = Ledger(KEY)

    def stand_in(whole: Predicate) -> None:
        if "digest" in change:
            digest = whole["predicate"]["input"]["digest"]
            whole["subject"][0] |= {"digest": digest, "annotations": {"digest_of": "input"}}
            whole["subject"][0]["annotations"]["version"] = "2.4.1"

    refused(ledger.prove(ledger.decide(case, POLICY, edit_statement=stand_in)))


@pytest.mark.parametrize(
    "change",
    [
        {"day": "today"},
        {"day": 20},
        {"for": {"provider": 5, "model": "m1"}},
        {"for": {"provider": "acme", "model": ""}},
        {"for": {"provider": "acme", "model": "m1", "tags": "a"}},
        {"for": {"provider": "acme", "model": "m1", "tags": [1]}},
        {"for": {"provider": "acme", "model": "m1", "team": None}},
        {"expires_at": "2026-11-20T12:00:04Z"},
        {"expires_at": None},
        {"opened": ["c"]},
        {"charges": []},
        {"reason": ""},
    ],
    ids=str,
)
def test_a_reservation_says_what_the_schema_describes(change: dict[str, Json]) -> None:
    policy = replace(POLICY, gate="spend", rule="access/v1")
    taken(signed(lambda predicate: predicate.update(reservation=RESERVATION), policy=policy))
    odd = RESERVATION | change
    refused(signed(lambda predicate: predicate.update(reservation=odd), policy=policy))


@pytest.mark.parametrize("text", ["2026-11-20T12:00:05+00:60", "2026-11-20T12:00:05-24:00"])
def test_an_offset_has_less_than_60_minutes_and_24_hours(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|not an RFC"):
        parse_time(text)


RANGED = replace(
    POLICY,
    checks={
        **lies.CHECKS,
        "ethics.ece": {**lies.CHECKS["ethics.ece"], "range": [0, 1]},
        "model.caos": {**lies.CHECKS["model.caos"], "range": [0, 100]},
        "slo.burn": {**lies.CHECKS["slo.burn"], "range": [0, None]},
        "model.kind": limit("tree", "==", values=["tree", "net"]),
    },
)
KIND = {"model.kind": metric("tree")}
IMPOSSIBLE: dict[str, tuple[dict[str, dict[str, Json]], bool]] = {
    "a value below its range": ({"ethics.ece": metric(-0.5, n=9000, ci=[-0.6, -0.4])}, True),
    "a value above its range": ({"model.caos": metric(500, baseline=4)}, True),
    "a baseline below its range": ({"model.caos": metric(5, baseline=-4)}, True),
    "a series below its range": ({"slo.burn": metric([0.1, -0.1, 0.1])}, True),
    "a word that is none": ({"model.kind": metric("oracle")}, True),
    "a value better than its interval": (
        {"ethics.ece": metric(0.001, n=9000, ci=[0.004, 0.008])},
        False,
    ),
    "a value worse than its interval": (
        {"ethics.ece": metric(0.009, n=9000, ci=[0.004, 0.008])},
        False,
    ),
    "an interval turned round": ({"slo.rps": metric(140, ci=[150, 130])}, False),
    "a sample below nothing": ({"slo.rps": metric(140, n=-1)}, False),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_evidence_that_nothing_can_have_measured_passes_no_check(name: str) -> None:
    """INV-INPUT-11, of a decision, and of an attestation by itself and in a decision."""
    metrics, only_by_policy = IMPOSSIBLE[name]
    case = Case(metrics={**METRICS, **KIND, **metrics})
    want = {"require": "PROMOTE", "policy_digest": RANGED.digest(), "now": "2026-11-20T13:00:05Z"}
    ledger = Ledger(KEY)
    whole = ledger.prove(ledger.decide(case, RANGED))
    for bundle, own in ((whole, {}), (lies.without(whole, "policy"), {"policy": RANGED.archive()})):
        assert lies.claimed(bundle) in ("PROMOTE", "HOLD", "BLOCK")
        assert not agreed(name, bundle.encode(), KEYS, want | own).genuine
    alone = agreed(name, lies.without(whole, "policy").encode(), KEYS, want)
    assert alone.genuine is only_by_policy
    assert not only_by_policy or "policy" in alone.unmet
    answer = ledger.attest(case, replace(RANGED, gate="ethics"))
    assert not agreed(name, ledger.prove(answer).encode(), KEYS, {}).genuine


def test_what_the_gate_left_out_is_evidence_that_it_was_given() -> None:
    """The same values count for nothing where the record says that they are invalid."""
    for metrics, _ in IMPOSSIBLE.values():
        said = {name: {**given, "status": "invalid_input"} for name, given in metrics.items()}
        ledger = Ledger(KEY)
        case = Case(metrics={**METRICS, **KIND, **said})
        taken(ledger.prove(ledger.decide(case, RANGED)))


WAIVED = replace(POLICY, waivers=[WAIVER])
RUN: dict[str, Json] = {"ci": "github", "id": "7", "attempt": "1"}
BEFORE = "2026-11-20T12:00:05Z"


def of_run(**predicate: Json) -> Ledger:
    """A ledger whose entry 0 has these members."""
    ledger = Ledger(KEY)
    ledger.entries, ledger.chain, ledger._frontier = [], [bytes(32)], merkle.Frontier()
    about = [{"name": "ledger", "digest": {"sha256": KEY.key_id}}]
    members = {"ledger_id": ledger.id, "created_at": BEFORE} | predicate
    ledger.seal(statement(about, LEDGER_CREATED_V2_TYPE, members))
    return ledger


def test_who_decides_in_a_ledger_of_one_run_says_so() -> None:
    """INV-RELAX-1; without the whole ledger nobody can tell."""
    for named, run, say in (((), RUN, refused), (("ephemeral_ledger",), RUN, taken)):
        ledger = of_run(run=run)
        case = Case(metrics=METRICS, relaxations=named)
        index = ledger.decide(case, POLICY)
        say(ledger.prove(index, whole=True))
        taken(ledger.prove(index))
        attested = ledger.attest(case, lies.ETHICS)
        say(ledger.prove(attested, whole=True))
    taken((ledger := of_run()).prove(ledger.decide(SOUND, POLICY), whole=True))


EXPIRES_AT = "2026-12-01T00:00:00Z"


@pytest.mark.parametrize(
    ("created_at", "say"),
    [
        (BEFORE, taken),
        ("2026-12-01T00:04:59.5Z", taken),  # clocks may differ by 300 s
        ("2026-12-01T00:05:00Z", refused),
        ("2030-01-01T00:00:00+01:00", refused),
        ("never", taken),
    ],
)
def test_a_waiver_that_had_expired_does_not_come_back(
    created_at: str, say: Callable[[ProofBundle], None]
) -> None:
    """INV-WAIVER-6: by the entries before it, as far as a proof has them."""
    assert WAIVER["expires_at"] == EXPIRES_AT
    ledger = of_run(created_at=created_at)
    ledger.append(b"no statement")
    index = ledger.decide(OVER, WAIVED)
    say(ledger.prove(index, whole=True))
    taken(ledger.prove(index))
    unwaived = ledger.prove(ledger.decide(SOUND, WAIVED), whole=True)
    taken(unwaived)


@pytest.mark.parametrize(
    ("made", "say"),
    [("01a22eeb43df", taken), ("01a22eeb43e0", refused), ("ffffffffffff", refused)],
)
def test_a_waiver_that_had_expired_when_the_id_was_made_covers_nothing(
    made: str, say: Callable[[ProofBundle], None]
) -> None:
    """INV-WAIVER-6: RFC 9562 section 5.7."""
    name = f"{made[:8]}-{made[8:]}-7000-8000-000000000001"
    say(signed(lambda predicate: predicate.update(decision_id=name), OVER, WAIVED))
