"""Who signs. One file per place that a private key can be in, one table that lists them.

Sessions enter by :func:`open_signer`; ``engine keys`` and a new workspace by ``file``, which makes
keys. ``ed25519`` has the key itself, once it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from engine.errors import UsageError
from engine.model import Signer

__all__ = ["SIGNERS", "Opener", "Signer", "open_signer"]


Opener: TypeAlias = Callable[[str, Mapping[str, str]], Signer]
"""``opener(reference, environment)``: the signer that a reference without its scheme names."""


def _file(reference: str, environment: Mapping[str, str]) -> Signer:  # noqa: ARG001
    from engine.signers.file import open_file

    return open_file(Path(reference))


def _env(reference: str, environment: Mapping[str, str]) -> Signer:
    from engine.signers.env import VARIABLE, open_environment

    return open_environment(environment, reference or VARIABLE)


SIGNERS: dict[str, Opener] = {"env": _env, "file": _file}
"""Scheme of a reference, and who opens it."""


def open_signer(reference: str, environment: Mapping[str, str]) -> Signer:
    """Return the signer that ``file:PATH`` or ``env:VARIABLE`` names.

    Args:
        reference: Scheme, colon, and what that scheme needs.
        environment: Where environment variables are looked up.

    Raises:
        UsageError: Unknown scheme.
        KeyFileError: No usable key there.
    """
    scheme, colon, rest = reference.partition(":")
    if not colon or scheme not in SIGNERS:
        raise UsageError(
            f"{reference!r} names no place for a private key",
            f"start it with one of: {', '.join(f'{known}:' for known in SIGNERS)}",
        )
    return SIGNERS[scheme](rest, environment)
