"""Keys and tokens of providers: one file per kind of provider, one row per form."""

from __future__ import annotations

from engine.privacy.providers import (
    chat,
    cloud,
    code_hosting,
    databases,
    labelled,
    models,
    observability,
    payment,
    vaults,
)
from engine.privacy.rule import Rule

RULES: tuple[Rule, ...] = (
    *models.RULES,
    *cloud.RULES,
    *code_hosting.RULES,
    *chat.RULES,
    *payment.RULES,
    *observability.RULES,
    *databases.RULES,
    *vaults.RULES,
    *labelled.RULES,
)
