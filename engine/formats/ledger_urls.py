"""How a ledger's address is written: a path, or a URL with a scheme."""

from __future__ import annotations

import re

SQLITE = "sqlite"
"""The scheme of a plain path."""
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.ASCII | re.IGNORECASE)
_PREFIXES = ("sqlite:///", "sqlite:", "")


def scheme_of(url: str) -> str:
    """Return the scheme of ``url``, as it is written; :data:`SQLITE` for a plain path."""
    match = _SCHEME.match(url)
    return match[1] if match else SQLITE


def sqlite_path(url: str) -> str:
    """Return the path that ``url`` names a SQLite ledger by, as it is written.

    Returns:
        ``""`` where it names none: another kind of ledger, or no place.
    """
    if scheme_of(url) != SQLITE:
        return ""
    path = url.removeprefix(next(filter(url.startswith, _PREFIXES)))
    return "" if path.startswith("//") else path
