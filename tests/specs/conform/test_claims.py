"""INV-CONFORM-1: what signed entries say of themselves is derived again, whoever wrote them.

Each case is a ledger whose key holder signed one entry that says what does not follow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import pytest

from engine import model
from engine.errors import VerificationError
from engine.ledger import EntryDraft, Ledger, LedgerPosition
from engine.ledger.commit import batch
from engine.model import (
    DECISION_FAILED_TYPE,
    DECISION_REQUESTED_TYPE,
    EFFECT_TYPE,
    ETHICS_ATTESTATION_TYPE,
    OWN_TYPES,
    Json,
)
from engine.proof import recomputed
from engine.proof.envelope import seal
from engine.proof.keys import public_pem
from engine.proof.ledger_before import require_unexpired
from engine.proof.statement import statement
from engine.specs.conform.claims import Claims, HeldBudget, require_reserved
from engine.specs.conform.conformance import Conformance, conform
from engine.specs.conform.lookup import Contradiction
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import KEY, key
from tests.repository import DATA

ACCEPTED = json.loads((DATA / "conform" / "accepted.json").read_text())[1:7]
HOLD_AT, ATTESTED_AT, BLOCK_AT, PROMOTE_AT, PROMOTED_AT = 1, 3, 4, 5, 6
EFFECT = {
    "predicateType": EFFECT_TYPE,
    "subject": [{"name": "scoring-model", "digest": {"sha256": "00" * 32}}],
    "predicate": {"effect": "000000000001", "idempotency_key": "d-promote", "at": "2026-11-21"},
}

Change = Callable[[Json], Any]


def written(statements: list[Json], signer: Any = KEY) -> Ledger:
    """A ledger of these statements, of its own id, key and attestations."""
    ledger = begun(MemoryStore())
    hashes: dict[str, str] = {}
    for said in deepcopy(statements):
        predicate = said["predicate"]

        def build(place: LedgerPosition, said: Json = said, predicate: Json = predicate) -> bytes:
            if "public_key" in predicate:
                predicate["public_key"] = public_pem(KEY.public_key).decode()
            for facts in predicate.get("attestations", ()):
                facts["ledger_id"], facts["entry_sha256"] = place.ledger_id, hashes[facts["id"]]
            whole = {**predicate, "ledger": {"id": place.ledger_id}}
            payload = statement(said["subject"], said["predicateType"], whole)
            return seal(payload, signer.sign, signer.key_id)

        with (
            pytest.MonkeyPatch.context() as patch
        ):  # else one that is there already is refused here
            patch.setattr(batch, "event_name", lambda _, leaf: ("leaf", leaf.hex()))
            (entry,) = ledger.append([EntryDraft(None, None, None, build)])
        if "attestation_id" in predicate:
            hashes[predicate["attestation_id"]] = hashlib.sha256(entry.entry).hexdigest()
    return ledger


def found_in(ledger: Ledger) -> list[Contradiction]:
    """What does not follow from itself, and what the specs refuse for that."""
    claims = Claims(ledger)
    reports = conform(claims.read(), Conformance(["ethics", "promotion"]))
    found = [claims.contradicted, *(report.contradicted for report in reports.values())]
    return [contradiction for contradiction in found if contradiction is not None]


def test_an_honest_ledger_says_what_follows() -> None:
    assert found_in(written(ACCEPTED)) == []


@pytest.mark.parametrize(
    ("at", "change", "promise", "words"),
    [
        (BLOCK_AT, {"verdict": "PROMOTE"}, "INV-PROOF-1", "says PROMOTE; its checks say BLOCK"),
        (BLOCK_AT, {"reason": "all is well"}, "INV-PROOF-1", "another reason than its checks"),
        (HOLD_AT, {"valid_until": "2020-01-01T00:00:00Z"}, "INV-PROOF-1", "before it was made"),
        (PROMOTED_AT, {"at": "2026-11-21T11:00:00Z"}, "INV-PROMO-1", "before the decision that"),
        (PROMOTED_AT, {"attested_until": "2036-11-21T12:04:00Z"}, "INV-PROMO-1", "too long"),
        (PROMOTED_AT, {"attested_until": None}, "INV-PROMO-1", "its decision says otherwise"),
        (ATTESTED_AT, {"verdict": "BLOCK"}, "INV-ATTEST-7", "says BLOCK; its checks say PROMOTE"),
    ],
)
def test_an_entry_whose_word_does_not_follow_is_named(
    at: int, change: Json, promise: str, words: str
) -> None:
    entries = deepcopy(ACCEPTED)
    entries[at - 1]["predicate"].update(change)

    first = found_in(written(entries))[0]

    assert (first.entry, first.promise) == (at, promise)
    assert words in first.reason


def _unfailed(predicate: Json) -> None:
    """The failing check says that it passed, and the verdict follows from that."""
    failing = [check for check in predicate["checks"] if check["status"] == "fail"]
    for check in failing:
        check["status"] = "pass"


def _exempt(predicate: Json) -> None:
    for check in predicate["checks"]:
        if check["status"] == "fail":
            check["status"] = "exempt"


def _waived(predicate: Json) -> None:
    for check in predicate["checks"]:
        if check["status"] == "fail":
            check["waived_by"] = "W-1"


def _long(predicate: Json) -> None:
    predicate["attestations"][0]["expires_at"] = "2036-11-21T12:04:00Z"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_unfailed, "says pass; what it compared says fail"),
        (_exempt, "says exempt; what it compared says fail"),
        (_waived, "is waived by 'W-1', which is not so"),
        (_long, "it says expires_at '2036-11-21T12:04:00Z' of an attestation that says"),
    ],
)
def test_statuses_waivers_and_attestations_are_derived_where_the_input_is_erased(
    change: Change, words: str
) -> None:
    entries = deepcopy(ACCEPTED)
    change(entries[BLOCK_AT - 1]["predicate"])

    first = found_in(written(entries))[0]

    assert (first.entry, first.promise) == (BLOCK_AT, "INV-PROOF-1")
    assert words in first.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": "later"}, "is entry 7 once more, by its id"),
        ({"effect": "000000000002"}, "is entry 7 once more, by its key"),
    ],
)
def test_an_effect_that_is_recorded_twice_is_named(change: Json, words: str) -> None:
    """INV-LEDGER-6: by its id, also where the rest differs; and by its idempotency key."""
    again = {**EFFECT, "predicate": {**EFFECT["predicate"], **change}}  # type: ignore[dict-item]

    assert found_in(written([*ACCEPTED, EFFECT])) == []
    (first,) = found_in(written([*ACCEPTED, EFFECT, again]))

    assert (first.entry, first.promise) == (8, "INV-LEDGER-6")
    assert words in first.reason
    with pytest.raises(VerificationError, match=r"entry 8: .* once more"):
        list(Claims(written([*ACCEPTED, EFFECT, again])).require())


@pytest.mark.parametrize(
    ("order", "at", "words"),
    [
        (["request", "failure"], None, ""),
        (["failure", "request"], 2, "decision-requested:v1 requests 0190, which entry 1 answered"),
        (["request", "attestation", "failure"], 3, "answers 0190, which entry 2 answered already"),
        (["failure", "attestation"], 2, "answers 0190, which entry 1 answered already"),
        (["request", "request"], 2, "is entry 1 once more, by its id"),
    ],
)
def test_a_request_is_answered_once_and_not_before_it_is_made(
    order: list[str], at: int | None, words: str
) -> None:
    """INV-LEDGER-7: whichever kinds of answers there are."""
    ids = {"request": "decision_id", "failure": "attempt_id", "attestation": "attestation_id"}
    kinds = {
        "request": DECISION_REQUESTED_TYPE,
        "failure": DECISION_FAILED_TYPE,
        "attestation": ETHICS_ATTESTATION_TYPE,
    }
    said = [
        {**EFFECT, "predicateType": kinds[what], "predicate": {ids[what]: "0190", "number": at}}
        for at, what in enumerate(order)
    ]
    claims = Claims(written(said), only_budgets=True)
    list(claims.read())

    found = claims.contradicted
    assert (found and found.entry) == at
    assert words in (found.reason if found else "")


def test_what_another_key_signed_is_no_evidence() -> None:
    with pytest.raises(VerificationError, match="entry 1: none of the given keys signed"):
        found_in(written(ACCEPTED, signer=key("somebody else")))


def test_types_without_a_spec_and_of_nobody_are_told_apart() -> None:
    foreign = {**EFFECT, "predicateType": "urn:governance-engine:rollback:v2"}
    conformance = Conformance(["ledger"])

    conform(Claims(written([EFFECT, foreign])).read(), conformance)

    assert conformance.without_spec == {EFFECT_TYPE: 1}
    assert conformance.unknown == {"urn:governance-engine:rollback:v2": 1}


def test_every_type_that_is_written_is_an_own_one() -> None:
    named = {value for name, value in vars(model).items() if name.endswith("_TYPE")}
    in_no_ledger = {model.POLICY_APPROVAL_TYPE, model.EVIDENCE_TYPE}
    assert named - in_no_ledger == OWN_TYPES


NONE = {"requests": None, "tokens": None, "usd_micros": None}


@pytest.mark.parametrize(
    ("row", "charged", "words"),
    [
        (100, {"team": 50}, ""),  # who asks did not raise it
        (100, {"team": 100}, ""),  # the policy did
        (None, {"team": 50}, ""),  # its row is gone, and it counts
        (None, {"team": 100}, "budget 'team' has other limits than its policy"),
        (100, {"team": 60}, "budget 'team' has other limits than its policy"),
        (None, {"all": 900}, "was not held to budget 'team', whose limit of 2026-11-20"),
        (100, {"all": 900}, "was not held to budget 'team', which its policy has for such"),
        (None, {}, ""),  # a denial
    ],
)
def test_limits_of_a_day_go_on_beside_those_of_the_policy(
    row: int | None, charged: dict[str, int], words: str
) -> None:
    """INV-BUDGET-14"""
    rows = [{"id": "all", "match": {"team": "b"}, "limits": {**NONE, "usd_micros": 900}}]
    if row is not None:
        rows.append({"id": "team", "match": {"team": "a"}, "limits": {**NONE, "usd_micros": row}})
    policy: Any = type("Policy", (), {"data": {"budgets": rows}})()
    amounts = {"requests": 1, "tokens": 0, "usd_micros": 40}
    reservation = {
        "asked": amounts,
        "day": "2026-11-20",
        "for": {"team": "a"},
        "charges": [
            {"budget": name, "limits": {**NONE, "usd_micros": limit}, **amounts}
            for name, limit in charged.items()
        ],
    }
    held = {"team": HeldBudget({**NONE, "usd_micros": 50}, [{"team": "a"}])}

    with pytest.raises(VerificationError, match=words) if words else nullcontext():
        require_reserved(reservation, policy, held)
    if "all" in charged:  # another team's request is not held to it
        require_reserved({**reservation, "for": {"team": "b"}}, policy, held)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"budget": "daily", "limits": {**NONE, "usd_micros": 10**9}}, ""),
        ({"limits": {**NONE, "usd_micros": 10**9}}, "budget 'team' has other limits than its"),
        ({"budget": "invented"}, "budget 'invented' has other limits than its"),
        ({"usd_micros": 1_000_000}, "it holds 1000000 usd_micros of 'team'; 40 were asked for"),
        ({"tokens": -5}, "it holds -5 tokens of 'team'; None were asked for"),
    ],
)
def test_a_lease_holds_what_was_asked_for_under_its_policys_limits(
    changes: Json, words: str
) -> None:
    """INV-BUDGET-3: neither limit nor amount is what the entry makes of it."""
    rows = [{"id": "team", "match": {"team": "a"}, "limits": {**NONE, "usd_micros": 100}}]
    policy: Any = type("Policy", (), {"data": {"budgets": rows}})()
    charge = {"budget": "team", "limits": rows[0]["limits"], "requests": 1, "tokens": 0}
    requested = {"requests": 1, "tokens": None, "usd_micros": 40}
    charges = [{**charge, "usd_micros": 40, **changes}]
    reservation = {"asked": requested, "charges": charges, "for": {"team": "b"}}

    if not words:
        require_reserved(reservation, policy)
        return
    with pytest.raises(VerificationError, match=words):
        require_reserved(reservation, policy)


DAYS = [("2026-11-21", "2026-11-21T23:00:00Z"), ("2026-11-22", "2026-11-21T23:00:00Z")]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (DAYS, ""),
        ([("2026-11-23", "2026-11-21T23:00:00Z")], "counts on 2026-11-23, which no clock showed"),
        ([("2026-11-20", "2026-11-21T23:00:00Z")], "counts on 2026-11-20, which no clock showed"),
        ([DAYS[1], DAYS[0]], "counts on 2026-11-21, and the ledger's budgets had come to"),
        ([DAYS[1], ("2026-11-22", "2026-11-25T23:00:00Z")], "which no clock showed"),
        ([DAYS[1], ("2026-11-22", "2026-11-20T01:00:00Z")], ""),  # the clock had been ahead
    ],
)
def test_a_lease_counts_on_the_newest_day_or_one_that_a_clock_showed(
    days: list[tuple[str, str]], words: str
) -> None:
    """INV-BUDGET-16"""
    claims = Claims(written([]))
    with pytest.raises(VerificationError, match=words) if words else nullcontext():
        for day, decided_at in days:
            claims._require_day(day, decided_at)


@pytest.mark.parametrize("requested", [True, False])
@pytest.mark.parametrize("ephemeral", [True, False])
def test_a_decision_that_is_due_to_be_requested_and_was_not_is_named(
    monkeypatch: pytest.MonkeyPatch, requested: bool, ephemeral: bool
) -> None:
    """INV-LEDGER-7"""
    monkeypatch.setattr(Claims, "_policy", lambda *_: policy)
    monkeypatch.setattr(recomputed, "require_policy", lambda *_: None)
    limits = {"spec": {"record_requests": True}}
    policy: Any = type("Policy", (), {"data": {"limits": limits}})()
    hold = deepcopy(ACCEPTED[0])
    if ephemeral:
        hold["predicate"]["relaxations"] = [{"name": "ephemeral_ledger", "tolerated": True}]
    name = hold["predicate"]["decision_id"]
    request = {**hold, "predicateType": DECISION_REQUESTED_TYPE, "predicate": {"decision_id": name}}
    claims = Claims(written([request, hold] if requested else [hold]))
    list(claims.read())
    if requested or ephemeral:
        assert claims.contradicted is None
        return
    assert claims.contradicted is not None
    assert (claims.contradicted.entry, claims.contradicted.promise) == (1, "INV-LEDGER-7")


@pytest.mark.parametrize(("at", "follows"), [("2026-12-01T00:04:59Z", True), ("2027-01-01", True),
                                             ("2027-01-01T00:00:00Z", False)])  # fmt: skip
def test_a_waiver_that_had_expired_by_an_earlier_entry_is_named(at: str, follows: bool) -> None:
    """INV-WAIVER-6"""
    claims = Claims(written([{**EFFECT, "predicate": {"effect": "000000000001", "at": at}}]))
    list(claims.read())
    waiver = {"id": "W-1", "status": "applied", "expires_at": "2026-12-01T00:00:00Z"}
    predicate = {"decision_id": f"0193477e-7a00-7000-8000-{1:012d}", "waivers": [waiver]}
    with nullcontext() if follows else pytest.raises(VerificationError, match="had expired"):
        require_unexpired(predicate, claims._until)
