"""replay: what cannot be decided again does not stop the rest; no key, nothing verified."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.formats import canonical
from engine.model import Json
from engine.proof import merkle
from engine.proof.bundle import ProofBundle
from engine.proof.bundle import parse as parse_bundle
from engine.proof.checkpoint import Checkpoint, origin_of
from engine.proof.checkpoint import sign as sign_checkpoint
from engine.proof.envelope import open_envelope, seal
from engine.signers.file import open_file
from tests.cli.conftest import Engine
from tests.cli.ledger.test_host_edits import insert
from tests.repository import ROOT

KEY = ".engine/keys/engine.pub.pem"


@pytest.fixture
def ids(engine: Engine) -> list[str]:
    """Ids of three decisions in a ledger: PROMOTE, HOLD, BLOCK."""
    names = ("promote", "hold", "block")
    answers = [
        engine("decide", "-", "--format", "json", stdin=engine("example", name).out.encode())
        for name in names
    ]
    return [answer.json["decision_id"] for answer in answers]


def _erase(index: int, kind: str = "%") -> None:
    ledger = sqlite3.connect(".engine/ledger.db")
    with ledger:
        gone = ledger.execute(
            "DELETE FROM attachment WHERE place / 16 = ? AND kind LIKE ?", (index, kind)
        ).rowcount
    ledger.close()
    assert gone > 0


def _damage_last(body_instead: bytes | None = None) -> None:
    """Cut the input of the newest entry short, or put other bytes there whose digest fits."""
    ledger = sqlite3.connect(".engine/ledger.db")
    with ledger:
        (newest,) = ledger.execute("SELECT max(place) / 16 FROM attachment").fetchone()
        rows = ledger.execute(
            "SELECT * FROM attachment WHERE place / 16 = ? ORDER BY place", (newest,)
        ).fetchall()
        ledger.execute("DELETE FROM attachment WHERE place / 16 = ?", (newest,))
        for place, kind, digest, body in rows:
            kept = body[:-9] if kind == "input" else body
            shown = digest
            if kind == "input" and body_instead is not None:
                kept, shown = body_instead, hashlib.sha256(body_instead).hexdigest()
            ledger.execute("INSERT INTO attachment VALUES (?, ?, ?, ?)", (place, kind, shown, kept))
    ledger.close()


@pytest.mark.parametrize("kind", ["%", "input", "salt"])
def test_an_erased_input_is_counted_and_named_and_the_others_replay(
    engine: Engine, ids: list[str], kind: str
) -> None:
    _erase(2, kind)

    answer = engine("replay")

    assert (answer.code, answer.err) == (0, "")
    assert answer.out == (
        f"entry 2: the input of {ids[1]} was erased\n"
        "2 decisions replayed, byte for byte the same; 1 not replayable\n"
    )


def test_where_nothing_is_left_to_replay_nothing_was_shown(engine: Engine, ids: list[str]) -> None:
    """INV-REPLAY-1: what was not looked at is no pass, with other policies neither."""
    for index in range(1, len(ids) + 1):
        _erase(index)

    for more in ((), ("--policies", str(ROOT / "policies"))):
        answer = engine("replay", *more)
        assert answer.code == 1
        assert answer.out.endswith("; 3 not replayable\n")


def test_an_erased_decision_that_is_asked_for_is_2(engine: Engine, ids: list[str]) -> None:
    _erase(2)

    assert engine("replay", ids[0]).code == 0
    answer = engine("replay", ids[1])
    assert (answer.code, answer.out) == (2, "")
    assert f"the input of {ids[1]} was erased" in answer.err


def test_an_unreadable_input_is_4_and_the_others_replay(engine: Engine, ids: list[str]) -> None:
    _damage_last()
    _erase(1)

    answer = engine("replay")

    assert answer.code == 4
    assert answer.out == (
        f"entry 1: the input of {ids[0]} was erased\n"
        "entry 3: the input kept for entry 3 is not what its digest says\n"
        "1 decision replayed, byte for byte the same; 2 not replayable\n"
    )
    assert engine("replay", ids[2]).code == 4


@pytest.mark.parametrize("body", [b"{}", b"no JSON", b'{"subject":5}'])
def test_an_input_put_in_its_place_with_its_digest_is_4_and_the_others_replay(
    engine: Engine, ids: list[str], body: bytes
) -> None:
    _damage_last(body)

    answer = engine("replay")

    assert (answer.code, answer.err) == (4, "")
    assert answer.out == (
        "entry 3: the attached input is not the one that the record was made from\n"
        "2 decisions replayed, byte for byte the same; 1 not replayable\n"
    )
    assert engine("replay", "--policies", str(ROOT / "policies")).code == 4


def test_an_entry_that_nobody_can_read_is_4_and_the_others_replay(
    engine: Engine, ids: list[str]
) -> None:
    with closing(sqlite3.connect(".engine/ledger.db")) as ledger:
        insert(ledger, b"no envelope")
        ledger.commit()

    answer = engine("replay")

    assert (answer.code, answer.err) == (4, "")
    assert answer.out.startswith("entry 4: the envelope is not strict JSON")
    assert answer.out.endswith("3 decisions replayed, byte for byte the same; 1 not replayable\n")


def test_other_policies_are_tried_on_what_is_left(engine: Engine, ids: list[str]) -> None:
    _erase(1)
    Path("new/limits/default").mkdir(parents=True)
    text = (ROOT / "policies" / "limits" / "default" / "data.yaml").read_text()
    Path("new/limits/default/data.yaml").write_text(text.replace("limit: 0.01", "limit: 0.001", 1))

    answer = engine("replay", "--policies", "new")

    assert answer.code == 0
    assert f"entry 1: the input of {ids[0]} was erased\n" in answer.out
    assert answer.out.splitlines()[-1].startswith("2 decisions, flipped by policy ")
    assert answer.out.endswith("; 1 not replayable\n")


@pytest.fixture
def digest(engine: Engine, ids: list[str]) -> str:
    """Policy digest of ``proof.json``."""
    assert engine("export", ids[0], "-o", "proof.json").code == 0
    return engine("policy", "list").out.split()[1]


def test_a_proof_without_a_key_is_replayed_and_not_verified(engine: Engine, digest: str) -> None:
    call = ("replay", "--bundle", "proof.json", "--policy-digest", digest)

    without = engine(*call)
    assert without.code == 1
    assert "replays the same; not verified: give --key" in without.out

    with_key = engine(*call, "--key", KEY)
    assert with_key.code == 0
    assert "byte for byte the same, obligations too" in with_key.out
    assert "attempt and previous are the signer's word" in with_key.out


def test_obligations_that_the_policy_does_not_give_replay_differently(
    engine: Engine, digest: str
) -> None:
    proof = parse_bundle(Path("proof.json").read_bytes())
    statement = json.loads(open_envelope(proof.entry).payload)
    check = statement["predicate"]["checks"][0]["id"]
    statement["predicate"]["obligations"] = [{"id": "page_the_owner", "check": check}]
    Path("forged.json").write_bytes(_only_entry(statement, proof).encode())

    call = ("--bundle", "forged.json", "--policy-digest", digest, "--key", KEY)
    answer = engine("replay", *call)

    assert engine("verify", "forged.json", "--key", KEY).code == 0
    assert answer.code == 4
    assert "replays differently: obligations was" in answer.err


def _only_entry(statement: Json, proof: ProofBundle) -> ProofBundle:
    """The statement as the only entry of its ledger, signed by the key of the workspace."""
    signer = open_file(Path(".engine/keys/engine.pem"))
    entry = seal(canonical.encode(statement), signer.sign, signer.key_id)
    leaf = merkle.leaf_hash(entry)
    chain = merkle.chain_hash(bytes(32), leaf)
    state = Checkpoint(origin_of(statement["predicate"]["ledger"]["id"]), 1, leaf, chain)
    return ProofBundle(
        entry=entry,
        index=0,
        size=1,
        path=(),
        checkpoint=sign_checkpoint(state, signer.sign, signer.public_key),
        previous_hash=bytes(32),
        current_hash=chain,
        attachments=proof.attachments,
    )
