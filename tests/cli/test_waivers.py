"""Waivers live in policy data: scoped, reasoned, expiring, and always visible."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from engine.formats.times import write_time
from engine.model import Json
from tests.cli.conftest import NOON, Answer, Engine

pytestmark = pytest.mark.usefixtures("noon")

SOON = write_time(NOON + timedelta(days=7))
PAST = "2026-01-01T00:00:00Z"


def waiver(**changes: Json) -> Json:
    return {
        "id": "W-1",
        "check": "data.contract_break",
        "subject": {"name": "scoring-model"},
        "reason": "consumers migrated, removal announced",
        "approvers": ["release manager"],
        "expires_at": SOON,
        **changes,
    }


@pytest.fixture
def decide_with(engine: Engine) -> Engine:
    """Decide an example whose only failing check is the contract break."""
    document = engine("example", "promote").json
    document["metrics"]["data.contract_break"] = True

    def call(*waivers: Json) -> Answer:
        folder = Path("own/waivers")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "data.yaml").write_text(json.dumps({"waivers": list(waivers)}))
        return engine(
            "decide", "-", "--policies", "own", "--format", "json",
            stdin=json.dumps(document).encode(),
        )  # fmt: skip

    return call


def test_a_waived_finding_promotes_and_stays_visible(decide_with: Engine, engine: Engine) -> None:
    """INV-WAIVER-3: the finding is still there, with the waiver that covers it."""
    answer = decide_with(waiver())
    assert (answer.code, answer.json["verdict"]) == (0, "PROMOTE")
    found = next(check for check in answer.json["checks"] if check["id"] == "data.contract_break")
    assert (found["status"], found["waived_by"]) == ("fail", "W-1")
    (used,) = answer.json["waivers"]
    assert (used["status"], used["reason"]) == ("applied", "consumers migrated, removal announced")
    assert answer.json["reason"] == "29 blocking checks passed, 1 by waiver"
    explained = engine("explain", answer.json["decision_id"])
    assert "waived  data.contract_break" in explained.out
    assert "waiver W-1 applied for data.contract_break, until " in explained.out


def test_a_verifier_shows_whose_waiver_it_rests_on(decide_with: Engine, engine: Engine) -> None:
    """INV-WAIVER-3: id, reason, end and who, in text and in JSON."""
    decision = decide_with(waiver()).json["decision_id"]
    assert engine("export", decision, "-o", "p.json").code == 0
    argv = ("verify", "p.json", "--key", ".engine/keys/engine.pub.pem")

    (used,) = engine(*argv, "--format", "json").json["waivers"]

    written = waiver()
    shown = {key: used[key] for key in ("id", "check", "reason", "approvers", "expires_at")}
    assert shown == {key: written[key] for key in shown}
    assert used["status"] == "applied"
    text = engine(*argv).out
    for part in (written["id"], written["reason"], *written["approvers"], written["expires_at"]):
        assert part in text
    refused = engine(*argv, "--require", "PROMOTE", "--no-waivers")
    assert refused.code == 1
    assert "no waiver is accepted; the record has W-1" in refused.out


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"expires_at": PAST}, "expired"),
        ({"check": "data.schema_drift"}, "unused"),
        ({"check": "privacy.pii_findings"}, "unwaivable"),
        ({"subject": {}}, "unscoped"),
        ({"subject": None}, "unscoped"),
        ({"check": None}, "unscoped"),
    ],
)
def test_a_waiver_that_does_not_cover_is_reported(
    decide_with: Engine, changes: dict[str, Json], status: str
) -> None:
    """INV-WAIVER-1, INV-WAIVER-4: outside its scope, its time and its check it does nothing."""
    answer = decide_with(waiver(**changes))
    assert (answer.code, answer.json["verdict"]) == (1, "BLOCK")
    assert [use["status"] for use in answer.json["waivers"]] == [status]


def test_a_waiver_for_another_subject_is_no_news(decide_with: Engine) -> None:
    answer = decide_with(waiver(subject={"name": "other"}), waiver(id="W-2", subject={
        "name": "scoring-model", "version": "9.9"}))  # fmt: skip
    assert (answer.code, answer.json["waivers"]) == (1, [])


def test_a_waiver_of_another_version_is_named_to_whoever_reads(
    decide_with: Engine, engine: Engine
) -> None:
    version = {"name": "scoring-model", "version": "9.9"}
    scopes: tuple[Json, ...] = (waiver(subject=version), waiver(id="W-2", check="slo.dec_rps"))
    made = decide_with(*scopes).json["decision_id"]

    shown = engine("explain", made).out

    assert "W-1 is for version 9.9: not for data.contract_break here" in shown
    assert "W-2 is for" not in shown


def test_missing_evidence_cannot_be_waived(engine: Engine, decide_with: Engine) -> None:
    """INV-WAIVER-2: a waiver accepts a finding; nothing was found here."""
    decide_with(waiver())
    document = engine("example", "promote").json
    del document["metrics"]["data.contract_break"]
    answer = engine(
        "decide", "-", "--policies", "own", "--format", "json", stdin=json.dumps(document).encode()
    )
    assert (answer.code, answer.json["verdict"]) == (5, "HOLD")
    assert [use["status"] for use in answer.json["waivers"]] == ["unused"]


def test_a_waiver_whose_end_cannot_be_read_is_an_error(decide_with: Engine) -> None:
    answer = decide_with(waiver(expires_at="next week"))
    assert answer.code == 2
    assert "own/waivers/data.yaml:1" in answer.err


def test_waivers_are_covered_by_the_policy_digest(engine: Engine, decide_with: Engine) -> None:
    shown = [
        engine("ledger", "show", decide_with(entry).json["decision_id"]).json["predicate"]["policy"]
        for entry in (waiver(), waiver(reason="another"))
    ]
    assert shown[0]["digest"] != shown[1]["digest"]
    assert shown[0]["revision"] == shown[1]["revision"]


def test_many_waivers_are_reported_in_one_order_and_verify(
    decide_with: Engine, engine: Engine
) -> None:
    """INV-WAIVER-3: ids against the order of their checks, unwaivable, unused and expired ones."""
    answer = decide_with(
        waiver(id="W-2"),
        waiver(id="W-1", check="ethics.ece"),
        waiver(id="W-3", check="slo.burn_rate", expires_at=PAST),
        waiver(id="W-0", check="ethics.consent"),
    )

    assert (answer.code, answer.json["verdict"]) == (0, "PROMOTE"), answer.err
    assert [(use["id"], use["status"]) for use in answer.json["waivers"]] == [
        ("W-0", "unwaivable"),
        ("W-1", "unused"),
        ("W-2", "applied"),
        ("W-3", "expired"),
    ]
    assert engine("export", answer.json["decision_id"], "-o", "proof.json").code == 0
    key = ".engine/keys/engine.pub.pem"
    verified = engine("verify", "proof.json", "--key", key, "--require", "PROMOTE")
    assert (verified.code, verified.err) == (0, "")
    assert engine("replay").code == 0
