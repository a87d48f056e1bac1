"""Private keys as files hold them."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

PLAIN = NoEncryption()
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


def pem(
    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey = PRIVATE,
    how: KeySerializationEncryption = PLAIN,
    form: PrivateFormat = PrivateFormat.PKCS8,
) -> bytes:
    """A private key in PEM."""
    return private.private_bytes(Encoding.PEM, form, how)


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    """A file with this content and mode."""
    path.write_bytes(data)
    path.chmod(mode)
    return path


def told(error: BaseException) -> str:
    """All that an error says, and what it was raised from and meanwhile."""
    behind = map(told, filter(None, (error.__cause__, error.__context__)))
    return "\n".join([str(error), repr(error), repr(vars(error)), *behind])
