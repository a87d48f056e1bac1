"""Files that several verbs read: an artifact, a key, the folder of the specs."""

from __future__ import annotations

from pathlib import Path

from engine.cli.console.shell import Shell
from engine.errors import KeyFileError, UsageError
from engine.system.reading import ExposedFileError, open_to_read, read_private, read_whole

KEY_VARIABLE = "ENGINE_SCAN_KEY_FILE"
_LONGEST_KEY = 4096
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""Digest of nothing, FIPS 180-4."""
_MAKE_KEY = "such as: (umask 077; openssl rand -hex 32 > scan.key)"


def digest_of(path: str) -> str:
    """Return the SHA-256 of the artifact at ``path``, in hex; it is read in pieces.

    Raises:
        UsageError: It cannot be read, or is empty: that is what a failed command leaves behind.
    """
    import hashlib

    try:
        with open_to_read(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(
            f"--artifact {path}: {(error.strerror or str(error)).lower()}",
            "give the one file that would be promoted",
        ) from None
    if digest == EMPTY_SHA256:
        raise UsageError(
            f"--artifact {path}: is empty", "did the command that makes it fail? nothing was read"
        )
    return digest


def read_key(path: str) -> bytes:
    """Return the 32 raw bytes of the public key in the PEM file ``path``."""
    from engine.proof.keys import load_public_pem

    try:
        data = read_whole(path, _LONGEST_KEY)
    except OSError as error:
        raise UsageError(
            f"--key {path}: {(error.strerror or str(error)).lower()}",
            "give the signer's public key, such as .engine/keys/engine.pub.pem",
        ) from None
    try:
        return load_public_pem(data)
    except KeyFileError as error:
        raise KeyFileError(f"--key {path}: {error.message}", error.hint) from None


def digest_key(file: str | None, shell: Shell) -> bytes:
    """Return the key of the digests: that of ``file``, or one for this run alone.

    Raises:
        KeyFileError: The file cannot be read, others can read it, or it is too short.
    """
    if not (name := file or shell.environ.get(KEY_VARIABLE, "")):
        return shell.random(32)
    try:
        key = read_private(name, _LONGEST_KEY, pipes=True)
    except ExposedFileError:
        raise KeyFileError(f"{name}: others can read this key", f"chmod 600 {name}") from None
    except OSError as error:
        place = file or f"${KEY_VARIABLE}"  # whose value may be the key itself
        raise KeyFileError(
            f"{place}: {(error.strerror or str(error)).lower()}", _MAKE_KEY
        ) from None
    if len(key.strip()) < 16:
        raise KeyFileError(f"{name}: a key has 16 to {_LONGEST_KEY:,} bytes", _MAKE_KEY)
    return key.strip()


def specs_folder(named: str | None, shell: Shell) -> Path:
    """Return the folder of the specs: the shipped ones where none is named.

    Raises:
        UsageError: There is no such folder.
    """
    from engine.policy.bundle import shipped_folder

    if named is None:
        return shipped_folder("tla")
    folder = shell.here / named
    if not folder.is_dir():
        raise UsageError(
            f"{named}: no such folder", "give the folder that holds manifest.toml and graph/"
        )
    return folder
