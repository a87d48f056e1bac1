"""Words that every format has for a check. Imported for every decision: no enumeration here."""

from __future__ import annotations

import re

from engine.decision.margins import margin, written
from engine.model import Json, Status

# Line and paragraph separators, controls, and marks that turn the direction of what follows.
_INVISIBLE = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
_BREAKS = "[ \t\r\n]+"


def plain(text: str) -> str:
    """Return ``text`` on one line, with nothing in it that is not seen."""
    return re.sub(_INVISIBLE, "\ufffd", re.sub(_BREAKS, " ", text)).strip()


def limit_of(check: Json) -> str:
    """Return operator, limit and unit, such as ``<= 0.01 ratio``."""
    unit = check.get("unit")
    counted = f" {unit}" if unit and unit not in ("1", "none") else ""
    return f"{check['operator']} {written(check['limit'])}{counted}"


def facts_of(check: Json) -> str:
    """Return margin, sample size and age, as far as they say something."""
    facts = []
    if (distance := margin(check)) is not None:
        facts.append(f"margin {distance}")
    if check.get("n") is not None:
        facts.append(f"n {check['n']:,}")
    if check["status"] == Status.STALE and check.get("age_s") is not None:
        facts.append(f"{check['age_s']:,} s old")
    return ", ".join(facts)
