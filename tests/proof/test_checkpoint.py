from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import LedgerError, VerificationError
from engine.proof import checkpoint
from engine.proof.checkpoint import Checkpoint, NoteSignature, origin_of, split_note
from tests.repository import DATA
from tests.simulator import Key

KNOWN: dict[str, Any] = json.loads((DATA / "notes.json").read_text())
KEY, OTHER = Key("checkpoint"), Key("other")
STATE = Checkpoint(origin_of("3f1c"), 64, bytes(range(32)), bytes(range(32, 64)))
NOTE = checkpoint.sign(STATE, KEY.sign, KEY.public)


def read_key(text: str) -> tuple[str, bytes, bytes]:
    """Name, hash and raw key of Go's way to write a verifier key."""
    name, key_hash, encoded = text.split("+", 2)
    blob = base64.b64decode(encoded)
    assert blob[0] == 1
    return name, bytes.fromhex(key_hash), blob[1:]


@pytest.mark.parametrize("known", KNOWN["notes"], ids=lambda known: known["id"])
def test_published_notes_verify(known: dict[str, str]) -> None:
    name, key_hash, public = read_key(known["key"])
    text, signatures = split_note(known["note"])

    assert text == known["text"]
    assert checkpoint.note_key_hash(name, public) == key_hash
    checkpoint.verify_note(text.encode(), signatures, name, [public])
    with pytest.raises(VerificationError):
        checkpoint.verify_note(text.encode() + b" ", signatures, name, [public])


def test_the_example_of_signed_note_is_read() -> None:
    text, (signature,) = split_note(KNOWN["signed_note_document"])

    assert text == (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\n"
        "ed è subito sera.\n"
    )
    assert signature.name == "quasimodo.example/salvatore"
    assert (signature.key_hash.hex(), len(signature.signature)) == ("367ba04b", 64)


def test_the_example_of_tlog_checkpoint_is_read() -> None:
    known = KNOWN["checkpoint_document"]
    text, signatures = split_note(known["note"])

    origin, size, root, extensions = checkpoint.parse_text(text)
    assert (origin, size, root.hex()) == (known["origin"], known["size"], known["root"])
    assert extensions == []
    assert [signature.name for signature in signatures] == [origin]


def test_the_example_of_tlog_checkpoint_verifies_as_the_log_it_was_taken_from() -> None:
    known = KNOWN["checkpoint_document"]
    text, (signature,) = split_note(known["note"])
    name, _, public = read_key(known["original_key"])
    original = text.replace(known["origin"], known["original_origin"]).encode()

    checkpoint.verify_note(original, [signature._replace(name=name)], name, [public])


def test_a_checkpoint_is_a_note_of_four_lines() -> None:
    lines = NOTE.split("\n")

    assert lines[:4] == [
        "governance-engine/3f1c",
        "64",
        base64.b64encode(STATE.root).decode(),
        f"chain {STATE.chain.hex()}",
    ]
    assert lines[4] == ""
    assert lines[5].startswith("— governance-engine/3f1c ")
    assert lines[6:] == [""]


@given(
    st.integers(0, 2**53 - 1),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
)
def test_what_was_signed_verifies_and_comes_back(size: int, root: bytes, chain: bytes) -> None:
    state = Checkpoint(origin_of("a"), size, root, chain)
    note = checkpoint.sign(state, KEY.sign, KEY.public)

    assert checkpoint.verify(note, [OTHER.public, KEY.public]) == state
    parsed, text, _ = checkpoint.parse(note)
    assert (parsed, text) == (state, checkpoint.body(state).encode())


def test_another_key_is_refused() -> None:
    with pytest.raises(VerificationError, match="none of the given keys"):
        checkpoint.verify(NOTE, [OTHER.public])
    with pytest.raises(VerificationError, match="none of the given keys"):
        checkpoint.verify(NOTE, [])


def test_the_key_signs_under_the_name_of_the_origin_only() -> None:
    """INV-PROOF-1: a signature made for one ledger says nothing about another."""
    text, _, _ = NOTE.partition("\n\n")
    renamed = NOTE.replace("— governance-engine/3f1c", "— governance-engine/other")
    assert renamed != NOTE
    blob = checkpoint.note_key_hash("governance-engine/other", KEY.public) + KEY.sign(
        (text + "\n").encode()
    )
    resigned = f"{text}\n\n— governance-engine/other {base64.b64encode(blob).decode()}\n"

    for note in (renamed, resigned):
        with pytest.raises(VerificationError, match="none of the given keys"):
            checkpoint.verify(note, [KEY.public])


def test_signatures_of_witnesses_are_passed_over() -> None:
    witness = base64.b64encode(b"abcd" + bytes(64)).decode()
    witnessed = NOTE + f"— witness.example/w {witness}\n"

    assert checkpoint.verify(witnessed, [KEY.public]) == STATE


def test_a_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    wrong = base64.b64encode(
        checkpoint.note_key_hash(STATE.origin, KEY.public) + bytes(64)
    ).decode()
    spoilt = NOTE + f"— {STATE.origin} {wrong}\n"

    with pytest.raises(VerificationError, match="a signature of the checkpoint is wrong"):
        checkpoint.verify(spoilt, [KEY.public])


def test_two_keys_whose_hashes_collide_are_both_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "note_key_hash", lambda _name, _public: b"same")
    note = checkpoint.sign(STATE, KEY.sign, KEY.public)

    assert checkpoint.verify(note, [OTHER.public, KEY.public]) == STATE


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\nb", "a\u2003b"])
def test_an_origin_that_cannot_name_a_key_is_never_signed(origin: str) -> None:
    with pytest.raises(LedgerError):
        checkpoint.sign(STATE._replace(origin=origin), KEY.sign, KEY.public)


def _signed(text: str) -> str:
    """A note whose signature is right, whatever its text says."""
    name = text.split("\n", maxsplit=1)[0] or "empty"
    blob = checkpoint.note_key_hash(name, KEY.public) + KEY.sign(text.encode())
    return f"{text}\n— {name} {base64.b64encode(blob).decode()}\n"


TEXT = checkpoint.body(STATE)
ROOT = base64.b64encode(STATE.root).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT.replace("\n64\n", "\n064\n"), id="leading zero"),
        pytest.param(TEXT.replace("\n64\n", "\n+64\n"), id="sign"),
        pytest.param(TEXT.replace("\n64\n", "\n٦٤\n"), id="other digits"),
        pytest.param(TEXT.replace("\n64\n", "\n9007199254740992\n"), id="2^53"),
        pytest.param(TEXT.replace("\n64\n", "\n" + "9" * 400 + "\n"), id="400 digits"),
        pytest.param(TEXT.replace(ROOT, ROOT[:-4] + "AA=="), id="root of another length"),
        pytest.param(TEXT.replace(ROOT, ROOT[:-1]), id="root without padding"),
        pytest.param(TEXT.replace("chain ", "chian "), id="no chain line"),
        pytest.param(TEXT.replace("chain ", "chain  "), id="chain with two spaces"),
        pytest.param(TEXT.replace(STATE.chain.hex(), STATE.chain.hex().upper()), id="uppercase"),
        pytest.param(TEXT.replace("chain ", ""), id="chain hash alone"),
        pytest.param(TEXT.replace("3f1c", "3f\x011c"), id="control character"),
        pytest.param(TEXT.rpartition("chain")[0], id="without chain"),
        pytest.param(TEXT + "more\n", id="another extension line"),
        pytest.param(TEXT + "\nmore\n", id="empty line in the text"),
        pytest.param("governance-engine/a\n64\n", id="two lines"),
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        checkpoint.verify(_signed(text), [KEY.public])


@pytest.mark.parametrize("text", [TEXT[:-1], "\n" + TEXT.split("\n", 1)[1], "a\n1\n\n", ""])
def test_a_text_without_its_lines_is_refused(text: str) -> None:
    with pytest.raises(VerificationError, match="a line each for origin, size and root"):
        checkpoint.parse_text(text)


@pytest.mark.parametrize("name", ["a+b", "a\u2003b", ""])
def test_a_signature_by_no_possible_name_is_refused(name: str) -> None:
    witness = base64.b64encode(b"abcd" + bytes(64)).decode()
    with pytest.raises(VerificationError, match="malformed"):
        checkpoint.verify(NOTE + f"— {name} {witness}\n", [KEY.public])


@pytest.mark.parametrize(
    "note",
    [
        pytest.param("", id="nothing"),
        pytest.param("\n\n", id="only line breaks"),
        pytest.param(TEXT, id="no signature"),
        pytest.param(TEXT + "\n", id="no signature line"),
        pytest.param(NOTE[:-1], id="no last line break"),
        pytest.param(NOTE + "\n", id="empty line after the signatures"),
        pytest.param(NOTE + "Unexpected line.\n", id="line that is no signature"),
        pytest.param(NOTE.replace("—", "-"), id="short dash"),
        pytest.param(NOTE.replace("— ", "—  "), id="two spaces"),
        pytest.param(NOTE.replace("\n", "\r\n"), id="carriage returns"),
        pytest.param(NOTE.replace("3f1c", "3f\x011c"), id="control character"),
        pytest.param(NOTE.replace("3f1c", "3f\ud8001c"), id="half a surrogate pair"),
        pytest.param(TEXT + f"\n— {STATE.origin} AAAA\n", id="signature without a signature"),
        pytest.param(NOTE + NOTE.split("\n")[5].join(["", "\n"]) * 64, id="65 signatures"),
        pytest.param(TEXT + "x" * 131_072, id="too long"),
    ],
)
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    with pytest.raises(VerificationError):
        checkpoint.verify(note, [KEY.public])


@given(st.integers(0, len(NOTE) - 1), st.characters())
def test_no_changed_character_verifies(at: int, character: str) -> None:
    changed = NOTE[:at] + character + NOTE[at + 1 :]
    if changed == NOTE:
        return
    with pytest.raises(VerificationError):
        checkpoint.verify(changed, [KEY.public])


@given(st.text(max_size=200))
def test_arbitrary_text_is_refused_and_raises_nothing_else(text: str) -> None:
    for note in (text, TEXT + "\n— " + text + "\n", text + "\n\n— a AAAAAAA=\n"):
        with pytest.raises(VerificationError):
            checkpoint.verify(note, [KEY.public])


def test_signature_lines_are_taken_apart() -> None:
    _, signatures = split_note(NOTE)
    text = checkpoint.body(STATE).encode()

    assert signatures == (
        NoteSignature(
            STATE.origin, checkpoint.note_key_hash(STATE.origin, KEY.public), KEY.sign(text)
        ),
    )
