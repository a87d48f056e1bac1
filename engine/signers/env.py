"""A private key that a CI system hands over in an environment variable."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from os.path import isfile

from engine.errors import KeyFileError
from engine.signers.ed25519 import Ed25519Signer, from_pem

VARIABLE = "ENGINE_KEY"


def open_environment(environment: Mapping[str, str], variable: str = VARIABLE) -> Ed25519Signer:
    r"""Return the signer whose private key, in PEM, is the value of ``variable``.

    Secret stores that hold one line keep line breaks as the two characters ``\n``, or the whole
    file as base64, which is what GitLab masks; each spelling is read.

    Raises:
        KeyFileError: Not set, empty, or not an unencrypted PKCS #8 PEM of an Ed25519 key.
    """
    text = environment.get(variable, "")
    if not text.strip():
        raise KeyFileError(
            f"${variable} is not set", f"put the private key into the CI secret {variable}"
        )
    # isfile: a Path that the system refuses, such as a long key, would be named in the error
    if "-----" not in text and (text.strip().endswith(".pem") or isfile(text.strip())):  # noqa: PTH113
        raise KeyFileError(
            f"${variable}: this is a path, and the private key itself is expected, in PEM",
            f"name the file in {variable}_FILE",
        )
    unescaped = text.strip().replace("\\r", "").replace("\\n", "\n")
    return from_pem(_decoded(unescaped.encode(errors="replace")), f"${variable}")


def _decoded(data: bytes) -> bytes:
    """The PEM text that one line of base64 holds; ``data`` itself where it is none."""
    try:
        text = binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error:
        return data
    return text if text.lstrip().startswith(b"-----BEGIN ") else data
