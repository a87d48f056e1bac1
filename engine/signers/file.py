"""A private key in a file that only its owner can read."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from engine.errors import KeyFileError, NoKeyError
from engine.proof.keys import public_pem
from engine.signers.ed25519 import Ed25519Signer, from_pem
from engine.system.files import sync_folder
from engine.system.reading import ExposedFileError, read_private

MAX_BYTES = 16_384


def open_file(path: Path) -> Ed25519Signer:
    """Return the signer whose private key is in ``path``; see :func:`read_private`.

    Raises:
        NoKeyError: There is no such file.
        KeyFileError: Not a plain file, readable by group or others, or not an unencrypted
            PKCS #8 PEM of an Ed25519 key.
    """
    try:
        data = read_private(path, MAX_BYTES)
    except ExposedFileError as error:
        raise KeyFileError(
            f"{path}: others can read this private key (mode {error.mode})",
            f"treat it as stolen if others could log in here; else: chmod 600 {path}",
        ) from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise KeyFileError(
                f"{path}: too long for a private key: {error.strerror}", "is it the right file?"
            ) from None
        kind = NoKeyError if isinstance(error, FileNotFoundError) else KeyFileError
        raise kind(
            f"{path}: the private key cannot be read: {error.strerror}",
            "make one with: engine keys init",
        ) from None
    return from_pem(data, str(path))


def public_path(path: Path) -> Path:
    """Return where the public key of the private key ``path`` lies: ``key.pub.pem``."""
    return path.with_name(f"{path.stem}.pub.pem")


def generate(path: Path) -> Ed25519Signer:
    """Make a key pair: the private key at ``path`` (0600), the public one beside it.

    The files appear whole, both or neither, and no file is ever replaced.

    Raises:
        KeyFileError: There is something at ``path`` or beside it, or it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    public = public_path(path)
    for taken in (path, public):
        if os.path.lexists(taken):
            raise _taken(taken)
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    signer = Ed25519Signer(private)
    made: list[Path] = []
    try:
        _write_new(path, pem, 0o600, made)
        _write_new(public, public_pem(signer.public_key), 0o644, made)
    except BaseException:  # half a pair would stand in the way of a whole one
        for half in made:
            with suppress(OSError):
                half.unlink()
        raise
    return signer


def _write_new(path: Path, data: bytes, mode: int, made: list[Path]) -> None:
    """Write a file that was not there: first under another name, then linked into place.

    It is added to ``made`` as soon as it can be seen.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            os.link(draft, path)
            made.append(path)
        finally:
            with suppress(OSError):
                draft.unlink()
        sync_folder(path.parent)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise KeyFileError(
            f"{path}: the key cannot be written: {error.strerror}",
            "name a file in a folder that exists and that you may write to",
        ) from None


def _taken(path: Path) -> KeyFileError:
    return KeyFileError(
        f"{path}: exists, and a key is never replaced",
        "use that key, or name another file; a lost key makes its ledger unextendable",
    )
