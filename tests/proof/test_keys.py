from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import KeyFileError
from engine.proof.keys import REFUSED_POINTS, key_id, load_public_pem, public_pem, verify_signature
from tests.repository import DATA
from tests.simulator import Key

VECTORS: list[dict[str, str]] = json.loads((DATA / "rfc8032.json").read_text())["vectors"]
CCTV: list[dict[str, Any]] = json.loads((DATA / "ed25519" / "ed25519vectors.json").read_text())
"""Keys and signatures at the edges of what verifiers agree on: C2SP CCTV, ``ed25519``."""
REFUSED_FLAGS = {
    "low_order_A",  # key or R of small order: one signature fits many messages
    "low_order_R",
    "non_canonical_A",  # a point in another spelling than its own
    "non_canonical_R",
    "low_order_residue",  # holds only when both sides are multiplied by the cofactor
    "reencoded_k",  # holds only when the hash is over points spelled anew
}
FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
KEY = Key("keys")


def parts(vector: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    return (
        bytes.fromhex(vector["public"]),
        bytes.fromhex(vector["signature"]),
        bytes.fromhex(vector["message"]),
    )


@pytest.mark.parametrize("vector", VECTORS)
def test_the_signatures_of_rfc_8032_verify(vector: dict[str, str]) -> None:
    public, signature, message = parts(vector)

    assert verify_signature(public, signature, message)
    assert not verify_signature(public, signature, message + b"\0")


@pytest.mark.parametrize("vector", VECTORS)
def test_a_signature_has_one_form(vector: dict[str, str]) -> None:
    """RFC 8032 section 8.4: S plus the group's order would verify where S is not checked."""
    public, signature, message = parts(vector)
    larger = int.from_bytes(signature[32:], "little") + ORDER

    assert not verify_signature(public, signature[:32] + larger.to_bytes(32, "little"), message)


def test_the_rule_of_the_spec_decides_every_vector_of_cctv() -> None:
    for vector in CCTV:
        public, signature = bytes.fromhex(vector["key"]), bytes.fromhex(vector["sig"])
        message, flags = vector["msg"].encode(), set(vector["flags"] or ())

        assert verify_signature(public, signature, message) == (not flags & REFUSED_FLAGS), vector


def test_a_key_file_holds_no_key_that_the_rule_refuses() -> None:
    for vector in CCTV:
        public = bytes.fromhex(vector["key"])

        if {"low_order_A", "non_canonical_A"} & set(vector["flags"] or ()):
            with pytest.raises(KeyFileError, match="small order"):
                load_public_pem(public_pem(public))
        else:
            assert load_public_pem(public_pem(public)) == public


def test_the_vectors_are_all_there_and_some_are_signatures() -> None:
    assert len(CCTV) == 914
    assert sum(not set(vector["flags"] or ()) & REFUSED_FLAGS for vector in CCTV) == 43


def test_the_points_refused_are_those_of_small_order_and_those_spelled_otherwise() -> None:
    """Eight points have an order that divides 8, as each has that doubles to (0, 1) in three steps.

    They have five values of y: 1, of order 1; -1, of order 2; 0, of order 4; two of order 8.
    """
    ys = {int.from_bytes(point, "little") % 2**255 for point in REFUSED_POINTS}
    small = {y for y in ys if y < FIELD}

    assert len(REFUSED_POINTS) == 2 * len(ys)
    assert ys - small == set(range(FIELD, 2**255))
    assert len(small) == 5
    assert {_doubled(_doubled(_doubled(y))) for y in small} == {1}


def _doubled(y: int) -> int:
    """y of twice the point, from y alone: RFC 8032 section 5.1.4 x² by the curve's equation."""
    d = -121665 * pow(121666, -1, FIELD)
    x_squared = (y * y - 1) * pow(d * y * y + 1, -1, FIELD)
    return (y * y + x_squared) * pow(1 - d * x_squared * y * y, -1, FIELD) % FIELD


@given(st.binary(max_size=80), st.binary(max_size=70), st.binary(max_size=40))
def test_arbitrary_bytes_are_no_signature_and_no_error(
    signature: bytes, message: bytes, public: bytes
) -> None:
    assert not verify_signature(KEY.public, signature, message)
    assert not verify_signature(public, KEY.sign(message), message)


def test_pem_comes_back() -> None:
    assert load_public_pem(public_pem(KEY.public)) == KEY.public


def test_pem_and_key_id_are_what_openssl_makes() -> None:
    theirs = Ed25519PublicKey.from_public_bytes(KEY.public)

    assert public_pem(KEY.public) == theirs.public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    der = theirs.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key_id(KEY.public) == hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("ends", [b"\r\n", b"\n\n", b" \n"])
def test_line_ends_of_other_systems_are_read(ends: bytes) -> None:
    assert load_public_pem(public_pem(KEY.public).replace(b"\n", ends)) == KEY.public


def _other_curve() -> bytes:
    public: Any = generate_private_key(SECP256R1()).public_key()
    return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _x25519() -> bytes:
    """As long as an Ed25519 key, and of another algorithm."""
    public = X25519PublicKey.from_public_bytes(KEY.public)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a key",
        KEY.public,
        public_pem(KEY.public) * 2,
        public_pem(KEY.public)[:-30],
        public_pem(KEY.public) + b"trailing",
        public_pem(KEY.public[:-1]),
        public_pem(KEY.public + b"\0"),
        public_pem(KEY.public).replace(b"=", b"", 1),
        b" " * 5000 + public_pem(KEY.public),
        _other_curve(),
        _x25519(),
    ],
)
def test_what_is_not_one_ed25519_key_is_refused(data: bytes) -> None:
    with pytest.raises(KeyFileError, match="not an Ed25519 public key"):
        load_public_pem(data)


def test_a_private_key_is_named_as_one() -> None:
    label = b"PRIVATE" + b" KEY"
    pem = b"-----BEGIN " + label + b"-----\nAAAA\n-----END " + label + b"-----\n"

    with pytest.raises(KeyFileError, match="private key"):
        load_public_pem(pem)
