from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.errors import VerificationError
from engine.formats import canonical
from engine.model import Json
from engine.proof import bundle as proof
from engine.proof.bundle import MEDIA_TYPE, ProofBundle
from tests.repository import ROOT
from tests.simulator import Key, Policy, ledger_of_decisions

SCHEMA: dict[str, Any] = json.loads((ROOT / "schemas/proof.schema.json").read_text())
HASHES = st.binary(min_size=32, max_size=32)
LEDGER = ledger_of_decisions(Key("release"), Policy(), 3)
BUNDLE = LEDGER.prove(1)
WHOLE: dict[str, Any] = json.loads(BUNDLE.encode())

BUNDLES = st.builds(
    ProofBundle,
    entry=st.binary(max_size=100),
    index=st.integers(0, 2**53 - 1),
    size=st.integers(1, 2**53 - 1),
    path=st.lists(HASHES, max_size=5).map(tuple),
    checkpoint=st.text(min_size=1, max_size=50),
    previous_hash=HASHES,
    current_hash=HASHES,
    attachments=st.dictionaries(st.sampled_from(proof.ATTACHMENTS), st.binary(max_size=50)),
    following_leaves=st.lists(HASHES, max_size=4).map(tuple),
    ledger=st.none() | st.lists(st.binary(max_size=30), max_size=3).map(tuple),
)


@given(BUNDLES)
def test_a_bundle_comes_back(bundle: ProofBundle) -> None:
    data = bundle.encode()

    assert proof.parse(data) == bundle
    assert data == canonical.encode(json.loads(data)) + b"\n"


def test_a_bundle_is_the_document_that_the_design_describes() -> None:
    assert set(WHOLE) == {
        *("mediaType", "entry", "index", "size", "path", "checkpoint"),
        *("previous_hash", "current_hash", "attachments", "following_leaves"),
    }
    assert WHOLE["mediaType"] == MEDIA_TYPE
    assert WHOLE["checkpoint"] == LEDGER.checkpoint()
    assert base64.b64decode(WHOLE["entry"]) == LEDGER.entries[1]
    assert [attachment["name"] for attachment in WHOLE["attachments"]] == [
        "input",
        "policy",
        "salt",
    ]
    for attachment in WHOLE["attachments"]:
        assert (
            hashlib.sha256(base64.b64decode(attachment["base64"])).hexdigest()
            == attachment["sha256"]
        )


def test_the_last_entry_has_nothing_following() -> None:
    assert "following_leaves" not in json.loads(LEDGER.prove(3).encode())


@pytest.mark.parametrize(
    "bundle", [BUNDLE, LEDGER.prove(3, policy=False), LEDGER.prove(1, whole=True)]
)
def test_bundles_match_their_schema(bundle: ProofBundle) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(json.loads(bundle.encode()))


def changed(**members: Json) -> bytes:
    return json.dumps({k: v for k, v in (WHOLE | members).items() if v is not ...}).encode()


SALT = next(attachment for attachment in WHOLE["attachments"] if attachment["name"] == "salt")
HASH = WHOLE["path"][0]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(BUNDLE.encode() + b"{}", id="trailing data"),
        pytest.param(BUNDLE.encode()[:-2] + b',"index":1}', id="duplicate key"),
        pytest.param(changed(more=1), id="unknown member"),
        *(
            pytest.param(changed(**{key: ...}), id=f"without {key}")
            for key in WHOLE
            if key != "following_leaves"
        ),
        pytest.param(changed(mediaType="application/json"), id="media type"),
        pytest.param(changed(mediaType=MEDIA_TYPE[:-1] + "2"), id="another version"),
        pytest.param(changed(index=-1), id="negative index"),
        pytest.param(changed(index=True), id="boolean index"),
        pytest.param(changed(index=1.0), id="index 1.0"),
        pytest.param(changed(size=0), id="size 0"),
        pytest.param(changed(path=[HASH[:-4]]), id="short hash"),
        pytest.param(changed(path=[HASH] * 64), id="path of 64"),
        pytest.param(changed(path=HASH), id="path not a list"),
        pytest.param(changed(previous_hash=WHOLE["previous_hash"].upper()), id="uppercase hex"),
        pytest.param(changed(current_hash=WHOLE["current_hash"][:-2]), id="short hex"),
        pytest.param(changed(entry=WHOLE["entry"] + "\n"), id="line break in base64"),
        pytest.param(changed(checkpoint=""), id="empty checkpoint"),
        pytest.param(changed(following_leaves=[]), id="empty following_leaves"),
        pytest.param(changed(following_leaves=[""]), id="following leaf of no length"),
        pytest.param(changed(ledger={"entries": [""], "more": 1}), id="more in ledger"),
        pytest.param(changed(ledger=[]), id="ledger not an object"),
        pytest.param(changed(attachments={}), id="attachments not a list"),
        pytest.param(changed(attachments=[SALT, SALT]), id="attachment twice"),
        pytest.param(changed(attachments=[SALT | {"name": "pepper"}]), id="unknown attachment"),
        pytest.param(changed(attachments=[SALT | {"sha256": "00" * 32}]), id="another sha256"),
        pytest.param(changed(attachments=[SALT | {"base64": "AAAA"}]), id="another content"),
        pytest.param(changed(attachments=[SALT | {"size": 32}]), id="more in an attachment"),
    ],
)
def test_a_malformed_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError):
        proof.parse(data)


def test_what_the_schema_refuses_the_parser_refuses() -> None:
    validator = Draft202012Validator(SCHEMA)
    wrong: list[dict[str, Json]] = [
        {"more": 1},
        {"index": -1},
        {"size": 0},
        {"path": ["AA=="]},
        {"following_leaves": []},
        {"previous_hash": "00"},
        {"mediaType": "application/json"},
        {"attachments": [SALT | {"name": "pepper"}]},
    ]
    for members in wrong:
        assert not validator.is_valid(WHOLE | members), members
        with pytest.raises(VerificationError):
            proof.parse(changed(**members))


def test_a_bundle_over_64_mib_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "MAX_BYTES", len(BUNDLE.encode()) - 1)
    with pytest.raises(VerificationError, match="bytes"):
        proof.parse(BUNDLE.encode())


def test_attachments_may_be_left_out() -> None:
    assert proof.parse(replace(BUNDLE, attachments={}).encode()).attachments == {}
