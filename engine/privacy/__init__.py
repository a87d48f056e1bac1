"""Personal data and secrets in bytes: a dated table of rules, and a scan that sees its input
piece by piece. Pure.

``engine redact`` enters by ``redactor``; the source ``pii``, and by it ``engine scan``, by
``scanner``.

One file per kind of family. To add a row: write it there, with its date, which becomes
:data:`TABLE`; to add a kind: its file, and its line in :data:`RULES`.
"""

from __future__ import annotations

from engine.privacy import banking, contacts, identity, on_request, providers, secrets
from engine.privacy.rule import SECOND, Rule

TABLE = SECOND
"""Date of the table: that of its youngest row. A record says by which table its scan was made."""

RULES: tuple[Rule, ...] = (
    *providers.RULES,
    *secrets.RULES,
    *identity.RULES,
    *banking.RULES,
    *contacts.RULES,
    *on_request.RULES,
)
"""Every rule; where two find the same place, it is called what the first calls it."""

FAMILIES = tuple(dict.fromkeys(rule.name for rule in RULES))
"""Their names, each once."""
ON_REQUEST = frozenset(rule.name for rule in RULES if rule.on_request)
"""Families that are looked for only where somebody asks."""
DEFAULT: tuple[Rule, ...] = tuple(rule for rule in RULES if not rule.on_request)
"""What is looked for where nobody says otherwise."""
