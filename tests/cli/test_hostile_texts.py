"""Texts of strangers, wherever they are printed: no unseen character, no line of their own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.cli.verbs import VERBS
from engine.formats import canonical
from engine.formats.printable import plain, plain_json, plain_lines
from engine.model import Json
from engine.proof import merkle
from engine.proof.bundle import ProofBundle
from engine.proof.bundle import parse as parse_bundle
from engine.proof.checkpoint import Checkpoint, origin_of
from engine.proof.checkpoint import sign as sign_checkpoint
from engine.proof.envelope import open_envelope, seal
from engine.proof.input_document import salted_digest
from engine.report import FORMATS
from engine.signers.file import open_file
from tests.cli.conftest import Answer, Engine

HOSTILE = "\x1b[2J\nPROMOTE \u202e"
"""Clears the screen, writes a line like the engine's own, turns the direction of what follows."""
KEY = ".engine/keys/engine.pub.pem"
UNSEEN = re.compile(
    r"[^\S \n\t]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
FORGED = re.compile(r"^\W*PROMOTE \ufffd", re.MULTILINE)


def assert_harmless(answer: Answer) -> None:
    for stream in (answer.out, answer.err):
        found = UNSEEN.search(stream)
        assert found is None, (found, stream)
        assert FORGED.search(stream) is None, stream


@pytest.fixture
def decision(engine: Engine) -> str:
    """Id of a decision of another ledger that was imported: genuine, and with hostile texts."""
    engine("decide", "-", "--export", "proof.json", stdin=engine("example", "block").out.encode())
    proof = parse_bundle(Path("proof.json").read_bytes())
    document = json.loads(proof.attachments["input"])
    document["subject"]["name"] = HOSTILE
    for metric in document["metrics"].values():
        metric["source"] = HOSTILE
    encoded = canonical.encode(document)
    statement = json.loads(open_envelope(proof.entry).payload)
    statement["subject"][0]["name"] = HOSTILE
    statement["predicate"]["input"]["digest"]["sha256"] = salted_digest(
        proof.attachments["salt"], encoded
    )
    check = statement["predicate"]["checks"][0]["id"]
    statement["predicate"]["obligations"] = [{"id": HOSTILE, "check": check}]
    statement["predicate"]["ledger"]["id"] = "0" * 32
    statement["predicate"]["decision_id"] = "01a22bce-e03a-726e-bfe3-011be43fb89f"
    theirs = _only_entry(statement, {**proof.attachments, "input": encoded})
    Path(f"theirs{HOSTILE}.json").write_bytes(theirs.encode())
    imported = engine("ledger", "import", f"theirs{HOSTILE}.json")
    assert imported.code == 0, imported.err
    assert_harmless(imported)
    return str(statement["predicate"]["decision_id"])


def _only_entry(statement: Json, attachments: dict[str, bytes]) -> ProofBundle:
    """The statement as the only entry of its ledger, signed by the key of the workspace."""
    signer = open_file(Path(".engine/keys/engine.pem"))
    entry = seal(canonical.encode(statement), signer.sign, signer.key_id)
    leaf = merkle.leaf_hash(entry)
    chain = merkle.chain_hash(bytes(32), leaf)
    state = Checkpoint(origin_of(statement["predicate"]["ledger"]["id"]), 1, leaf, chain)
    note = sign_checkpoint(state, signer.sign, signer.public_key)
    return ProofBundle(
        entry=entry, index=0, size=1, path=(), checkpoint=note, previous_hash=bytes(32),
        current_hash=chain, attachments=attachments,
    )  # fmt: skip


def test_a_record_with_hostile_texts_is_harmless_in_every_verb_that_reads_it(
    engine: Engine, decision: str
) -> None:
    theirs = f"theirs{HOSTILE}.json"
    digest = engine("policy", "list").out.split()[1]
    for argv in (
        ("ledger", "log"),
        ("ledger", "log", "--format", "jsonl"),
        ("ledger", "show", decision),
        ("ledger", "verify"),
        ("ledger", "tables", f"tables{HOSTILE}.db"),
        ("explain", decision),
        ("export", decision, "-o", f"again{HOSTILE}.json"),
        ("replay",),
        ("replay", decision),
        ("replay", "--bundle", theirs, "--policy-digest", digest),
        ("replay", "--bundle", theirs, "--policy-digest", digest, "--key", KEY),
        ("verify", theirs, "--key", KEY),
        ("verify", theirs, "--key", KEY, "--format", "json"),
        ("verify", theirs, "--key", KEY, "--require", "PROMOTE", "--gate", "ethics"),
        ("conform",),
        ("conform", "--format", "json"),
        ("budget", "status"),
        ("budget", "verify"),
        ("doctor",),
        ("ledger", "import", theirs),
    ):  # fmt: skip
        answer = engine(*argv)
        assert answer.out + answer.err, argv
        assert_harmless(answer)
    assert json.loads(engine("ledger", "show", decision).out)["subject"][0]["name"] == HOSTILE


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_report_with_hostile_texts_is_harmless_in_every_format(engine: Engine, name: str) -> None:
    engine(
        "decide", "-", "--output", "json=out.json", stdin=engine("example", "block").out.encode()
    )
    document = json.loads(Path("out.json").read_text())
    document["subject"]["name"] = HOSTILE
    document["waivers"] = []
    for check in document["checks"]:
        check |= {key: HOSTILE for key in ("title", "why", "fix") if key in check}
    Path(f"out{HOSTILE}.json").write_text(json.dumps(document))

    for more in ((), ("--explain",)):
        answer = engine("convert", f"out{HOSTILE}.json", "--format", name, *more)
        assert (answer.code, answer.err) == (0, "")
        assert_harmless(answer)


@pytest.mark.parametrize("verb", sorted(VERBS.keys() - {"watch", "spec", "selftest", "completion"}))
def test_a_hostile_argument_is_harmless_in_every_verb(engine: Engine, verb: str) -> None:
    Path(f"evil{HOSTILE}.json").write_text(engine("example", "block").out)
    Path(f"bad{HOSTILE}.json").write_text('{"' + json.dumps(HOSTILE)[1:-1] + '": ')
    for name in (f"evil{HOSTILE}.json", f"bad{HOSTILE}.json", HOSTILE, f"absent{HOSTILE}"):
        assert_harmless(engine(verb, name))
        assert_harmless(engine(verb, f"--{name}"))


def test_files_with_hostile_names_are_harmless_in_every_format(engine: Engine) -> None:
    Path(f"in{HOSTILE}").mkdir()
    for name in ("promote", "block"):
        Path(f"in{HOSTILE}/{name}{HOSTILE}.json").write_text(engine("example", name).out)
    Path(f"in{HOSTILE}/bad{HOSTILE}.json").write_text("{")
    Path(f"in{HOSTILE}/log{HOSTILE}.txt").write_text("card 4111 1111 1111 1111, a@example.com")
    for name, path in (("in", f"in{HOSTILE}/log{HOSTILE}.txt"), ("glob", "in*/log*")):
        source = f"source = [{{kind = 'pii', path = {json.dumps(path)}}}]"
        Path(f"{name}{HOSTILE}.toml").write_text(f"subject = {{name = 'shop'}}\n{source}\n")
    for code, argv in (
        *((2, ("decide", f"in{HOSTILE}", "--format", name)) for name in FORMATS),
        (2, ("decide", f"in{HOSTILE}", "--explain")),
        (2, ("decide", f"in{HOSTILE}", "--dry-run", "--emit-input", f"inputs{HOSTILE}")),
        (0, ("decide", f"in{HOSTILE}/promote{HOSTILE}.json", "--export", f"proof{HOSTILE}.json")),
        (1, ("scan", f"in{HOSTILE}")),
        (0, ("redact", f"in{HOSTILE}/log{HOSTILE}.txt", "-o", f"out{HOSTILE}.txt")),
        (2, ("gather", f"in{HOSTILE}.toml")),
        (0, ("gather", f"glob{HOSTILE}.toml")),
        (0, ("gather", f"glob{HOSTILE}.toml", "-o", f"out{HOSTILE}.json")),
        (2, ("gather", f"glob{HOSTILE}.toml", "-o", f"in{HOSTILE}/log{HOSTILE}.txt")),
        (5, ("compat", f"in{HOSTILE}/promote{HOSTILE}.json", f"in{HOSTILE}/block{HOSTILE}.json")),
        (0, ("init", f"in{HOSTILE}/block{HOSTILE}.json", "--force")),
    ):  # fmt: skip
        answer = engine(*argv)
        assert answer.code == code, (argv, answer.err)
        assert_harmless(answer)


def test_a_hostile_verb_and_hostile_settings_are_harmless(engine: Engine) -> None:
    assert_harmless(engine(HOSTILE))
    for name in ("GATE", "PROFILE", "STAGE", "LEDGER", "OPA", "KEY_FILE", "POLICIES"):
        assert_harmless(engine("config", "show", **{f"ENGINE_{name}": HOSTILE}))
        assert_harmless(engine("config", "show", "--format", "json", **{f"ENGINE_{name}": HOSTILE}))
        assert_harmless(engine("doctor", **{f"ENGINE_{name}": HOSTILE}))


def test_texts_are_escaped_by_one_module() -> None:
    assert plain(HOSTILE) == "\ufffd[2J PROMOTE \ufffd"
    assert plain_lines(HOSTILE) == "\ufffd[2J\nPROMOTE \ufffd"
    text = json.dumps({"name": HOSTILE}, ensure_ascii=False)
    assert plain_json(text).isascii()
    assert json.loads(plain_json(text)) == {"name": HOSTILE}


def test_a_text_is_no_command_to_the_system_in_whose_log_it_is() -> None:
    assert plain_lines("a ::b\n ::error::x\n::y") == "a ::b\n : :error::x\n: :y"
    assert plain("\u2003::stop-commands::x") == ": :stop-commands::x"
    assert plain("a ##[error]b ##vso[x]c ##TeamCity[d] ## e") == (
        "a ## [error]b ## vso[x]c ## TeamCity[d] ## e"
    )
    text = json.dumps({"a": "###vso[x]", "b": "\\##[y]"})
    assert "##v" not in plain_json(text)
    assert "##[" not in plain_json(text)
    assert json.loads(plain_json(text)) == json.loads(text)
