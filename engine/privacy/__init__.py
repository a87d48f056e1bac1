"""Personal data and secrets in bytes: rules, and a scan that sees its input piece by piece. Pure.

``engine redact`` enters by ``redactor``; the source ``pii``, and by it ``engine scan``, by
``scanner``.

One file per family of rules. To add a rule: write it there; to add a family: its file, and its
line in :data:`RULES`.
"""

from __future__ import annotations

from engine.privacy import banking, contacts, identity, secrets, tokens
from engine.privacy.rule import Rule

RULES: tuple[Rule, ...] = (
    *secrets.RULES,
    *tokens.RULES,
    *identity.RULES,
    *banking.RULES,
    *contacts.RULES,
)
"""Every rule; where two find the same place, it is called what the first calls it."""
