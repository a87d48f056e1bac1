"""Files that several verbs read: an artifact, a public key, the folder of the specs."""

from __future__ import annotations

from pathlib import Path

from engine.cli.console.shell import Shell
from engine.errors import KeyFileError, UsageError


def digest_of(path: str) -> str:
    """Return the SHA-256 of the artifact at ``path``, in hex; it is read in pieces."""
    import hashlib

    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(
            f"--artifact {path}: {(error.strerror or str(error)).lower()}",
            "give the one file that would be promoted",
        ) from None


def read_key(path: str) -> bytes:
    """Return the 32 raw bytes of the public key in the PEM file ``path``."""
    from engine.proof.keys import load_public_pem

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"--key {path}: {(error.strerror or str(error)).lower()}",
            "give the signer's public key, such as .engine/keys/engine.pub.pem",
        ) from None
    try:
        return load_public_pem(data)
    except KeyFileError as error:
        raise KeyFileError(f"--key {path}: {error.message}", error.hint) from None


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
