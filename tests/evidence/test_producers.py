"""Signed documents put together: whose word each metric is. INV-SIGNED-1, INV-SIGNED-3."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from engine.errors import DocumentError
from engine.evidence.documents import Document, parse
from engine.evidence.input import Input, Question, gather
from engine.formats.times import write_time
from engine.model import Json
from engine.policy.bundle import shipped_bundle, shipped_schema
from engine.proof.signed_evidence import signers_under
from engine.proof.trust import roles_for
from tests.simulator import ARTIFACT, NOW, Key, signed_metrics

LAB, CI = Key("lab"), Key("ci")
QUESTION = Question("promotion", "default", "candidate", NOW)
SUBJECT: Json = {"name": "m", "version": "1", "digest": {"sha256": ARTIFACT}}
RPS = "slo.dec_rps"


def measured(value: Json = 154, *, ago_s: int = 60, subject: Json = SUBJECT, **more: Json) -> Json:
    return {
        "subject": subject,
        "observed_at": write_time(NOW - timedelta(seconds=ago_s)),
        "metrics": {RPS: {"value": value, **more}},
    }


def by(key: Key, document: Json | None = None, signed_at: Any = NOW) -> Document:
    data = signed_metrics(key, document or measured(), signed_at)
    return parse(f"{key.key_id[:4]}.json", data)


def unsigned(document: Json | None = None) -> Document:
    return parse("plain.json", json.dumps(document or measured()).encode())


def put_together(*documents: Document, **options: Any) -> Input:
    schema = shipped_schema("metrics.schema.json")
    return gather(documents, QUESTION, shipped_bundle(), schema, **options)


def signers(*documents: Document) -> list[str]:
    metric = put_together(*documents).document["metrics"][RPS]
    return [signer["key_id"] for signer in metric.get("signers", [])]


def test_a_metric_names_the_key_that_signed_it() -> None:
    evidence = put_together(by(LAB))
    metric = evidence.document["metrics"][RPS]
    assert metric["value"] == 154
    assert metric["signers"] == [{"key_id": LAB.key_id, "roles": [], "signed_at": write_time(NOW)}]
    assert [row["key_id"] for row in evidence.signed_evidence] == [LAB.key_id]
    assert json.loads(evidence.envelopes)[0]["payloadType"] == "application/vnd.in-toto+json"


def test_what_nobody_signed_names_nobody() -> None:
    evidence = put_together(unsigned())
    assert "signers" not in evidence.document["metrics"][RPS]
    assert (evidence.signed_evidence, evidence.envelopes) == ((), b"")


def test_copies_by_one_key_count_once() -> None:
    again = by(LAB, signed_at=NOW - timedelta(seconds=30))
    assert signers(by(LAB), by(LAB), again) == [LAB.key_id]
    (signer,) = put_together(by(LAB), again).document["metrics"][RPS]["signers"]
    assert signer["signed_at"] == write_time(NOW - timedelta(seconds=30))


def test_several_keys_count_one_by_one() -> None:
    assert signers(by(LAB), by(CI)) == sorted([LAB.key_id, CI.key_id])


def test_the_earliest_observation_is_judged() -> None:
    for order in ((60, 900), (900, 60)):
        documents = [
            by(key, measured(ago_s=ago)) for key, ago in zip((LAB, CI), order, strict=True)
        ]
        assert put_together(*documents).document["metrics"][RPS]["age_s"] == 900


@pytest.mark.parametrize(
    "other",
    [
        measured(155),
        measured(None),
        measured(154, n=3),
        measured(154, ci=[100, 200]),
        measured(154, baseline=1),
        measured(154, status="insufficient_data"),
    ],
)
@pytest.mark.parametrize("second", [LAB, CI])
def test_who_contradict_each_other_are_refused_by_name(other: Json, second: Key) -> None:
    with pytest.raises(DocumentError) as error:
        put_together(by(LAB), by(second, other))
    assert LAB.key_id[:16] in str(error.value)
    assert second.key_id[:16] in str(error.value)
    assert error.value.position.pointer == f"/metrics/{RPS}"


def test_a_number_that_is_written_otherwise_is_no_contradiction() -> None:
    assert len(signers(by(LAB, measured(154)), by(CI, measured(154.0)))) == 2


@pytest.mark.parametrize("documents", [(by(LAB), unsigned()), (unsigned(), by(LAB))])
def test_a_word_that_nobody_signed_stands_beside_no_signed_one(
    documents: tuple[Document, ...],
) -> None:
    with pytest.raises(DocumentError, match="is in another file too"):
        put_together(*documents)


def test_other_metrics_may_be_signed_by_nobody() -> None:
    other = {**measured(), "metrics": {"slo.dec_5xx": 0}}
    metrics = put_together(by(LAB), unsigned(other)).document["metrics"]
    assert ("signers" in metrics[RPS], "signers" in metrics["slo.dec_5xx"]) == (True, False)


def test_two_clocks_may_differ_by_five_minutes() -> None:
    put_together(by(LAB, signed_at=NOW + timedelta(seconds=300)))
    with pytest.raises(DocumentError, match="in the future"):
        put_together(by(LAB, signed_at=NOW + timedelta(seconds=301)))


def test_evidence_that_names_no_artifact_is_not_about_one() -> None:
    bare = {"name": "m", "version": "1"}
    with pytest.raises(DocumentError, match="names no artifact"):
        put_together(by(LAB, measured(subject=bare)), artifact_sha256=ARTIFACT)
    alone = Question("security", "default", "candidate", NOW)
    schema = shipped_schema("metrics.schema.json")
    evidence = gather([by(LAB, measured(subject=bare))], alone, shipped_bundle(), schema)
    assert evidence.subject.sha256 is None


def test_more_files_than_a_record_names_are_refused() -> None:
    many = [by(LAB, signed_at=NOW - timedelta(seconds=number)) for number in range(17)]
    assert len(put_together(*many[:16]).signed_evidence) == 16
    with pytest.raises(DocumentError, match="more than 16"):
        put_together(*many)


def test_the_ledgers_own_figure_is_signed_by_nobody() -> None:
    claim = {**measured(), "metrics": {"budget.usd_ratio": 0.5, "budget.tokens_ratio": 0.5}}

    def put(metrics: dict[str, Json], _refuse: Any) -> tuple[str, ...]:
        metrics["budget.usd_ratio"] = {
            "value": 0.5, "status": "ok", "observed_at": write_time(NOW), "age_s": 0,
        }  # fmt: skip
        return ()

    metrics = put_together(by(LAB, claim), put_figures=put).document["metrics"]
    assert "signers" not in metrics["budget.usd_ratio"]
    assert "signers" in metrics["budget.tokens_ratio"]


def _flipped(data: bytes) -> bytes:
    envelope = json.loads(data)
    sig = envelope["signatures"][0]["sig"]
    envelope["signatures"][0]["sig"] = ("A" if sig[0] != "A" else "B") + sig[1:]
    return json.dumps(envelope).encode()


@pytest.mark.parametrize(
    "data",
    [
        _flipped(signed_metrics(LAB, measured())),
        b'{"payload": "e30="}',
        b'{"payloadType": "application/vnd.in-toto+json", "metrics": {}}',
        signed_metrics(LAB, measured()).replace(b"in-toto", b"in-tata"),
        signed_metrics(LAB, measured())[:-2] + b',"x":1}',
    ],
)
def test_an_envelope_that_does_not_hold_is_no_document(data: bytes) -> None:
    with pytest.raises(DocumentError):
        parse("m.json", data)


# Whose key may speak for what.


def trust(**row: Json) -> Json:
    return {"keys": [{"key_id": LAB.key_id, "roles": ["lab"], **row}]}


@pytest.mark.parametrize(
    ("row", "roles"),
    [
        ({}, ["lab"]),
        ({"metrics": [RPS]}, ["lab"]),
        ({"metrics": ["slo.*"]}, ["lab"]),
        ({"metrics": ["ethics.*"]}, []),
        ({"metrics": ["slo.dec"]}, []),
        ({"metrics": ["sl*"]}, []),
        ({"metrics": []}, []),
        ({"metrics": None}, []),
        ({"metrics": "slo.*"}, []),
        ({"metrics": [1, None]}, []),
        ({"roles": ["producer", "lab"]}, ["lab", "producer"]),
        ({"roles": ["attestor", "policy", "none"]}, []),
        ({"roles": "lab"}, []),
        ({"roles": [["lab"]]}, []),
        ({"key_id": CI.key_id}, []),
        ({"not_before": write_time(NOW)}, ["lab"]),
        ({"not_before": write_time(NOW + timedelta(seconds=1))}, []),
        ({"not_after": write_time(NOW + timedelta(seconds=1))}, ["lab"]),
        ({"not_after": write_time(NOW)}, []),
        ({"not_after": "soon"}, []),
    ],
)
def test_a_key_speaks_by_its_row_alone(row: Json, roles: list[str]) -> None:
    assert roles_for(trust(**row), LAB.key_id, RPS, NOW, NOW) == roles


@pytest.mark.parametrize("table", [None, [], {}, {"keys": None}, {"keys": [None, 1]}])
def test_a_list_that_is_none_lets_nobody_speak(table: Json) -> None:
    assert roles_for(table, LAB.key_id, RPS, NOW, NOW) == []


def test_another_trust_list_gives_other_roles() -> None:
    metrics = put_together(by(LAB)).document["metrics"]
    (signer,) = signers_under(metrics, trust(), NOW)[RPS]["signers"]
    assert signer["roles"] == ["lab"]
    assert signers_under({"a.b": {"value": 1}}, trust(), NOW) == {"a.b": {"value": 1}}
