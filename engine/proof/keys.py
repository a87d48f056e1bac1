"""Ed25519 public keys: 32 raw bytes inside, PEM at the edges. No private key comes here."""

from __future__ import annotations

import binascii
import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from engine.errors import KeyFileError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""DER of SubjectPublicKeyInfo up to the key itself. RFC 8410 section 4."""

RAW_BYTES = 32
"""Length of a raw public key."""

_FIELD = 2**255 - 19
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
REFUSED_POINTS = frozenset(
    (y | sign << 255).to_bytes(32, "little")
    for y in (0, 1, _FIELD - 1, _Y_OF_ORDER_8, _FIELD - _Y_OF_ORDER_8, *range(_FIELD, 2**255))
    for sign in (0, 1)
)
"""Encodings that no key and no R of a signature may have: of points of small order, with which one
signature fits many messages, and those with y >= p, second spellings of a point.

Source: spec/predicate-v1.md section 2.2; "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko,
2020).
"""

_PEM = re.compile(rb"\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*")


def key_id(public: bytes) -> str:
    """Return the name of a key: SHA-256 of its SubjectPublicKeyInfo DER, 64 hex digits."""
    return hashlib.sha256(_SPKI_PREFIX + public).hexdigest()


def load_public_pem(data: bytes) -> bytes:
    """Return the 32 raw bytes of the one Ed25519 public key in a PEM file.

    Raises:
        KeyFileError: Not one PEM block ``PUBLIC KEY`` that holds an Ed25519 key, or a key of
            ``REFUSED_POINTS``.

    Source: RFC 7468 section 13, RFC 8410 section 4.
    """
    if b"PRIVATE KEY" in data[:4096]:
        raise KeyFileError(
            "this file holds a private key, and a public key is needed",
            "pass the .pub file: a verifier never needs the private key",
        )
    match = _PEM.fullmatch(data) if len(data) <= 4096 else None
    try:
        der = binascii.a2b_base64(b"".join(match[1].split()), strict_mode=True) if match else b""
    except binascii.Error:
        der = b""
    if len(der) != len(_SPKI_PREFIX) + 32 or not der.startswith(_SPKI_PREFIX):
        raise KeyFileError(
            "not an Ed25519 public key in PEM form",
            "the file starts with -----BEGIN PUBLIC KEY-----; engine keys list shows where it is",
        )
    public = der[len(_SPKI_PREFIX) :]
    if public in REFUSED_POINTS:
        raise KeyFileError(
            "an Ed25519 key of small order, or not in its one spelling",
            "no key generator makes such a key: ask its owner for the real one",
        )
    return public


def public_pem(public: bytes) -> bytes:
    """Return a raw public key as a PEM file."""
    body = binascii.b2a_base64(_SPKI_PREFIX + public)
    return b"-----BEGIN PUBLIC KEY-----\n" + body + b"-----END PUBLIC KEY-----\n"


def verify_signature(public: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether ``signature`` is ``public``'s Ed25519 signature of ``message``.

    Anything of the wrong length is not a signature: False, never an exception. Nor is anything with
    a key or an R of ``REFUSED_POINTS``. OpenSSL, below, does the rest of the rule: S < L, and the
    equation without the cofactor, over the bytes as they stand.

    Source: spec/predicate-v1.md section 2.2; RFC 8032 section 5.1.7.
    """
    from cryptography.exceptions import InvalidSignature

    if len(public) != 32 or len(signature) != 64:
        return False
    if public in REFUSED_POINTS or signature[:32] in REFUSED_POINTS:
        return False
    try:
        _loaded(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=64)
def _loaded(public: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(public)
