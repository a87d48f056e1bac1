from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import LedgerError, VerificationError
from engine.proof.envelope import (
    MAX_BYTES,
    PAYLOAD_TYPE,
    Envelope,
    _parsed,
    _sealed,
    open_envelope,
    pae,
    seal,
    verify_envelope,
)
from tests.repository import DATA
from tests.simulator import Key

KNOWN: dict[str, Any] = json.loads((DATA / "dsse.json").read_text())
RFC8032: list[dict[str, str]] = json.loads((DATA / "rfc8032.json").read_text())["vectors"]
PUBLIC_KEYS = [bytes.fromhex(vector["public"]) for vector in RFC8032[:2]]
KEY = Key("envelope")
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
SEALED = seal(PAYLOAD, KEY.sign, KEY.key_id)


def test_the_encoding_that_is_signed_is_the_documents() -> None:
    known = KNOWN["document"]
    assert pae(known["payload_type"], known["payload"].encode()) == known["pae"].encode()


def test_the_documents_own_signature_is_over_our_encoding() -> None:
    known = KNOWN["document"]
    public = ec.EllipticCurvePublicNumbers(int(known["x"]), int(known["y"]), ec.SECP256R1())
    raw = base64.b64decode(known["signature"])
    signature = encode_dss_signature(
        int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    )

    message = pae(known["payload_type"], known["payload"].encode())
    public.public_key().verify(signature, message, ec.ECDSA(SHA256()))  # raises if it is not


@pytest.mark.parametrize("vector", KNOWN["vectors"], ids=lambda vector: vector["id"])
def test_the_vectors_of_dsse_are_accepted_and_refused(vector: dict[str, Any]) -> None:
    data = json.dumps(vector["envelope"]).encode()

    if vector["accept"]:
        verify_envelope(data, PUBLIC_KEYS, vector["supported"])
    else:
        with pytest.raises(VerificationError):
            verify_envelope(data, PUBLIC_KEYS, vector["supported"])


def test_sealing_gives_the_vector_of_dsse() -> None:
    signer = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(RFC8032[0]["seed"]))
    expected = KNOWN["vectors"][0]["envelope"]

    assert json.loads(seal(PAYLOAD, signer.sign, "A")) == expected


@given(st.binary(max_size=2000))
def test_what_was_sealed_verifies_and_comes_back(payload: bytes) -> None:
    envelope = verify_envelope(seal(payload, KEY.sign, KEY.key_id), [KEY.public])

    assert envelope.payload == payload
    assert envelope.payload_type == PAYLOAD_TYPE
    assert [signature.keyid for signature in envelope.signatures] == [KEY.key_id]


def test_an_envelope_is_one_line_of_json_in_one_form() -> None:
    assert json.dumps(json.loads(SEALED), separators=(",", ":")).encode() == SEALED


def _respelt(payload: bytes, old: str, new: str) -> bytes:
    """A genuine envelope whose payload text has ``new`` for ``old``."""
    document = json.loads(seal(payload, KEY.sign, KEY.key_id))
    assert old in document["payload"]
    document["payload"] = document["payload"].replace(old, new)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("payload", "old", "new"), [(b"\xfb\xef\xbe", "+", "-"), (b"\xff\xff\xff", "/", "_")]
)
def test_either_alphabet_is_read(payload: bytes, old: str, new: str) -> None:
    assert verify_envelope(_respelt(payload, old, new), [KEY.public]).payload == payload


@pytest.mark.parametrize(("old", "new"), [("+", "-"), ("/", "_")])
def test_a_mixture_of_alphabets_is_refused(old: str, new: str) -> None:
    payload = b"\xfb\xef\xbe\xff\xff\xff"
    with pytest.raises(VerificationError, match="mixes two base64 alphabets"):
        verify_envelope(_respelt(payload, old, new), [KEY.public])


def test_the_key_id_is_a_hint_and_never_trusted() -> None:
    """INV-PROOF-1: naming a key is not being signed by it."""
    other = Key("somebody else")
    claimed = seal(PAYLOAD, other.sign, KEY.key_id)

    with pytest.raises(VerificationError, match="none of the given keys"):
        verify_envelope(claimed, [KEY.public])
    assert verify_envelope(claimed, [KEY.public, other.public]).payload == PAYLOAD


def test_no_keys_verify_nothing() -> None:
    with pytest.raises(VerificationError, match="none of the given keys"):
        verify_envelope(SEALED, [])


def test_one_good_signature_among_others_is_enough() -> None:
    document = json.loads(SEALED)
    stranger = json.loads(seal(PAYLOAD, Key("stranger").sign, "?"))
    document["signatures"] = [*stranger["signatures"], *document["signatures"]]

    assert verify_envelope(json.dumps(document).encode(), [KEY.public]).payload == PAYLOAD


def test_another_payload_type_is_refused_even_when_signed() -> None:
    kind = "application/json"
    document = json.loads(SEALED)
    document["payloadType"] = kind
    document["signatures"][0]["sig"] = base64.b64encode(KEY.sign(pae(kind, PAYLOAD))).decode()

    with pytest.raises(VerificationError, match="application/json"):
        verify_envelope(json.dumps(document).encode(), [KEY.public])


def test_an_entry_holds_at_most_65535_bytes() -> None:
    fits = next(
        size for size in range(49_200, 0, -1) if len(SEALED) + (size - 43) * 4 / 3 < MAX_BYTES - 4
    )
    assert len(seal(b"x" * fits, KEY.sign, KEY.key_id)) <= MAX_BYTES
    with pytest.raises(LedgerError, match="65,535"):
        seal(b"x" * 50_000, KEY.sign, KEY.key_id)
    with pytest.raises(VerificationError, match="65,535"):
        open_envelope(SEALED + b" " * MAX_BYTES)


def _changed(**members: Any) -> bytes:
    return json.dumps(json.loads(SEALED) | members).encode()


SIGNATURE = json.loads(SEALED)["signatures"][0]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(SEALED + b"x", id="trailing data"),
        pytest.param(SEALED + SEALED, id="two envelopes"),
        pytest.param(SEALED[:-1] + b',"payload":""}', id="duplicate key"),
        pytest.param(_changed(more=1), id="unknown member"),
        pytest.param(_changed(payload=None), id="no payload"),
        pytest.param(_changed(payloadType=""), id="empty type"),
        pytest.param(_changed(payload="+-+-"), id="two alphabets"),
        pytest.param(_changed(payload=json.loads(SEALED)["payload"] + "\n"), id="line break"),
        pytest.param(_changed(payload="eyJ="), id="bits after the end"),
        pytest.param(_changed(signatures=[]), id="no signature"),
        pytest.param(_changed(signatures={}), id="signatures not a list"),
        pytest.param(_changed(signatures=[SIGNATURE] * 17), id="too many signatures"),
        pytest.param(_changed(signatures=[SIGNATURE | {"cert": ""}]), id="unknown in signature"),
        pytest.param(_changed(signatures=[SIGNATURE | {"keyid": None}]), id="null key id"),
        pytest.param(_changed(signatures=[{"keyid": "a"}]), id="signature without sig"),
        pytest.param(_changed(signatures=[SIGNATURE | {"sig": "AA=="}]), id="short signature"),
        pytest.param(_changed(signatures=["sig"]), id="signature not an object"),
        pytest.param(_changed(payload="[" * 9000), id="not base64"),
    ],
)
def test_a_malformed_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError):
        verify_envelope(data, [KEY.public])


@given(st.integers(0, len(SEALED) - 1), st.integers(0, 255))
def test_no_changed_byte_verifies_as_another_payload(at: int, byte: int) -> None:
    data = SEALED[:at] + bytes([byte]) + SEALED[at + 1 :]
    try:
        envelope = verify_envelope(data, [KEY.public])
    except VerificationError:
        return
    assert hashlib.sha256(envelope.payload).digest() == hashlib.sha256(PAYLOAD).digest()


# -- the shape that seal writes is read without a JSON parser ---------------------------------


def outcome(read: Callable[[bytes], Envelope], data: bytes) -> Envelope | str:
    try:
        return read(data)
    except VerificationError as error:
        return error.message


@given(st.binary(max_size=50), st.data())
def test_the_short_way_says_what_the_long_way_says(payload: bytes, data: st.DataObject) -> None:
    text = bytearray(seal(payload, KEY.sign, KEY.key_id))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(text) - 1))
        spelled = [b"", b"=", b"A", b"B", b"-", b"\\/", b'"', b"\n", b"}", b"f", b"\xff"]
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from(spelled))
    assert outcome(open_envelope, bytes(text)) == outcome(_parsed, bytes(text))


def test_the_short_way_is_taken() -> None:
    assert _sealed(SEALED) == _parsed(SEALED)
    assert _sealed(SEALED.replace(b'{"payload"', b'{ "payload"')) is None


def test_the_short_way_reads_no_more_than_the_long_one() -> None:
    long = b'{"payload":"%s"' % (b"AAAA" * (MAX_BYTES // 4)) + SEALED[SEALED.index(b',"payloadT') :]
    assert _sealed(long) is None
    with pytest.raises(VerificationError, match="at most 65,535 are read"):
        open_envelope(long)
