"""Words that every format has for a check. Imported for every decision: no enumeration here."""

from __future__ import annotations

import re

from engine.decision.margins import margin, written
from engine.model import Decision, Json, Status

# Line and paragraph separators, controls, and marks that turn the direction of what follows.
_INVISIBLE = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
_BREAKS = "[ \t\r\n]+"


def plain(text: str) -> str:
    """Return ``text`` on one line, with nothing in it that is not seen."""
    return re.sub(_INVISIBLE, "\ufffd", re.sub(_BREAKS, " ", text)).strip()


def subject_of(decision: Decision) -> str:
    """Return name and version."""
    subject = decision.subject
    return f"{subject.name} {subject.version}" if subject.version else subject.name


def artifact_of(decision: Decision) -> str:
    """Return the artifact's digest, or that there is none."""
    digest = decision.subject.sha256
    return f"sha256:{digest}" if digest else "none was named"


def count_of(check: Json) -> str:
    """Return the sample size; ``""`` where there is none."""
    return "" if check.get("n") is None else f"{check['n']:,}"


def limit_of(check: Json) -> str:
    """Return operator, limit and unit, such as ``<= 0.01 ratio``."""
    unit = check.get("unit")
    counted = f" {unit}" if unit and unit not in ("1", "none") else ""
    return f"{check['operator']} {written(check['limit'])}{counted}"


def facts_of(check: Json) -> str:
    """Return margin, sample size and age, where they are known and matter."""
    facts = []
    if (distance := margin(check)) is not None:
        facts.append(f"margin {distance}")
    if count := count_of(check):
        facts.append(f"n {count}")
    if check["status"] == Status.STALE and check.get("age_s") is not None:
        facts.append(f"{check['age_s']:,} s old")
    return ", ".join(facts)
