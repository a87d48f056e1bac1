from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import DocumentError
from engine.evidence.documents import Document, parse
from engine.evidence.input import Question, assemble, gather
from engine.formats import canonical
from engine.formats.times import write_time
from engine.model import Json, Subject
from engine.policy.bundle import shipped_bundle
from tests.repository import ROOT

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BUNDLE = shipped_bundle()
SCHEMA = json.loads((ROOT / "schemas" / "metrics.schema.json").read_bytes())
QUESTION = Question("promotion", "default", "candidate", NOW, ("ephemeral_ledger",))
SHA = "ab" * 32


def document(name: str = "m.json", **changes: Json) -> Document:
    value = {
        "subject": {"name": "m", "digest": {"sha256": SHA}},
        "observed_at": write_time(NOW - timedelta(seconds=90)),
        "metrics": {"slo.dec_rps": 130},
        **changes,
    }
    return parse(name, json.dumps(value).encode())


def test_an_input_says_all_that_the_policies_may_know() -> None:
    gathered = gather([document()], QUESTION, BUNDLE, SCHEMA)
    assert gathered.document == {
        "gate": "promotion",
        "profile": "default",
        "stage": "candidate",
        "decided_at": "2026-11-20T12:00:00Z",
        "subject": {"name": "m", "digest": {"sha256": SHA}},
        "metrics": {
            "slo.dec_rps": {
                "value": 130,
                "status": "ok",
                "observed_at": "2026-11-20T11:58:30Z",
                "age_s": 90,
            }
        },
        "waivers": [],
        "relaxations": ["ephemeral_ledger"],
        "attestations": [],
    }
    assert gathered.encoded == canonical.encode(gathered.document)


def test_how_a_metric_was_computed_is_in_the_input_and_written_by_the_book() -> None:
    computed = {"method": "rps/1", "reference": {"a": 1e-7, "b": 1.0}, "groups": {"\U0001f600": 1}}
    metric = {"value": 130, "computed": computed}
    gathered = gather([document(metrics={"slo.dec_rps": metric})], QUESTION, BUNDLE, SCHEMA)
    assert gathered.document["metrics"]["slo.dec_rps"]["computed"] == computed
    assert gathered.encoded == canonical.encode(gathered.document)
    assert not isinstance(gathered.document, canonical.PlainObject)


def test_a_file_has_no_say_in_what_only_an_attestor_may_sign_off() -> None:
    claim = document(metrics={"slo.dec_rps": 130, "ethics.attestation": True})
    with pytest.raises(DocumentError, match="read from attestations only") as refused:
        gather([claim], QUESTION, BUNDLE, SCHEMA)
    assert refused.value.position.pointer == "/metrics/ethics.attestation"
    assert "engine attest" in refused.value.hint


def test_each_file_keeps_its_own_time_when_files_are_merged() -> None:
    later = document("b.json", observed_at=write_time(NOW), metrics={"slo.dec_5xx": 0})
    metrics = gather([document(), later], QUESTION, BUNDLE, SCHEMA).document["metrics"]
    assert {name: metric["age_s"] for name, metric in metrics.items()} == {
        "slo.dec_rps": 90,
        "slo.dec_5xx": 0,
    }


@pytest.mark.parametrize(
    ("subject", "place"),
    [
        ({"name": "n", "digest": {"sha256": SHA}}, "b.json:1:"),
        ({"name": "m", "digest": {"sha256": "cd" * 32}}, "b.json:1:"),
        ({"name": "m", "version": "2", "digest": {"sha256": SHA}}, "b.json:1:"),
    ],
)
def test_files_of_two_subjects_are_not_merged(subject: Json, place: str) -> None:
    other = document("b.json", subject=subject, metrics={"slo.dec_5xx": 0})
    with pytest.raises(DocumentError, match="another subject") as refused:
        gather([document(), other], QUESTION, BUNDLE, SCHEMA)
    assert str(refused.value).startswith(place)


def test_an_artifact_other_than_the_claimed_one_is_refused() -> None:
    with pytest.raises(DocumentError, match="gather the evidence again"):
        gather([document()], QUESTION, BUNDLE, SCHEMA, artifact_sha256="cd" * 32)
    gathered = gather([document()], QUESTION, BUNDLE, SCHEMA, artifact_sha256=SHA)
    assert gathered.subject.sha256 == SHA


@pytest.mark.parametrize(
    ("expires_at", "remaining"),
    [
        ("2026-11-20T12:00:01Z", 1),
        ("2026-11-20T12:00:00.5Z", 1),
        ("2026-11-20T12:00:00Z", 0),
        ("2026-11-20T11:59:59Z", -1),
        ("2026-11-20T13:00:00+01:00", 0),
    ],
)
def test_a_waiver_has_seconds_left_until_the_instant_it_expires(
    monkeypatch: pytest.MonkeyPatch, expires_at: str, remaining: int
) -> None:
    """INV-WAIVER-1: the end is exclusive."""
    bundle = shipped_bundle()
    monkeypatch.setattr(bundle, "waivers", lambda: [{"id": "W", "expires_at": expires_at}])
    gathered = assemble("m", Subject("m"), {}, QUESTION, bundle)
    assert [waiver["remaining_s"] for waiver in gathered.document["waivers"]] == [remaining]
