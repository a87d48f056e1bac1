"""An Ed25519 private key in this process's memory, however it came there."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, NoReturn

from engine.errors import KeyFileError
from engine.proof.keys import key_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PEM = re.compile(rb"\s*-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END PRIVATE KEY-----\s*")
_USUAL = re.compile(
    rb"-----BEGIN PRIVATE KEY-----\n([A-Za-z0-9+/]{64})\n-----END PRIVATE KEY-----\n?"
)
_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
"""PKCS #8 around the 32 bytes of an Ed25519 key without attributes, RFC 8410 section 7."""
_MAKE_ONE = "make one with: engine keys init"


class Ed25519Signer:
    """Signs with a private key that never leaves this object and is never shown.

    Attributes:
        public_key: 32 raw bytes.
        key_id: SHA-256 of the public key's SubjectPublicKeyInfo, 64 hex digits.
    """

    __slots__ = ("_private", "key_id", "public_key")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_key = private.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of ``message``. RFC 8032 section 5.1.6."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"Ed25519Signer(key_id={self.key_id!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not copied or written anywhere")


def from_pem(data: bytes, origin: str) -> Ed25519Signer:
    """Return the signer whose key is the one PEM block in ``data``.

    Args:
        data: PKCS #8, not encrypted.
        origin: Where it was read, for the message, such as ``$ENGINE_KEY``.

    Raises:
        KeyFileError: Anything else. No message and no cause carries a byte of the key.

    Source: RFC 5958, RFC 7468 section 10, RFC 8410 section 7.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if (seed := _usual_seed(data)) is not None:
        return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(seed))
    # Reads what else is a private key, to say what is wrong with it; slow to import.
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if reason := _unreadable(data):
        raise KeyFileError(f"{origin}: {reason}", _MAKE_ONE)
    try:
        private = load_pem_private_key(data, password=None)
    except Exception:  # noqa: BLE001  whatever OpenSSL says of it, it is no key of ours
        private = None
    if private is None:
        raise KeyFileError(f"{origin}: the private key cannot be read", _MAKE_ONE)
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError(f"{origin}: the private key is not an Ed25519 key", _MAKE_ONE)
    return Ed25519Signer(private)


def _usual_seed(data: bytes) -> bytes | None:
    """The 32 bytes of a key in the form that every tool writes; None if it is in another."""
    block = _USUAL.fullmatch(data)
    if block is None:
        return None
    der = binascii.a2b_base64(block.group(1))
    return der.removeprefix(_PREFIX) if len(der) == 48 and der.startswith(_PREFIX) else None


def _unreadable(data: bytes) -> str:
    """Why ``data`` is not one plain PKCS #8 block; empty when it may be one."""
    if b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in data or b"Proc-Type: 4,ENCRYPTED" in data:
        return "the private key is encrypted, and there is nobody here to ask for its password"
    if b"-----BEGIN PUBLIC KEY-----" in data and b"PRIVATE KEY-----" not in data:
        return "holds a public key, and signing needs the private one"
    if b"-----BEGIN OPENSSH PRIVATE KEY-----" in data:
        return "is an OpenSSH key; a PKCS #8 key starts with -----BEGIN PRIVATE KEY-----"
    if data.count(b"-----BEGIN ") > 1:
        return "holds more than one key"
    if not _PEM.fullmatch(data):
        return "does not hold a private key in PEM form (-----BEGIN PRIVATE KEY-----)"
    return ""
