"""An Ed25519 key in memory: it signs, and is never shown."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    PrivateFormat,
)

from engine.errors import KeyFileError
from engine.proof.keys import key_id, public_pem
from engine.signers.ed25519 import Ed25519Signer, from_pem
from tests.signers.pem import PRIVATE, pem


def test_a_known_answer() -> None:
    """RFC 8032 section 7.1, test 2."""
    seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    signer = Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))

    assert signer.public_key.hex() == public
    assert signer.key_id == key_id(bytes.fromhex(public))
    assert signer.sign(b"\x72").hex() == signature


ENCRYPTED = pem(how=BestAvailableEncryption(b"password"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not hold a private key in PEM form"),
        (b"garbage", "does not hold a private key in PEM form"),
        (pem()[:-40], "does not hold a private key in PEM form"),
        (pem().replace(b"MC4CAQ", b"MC4CAg"), "the private key cannot be read"),
        (pem() + pem(), "holds more than one key"),
        (pem() + b"trailing", "does not hold a private key in PEM form"),
        (ENCRYPTED, "the private key is encrypted"),
        (pem(form=PrivateFormat.OpenSSH), "is an OpenSSH key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "is not an Ed25519 key"),
        (public_pem(PRIVATE.public_key().public_bytes_raw()), "holds a public key"),
    ],
)
def test_what_is_no_plain_ed25519_key_is_refused_in_words(data: bytes, reason: str) -> None:
    with pytest.raises(KeyFileError, match=reason) as caught:
        from_pem(data, "key.pem")

    assert caught.value.message.startswith("key.pem: ")
    assert caught.value.hint


def test_no_byte_of_a_key_is_shown_or_copied(caplog: pytest.LogCaptureFixture) -> None:
    secret = PRIVATE.private_bytes_raw()
    signer = from_pem(pem(), "test")
    logging.getLogger("test").warning("%s %r", signer, signer)
    shown = f"{signer} {signer!r} {caplog.text}"

    assert shown.count(signer.key_id) == 4
    for form in (secret.hex(), repr(secret), pem().decode().split("\n")[1]):
        assert form not in shown
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="is not copied or written anywhere"):
            take(signer)
    assert not hasattr(signer, "__dict__")


def test_no_byte_of_a_broken_key_is_in_the_error() -> None:
    broken = pem().replace(b"MC4CAQ", b"MC4CAg")
    with pytest.raises(KeyFileError) as caught:
        from_pem(broken, "$ENGINE_KEY")

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    shown = "".join(traceback.format_exception(caught.value))
    assert broken.decode().split("\n")[1] not in shown
