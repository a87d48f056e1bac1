"""verify.toml: what a consumer demands, in a file that is named and never looked for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.cli.verify.expectations import KEY_KEYS
from engine.cli.verify.expectations import KEYS as EXPECTATION_KEYS
from engine.proof.history import MEDIA_TYPE
from engine.proof.verify import NO_RECORD
from tests.cli.conftest import Answer, Engine
from tests.repository import ROOT

KEY = ".engine/keys/engine.pub.pem"
KEYS = f'[[key]]\nfile = "{KEY}"\n'


@pytest.fixture
def proof(engine: Engine) -> Answer:
    """A promotion in a ledger, exported to ``proof.json``."""
    return engine(
        "decide", "-", "--export", "proof.json", "--format", "json",
        stdin=engine("example", "promote").out.encode(),
    )  # fmt: skip


def verify(engine: Engine, text: str, *flags: str) -> Answer:
    Path("verify.toml").write_text(text)
    return engine("verify", "proof.json", "--expect", "verify.toml", *flags)


def test_a_proof_meets_all_that_the_file_demands(engine: Engine, proof: Answer) -> None:
    document = engine("verify", "proof.json", "--key", KEY, "--format", "json").json
    checkpoint = engine("ledger", "checkpoint").out
    Path("kept.txt").write_text(checkpoint)
    answer = verify(
        engine,
        f"""
require = "PROMOTE"
gate = "promotion"
profile = "default"
stage = "candidate"
max_age = "1h"
relaxations = []
waivers = []
policy_digests = ["sha256:{document["policy_digest"]}"]
ledgers = ["{document["ledger_id"]}"]
checkpoints = ["kept.txt"]

[[key]]
file = "{KEY}"
roles = ["decision", "checkpoint"]
not_before = 2020-01-01T00:00:00Z
not_after = 2999-01-01T00:00:00Z
""",
    )

    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("GENUINE RECORD OF PROMOTE; as required\n")
    assert answer.out.endswith("open      artifact: nobody required one\n")


@pytest.mark.parametrize(
    ("demand", "reason"),
    [
        ('require = "BLOCK"', "verdict BLOCK is required"),
        ('gate = "ethics"', "gate ethics is required"),
        ('profile = "strict"', "profile strict is required"),
        ('stage = "production"', "stage production is required"),
        (f'policy_digests = ["{"0" * 64}"]', f"no policy digest but {'0' * 64} is accepted"),
        ('ledgers = ["other"]', "no ledger but other is accepted"),
    ],
)
def test_what_a_proof_does_not_meet_is_1(
    engine: Engine, proof: Answer, demand: str, reason: str
) -> None:
    answer = verify(engine, f"{demand}\n{KEYS}")

    assert answer.code == 1
    assert "NOT AS REQUIRED" in answer.out
    assert reason in answer.out


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ('roles = ["checkpoint"]', "verify.toml gives it no role decision, attestation"),
        ('roles = ["attestation"]', "verify.toml gives it no role decision, checkpoint"),
        (
            "not_after = 2020-01-01T00:00:00Z",
            "by verify.toml it signs no more from 2020-01-01T00:00:00Z",
        ),
        (
            'roles = ["decision", "checkpoint"]\nnot_before = 2999-01-01T00:00:00Z',
            "by verify.toml it signs not before 2999-01-01T00:00:00Z",
        ),
    ],
)
def test_a_key_signs_what_it_is_trusted_for_and_while_it_is(
    engine: Engine, proof: Answer, key: str, why: str
) -> None:
    """INV-EXPECT-3."""
    answer = verify(engine, f"{KEYS}{key}\n")

    assert answer.code == 4
    assert answer.err.startswith(
        f"engine: NOT GENUINE: proof.json: key {KEY} signed it, but {why}\n  mend its [[key]]"
    )
    assert engine("keys", "init", "--key-file", "other.pem").code == 0
    (other,) = Path().glob("other*pub*")
    unknown = verify(engine, f'[[key]]\nfile = "{other}"\n')
    assert unknown.err.startswith(
        "engine: NOT GENUINE: proof.json: none of the given keys signed the checkpoint of "
    )
    assert f"; tried: {other}\n  ask the signer for it" in unknown.err


def test_the_page_has_a_row_for_each_key_of_the_file() -> None:
    page = (ROOT / "docs/verify.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)
    assert rows == [*EXPECTATION_KEYS, *KEY_KEYS]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('gte = "promotion"\n' + KEYS, "verify.toml:1: key 'gte': is not known here"),
        (KEYS + 'rolls = ["decision"]\n', "verify.toml:3: key 'rolls': is not known here"),
        (KEYS + 'roles = ["decide"]\n', "verify.toml:3: key 'roles': 'decide' is not one of"),
        ('gate = "promotion"\n', "no key is trusted"),
        ("gate = promotion\n", "verify.toml:1"),
        ('max_age = "soon"\n' + KEYS, "verify.toml:1: key 'max_age'"),
        ('require = "PROMOT"\n' + KEYS, "'PROMOT' is not one of"),
        ('require = "PROMOT"\n' + KEYS, "did you mean 'PROMOTE'?"),
        ("require = false\n" + KEYS, "key 'require': false where text of"),
        ('key = "a.pem"\n', "key 'key': 'a.pem' where tables that start with [[key]]"),
        ('[[keys]]\nfile = "k.pem"\n', "key 'keys': is not known here\n  did you mean 'key'?"),
        (KEYS + 'role = ["decision"]\n', "did you mean 'roles'?"),
        (KEYS + "expires_at = 2030-01-01T00:00:00Z\n", "known: file, not_after, not_before, roles"),
        ('[[key]]\nfile = "no.pem"\n', "verify.toml:2: key 'file': no.pem: no such file"),
        ('[[key]]\nfile = "no.pem"\n', "copy the signer's engine.pub.pem beside it"),
        ('policy_digests = ["abc"]\n' + KEYS, "'abc' is no SHA-256"),
        ('checkpoints = ["verify.toml"]\n' + KEYS, "key 'checkpoints': verify.toml: "),
        ('policy = "proof.json"\n' + KEYS, "verify.toml:1: key 'policy': proof.json: the policy"),
    ],
)
def test_a_mistake_in_the_file_is_2_and_says_where(
    engine: Engine, proof: Answer, text: str, place: str
) -> None:
    answer = verify(engine, text)

    assert (answer.code, answer.out) == (2, "")
    assert place in answer.err


def test_a_flag_and_the_file_do_not_demand_two_things(engine: Engine, proof: Answer) -> None:
    assert verify(engine, f'gate = "promotion"\n{KEYS}', "--gate", "promotion").code == 0

    answer = verify(engine, f'gate = "promotion"\n{KEYS}', "--gate", "ethics")

    assert answer.code == 2
    assert "demand another gate" in answer.err


def test_a_flag_may_take_less_than_the_file_lists(engine: Engine, proof: Answer) -> None:
    digest = engine("verify", "proof.json", "--key", KEY, "--format", "json").json["policy_digest"]
    listed = f'policy_digests = ["{"0" * 64}", "{digest}"]\nwaivers = ["W-1"]\n{KEYS}'
    assert verify(engine, listed, "--policy-digest", digest, "--no-waivers").code == 0

    answer = verify(engine, listed, "--policy-digest", "1" * 64)

    assert answer.code == 2
    assert "demand another policy digest" in answer.err


def test_nobody_is_trusted_by_default(engine: Engine, proof: Answer) -> None:
    answer = engine("verify", "proof.json")

    assert answer.code == 2
    assert "no key is trusted" in answer.err
    Path("verify.toml").write_text(KEYS)
    assert engine("verify", "proof.json").code == 2


@pytest.mark.parametrize(
    "demand",
    [
        ("--require", "PROMOTE"),
        ("--digest", "sha256:" + "a" * 64),
        ("--gate", "promotion"),
        ("--subject", "shop"),
        ("--no-waivers",),
        ("--max-age", "1h"),
    ],
    ids=" ".join,
)
def test_two_checkpoints_meet_no_demand_of_a_record(
    engine: Engine, proof: Answer, demand: tuple[str, ...]
) -> None:
    """INV-EXPECT-1: without the key, they can be cut out of the proof of a BLOCK."""
    bundle = json.loads(Path("proof.json").read_text())
    note = bundle["checkpoint"]
    pair = {"mediaType": MEDIA_TYPE, "checkpoints": [note, note]}
    Path("pair.json").write_text(json.dumps(pair))

    alone = engine("verify", "pair.json", "--key", KEY, "--format", "json", *demand)
    assert (alone.code, alone.json["failed_expectations"]) == (1, [NO_RECORD])
    assert engine("verify", "pair.json", "--key", KEY).code == 0, "nothing was demanded"

    for files in (("pair.json", "proof.json"), ("proof.json", "pair.json")):
        code = engine("verify", *files, "--key", KEY, *demand).code
        assert code == engine("verify", "proof.json", "--key", KEY, *demand).code
